//! The compiler as its users meet it: the example, its canonical JSON, its schema, and what bad sources are told.

use std::{fs, path::Path};

use attest_core::{
    facts::{FactId, Origin, Platform},
    policy::{Detector, DevicePolicy, GatewayPolicy, Mode, Variables},
};
use attest_policy::{Compiled, EXAMPLE, Level, compile, pack_schema, schema};
use proptest::prelude::*;

/// A small policy without a problem; each bad source changes one thing of it.
const BASE: &str = "\
version: 1
environment: development
origins: ['https://api.example']
apps:
  - id: app
    platform: android
    package: com.example
    signers: ['0000000000000000000000000000000000000000000000000000000000000000']
    evidence: [software]
detectors:
  - id: tracer
    platform: android
    category: debugger
    severity: high
    why: Traced.
    when: {fact: proc.tracer_pid, op: gt, value: 0}
rules:
  - id: no-tracers
    why: Traced.
    when: {fact: findings.hit, op: any_eq, value: tracer}
    then: deny
routes:
  - id: pay
    methods: [POST]
    path: /pay
    upstream: bank
    require: enforce
    apps: [app]
    single_use: true
tests:
  - name: traced
    detector: {id: tracer, facts: {proc.tracer_pid: 7}, expect: hit}
  - name: refused
    decision:
      request: {method: POST, path: /pay, app: app}
      facts: {findings.hit: [tracer]}
      expect: {decision: deny, rule: no-tracers}
  - name: not traced
    detector: {id: tracer, facts: {proc.tracer_pid: 0}, expect: clear}
";

#[expect(clippy::panic, reason = "only tests call it")]
fn good(source: &str) -> Compiled {
    compile("policy.yaml", source).unwrap_or_else(|problems| {
        panic!(
            "{}",
            problems
                .iter()
                .fold(String::new(), |all, problem| all + &format!("{problem}\n"))
        )
    })
}

