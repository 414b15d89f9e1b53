//! `attest gateway`: a fresh directory passes its check and serves; problems name their place; signals end it politely.
#![cfg(test)]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::support::*;

pub(crate) fn init(folder: &Path, more: &[&str]) -> Ended {
    attest(&[&["gateway", "init", text(folder)], more].concat())
}

pub(crate) fn config(folder: &Path) -> String {
    text(&folder.join("attest.toml")).to_owned()
}

pub(crate) fn change(path: &Path, from: &str, to: &str) {
    let before = fs::read_to_string(path).unwrap();
    assert!(before.contains(from), "{from} is not in {}", path.display());
    fs::write(path, before.replacen(from, to, 1)).unwrap();
}

/// The number of the first line with this text.
fn line_with(path: &Path, part: &str) -> usize {
    let text = fs::read_to_string(path).unwrap();
    text.lines().position(|line| line.contains(part)).unwrap() + 1
}

#[test]
fn a_fresh_directory_passes_and_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let made = init(folder.path(), &[]);
    assert_eq!((made.code, made.err.as_str()), (Some(0), ""));
    for part in [
        "attest.toml",
        "policy.yaml",
        "admin.token",
        "attest gateway check --config",
        "attest gateway run --config",
    ] {
        assert!(made.text().contains(part), "{}", made.text());
    }
    let checked = attest(&["gateway", "check", "--config", &config(folder.path())]);
    assert_eq!((checked.code, checked.err.as_str()), (Some(0), ""), "{checked:?}");
    assert!(
        checked.text().contains("No problems, 0 warnings."),
        "{}",
        checked.text()
    );
    let before = fs::read(folder.path().join("admin.token")).unwrap();
    let again = init(folder.path(), &[]);
    assert_eq!((again.code, again.out.len()), (Some(1), 0));
    assert!(
        again.err.contains("admin.token") && again.err.contains("[init-exists]"),
        "{}",
        again.err
    );
    assert_eq!(fs::read(folder.path().join("admin.token")).unwrap(), before);
    // Where init says no, nothing appears.
    let new = folder.path().join("new");
    for more in [&["--listen", "0.0.0.0:8080"][..], &["--upstream", "nonsense"]] {
        assert_eq!(init(&new, more).code, Some(1));
        assert!(!new.exists());
    }
    assert_eq!(init(&new, &["--listen", "nonsense"]).code, Some(2));
}

/// The command finds problems, and says so in these words.
fn check(folder: &Path, expect: &[&str]) {
    let ended = attest(&["gateway", "check", "--config", &config(folder)]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    for part in expect {
        assert!(ended.err.contains(part), "{part} is not in:\n{}", ended.err);
    }
    assert!(
        ended.err.lines().last().unwrap().contains("problem"),
        "{}",
        ended.err
    );
}

fn check_clean(folder: &Path) {
    let ended = attest(&["gateway", "check", "--config", &config(folder)]);
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
}

#[test]
fn problems_of_the_configuration_are_listed_with_their_places() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    check(folder, &["attest.toml:1:1: ", "[unreadable]"]);
    init(folder, &[]);
    let (toml, policy, keys) = (
        folder.join("attest.toml"),
        folder.join("policy.yaml"),
        folder.join("keys"),
    );
    let line = line_with(&toml, "address = \"127.0.0.1:8080\"");
    change(
        &toml,
        "address = \"127.0.0.1:8080\"",
        "address = \"0.0.0.0:8080\"\ncolor = 5",
    );
    change(&toml, "#drain_s = 25", "drain_s = 0");
    let (address, color) = (
        format!("attest.toml:{line}:1: listen.address: "),
        format!("attest.toml:{}:1: listen.color: ", line + 1),
    );
    check(
        folder,
        &[
            &address,
            "[unsafe]",
            &color,
            "limits.drain_s: 0 is not",
            "3 problems",
        ],
    );
    change(
        &toml,
        "address = \"0.0.0.0:8080\"\ncolor = 5",
        "address = \"127.0.0.1:8080\"",
    );
    change(&toml, "drain_s = 0", "#drain_s = 25");
    check_clean(folder);
    // A missing folder does not hide what is wrong with the policy.
    fs::rename(&keys, folder.join("elsewhere")).unwrap();
    change(&policy, "op: any_contains", "op: any_holds");
    let places = [
        "keys.directory: there is no folder",
        "policy.yaml:",
        "any_holds",
        "[operator-unknown]",
        "2 problems",
    ];
    check(folder, &places);
    fs::rename(folder.join("elsewhere"), &keys).unwrap();
    change(&policy, "op: any_holds", "op: any_contains");
    fs::write(keys.join("attestation.pem"), "not a key").unwrap();
    check(
        folder,
        &["attestation.pem: expected one PKCS #8", "[key-file-content]"],
    );
}

