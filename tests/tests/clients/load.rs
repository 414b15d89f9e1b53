//! h2load: thousands of requests, not one of which may fail.

use super::stage::{BALANCE, Behind, Stage, python, succeeds};

/// Requests of one run.
const REQUESTS: &str = "3000";

/// Runs h2load and asserts that every request succeeded.
pub(super) fn check(stage: &Stage, url: &str, more: &[&str]) {
    let token = stage.balance_token();
    let headers: Vec<&str> = token.lines().flat_map(|line| ["-H", line]).collect();
    let mut arguments = vec!["-n", REQUESTS, "-c", "16"];
    arguments.extend(more);
    arguments.extend(headers);
    arguments.push(url);
    let told = succeeds("h2load", &arguments);
    let expect = format!(
        "requests: {REQUESTS} total, {REQUESTS} started, {REQUESTS} done, {REQUESTS} succeeded, 0 failed"
    );
    assert!(told.contains(&expect), "{told}");
    assert!(told.contains(&format!("status codes: {REQUESTS} 2xx")), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h2load_by_http1() {
    if python().is_some() {
        let stage = Stage::open(&Behind::nobody()).await;
        check(
            &stage,
            &format!("http://{}{BALANCE}", stage.plain.address),
            &["--h1"],
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h2load_by_http2_with_prior_knowledge() {
    if python().is_none() {
        return;
    }
    let stage = Stage::open(&Behind::nobody()).await;
    check(
        &stage,
        &format!("http://{}{BALANCE}", stage.plain.address),
        &["-m", "10"],
    );
}