/// What a person reads about a source, one problem per line.
fn told(source: &str) -> String {
    let problems = match compile("policy.yaml", source) {
        Ok(compiled) => compiled.warnings,
        Err(problems) => {
            assert!(problems.iter().any(|problem| problem.level == Level::Error));
            problems
        }
    };
    problems
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

/// `from` is replaced by `to` in the base; the report is exactly `expect`.
fn check(from: &str, to: &str, expect: &str) {
    assert!(BASE.contains(from), "{from}");
    assert_eq!(told(&BASE.replacen(from, to, 1)), expect, "{to}");
}

#[test]
fn the_example_compiles_without_a_warning_and_passes_its_tests() {
    assert_eq!(told(EXAMPLE), "");
    assert_eq!(told(BASE), "");
    let compiled = good(EXAMPLE);
    let gateway = compiled.gateway.clone().compile().unwrap();
    let device = compiled
        .device
        .clone()
        .compile(Platform::Android, Variables::default())
        .unwrap();
    // Phone and gateway agree on which detectors ran.
    assert_eq!(
        device.detectors().evaluated_digest(),
        gateway.evaluated_digest(Platform::Android)
    );
    let of_android = |detector: &&Detector| detector.platform == Platform::Android;
    assert_eq!(
        device.detectors().len(),
        compiled
            .device
            .detectors
            .iter()
            .filter(of_android)
            .filter(|detector| detector.mode != Mode::Off)
            .count()
    );
    assert_eq!(gateway.upstreams().into_iter().collect::<Vec<_>>(), ["bank"]);
    assert_eq!(
        gateway
            .routes()
            .find("GET", "/v1/balance/legacy")
            .unwrap()
            .route()
            .id,
        "balance-legacy"
    );
    assert_eq!(
        gateway
            .routes()
            .find("POST", "/v1/payments/a/b")
            .unwrap()
            .route()
            .id,
        "payments"
    );
    assert!(gateway.routes().find("POST", "/v1/paymentsx").is_none());
    let needed = device
        .requirements()
        .find("https://api.bank.example", "POST", "/v1/payments")
        .unwrap();
    assert!(needed.single_use && needed.bind.len() == 3);
    assert!(
        device
            .requirements()
            .find("https://other.example", "POST", "/v1/payments")
            .is_none()
    );
    assert!(
        device
            .requirements()
            .find("https://api.bank.example", "GET", "/health")
            .is_none()
    );
}

#[test]
fn phones_never_see_what_only_gateways_need() {
    let json = good(EXAMPLE).device_json().unwrap();
    for secret in [
        "rules",
        "test-lab",
        "lab-phone-01",
        "bank-otp",
        "cloner-on-payments",
        "per_device_per_minute",
    ] {
        assert!(!json.contains(secret), "{secret}");
    }
    // A pack's list goes where its detectors go.
    assert!(json.contains("repackaging-stores"));
}

#[test]
fn canonical_json_is_the_same_every_time_and_reads_back() {
    let (first, second) = (good(EXAMPLE), good(&format!("# another comment\n{EXAMPLE}")));
    let (device, gateway) = (first.device_json().unwrap(), first.gateway_json().unwrap());
    assert_eq!(device, second.device_json().unwrap());
    assert_eq!(gateway, second.gateway_json().unwrap());
    let device_again = DevicePolicy::from_json(device.as_bytes()).unwrap();
    let gateway_again = GatewayPolicy::from_json(gateway.as_bytes()).unwrap();
    assert_eq!(device_again, first.device);
    assert_eq!(gateway_again, first.gateway);
    assert_eq!(attest_policy::to_canonical_json(&device_again).unwrap(), device);
    assert_eq!(attest_policy::to_canonical_json(&gateway_again).unwrap(), gateway);
    // The form, not what packs hold: only the example's own detectors.
    let (mut device, mut gateway) = (first.device, first.gateway);
    device
        .detectors
        .retain(|detector| OWN.contains(&detector.id.as_str()));
    device.lists = Default::default();
    gateway.detectors.retain(|id, _| OWN.contains(&id.as_str()));
    gateway.lists.retain(|name, _| name == "test-lab");
    insta::assert_snapshot!("device", attest_policy::to_canonical_json(&device).unwrap());
    insta::assert_snapshot!("gateway", attest_policy::to_canonical_json(&gateway).unwrap());
}

/// The detectors that the example writes itself.
const OWN: [&str; 2] = ["app.remote_help", "app.foreign_framework"];

/// `ATTEST_BLESS=1 cargo test -p attest-policy` writes the files anew.
#[test]
fn the_schema_files_are_those_of_the_types() {
    for (name, types) in [("schema.json", schema()), ("pack-schema.json", pack_schema())] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        if std::env::var_os("ATTEST_BLESS").is_some() {
            fs::write(&path, &types).unwrap();
        }
        let file = fs::read_to_string(&path).unwrap_or_default();
        let difference = file
            .lines()
            .zip(types.lines())
            .find(|(left, right)| left != right);
        assert_eq!(difference, None, "{name} is older than the types");
        assert_eq!(file.len(), types.len(), "{name} is older than the types");
    }
}

#[test]
#[rustfmt::skip]
fn sources_that_cannot_be_read() {
    check("version: 1\n", "version: [1\n", "policy.yaml:2:12: illegal placement of ':' indicator");
    check("version: 1\n", "version: 1\nversion: 2\n", "policy.yaml:2:1: `version` stands here twice");
    check("version: 1\n", "version: !!python/object 1\n", "policy.yaml:1:26: unsupported tag `!!python/object`");
    check("version: 1\n", "<<: {version: 1}\n", "policy.yaml:1:1: merge keys (`<<`) are not part of this format");
    check("environment: development\n", "environment: development\n---\nversion: 2\n", "policy.yaml:3:1: a policy source is one document");
    check("version: 1\n", "\tversion: 1\n", "policy.yaml:2:1: did not find expected <document start>");
    check("version: 1\n", "", "policy.yaml:1:1: `version` is missing");
}