#[test]
fn problems_of_the_policy_are_listed_with_their_places() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    init(folder, &[]);
    let policy = folder.join("policy.yaml");
    // Against the configuration.
    change(&policy, "upstream: bank\n", "upstream: vault\n");
    let place = format!(
        "policy.yaml:{}: routes[0].upstream: ",
        line_with(&policy, "vault")
    );
    check(folder, &[&place, "`vault`", "[policy-upstream]", "1 problem"]);
    change(&policy, "upstream: vault\n", "upstream: bank\n");
    change(
        &folder.join("attest.toml"),
        "environment = \"development\"",
        "environment = \"production\"",
    );
    let place = format!(
        "policy.yaml:{}: environment: ",
        line_with(&policy, "environment: development")
    );
    check(
        folder,
        &[&place, "the gateway is `production`", "[policy-environment]"],
    );
    change(
        &folder.join("attest.toml"),
        "environment = \"production\"",
        "environment = \"development\"",
    );
    // Its own tests.
    change(
        &policy,
        "expect: {decision: allow, shadow: []}",
        "expect: {decision: deny, shadow: []}",
    );
    check(folder, &["tests[", "[test-failed]"]);
    change(
        &policy,
        "expect: {decision: deny, shadow: []}",
        "expect: {decision: allow, shadow: []}",
    );
    // Changed without a new version.
    fs::write(folder.join("policy.last-good.yaml"), fs::read(&policy).unwrap()).unwrap();
    check_clean(folder);
    change(&policy, "rollout_percent: 25", "rollout_percent: 50");
    let place = format!("policy.yaml:{}: version: ", line_with(&policy, "version: 7 "));
    check(
        folder,
        &[&place, "give the change version 8", "[policy-not-newer]"],
    );
    change(&policy, "version: 7 ", "version: 8 ");
    check_clean(folder);
}

#[cfg(unix)]
#[test]
fn a_secret_that_others_may_read_is_a_warning() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    init(folder.path(), &[]);
    fs::set_permissions(
        folder.path().join("keys/fleet.json"),
        fs::Permissions::from_mode(0o644),
    )
    .unwrap();
    let checked = attest(&["gateway", "check", "--config", &config(folder.path())]);
    assert!(
        checked.code == Some(0) && checked.err.contains("[key-file-mode]"),
        "{checked:?}"
    );
    assert!(checked.text().contains("1 warning."), "{}", checked.text());
}

/// The address in a line that begins so.
fn printed(line: &str, start: &str) -> SocketAddr {
    let url = line.trim_end().strip_prefix(start);
    let address = url.and_then(|url| url.split_once("://")?.1.parse().ok());
    address.unwrap_or_else(|| panic!("it says {line:?}"))
}

/// A gateway that runs.
pub(crate) struct Running {
    child: Child,
    pub(crate) address: SocketAddr,
    out: BufReader<ChildStdout>,
    log: BufReader<ChildStderr>,
}

impl Running {
    pub(crate) fn start(folder: &Path) -> Self {
        Self::start_as(folder, command())
    }

    /// With a command that has variables of its own.
    pub(crate) fn start_as(folder: &Path, mut command: Command) -> Self {
        let mut child = command
            .args(["gateway", "run", "--config", &config(folder)])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        Self {
            child,
            address: printed(&line, "listening on "),
            out,
            log,
        }
    }

    /// Where operators are answered, which is printed after the address; asked once.
    pub(crate) fn operators(&mut self) -> SocketAddr {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        printed(&line, "operators on ")
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> (u16, String) {
        let mut stream = self.send(method, path);
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    fn send(&self, method: &str, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.address
        )
        .unwrap();
        stream
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([&format!("-{name}"), &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Reads the log until a line with this text.
    pub(crate) fn logged(&mut self, part: &str) {
        let mut line = String::new();
        while !line.contains(part) {
            line.clear();
            assert!(
                self.log.read_line(&mut line).unwrap() > 0,
                "it never logged {part}"
            );
        }
    }

    pub(crate) fn ended(mut self) -> (Option<i32>, String) {
        let mut log = String::new();
        self.log.read_to_string(&mut log).unwrap();
        (self.child.wait().unwrap().code(), log)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.child.kill().is_err();
        let _reaped = self.child.wait().is_err();
    }
}

/// A backend that says when a connection arrives and answers each with `answer`, or holds it.
pub(crate) fn backend(answer: Option<&'static str>) -> (SocketAddr, Receiver<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (arrived, arrivals) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 4096];
            if stream.read(&mut head).unwrap() == 0 {
                // Somebody only looked whether it listens.
                continue;
            }
            if let Some(body) = answer {
                write!(
                    stream,
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                )
                .unwrap();
            }
            if arrived.send(stream).is_err() {
                break;
            }
        }
    });
    (address, arrivals)
}

#[cfg(unix)]
#[test]
fn a_fresh_directory_serves_refuses_explains_and_ends_on_a_signal() {
    let folder = tempfile::tempdir().unwrap();
    let (upstream, _arrivals) = backend(Some("healthy"));
    init(
        folder.path(),
        &[
            "--listen",
            "127.0.0.1:0",
            "--upstream",
            &format!("http://{upstream}"),
        ],
    );
    let running = Running::start(folder.path());
    assert_eq!(running.request("GET", "/health"), (200, "healthy".to_owned()));
    let (status, body) = running.request("POST", "/v1/login");
    assert_eq!(status, 401, "{body}");
    // The support code of that refusal opens with this directory's configuration.
    let problem: serde_json::Value = serde_json::from_str(&body).unwrap();
    let explained = attest(&[
        "explain",
        problem["support"].as_str().unwrap(),
        "--json",
        "--config",
        &config(folder.path()),
    ])
    .json();
    assert_eq!(
        (&explained["code"], &explained["reason"]),
        (&"token-missing".into(), &"token-missing".into())
    );
    assert_eq!(explained["route"], "login (POST /v1/login)");
    assert_eq!(
        (&explained["same_version"], &explained["unresolved"]),
        (&true.into(), &serde_json::json!([]))
    );
    // What phones fetch is vouched for by the root that the app is built with.
    let (status, bundle) = running.request("GET", "/.attest/v1/policy/bundle?root=1");
    assert_eq!(status, 200, "{bundle}");
    let root = fs::read(folder.path().join("keys/policy-root.json")).unwrap();
    let kept = attest_core::bundle::Kept {
        since: attest_core::bundle::root_version(&root).unwrap(),
        ..Default::default()
    };
    let taken = attest_core::bundle::take(&root, kept, &serde_json::from_str(&bundle).unwrap(), 0);
    assert!(taken.outcome.is_ok(), "{:?}", taken.outcome);
    running.signal("TERM");
    let (code, log) = running.ended();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("drained"), "{log}");
}

