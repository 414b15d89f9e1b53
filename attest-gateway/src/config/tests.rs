//! Every problem is found, in its place, and the template stays true.

use attest_core::environment::Environment;
use proptest::prelude::*;

use super::*;

/// Problems of `text` as `line:column key code`.
fn problems(text: &str) -> Vec<String> {
    let found = Config::parse(text).err().unwrap_or_default();
    found
        .iter()
        .map(|p| format!("{}:{} {} {}", p.line, p.column, p.key, p.code))
        .collect()
}

fn check(text: &str, expect: &[&str]) {
    assert_eq!(problems(text), expect, "in:\n{text}");
}

#[test]
fn a_minimal_configuration_is_the_defaults() {
    let config = Config::parse("environment = 'production'").unwrap();
    assert_eq!(config, Config::default());
}

#[test]
fn each_problem_has_its_place() {
    let env = "environment = 'production'\n";
    check("", &["1:1 environment missing"]);
    check("environment = 'prod'", &["1:1 environment wrong-value"]);
    check(
        &format!("{env}[limits]\nhead_byte = 1"),
        &["3:1 limits.head_byte unknown-key"],
    );
    check(
        &format!("{env}  [limit]\nhead_bytes = 1"),
        &["2:4 limit unknown-key"],
    );
    check(
        &format!("{env}[limits]\nhead_bytes = 'big'"),
        &["3:1 limits.head_bytes wrong-value"],
    );
    check(
        &format!("{env}[limits]\nhead_bytes = -1"),
        &["3:1 limits.head_bytes wrong-value"],
    );
    check(
        &format!("{env}limits.head_bytes = 0"),
        &["2:8 limits.head_bytes out-of-bounds"],
    );
    check(&format!("{env}limits = 5"), &["2:1 limits wrong-value"]);
    check(
        &format!("{env}limits = {{ drain_s = 0, drains = 1 }}"),
        &[
            "2:12 limits.drain_s out-of-bounds",
            "2:25 limits.drains unknown-key",
        ],
    );
    check(
        &format!("{env}upstreams = [1, 2]"),
        &["2:1 upstreams wrong-value"],
    );
    check(
        &format!("{env}[listen]\naddress = 'localhost'"),
        &["3:1 listen.address wrong-value"],
    );
    check(
        &format!("{env}[listen]\nbase_path = '/a/../b'"),
        &["3:1 listen.base_path wrong-value"],
    );
    check(
        &format!("{env}[proxy]\ntrusted_proxies = ['10.0.0.0/8', '10.0.0.1/8']"),
        &["3:1 proxy.trusted_proxies wrong-value"],
    );
    check(
        &format!("{env}allow_public_development = true"),
        &["2:1 allow_public_development unsafe"],
    );
    check(
        "environment = 'development'\n[listen]\naddress = '0.0.0.0:80'",
        &["3:1 listen.address unsafe"],
    );
    check("environment = 'development'\n[listen]\naddress = '[::1]:80'", &[]);
    check(
        "environment = 'development'\nallow_public_development = true\nlisten.address = '0.0.0.0:80'",
        &[],
    );
    check(
        "é = 1\nenvironment = \n[listen\n",
        &["1:1  syntax", "2:15  syntax", "3:8  syntax"],
    );
    check(
        "environment = 'production'\nenvironment = 'production'",
        &["2:1  syntax"],
    );
}

#[test]
fn keys_of_tls_and_assertions_are_not_set_in_vain() {
    let upstream = |keys: &str| format!("environment = 'production'\n[[upstreams]]\n{keys}");
    let https = |keys: &str| upstream(&format!("name = 'a'\nurl = 'https://h'\n{keys}"));
    check(
        &https("protocol = 'http2'\nserver_name = 'x'\nca_file = 'c'"),
        &[],
    );
    check(
        &https("protocol = 'h2'"),
        &["5:1 upstreams[0].protocol wrong-value"],
    );
    check(&https("client_certificate = 'c'\nclient_key = 'k'"), &[]);
    check(
        &https("client_certificate = 'c'"),
        &["5:1 upstreams[0].client_certificate missing"],
    );
    check(
        &https("client_key = 'k'"),
        &["5:1 upstreams[0].client_key missing"],
    );
    check(
        &upstream("name = 'a'\nurl = 'http://h'\nca_file = 'c'\nserver_name = 'x'"),
        &[
            "5:1 upstreams[0].ca_file unsupported",
            "6:1 upstreams[0].server_name unsupported",
        ],
    );
    check(
        &https("assertion = 'per-session'\nassertion_audience = 'https://a.example'"),
        &[],
    );
    check(
        &https("assertion_audience = 'x'"),
        &["5:1 upstreams[0].assertion_audience unsupported"],
    );
    check(
        &https("assertion = 'per-request'\nassertion_audience = 'a b'"),
        &["6:1 upstreams[0].assertion_audience wrong-value"],
    );
}