#[test]
#[rustfmt::skip]
fn fields_of_the_wrong_form() {
    check("version: 1\n", "version: one\n", "policy.yaml:1:10: version: expected a whole number that is not negative, found string \"one\"");
    check("version: 1\n", "version: 1.5\n", "policy.yaml:1:10: version: expected a whole number that is not negative, found floating point `1.5`");
    check("version: 1\n", "version: -1\n", "policy.yaml:1:10: version: expected a whole number that is not negative, found integer `-1`");
    check("version: 1\n", "version: 1\ncolour: red\n", "policy.yaml:2:1: colour: unknown field `colour`, expected one of `version`, `environment`, `engine_min`, `origins`, `apps`, `packs`, `detectors`, `requirements`, `rules`, `routes`, `limits`, `lists`, `step_up_issuers`, `revocation`, `anchors`, `response_keys`, `expires_at`, `values`, `kill_switch`, `brake_rules`, `tests`");
    check("    package: com.example\n", "    pakage: com.example\n", "policy.yaml:7:5: apps[0].pakage: unknown field `pakage`, did you mean `package`?");
    check("category: debugger", "category: debuger", "policy.yaml:13:15: detectors[0].category: unknown word `debuger`, expected one of `cloner`, `emulator`, `root`, `hook`, `debugger`, `repackaging`, `jailbreak`, `simulator`, `resigning`, `policy`, `app`");
    check("then: deny", "then: refuse", "policy.yaml:21:11: rules[0].then: unknown word `refuse`, expected one of `allow`, `deny`, `step_up`");
    check("then: deny", "then: {step_up: {kind: sms}}", "policy.yaml:21:28: rules[0].then.step_up.kind: unknown word `sms`, expected one of `proof`, `user`");
    check("then: deny", "then: {deny: now}", "policy.yaml:21:12: rules[0].then: `deny` stands alone, without content");
    check("op: gt, value: 0}", "op: gt, value: 0, any: []}", "policy.yaml:16:11: detectors[0].when: a condition has exactly one of `fact`, `all`, `any`, `not`, `at_least`");
    check("op: gt, value: 0}", "op: gt, value: 0.5}", "policy.yaml:16:50: detectors[0].when.value: expected text, an integer, a boolean or a list of text, found floating point `0.5`");
    check("op: gt, value: 0}", "op: gt, value: {a: 1}}", "policy.yaml:16:50: detectors[0].when.value: expected text, an integer, a boolean or a list of text, found map");
    check("{fact: proc.tracer_pid, op: gt, value: 0}", "{all: {fact: proc.tracer_pid}}", "policy.yaml:16:17: detectors[0].when.all: expected a list, found map");
    check("    why: Traced.\n    when: {fact: findings", "    when: {fact: findings", "policy.yaml:18:5: rules[0]: `why` is missing");
    check("methods: [POST]", "methods: POST", "policy.yaml:24:14: routes[0].methods: expected a list, found string \"POST\"");
    check("single_use: true", "single_use: yes", "policy.yaml:29:17: routes[0].single_use: expected a boolean, found string \"yes\"");
    check("upstream: bank", "upstream: 7", "policy.yaml:26:15: routes[0].upstream: expected a string, found integer `7`");
    check("facts: {proc.tracer_pid: 7}", "facts: {proc.tracer_pid: {errno: 7}}", "policy.yaml:32:53: tests[0].detector.facts.proc.tracer_pid: expected {error: number}");
}

