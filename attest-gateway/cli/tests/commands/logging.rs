//! The log of a running gateway: one line for each request, and a reader that stands still holds up nobody.
#![cfg(all(test, unix))]

use crate::gateway::{Running, change, init};

/// More than a pipe holds, several times.
const REQUESTS: usize = 1_500;

#[test]
fn a_reader_that_stands_still_holds_up_no_request() {
    let folder = tempfile::tempdir().unwrap();
    let listen = ["--listen", "127.0.0.1:0", "--upstream", "http://127.0.0.1:9"];
    init(folder.path(), &listen);
    let file = folder.path().join("attest.toml");
    change(&file, "#format = \"text\"", "format = \"json\"");
    change(&file, "#requests = \"off\"", "requests = \"refused\"");
    change(&file, "#queue_len = 8192", "queue_len = 16");
    let running = Running::start(folder.path());
    for _ in 0..REQUESTS {
        assert_eq!(running.request("POST", "/v1/login?secret=8472").0, 401);
    }
    running.signal("TERM");
    let (code, log) = running.ended();
    assert_eq!(code, Some(0), "{log}");
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |target: &str| {
        lines
            .iter()
            .filter(|line| line["target"] == target)
            .collect::<Vec<_>>()
    };
    let requests = of("attest_gateway::requests");
    assert!(
        requests.len() > 50 && requests.len() < REQUESTS,
        "{}",
        requests.len()
    );
    let first = requests[0];
    for (field, expect) in [
        ("method", "POST"),
        ("route", "login"),
        ("code", "token-missing"),
        ("reason", "token-missing"),
        ("protocol", "1.1"),
    ] {
        assert_eq!(first[field], expect, "{first}");
    }
    assert_eq!(first["status"], 401, "{first}");
    assert!(first["policy"].as_u64() > Some(0), "{first}");
    assert_eq!(first["request"].as_str().unwrap().len(), 32);
    assert!(
        first["duration_us"].as_u64().is_some() && first["bytes_out"].as_u64() > Some(100),
        "{first}"
    );
    assert!(
        first["support"].as_str().is_some_and(|code| !code.is_empty()),
        "{first}"
    );
    assert!(first.get("app").is_none() && !log.contains("8472"), "{first}");
    let dropped: u64 = lines.iter().filter_map(|line| line["lines"].as_u64()).sum();
    assert!(dropped > 0, "lines were dropped, and nobody said so");
}