#[test]
fn upstreams_are_named_once_and_spelled_as_origins() {
    let upstream = |keys: &str| format!("environment = 'production'\n[[upstreams]]\n{keys}");
    check(&upstream("name = 'a'\nurl = 'http://h:1'"), &[]);
    check(&upstream("name = 'a'\nurl = 'http://h'"), &[]);
    check(&upstream("name = 'a'\nurl = 'http://[::1]:9000/'"), &[]);
    check(&upstream("name = 'a'\nurl = 'https://h:1'"), &[]);
    check(&upstream("name = 'a'\nurl = 'https://h'"), &[]);
    for url in [
        "h:1",
        "http://",
        "http://h:1/p",
        "http://u@h:1",
        "http://h:0",
        "http://h:99999",
        "ftp://h",
        "http://h?q",
        "https://h/p",
    ] {
        check(
            &upstream(&format!("name = 'a'\nurl = '{url}'")),
            &["4:1 upstreams[0].url wrong-value"],
        );
    }
    check(
        &upstream("name = 'a b'\nurl = 'http://h:1'"),
        &["3:1 upstreams[0].name wrong-value"],
    );
    check(
        &upstream("x = 1"),
        &[
            "2:1 upstreams[0].name missing",
            "2:1 upstreams[0].url missing",
            "3:1 upstreams[0].x unknown-key",
        ],
    );
    check(
        &upstream("name = 'a'\nurl = 'http://h:1'\n[[upstreams]]\nname = 'a'\nurl = 'http://h:2'"),
        &["6:1 upstreams[1].name duplicate"],
    );
    check(
        &upstream("name = 5\nurl = 'http://h:1'\nidle_timeout_ms = 0\n[[upstreams]]\nname = 'b'\nurls = ''"),
        &[
            "3:1 upstreams[0].name wrong-value",
            "5:1 upstreams[0].idle_timeout_ms out-of-bounds",
            "6:1 upstreams[1].url missing",
            "8:1 upstreams[1].urls unknown-key",
        ],
    );
}

#[test]
fn traces_need_an_address_and_keep_their_key_to_themselves() {
    let env = "environment = 'production'\n";
    check(
        &format!("{env}[log]\nsample_ratio = 1.5"),
        &["3:1 log.sample_ratio wrong-value"],
    );
    check(
        &format!("{env}[otlp]\nendpoint = 'collector:4318'"),
        &["3:1 otlp.endpoint wrong-value"],
    );
    check(
        &format!("{env}[otlp]\nheaders_file = 'h'\nendpoint = 'http://collector:4318'"),
        &["4:1 otlp.endpoint unsafe"],
    );
    check(
        &format!("{env}[otlp]\nheaders_file = 'h'\nendpoint = 'http://127.0.0.1:4318'"),
        &[],
    );
    check(
        &format!("{env}[otlp]\nheaders_file = 'h'\nendpoint = 'https://collector'"),
        &[],
    );
}

#[test]
fn tls_is_whole_or_absent() {
    let with = |keys: &str| format!("environment = 'production'\n{keys}");
    let pair = "{ certificate = 'a.pem', key = 'a.key' }";
    check(&with(&format!("[tls]\ncertificates = [{pair}]")), &[]);
    check(
        &with("[tls]\ncertificates = [{ certificate = 'a.pem' }]"),
        &["3:17 tls.certificates[0].key missing"],
    );
    check(
        &with(&format!(
            "[tls]\ncertificates = [{pair}]\nclient_auth = 'required'"
        )),
        &["2:2 tls.client_ca missing"],
    );
    check(
        &with(&format!("[tls]\ncertificates = [{pair}]\nclient_ca = 'ca.pem'")),
        &["2:2 tls.client_auth missing"],
    );
    check(
        &with("[tls]\nclient_auth = 'optional'\nclient_ca = 'ca.pem'"),
        &["2:2 tls.certificates missing"],
    );
    check(
        &with("[tls]\nclient_auth = 'always'"),
        &["3:1 tls.client_auth wrong-value"],
    );
    check(
        &with("listen.protocols = []"),
        &["2:8 listen.protocols wrong-value"],
    );
    check(
        &with("listen.protocols = ['h3']"),
        &["2:8 listen.protocols wrong-value"],
    );
}