#[test]
#[rustfmt::skip]
fn meanings_that_do_not_hold() {
    check("proc.tracer_pid, op", "proc.tracerpid, op", "policy.yaml:16:18: detectors[0].when.fact: unknown fact `proc.tracerpid` (did you mean `proc.tracer_pid`?)");
    check("op: gt, value: 0}", "op: more, value: 0}", "policy.yaml:16:39: detectors[0].when.op: unknown operator `more`");
    check("fact: proc.tracer_pid, op: gt, value: 0", "fact: maps.path, op: any_matches, value: '('", "policy.yaml:16:53: detectors[0].when.value: not a regular expression of this dialect: found open group without closing ')'");
    check("fact: proc.tracer_pid, op: gt, value: 0", "fact: maps.path, op: any_matches, value: '((a{200}){200}){200}'", "policy.yaml:16:53: detectors[0].when.value: not a regular expression of this dialect: compiled regex exceeded size limit");
    check("fact: proc.tracer_pid, op: gt", "fact: findings.hit, op: any_eq", "policy.yaml:16:18: detectors[0].when.fact: `findings.hit` is not known on the phone");
    check("fact: findings.hit, op: any_eq, value: tracer", "fact: maps.path, op: any_eq, value: x", "policy.yaml:20:18: rules[0].when.fact: `maps.path` is not known at the gateway, ask for the detector's finding");
    check("fact: findings.hit, op: any_eq, value: tracer", "fact: app.id, op: in_list, value: nowhere", "policy.yaml:20:46: rules[0].when.value: unknown list `nowhere`");
    check("fact: findings.hit, op: any_eq, value: tracer", "all: [{any: [{fact: app.id, op: eq, value: 3}]}, {fact: nothing, op: eq}]", "policy.yaml:20:55: rules[0].when.all[0].any[0].value: expected text (put numbers in quotes)\npolicy.yaml:20:68: rules[0].when.all[1].fact: unknown fact `nothing`");
    check("    single_use: true\n", "    single_use: true\n    when_store_down: open\n", "policy.yaml:30:22: routes[0].when_store_down: `open` would let a single-use token pass again; use `closed`");
    check("    require: enforce\n    apps: [app]\n    single_use: true\n", "    require: none\n    bind: [body]\n", "policy.yaml:5:9: warning: apps[0].id: no route accepts app `app`\npolicy.yaml:18:9: warning: rules[0].id: rule `no-tracers` is evaluated on no route\npolicy.yaml:28:5: routes[0].bind: a public route has no token to bind");
    check("apps: [app]", "apps: [app, other]", "policy.yaml:28:17: routes[0].apps[1]: unknown app `other`");
    check("upstream: bank", "upstream: ''", "policy.yaml:26:15: routes[0].upstream: must not be empty");
    check("path: /pay\n", "path: /pay/../x\n", "policy.yaml:25:11: routes[0].path: `..` is not a segment that can be matched: no empty or dot segments, only a-z A-Z 0-9 and -._~!$&'()+,=:@");
    check("methods: [POST]", "methods: [post]", "policy.yaml:24:15: routes[0].methods[0]: `post` is not an HTTP method in capitals");
    check("then: deny", "then: {step_up: {kind: user, issuer: otp}}", "policy.yaml:21:42: rules[0].then.step_up.issuer: unknown step-up issuer `otp`");
    check("    then: deny\n", "    then: deny\n    rollout_percent: 101\n", "policy.yaml:22:22: rules[0].rollout_percent: must be between 0 and 100");
    check("    then: deny\n", "    then: deny\n    routes: [nowhere]\n", "policy.yaml:18:9: warning: rules[0].id: rule `no-tracers` is evaluated on no route\npolicy.yaml:22:14: rules[0].routes[0]: unknown route `nowhere`");
    check("routes:\n", "  - {id: no-tracers, why: Again., when: {fact: app.id, op: exists}, then: deny}\nroutes:\n", "policy.yaml:22:10: rules[1].id: `no-tracers` is already used at rules[0]");
    check("routes:\n", "routes:\n  - {id: pay, methods: [POST], path: /pay, upstream: b, require: enforce, apps: [app]}\n", "policy.yaml:24:9: routes[1].id: `pay` is already used at routes[0]\npolicy.yaml:25:15: warning: routes[1].methods[0]: `POST /pay` already goes to route `pay`, this one is never reached: leave it out");
    check("environment: development", "environment: production", "policy.yaml:9:16: apps[0].evidence[0]: a production policy never accepts `software` evidence");
    check("environment: development\norigins: ['https://api.example']", "environment: production\norigins: ['http://api.example', 'https://localhost:8443']", "policy.yaml:3:11: origins[0]: `http://api.example` is not an origin such as https://api.bank.example\npolicy.yaml:3:33: origins[1]: a production policy has no loopback origin\npolicy.yaml:9:16: apps[0].evidence[0]: a production policy never accepts `software` evidence");
    check("rules:\n", "limits: {token_lifetime_max_s: 3000}\nrules:\n", "policy.yaml:17:32: limits.token_lifetime_max_s: must be between 5 and 300");
    check("rules:\n", "lists: {vips: [a]}\nrules:\n", "policy.yaml:17:9: warning: lists.vips: no clause names list `vips`");
    check("rules:\n", "response_keys: [{kty: oct, k: AAAA}]\nrules:\n", "policy.yaml:17:17: response_keys[0]: not a public ES256 key: `k`, or `x` and `y`, must be canonical base64url of the right length (an HMAC key of 32 bytes or more)");
    check("rules:\n", "step_up_issuers: {otp: {issuer: x, jwks: {keys: [{kty: EC, crv: P-256, x: AA, y: AA}]}}}\nrules:\n", "policy.yaml:17:50: step_up_issuers.otp.jwks.keys[0]: not a public ES256 key: `k`, or `x` and `y`, must be canonical base64url of the right length (an HMAC key of 32 bytes or more)");
    check("rules:\n", "requirements: {extra: [{origin: api.example, methods: [POST], path: x}]}\nrules:\n", "policy.yaml:17:33: requirements.extra[0].origin: `api.example` is not an origin such as https://api.bank.example\npolicy.yaml:17:69: requirements.extra[0].path: a path starts with `/`");
    check("version: 1\n", "version: 1\nengine_min: 2\n", "policy.yaml:2:13: engine_min: needs engine 2, this is engine 1");
    check("expect: hit", "expect: clear", "policy.yaml:11:9: warning: detectors[0].id: detector `tracer` has no test that expects `hit`: it may never find anything\npolicy.yaml:32:65: tests[0].detector.expect: expected clear, got hit (the condition found proc.tracer_pid = 7)");
    check("facts: {proc.tracer_pid: 7}", "facts: {proc.tracer_pid: '7'}", "policy.yaml:32:53: tests[0].detector.facts.proc.tracer_pid: `proc.tracer_pid` is integer, null or {error: number}");
    check("facts: {proc.tracer_pid: 7}", "facts: {proc.tracer: 7}", "policy.yaml:32:49: tests[0].detector.facts.proc.tracer: unknown fact `proc.tracer` (did you mean `proc.traced`?)");
    check("{id: tracer, facts", "{id: trace, facts", "policy.yaml:11:9: warning: detectors[0].id: detector `tracer` has no test that expects `hit`: it may never find anything\npolicy.yaml:32:20: tests[0].detector.id: unknown detector `trace`");
    check("expect: {decision: deny, rule: no-tracers}", "expect: {decision: allow}", "policy.yaml:18:9: warning: rules[0].id: rule `no-tracers` has no test\npolicy.yaml:37:7: tests[1].decision.expect: expected allow, got deny by `no-tracers` (the condition found findings.hit = tracer)");
    check("expect: {decision: deny, rule: no-tracers}", "expect: {decision: deny, rule: no-tracer}", "policy.yaml:18:9: warning: rules[0].id: rule `no-tracers` has no test\npolicy.yaml:37:38: tests[1].decision.expect.rule: unknown rule `no-tracer`");
    check("expect: {decision: deny, rule: no-tracers}", "expect: {decision: deny, shadow: [no-tracers]}", "policy.yaml:37:32: tests[1].decision.expect.shadow: expected rules in shadow: no-tracers, got: none");
    check("    decision:\n      request: {method: POST, path: /pay, app: app}", "    decision:\n      request: {method: POST, path: /pay, app: ap}", "policy.yaml:35:48: tests[1].decision.request.app: unknown app `ap`");
    check("  - name: traced\n    detector: {id: tracer, facts: {proc.tracer_pid: 7}, expect: hit}\n", "", "policy.yaml:11:9: warning: detectors[0].id: detector `tracer` has no test that expects `hit`: it may never find anything");
    check("  - name: traced\n    detector: {id: tracer, facts: {proc.tracer_pid: 7}, expect: hit}\n", "  - name: nothing\n", "policy.yaml:11:9: warning: detectors[0].id: detector `tracer` has no test that expects `hit`: it may never find anything\npolicy.yaml:31:5: tests[0]: a test has exactly one of `decision` and `detector`");
    check("signers: ['0000", "signers: ['ABCD", "policy.yaml:8:15: apps[0].signers[0]: a signer is the certificate's SHA-256 as 64 hex digits in lower case");
    check("platform: android\n    package", "platform: ios\n    package", "policy.yaml:5:5: apps[0]: `team` belongs to every ios app and to no other\npolicy.yaml:5:5: apps[0]: `bundle` belongs to every ios app and to no other\npolicy.yaml:7:14: apps[0].package: `package` belongs to every android app and to no other\npolicy.yaml:8:5: apps[0].signers: `signers` belong to every android app and to no other");
}

