//! The isolated process for real: a child of this test that has nothing but its end of the socket.

#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    reason = "a test's own failure is a panic, in its supporting functions too"
)]

use std::collections::BTreeMap;
use std::io::stdin;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use attest_core::facts::{FactId, FactMap, FactRef, Observation, Platform, Value};
use attest_core::policy::{Matcher, Outcome, Scope as PolicyScope, Side, Variables};
use attest_mobile::foreign::Clock;
use attest_mobile::host::SystemClock;
use attest_mobile::probes::isolated::{Isolated, IsolatedError, Nonce, ask, serve};
use attest_mobile::probes::{Collector, Probe, linux, sys::Unlimited};
use ring::rand::SystemRandom;

/// Tells this very program that it is the child, and of which kind.
const CHILD: &str = "ATTEST_ISOLATED_CHILD";

fn child(kind: &str) -> (Child, UnixStream) {
    started(&mut Command::new(std::env::current_exe().unwrap()), kind)
}

/// A child that this command becomes.
fn started(command: &mut Command, kind: &str) -> (Child, UnixStream) {
    let (app, isolated) = UnixStream::pair().unwrap();
    let child = command
        .args(["--exact", "is_the_child_if_told_so"])
        .env(CHILD, kind)
        .stdin(Stdio::from(OwnedFd::from(isolated)))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    (child, app)
}

#[test]
fn is_the_child_if_told_so() {
    let Ok(kind) = std::env::var(CHILD) else { return };
    let channel = UnixStream::from(stdin().as_fd().try_clone_to_owned().unwrap());
    if kind == "dying" {
        serve(&channel, &|_| std::process::abort(), &Unlimited).unwrap();
    }
    while serve(&channel, &scan, &Unlimited).is_ok() {}
}

fn scan(questions: &[FactRef]) -> FactMap {
    Collector::new(
        linux::probes(),
        Arc::new(SystemClock::default()),
        Variables::default(),
    )
    .scan(questions)
}

#[test]
fn another_process_answers_about_itself() {
    let (mut child, channel) = child("serving");
    let parent = FactRef::plain(FactId::ID_PPID).unwrap();
    let there: FactRef = "path.exists(/proc/self/maps)@syscall".parse().unwrap();
    let gone: FactRef = "path.exists(/no/such)@libc".parse().unwrap();
    let questions = [parent.clone(), there.clone(), gone.clone()];
    for round in 0..3 {
        let said = ask(&channel, &Nonce::new([round; 16]), &questions, &Unlimited).unwrap();
        let expect: FactMap = [
            (parent.clone(), Value::Integer(i64::from(std::process::id()))),
            (there.clone(), Value::Boolean(true)),
            (gone.clone(), Value::Boolean(false)),
        ]
        .map(|(question, value)| (question, Observation::Value(value)))
        .into_iter()
        .collect();
        assert_eq!(said, expect);
    }
    drop(channel);
    assert!(child.wait().unwrap().success(), "it ends when the app is gone");
}

#[test]
fn a_process_that_dies_leaves_no_answer() {
    let (mut child, channel) = child("dying");
    let question = FactRef::plain(FactId::ID_PPID).unwrap();
    let said = ask(&channel, &Nonce::new([1; 16]), &[question], &Unlimited);
    assert_eq!(said, Err(IsolatedError::Closed));
    assert!(!child.wait().unwrap().success());
}

/// The isolated process has a mount that was taken away from the app.
#[test]
fn what_is_hidden_from_the_app_is_seen_by_the_isolated_process() {
    let folder = tempfile::tempdir().unwrap();
    let mount = "mount -t tmpfs magisk \"$0\" && exec \"$@\"";
    let (mut child, channel) = started(
        Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", mount])
            .arg(folder.path())
            .arg(std::env::current_exe().unwrap()),
        "serving",
    );
    let isolated = Isolated::new(Arc::new(SystemRandom::new()));
    let mut probes = linux::probes();
    probes.push(Box::new(isolated.clone()));
    let clock = Arc::new(Still);
    let collector = Collector::new(probes, clock, Variables::default());
    let condition = |view: &str| {
        let when = format!(
            r#"{{"fact":"mounts.rows@{view}","op":"any_row","where":[{{"column":"source","op":"eq","value":"magisk"}}]}}"#
        );
        let lists = BTreeMap::new();
        let scope = PolicyScope::new(Side::Device(Platform::Android), &lists, Variables::default());
        Matcher::compile(&serde_json::from_str(&when).unwrap(), &scope).unwrap()
    };
    let (here, there) = (condition("syscall"), condition("isolated"));
    let scan = || {
        let questions: Vec<FactRef> = here.facts().chain(there.facts()).cloned().collect();
        let facts = collector.scan(&questions);
        [here.evaluate(&facts), there.evaluate(&facts)]
    };
    // Before the service is bound nothing is known of it.
    assert_eq!(scan(), [Outcome::False, Outcome::Inconclusive]);
    isolated.connect(channel);
    let seen = scan();
    if seen[1] == Outcome::Inconclusive && !child.wait().unwrap().success() {
        eprintln!("absent: no mount is hidden, for there is no place to mount it");
        return;
    }
    assert_eq!(seen, [Outcome::False, Outcome::True]);
    // When it dies, what was found keeps for its time; another one is asked anew.
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(scan(), [Outcome::False, Outcome::True]);
}

/// An exchange that failed is not followed by another one over the same socket.
#[test]
fn a_process_that_is_gone_is_an_error_and_then_no_view() {
    let isolated = Isolated::new(Arc::new(SystemRandom::new()));
    let probes: Vec<Box<dyn Probe>> = vec![Box::new(isolated.clone())];
    let collector = Collector::new(probes, Arc::new(Still), Variables::default());
    let question: FactRef = "path.exists(/proc/self/maps)@isolated".parse().unwrap();
    let ask = || {
        let facts = collector.scan(std::slice::from_ref(&question));
        facts.iter().next().map(|(_, observation)| observation.clone())
    };
    let (app, other) = UnixStream::pair().unwrap();
    isolated.connect(app);
    drop(other);
    assert_eq!(ask(), Some(Observation::Error(libc::EPIPE)));
    assert_eq!(ask(), Some(Observation::Error(libc::ENOSYS)));
    let (mut child, channel) = child("serving");
    isolated.connect(channel);
    assert_eq!(ask(), Some(Value::Boolean(true).into()));
    drop((collector, isolated));
    assert!(child.wait().unwrap().success(), "it ends when the app is gone");
}

/// Time stands still: a test is slower than a phone.
struct Still;

impl Clock for Still {
    fn wall_s(&self) -> u64 {
        0
    }

    fn monotonic_ms(&self) -> u64 {
        0
    }
}