#[cfg(unix)]
#[test]
fn a_first_signal_waits_for_requests_and_a_second_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let (upstream, arrivals) = backend(None);
    init(
        folder.path(),
        &[
            "--listen",
            "127.0.0.1:0",
            "--upstream",
            &format!("http://{upstream}"),
        ],
    );
    change(
        &folder.path().join("attest.toml"),
        "#format = \"text\"",
        "format = \"json\"",
    );
    let mut running = Running::start(folder.path());
    let held = running.send("GET", "/health");
    let waiting = arrivals.recv().unwrap();
    running.signal("INT");
    running.logged("draining");
    assert!(
        running.child.try_wait().unwrap().is_none(),
        "it did not wait for the request"
    );
    running.signal("TERM");
    let (code, log) = running.ended();
    assert_eq!(code, Some(1), "{log}");
    let last: serde_json::Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
    assert_eq!(last["level"], "WARN", "{log}");
    drop((held, waiting));
}

#[test]
fn what_keeps_it_from_starting_is_said_with_its_mend() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    init(
        folder.path(),
        &["--listen", &taken.local_addr().unwrap().to_string()],
    );
    let run = || attest(&["gateway", "run", "--config", &config(folder.path())]);
    let ended = run();
    assert_eq!((ended.code, ended.out.len()), (Some(1), 0), "{ended:?}");
    for part in ["in use by another process", "[address-in-use]", "listen.address"] {
        assert!(ended.err.contains(part), "{}", ended.err);
    }
    fs::write(folder.path().join("keys/assertion.pem"), "").unwrap();
    let ended = run();
    assert!(
        ended.code == Some(1) && ended.err.contains("assertion.pem"),
        "{ended:?}"
    );
    change(
        &folder.path().join("attest.toml"),
        "environment = \"development\"",
        "environment = \"\"",
    );
    let place = format!(
        "attest.toml:{}:1: environment: ",
        line_with(&folder.path().join("attest.toml"), "environment = \"\"")
    );
    let ended = run();
    assert!(ended.code == Some(1) && ended.err.contains(&place), "{ended:?}");
}

#[test]
fn help_and_version_are_there_and_a_closed_pipe_is_no_panic() {
    for arguments in [
        &["--help"][..],
        &["gateway", "--help"],
        &["gateway", "init", "--help"],
        &["gateway", "check", "--help"],
        &["gateway", "run", "--help"],
        &["gateway", "status", "--help"],
        &["gateway", "bans", "add", "--help"],
        &["gateway", "token", "--help"],
        &["token", "inspect", "--help"],
        &["token", "verify", "--help"],
        &["explain", "--help"],
    ] {
        let ended = attest(arguments);
        assert_eq!(ended.code, Some(0));
        assert!(
            ended.text().contains("Exit codes:") || arguments == ["gateway", "--help"],
            "{}",
            ended.text()
        );
    }
    let (short, long) = (attest(&["-V"]), attest(&["--version"]));
    assert_eq!(short.text(), concat!("attest ", env!("CARGO_PKG_VERSION"), "\n"));
    let start = concat!("attest ", env!("CARGO_PKG_VERSION"), " (");
    assert!(
        long.text().starts_with(start) && long.text().contains("feature dev"),
        "{}",
        long.text()
    );
    assert_eq!(attest(&[]).code, Some(2));
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let folder = tempfile::tempdir().unwrap();
    init(folder.path(), &[]);
    let output = command()
        .args(["gateway", "check", "--config", &config(folder.path())])
        .stdout(writer)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