/// `more` is added to the app of the base.
fn of_app(more: &str, expect: &str) {
    check(
        "    evidence: [software]\n",
        &format!("    evidence: [software]\n{more}"),
        expect,
    );
}

#[test]
#[rustfmt::skip]
fn what_evidence_must_say() {
    let all = "    min_version_code: 40200\n    key_level_min: strongbox\n    boot: {require: verified}\n    patch_min: {os: 2024-01-01, vendor: '2024-01', boot: 2024-01-05}\n    android: {unknown_tags: skip, name_mismatch: accept}\n";
    of_app(all, "");
    let app = good(&BASE.replacen("    evidence: [software]\n", &format!("    evidence: [software]\n{all}"), 1)).gateway.apps.remove(0);
    let stated = [app.patch_min.os, app.patch_min.vendor, app.patch_min.boot].map(|level| level.unwrap().to_string());
    assert_eq!(stated, ["2024-01-01", "2024-01-01", "2024-01-05"]);
    of_app("    key_level_min: app-bound\n", "policy.yaml:10:20: apps[0].key_level_min: android keys are `software`, `hardware` or `strongbox`");
    of_app("    key_level_min: tee\n", "policy.yaml:10:20: apps[0].key_level_min: unknown word `tee`, expected one of `software`, `app-bound`, `hardware`, `strongbox`");
    of_app("    boot: {require: locked}\n", "policy.yaml:10:21: apps[0].boot.require: unknown word `locked`, expected one of `verified`, `any`");
    of_app("    boot: {keys: [AA]}\n", "policy.yaml:10:19: apps[0].boot.keys[0]: a verified-boot key is 64 hex digits in lower case");
    of_app("    patch_min: {os: 2024-13-01}\n", "policy.yaml:10:21: apps[0].patch_min.os: a patch level is a date such as 2024-01-05");
    of_app("    patch_min: {os: 202401}\n", "policy.yaml:10:21: apps[0].patch_min.os: expected a string, found integer `202401`");
    of_app("    patch_min: {system: 2024-01-01}\n", "policy.yaml:10:17: apps[0].patch_min.system: unknown field `system`, expected one of `os`, `vendor`, `boot`");
    of_app("    android: {unknown_tags: ignore}\n", "policy.yaml:10:29: apps[0].android.unknown_tags: unknown word `ignore`, expected one of `refuse`, `skip`");
    of_app("    play_integrity: required\n", "policy.yaml:10:21: apps[0].play_integrity: list `play_integrity` in `evidence`, too");
    of_app("    app_attest_environment: production\n", "policy.yaml:10:29: apps[0].app_attest_environment: this belongs to ios apps");
    check("rules:\n", "revocation: {file: revoked.json}\nrules:\n", "");
    check("rules:\n", "revocation: {file: revoked.json, max_age_s: 0}\nrules:\n", "policy.yaml:17:45: revocation.max_age_s: must be between 60 and 2592000");
    check("rules:\n", "revocation: {max_age_s: 60}\nrules:\n", "policy.yaml:17:13: revocation: `file` is missing");
    check("rules:\n", "anchors: [{name: lab, pem: abc}]\nrules:\n", "policy.yaml:17:28: anchors[0].pem: expected one certificate as PEM, from `-----BEGIN CERTIFICATE-----` on");
    check("rules:\n", "anchors: [{name: lab, evidence: play_integrity, pem: abc}]\nrules:\n", "policy.yaml:17:33: anchors[0].evidence: certificates are for `android_key` or `app_attest` evidence\npolicy.yaml:17:54: anchors[0].pem: expected one certificate as PEM, from `-----BEGIN CERTIFICATE-----` on");
}

