//! Slow connections in three modes at a gateway with default limits, and what they cost genuine phones: the same phones at the same
//! pace before, during and after, in one run.

use std::process::{Command, Stdio};
use std::time::Duration;

use attest_tests::crowd::{Crowd, Tally};
use attest_tests::deployment::Deployment;
use attest_tests::slow::{Mode, ROUTES, Siege, let_go, origin};
use tokio::runtime::Builder;
use tokio::time::{Instant, sleep};

use crate::Finding;

const PHONES: usize = 16;
/// Between two requests of a phone.
const PACE: Duration = Duration::from_millis(20);
/// Between two bytes of a slow connection.
const PAUSE: Duration = Duration::from_secs(1);
const BASELINE: Duration = Duration::from_secs(15);
const CLOSED_WITHIN: Duration = Duration::from_secs(15);
/// After this, what is still open stays open.
const PATIENCE: Duration = Duration::from_secs(45);
const RATIO_MAX: f64 = 1.5;

pub(crate) async fn run(connections: usize) -> Vec<Finding> {
    println!(
        "slow: {connections} connections in each of {} modes",
        Mode::ALL.len()
    );
    let origin = origin().await;
    let deployment = Deployment::new(|policy| policy.more_routes = ROUTES);
    let node = deployment.node("a", &origin.url(), "", "");
    let instance = node.start();
    let phones = (0..PHONES).map(|_| deployment.phone(node.address)).collect();
    let crowd = Crowd::start(phones, PACE);
    crowd.answered(20 * PHONES as u64).await;
    crowd.take();
    let before = instance.descriptors() + PHONES;

    sleep(BASELINE).await;
    let baseline = crowd.take();
    println!(
        "  before: p99 {:.2?} of {} requests",
        baseline.percentile(99),
        baseline.answered
    );

    let begun = Instant::now();
    // A thread of its own, that everybody else goes before: an attacker brings a machine of his own, here he has what is left.
    let besiegers = Builder::new_multi_thread()
        .worker_threads(1)
        .on_thread_start(last_in_line)
        .enable_all()
        .build()
        .unwrap();
    let mut sieges = Vec::new();
    let mut during = Tally::default();
    for mode in Mode::ALL {
        let siege = Siege::lay(node.address, mode, connections, PAUSE);
        sieges.push(besiegers.spawn(siege).await.unwrap());
        let part = crowd.take();
        println!(
            "  {mode:?} laid after {:.1?}, {} descriptors, p99 {:.2?} of {} requests meanwhile",
            begun.elapsed(),
            instance.descriptors(),
            part.percentile(99),
            part.answered,
        );
        during.add(part);
    }
    let at_once: usize = sieges.iter().map(Siege::open).sum();
    let closed = let_go(&instance, before, PATIENCE).await;
    during.add(crowd.take());
    let still = instance.descriptors();
    drop(sieges);
    besiegers.shutdown_background();
    println!(
        "  during: p99 {:.2?} of {} requests",
        during.percentile(99),
        during.answered
    );

    // Whatever was still open is over before the second half of the baseline.
    let_go(&instance, before, PATIENCE).await;
    crowd.take();
    sleep(BASELINE).await;
    let after = crowd.rests().await;
    println!(
        "  after: p99 {:.2?} of {} requests",
        after.percentile(99),
        after.answered
    );
    let (code, _log) = instance.ends().await;
    let left = closed.ok_or(still.saturating_sub(before));
    let mut findings = vec![
        of_closing(left),
        Finding::new(
            "slow: connections at once",
            at_once,
            "what the limits let be",
            at_once >= connections,
        ),
        Finding::new("slow: exit code", format!("{code:?}"), "0", code == Some(0)),
    ];
    findings.extend(compared(baseline, &during, after));
    findings
}

/// Lets this thread run only when nobody else wants to.
fn last_in_line() {
    let thread = std::fs::read_link("/proc/thread-self").unwrap();
    let number = thread.file_name().unwrap();
    let idle = Command::new("chrt")
        .args(["--idle", "--pid", "0"])
        .arg(number)
        .stdout(Stdio::null())
        .status();
    assert!(idle.is_ok_and(|status| status.success()), "chrt failed");
}

/// When the last slow one was closed, or how many never were.
fn of_closing(closed: Result<Duration, usize>) -> Finding {
    let seen = match closed {
        Ok(closed) => format!("{closed:.1?} after it was opened"),
        Err(left) => format!("{left} still open after {PATIENCE:?}"),
    };
    let held = closed.is_ok_and(|closed| closed <= CLOSED_WITHIN);
    Finding::new("slow: the last one closed", seen, "15 s", held)
}

/// What genuine phones noticed.
fn compared(before: Tally, during: &Tally, after: Tally) -> [Finding; 2] {
    let mut without = before;
    without.add(after);
    let p99 = (without.percentile(99), during.percentile(99));
    let ratio = p99.1.as_secs_f64() / p99.0.as_secs_f64().max(f64::EPSILON);
    let harmed = without.failed + during.failed;
    let failures = [&without.failures[..], &during.failures].concat().join("; ");
    [
        Finding::new(
            "slow: genuine p99, during / without",
            format!("{:.2?} / {:.2?} = {ratio:.2}", p99.1, p99.0),
            "1.5",
            ratio <= RATIO_MAX,
        ),
        Finding::new(
            "slow: genuine failures",
            format!("{harmed} {failures}"),
            "0",
            harmed == 0,
        ),
    ]
}
