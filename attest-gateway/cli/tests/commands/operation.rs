//! Looking after a gateway: reloading it, rotating its keys, examining it, and what the service manager hears.
#![cfg(test)]

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use crate::gateway::{Running, backend, change, config, init};
use crate::support::*;

/// A development gateway's folder, its upstream answering.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (upstream, arrivals) = backend(Some("healthy"));
    // It answers for as long as the test's process lives.
    std::thread::spawn(move || arrivals.iter().for_each(drop));
    init(
        folder.path(),
        &[
            "--listen",
            "127.0.0.1:0",
            "--upstream",
            &format!("http://{upstream}"),
        ],
    );
    folder
}

/// Writes the port that the system chose into the configuration, so that other commands find the gateway.
fn pin(folder: &Path, running: &Running) {
    change(
        &folder.join("attest.toml"),
        "address = \"127.0.0.1:0\"",
        &format!("address = \"{}\"", running.address),
    );
}

fn keys(folder: &Path, words: &[&str]) -> Ended {
    attest(&[&["gateway", "keys"], words, &["--config", &config(folder)]].concat())
}

#[test]
fn a_reload_takes_what_it_can_and_names_the_rest() {
    let folder = folder();
    let toml = folder.path().join("attest.toml");
    let mut running = Running::start(folder.path());
    change(&toml, "#level = \"info\"", "level = \"debug\"");
    change(&toml, "#head_fields = 100", "head_fields = 90");
    assert_eq!(keys(folder.path(), &["rotate", "support"]).code, Some(0));
    running.signal("HUP");
    running.logged("changed, but waits for a restart setting=\"limits.head_fields\"");
    running.logged("reloaded settings=\"log.level\" keys=\"support\"");
    // Lines of this level are new.
    assert_eq!(running.request("POST", "/v1/login").0, 401);
    running.logged("DEBUG");
    let line = fs::read_to_string(&toml)
        .unwrap()
        .lines()
        .position(|line| line == "level = \"debug\"")
        .unwrap()
        + 1;
    change(&toml, "level = \"debug\"", "level = \"loud\"");
    change(&toml, "head_fields = 90", "head_fields = 1");
    running.signal("HUP");
    running.logged("limits.head_fields: 1 is not between");
    running.logged(&format!("attest.toml:{line}:1: log.level: "));
    assert_eq!(running.request("GET", "/health").0, 200);
    running.signal("TERM");
    assert_eq!(running.ended().0, Some(0));
}

#[test]
fn the_service_manager_hears_how_it_goes() {
    let folder = folder();
    let socket = folder.path().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut command = command();
    command
        .env("NOTIFY_SOCKET", &socket)
        .env("WATCHDOG_USEC", "1000000");
    let running = Running::start_as(folder.path(), command);
    let mut signs_of_life = 0;
    let mut hear = |expect: &[&str]| {
        loop {
            let mut heard = [0; 512];
            let length = manager.recv(&mut heard).unwrap();
            let heard = String::from_utf8_lossy(&heard[..length]).into_owned();
            if heard.trim_end() == "WATCHDOG=1" && expect != ["WATCHDOG=1"] {
                signs_of_life += 1;
                continue;
            }
            for part in expect {
                assert!(heard.contains(part), "{part} is not in {heard:?}");
            }
            break;
        }
    };
    hear(&["READY=1", "STATUS=serving on 127.0.0.1:"]);
    hear(&["WATCHDOG=1"]);
    running.signal("HUP");
    hear(&["RELOADING=1", "MONOTONIC_USEC="]);
    hear(&["READY=1"]);
    // What cannot be taken ends the reload as well.
    fs::remove_file(folder.path().join("keys/fleet.json")).unwrap();
    running.signal("HUP");
    hear(&["RELOADING=1"]);
    hear(&["READY=1"]);
    running.signal("TERM");
    hear(&["STOPPING=1"]);
    assert_eq!(running.ended().0, Some(0));
}