#[test]
fn a_production_policy_is_told_why_not() {
    let production = BASE
        .replace("environment: development", "environment: production")
        .replace("evidence: [software]", "evidence: [android_key]");
    let unrevoked = "policy.yaml:9:16: warning: apps[0].evidence[0]: without `revocation`, keys that leaked from phones and were revoked are still accepted";
    assert_eq!(told(&production), unrevoked);
    let production = production.replace("rules:\n", "revocation: {file: revoked.json}\nrules:\n");
    let check = |from: &str, to: &str, expect: &str| {
        assert!(production.contains(from), "{from}");
        assert_eq!(told(&production.replacen(from, to, 1)), expect, "{to}");
    };
    assert_eq!(told(&production), "");
    check(
        "[android_key]\n",
        "[android_key]\n    key_level_min: software\n",
        "policy.yaml:10:20: apps[0].key_level_min: a production policy never accepts keys in software",
    );
    check(
        "[android_key]\n",
        "[android_key]\n    boot: {require: any}\n",
        "policy.yaml:10:21: warning: apps[0].boot.require: a phone without verified boot may claim to run any app: refuse or limit it by a rule on `boot.state`",
    );
    check(
        "value: tracer}\n    then: deny",
        "value: tracer}\n    then: deny\n  - {id: qa, mode: enforce, why: QA., when: {fact: device.id, op: eq, value: d}, then: allow}",
        "policy.yaml:23:10: warning: rules[1].id: rule `qa` has no test\npolicy.yaml:23:88: rules[1].then: a production policy lets no single devices past its rules: test devices belong to development",
    );
}