#[test]
fn messages_help() {
    let check = |text: &str, expect: &str| {
        let problems = Config::parse(text).unwrap_err();
        assert!(
            problems.iter().any(|problem| problem.to_string() == expect),
            "{problems:#?}"
        );
    };
    check(
        "environment = 'production'\n[limits]\nhead_byte = 1",
        "3:1: limits.head_byte: there is no such key; did you mean `head_bytes`? [unknown-key]",
    );
    check(
        "environment = 'production'\n[log]\nzzzzzzzz = 1",
        "3:1: log.zzzzzzzz: there is no such key; this table has: level, format, requests, sample_ratio, queue_len [unknown-key]",
    );
    check(
        "environment = 'production'\nlimits.drain_s = 0",
        "2:8: limits.drain_s: 0 is not between 1 and 3600 [out-of-bounds]",
    );
}

#[test]
fn policy_has_one_source_and_a_signed_one_a_root() {
    let check = |policy: &str, expect: &[(&str, &str)]| {
        let found = Config::parse(&format!("environment = 'production'\n[policy]\n{policy}"));
        let found = found.err().unwrap_or_default();
        let found: Vec<_> = found
            .iter()
            .map(|problem| (problem.key.as_str(), problem.code))
            .collect();
        assert_eq!(found, expect, "{policy}");
    };
    check("file = 'p.yaml'", &[]);
    check("repository = 'r'\nroot = 'root.json'", &[]);
    check("url = 'https://h/p'\nroot = 'root.json'\nca_file = 'ca.pem'", &[]);
    check("url = 'http://127.0.0.1:1'\nroot = 'root.json'", &[]);
    check("repository = 'r'", &[("policy.root", "missing")]);
    check("root = 'root.json'", &[("policy.root", "unsupported")]);
    check(
        "file = 'p.yaml'\nrepository = 'r'\nroot = 'root.json'",
        &[("policy.repository", "contradiction")],
    );
    check(
        "repository = 'r'\nurl = 'https://h'\nroot = 'root.json'",
        &[("policy.url", "contradiction")],
    );
    check(
        "repository = 'r'\nroot = 'root.json'\nca_file = 'ca.pem'",
        &[("policy.ca_file", "unsupported")],
    );
    check(
        "url = 'http://h/p'\nroot = 'root.json'",
        &[("policy.url", "unsafe")],
    );
    check(
        "url = 'ftp://h/p'\nroot = 'root.json'",
        &[("policy.url", "wrong-value")],
    );
    check(
        "url = 'https://a@h/p'\nroot = 'root.json'",
        &[("policy.url", "wrong-value")],
    );
    check(
        "fetch_timeout_ms = 1",
        &[("policy.fetch_timeout_ms", "out-of-bounds")],
    );
}

#[test]
fn a_file_must_find_its_own_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("attest.toml");
    assert_eq!(Config::read(&path).unwrap_err()[0].code, "unreadable");
    std::fs::write(&path, Config::template(Environment::Production)).unwrap();
    let keys: Vec<_> = Config::read(&path)
        .unwrap_err()
        .into_iter()
        .map(|problem| problem.key)
        .collect();
    assert_eq!(keys, ["keys.directory", "policy.file"]);
    std::fs::create_dir(folder.path().join("keys")).unwrap();
    std::fs::write(folder.path().join("policy.yaml"), "").unwrap();
    let config = Config::read(&path).unwrap();
    assert_eq!(config.policy.file, folder.path().join("policy.yaml"));
    let https = "\n[[upstreams]]\nname = 'tls'\nurl = 'https://h'\nca_file = 'ca.pem'\n";
    std::fs::write(&path, Config::template(Environment::Production) + https).unwrap();
    let [problem] = Config::read(&path).unwrap_err().try_into().unwrap();
    assert_eq!(
        (problem.key.as_str(), problem.code),
        ("upstreams[1].ca_file", "no-such-file")
    );
    assert!(
        problem
            .message
            .contains(&folder.path().join("ca.pem").display().to_string())
    );
    std::fs::write(&path, vec![b'#'; (1 << 20) + 1]).unwrap();
    assert_eq!(Config::read(&path).unwrap_err()[0].code, "unreadable");
    std::fs::write(&path, b"\xff").unwrap();
    assert_eq!(Config::read(&path).unwrap_err()[0].code, "unreadable");
}