#[test]
fn keys_rotate_step_by_step() {
    let folder = folder();
    let listed = keys(folder.path(), &["list"]);
    assert_eq!((listed.code, listed.err.as_str()), (Some(0), ""));
    let published = keys(folder.path(), &["rotate", "attestation"]);
    assert_eq!((published.code, published.err.as_str()), (Some(0), ""));
    for part in [
        "generation 2 is published; 1 stays in use",
        "systemctl reload attest",
        "in 15 minutes",
        "keys rotate attestation --stage use",
    ] {
        assert!(published.text().contains(part), "{}", published.text());
    }
    let early = keys(folder.path(), &["rotate", "attestation"]);
    assert_eq!((early.code, early.out.len()), (Some(1), 0));
    assert!(
        early.err.contains("[rotation-early]") && early.err.contains("--early"),
        "{}",
        early.err
    );
    let list = keys(folder.path(), &["list", "--json"]).json();
    assert_eq!(list["attestation"]["next"]["stage"], "use");
    assert_eq!(
        list["attestation"]["generations"].as_array().unwrap().len(),
        2,
        "{list}"
    );
    for stage in ["use", "retire"] {
        let words = ["rotate", "attestation", "--stage", stage, "--early"];
        assert_eq!(keys(folder.path(), &words).code, Some(0), "{stage}");
    }
    let list = keys(folder.path(), &["list", "--json"]).json();
    assert_eq!(list["attestation"]["phase"], "settled");
    assert!(!folder.path().join("keys/attestation.pem").exists());
    let none = keys(folder.path(), &["rotate", "attestation", "--stage", "retire"]);
    assert!(
        none.code == Some(1) && none.err.contains("[rotation-nothing-old]"),
        "{none:?}"
    );
    let emergency = keys(folder.path(), &["rotate", "ticket", "--emergency"]);
    assert_eq!(emergency.code, Some(0));
    assert!(
        emergency.text().contains("phones renew by themselves"),
        "{}",
        emergency.text()
    );
    let both = ["rotate", "ticket", "--emergency", "--stage", "use"];
    assert_eq!(keys(folder.path(), &both).code, Some(2));
    // Nothing secret is ever shown.
    let secret = fs::read_to_string(folder.path().join("keys/ticket-2.key")).unwrap();
    for ended in [keys(folder.path(), &["list"]), emergency] {
        assert!(!ended.text().contains(secret.trim_end()));
    }
}

#[test]
fn the_doctor_finds_a_healthy_gateway_healthy_and_names_what_is_not() {
    let folder = folder();
    let doctor = |more: &[&str]| {
        let config = config(folder.path());
        attest(&[&["gateway", "doctor", "--config", &config], more].concat())
    };
    let health = || attest(&["gateway", "health", "--config", &config(folder.path())]);
    let running = Running::start(folder.path());
    pin(folder.path(), &running);
    let healthy = doctor(&[]);
    assert_eq!(healthy.code, Some(0), "{}", healthy.text());
    for part in [
        "it answers on",
        "jwks.json has the keys on the disk",
        "version 7 is in force",
        "it gives challenges to bank-android",
        "is held by the running gateway",
        "a simulated phone enrolled as bank-android",
        "its request to /v1/balance passed; the backend answered 200",
        "accepts connections",
        "0 failed",
    ] {
        assert!(healthy.text().contains(part), "{part}: {}", healthy.text());
    }
    assert_eq!(health().code, Some(0));
    // Keys and policy that the gateway has not taken.
    keys(folder.path(), &["rotate", "attestation"]);
    let policy = folder.path().join("policy.yaml");
    let good = fs::read_to_string(&policy).unwrap();
    let stale = doctor(&["--json"]);
    assert_eq!(stale.code, Some(1));
    let failed = |ended: &Ended| -> Vec<String> {
        let findings = ended.json()["findings"].as_array().unwrap().clone();
        let failed = findings.iter().filter(|finding| finding["state"] == "fail");
        failed
            .map(|finding| finding["what"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(failed(&stale), ["keys"], "{}", stale.text());
    running.signal("TERM");
    running.ended();
    assert_eq!(health().code, Some(1));
    // Nothing runs now: that is to be looked at, and no failure.
    let stopped = doctor(&[]);
    assert_eq!(stopped.code, Some(0), "{}", stopped.text());
    assert!(
        stopped.text().contains("no gateway runs there"),
        "{}",
        stopped.text()
    );
    assert!(stopped.text().contains("attest.redb opens"), "{}", stopped.text());
    // A clock that was set back, an upstream that is gone, a store that is none.
    fs::write(&policy, &good).unwrap();
    let future = std::time::SystemTime::now() + Duration::from_secs(86_400);
    fs::File::options()
        .write(true)
        .open(&policy)
        .unwrap()
        .set_modified(future)
        .unwrap();
    let toml = folder.path().join("attest.toml");
    let text = fs::read_to_string(&toml).unwrap();
    let url = text.lines().find(|line| line.starts_with("url = ")).unwrap();
    let gone = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    change(&toml, url, &format!("url = \"http://{gone}\""));
    fs::write(folder.path().join("attest.redb"), "nonsense").unwrap();
    assert_eq!(failed(&doctor(&["--json"])), ["clock", "upstream", "store"]);
}

#[test]
fn the_reference_is_the_published_one() {
    let published = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    let printed = attest(&["gateway", "reference"]);
    assert!(
        printed.text() == fs::read_to_string(published).unwrap(),
        "docs/configuration.md is not what `attest gateway reference` prints"
    );
}