#[test]
fn the_page_for_authors_names_every_fact_of_the_proof() {
    let page = include_str!("../../docs/policy.md");
    let elsewhere = |name: &str| {
        [
            "findings.",
            "device.",
            "policy.",
            "app.id",
            "app.platform",
            "app.version",
        ]
        .iter()
        .any(|start| name.starts_with(start))
    };
    for fact in
        FactId::all().filter(|fact| fact.entry().origin == Origin::Verifier && !elsewhere(fact.name()))
    {
        assert!(page.contains(&format!("`{fact}`")), "{fact}");
    }
}

#[test]
fn no_source_takes_more_than_its_budget() {
    let check = |source: String, expect: &str| {
        let told = told(&source);
        assert!(told.ends_with(expect), "{told}");
    };
    check(
        format!("a: {}1{}", "[".repeat(17), "]".repeat(17)),
        "nested deeper than 16",
    );
    let mut deep = String::new();
    for level in 0..17 {
        deep.push_str(&format!("{}a:\n", "  ".repeat(level)));
    }
    check(deep, "nested deeper than 16");
    check(
        format!("lists:\n{}", "  a: [1]\n".repeat(3)),
        "`a` stands here twice",
    );
    let many: String = (0..1_100)
        .map(|list| format!("  l{list}: [1, 2, 3, 4, 5, 6, 7, 8]\n"))
        .collect();
    check(format!("lists:\n{many}"), "more than 4096 values");
    check(
        format!("a: [{}]", "1,".repeat(1_000_000)),
        "a source has at most 262144 bytes",
    );
    check(
        format!("a: [{}1]", "1,".repeat(100_000)),
        "a list or map has at most 1000 entries",
    );
    check(
        format!("a: [{}1]", "1,".repeat(1_001)),
        "a list or map has at most 1000 entries",
    );
    check(
        format!("a: {}", "x".repeat(5_000)),
        "a text has at most 4096 bytes",
    );
    // Nine levels of nine aliases would be 387 million values.
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    check(bomb, "aliases expand to more than this format allows");
    check("a: &a [*a]".to_owned(), "an alias refers to what it is part of");
}

#[test]
fn a_list_may_be_written_once_and_used_twice() {
    let source = BASE.replace("methods: [POST]", "methods: &post [POST]").replace(
        "tests:\n",
        "  - {id: two, methods: *post, path: /two, upstream: b, require: none}\ntests:\n",
    );
    assert_eq!(good(&source).gateway.routes.last().unwrap().methods, ["POST"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any damage to a good source is refused with a place, or is harmless; never a panic.
    #[test]
    fn a_damaged_source_never_panics(at in 0usize..6_000, length in 0usize..40, put in "\\PC{0,6}") {
        let keep = |(index, _): &(usize, char)| *index < at || *index >= at + length;
        // Without its packs, which take most of the time and are not damaged here.
        let (head, tail) = EXAMPLE.split_once("\npacks:\n").unwrap();
        let example = format!("{head}{}", tail.split_once("\n\n").unwrap().1);
        let mut text: Vec<char> = example.char_indices().filter(keep).map(|(_, char)| char).collect();
        let place = at.min(text.len());
        text.splice(place..place, put.chars());
        if let Err(problems) = compile("policy.yaml", &text.into_iter().collect::<String>()) {
            prop_assert!(problems.iter().any(|problem| problem.level == Level::Error));
            prop_assert!(problems.iter().all(|problem| problem.position.line >= 1 && !problem.code.is_empty()));
        }
    }
}