/// The template with every key that it comments out.
fn uncommented(environment: Environment) -> String {
    let template = Config::template(environment);
    let lines = template.lines().map(|line| match line.strip_prefix('#') {
        Some(key) if key.starts_with(|c: char| c.is_ascii_lowercase()) => key,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_template_reads_clean_and_shows_every_key_with_its_default() {
    for environment in [Environment::Development, Environment::Production] {
        let upstream = Upstream {
            name: "backend".into(),
            url: "http://127.0.0.1:9000".into(),
            ..Upstream::default()
        };
        let expect = Config {
            environment,
            upstreams: vec![upstream],
            ..Config::default()
        };
        assert_eq!(Config::parse(&Config::template(environment)), Ok(expect.clone()));
        assert_eq!(Config::parse(&uncommented(environment)), Ok(expect));
    }
    // Every bound is shown: leaving one out of the template fails here.
    let text = uncommented(Environment::Production);
    let config = Config::parse(&text).unwrap();
    for (key, value, range) in bounds::all(&config) {
        let name = key.rsplit('.').next().unwrap();
        assert!(
            text.lines().any(|line| line == format!("{name} = {value}")),
            "{key} is not in the template"
        );
        assert!(
            range.contains(&value),
            "the default of {key} is out of its own bounds"
        );
    }
}

#[test]
fn ranges_hold_their_addresses() {
    let check = |range: &str, address: &str, expect: bool| {
        let range: IpRange = range.parse().unwrap();
        assert_eq!(
            range.contains(address.parse().unwrap()),
            expect,
            "{address} in {range}"
        );
    };
    check("10.0.0.0/8", "10.255.0.1", true);
    check("10.0.0.0/8", "11.0.0.1", false);
    check("10.0.0.0/8", "::ffff:10.0.0.1", true);
    check("10.0.0.0/8", "a00::", false);
    check("192.0.2.7", "192.0.2.7", true);
    check("192.0.2.7", "192.0.2.8", false);
    check("0.0.0.0/0", "203.0.113.1", true);
    check("0.0.0.0/0", "2001:db8::1", false);
    check("2001:db8::/32", "2001:db8:ffff::1", true);
    check("2001:db8::/32", "2001:db9::1", false);
    check("::/0", "2001:db9::1", true);
    for bad in [
        "",
        "10.0.0.0/33",
        "10.0.0.0/",
        "10.0.0.0/-1",
        "10.0.0.1/8",
        "::1/64",
        "::/129",
        "host/8",
        "10.0.0.0/8/8",
    ] {
        assert!(bad.parse::<IpRange>().is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn no_text_panics_and_every_refusal_says_why(text in "[a-z\\[\\]=.'\"0-9 \n#{}_é-]{0,200}") {
        if let Err(problems) = Config::parse(&text) {
            prop_assert!(!problems.is_empty());
        }
    }

    /// One damaged line of a good file is found in that line.
    #[test]
    fn a_spoilt_value_is_found_in_its_line(n in 0_usize..100) {
        let text = uncommented(Environment::Production);
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        let keys: Vec<_> = (0..lines.len()).filter(|i| !lines[*i].starts_with('#') && lines[*i].contains(" = ")).collect();
        let spoilt = keys[n % keys.len()];
        let (key, _) = lines[spoilt].split_once(" = ").unwrap();
        lines[spoilt] = format!("{key} = {{ nonsense = 1 }}");
        let problems = Config::parse(&lines.join("\n")).unwrap_err();
        prop_assert!(problems.iter().all(|problem| problem.line == spoilt + 1), "{:?}", problems);
    }
}
