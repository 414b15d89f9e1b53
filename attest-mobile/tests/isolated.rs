//! The isolated process for real: a child of this test that has nothing but its end of the socket.

#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    reason = "a test's own failure is a panic, in its supporting functions too"
)]

use std::io::stdin;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use attest_core::facts::{FactId, FactMap, FactRef, Observation, Value};
use attest_core::policy::Variables;
use attest_mobile::host::SystemClock;
use attest_mobile::probes::isolated::{IsolatedError, Nonce, ask, serve};
use attest_mobile::probes::{Collector, linux, sys::Unlimited};

/// Tells this very program that it is the child, and of which kind.
const CHILD: &str = "ATTEST_ISOLATED_CHILD";

fn child(kind: &str) -> (Child, UnixStream) {
    let (app, isolated) = UnixStream::pair().unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
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
