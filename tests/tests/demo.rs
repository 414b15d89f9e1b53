//! The demo as a newcomer runs it: sound, every expectation holds; broken in one way, exactly the expectations fail that watch
//! for it. So each expectation is seen to be able to fail.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test's own failure is a panic, in its supporting functions too"
)]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;

use attest_gateway::faults::Fault;
use attest_tests::binary::attest;
use serde::Deserialize;

/// Demos at a time: each runs its own gateway, bank and phones, on ports and in folders of its own.
const AT_ONCE: usize = 4;
/// The one expectation that is about time. It is the demo's to make, and no test's: a test that asserts a time fails by what else
/// runs beside it.
const ABOUT_TIME: &str = "policy-blocks-within-a-second";

#[derive(Debug, Deserialize)]
struct Report {
    expectations: Vec<Expectation>,
    actors: Vec<Actor>,
    policy_to_block_ms: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Expectation {
    name: String,
    held: bool,
}

#[derive(Debug, Deserialize)]
struct Actor {
    name: String,
    kind: String,
    sent: u64,
    allowed: u64,
    denied: u64,
    reached_backend: u64,
}

fn demo(binary: &Path, fault: Option<Fault>) -> Output {
    let mut command = Command::new(binary);
    command.args(["demo", "--json"]);
    if let Some(fault) = fault {
        command.args(["--break", fault.as_str()]);
    }
    command.stdin(Stdio::null()).output().unwrap()
}

fn read(output: &Output) -> Report {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        panic!("{error}; stdout: {out}; stderr: {err}")
    })
}

/// Which expectations must fail when the gateway is broken this way. Others may fail with them.
const fn must_fail(fault: Fault) -> &'static [&'static str] {
    match fault {
        Fault::SkipBinding => &["moved-tokens-are-refused", "no-hostile-request-reaches-the-bank"],
        Fault::SkipSingleUse => &[
            "replayed-tokens-are-refused",
            "no-hostile-request-reaches-the-bank",
        ],
        Fault::ForwardRefused => &[
            "script-without-the-sdk-is-refused",
            "forged-tokens-are-refused",
            "faked-headers-are-refused",
            "no-hostile-request-reaches-the-bank",
        ],
        Fault::IgnoreRules => &[
            "repackaged-app-is-refused",
            "same-phones-denied-after-the-change",
            ABOUT_TIME,
            "step-up-by-the-user-passes",
            "step-up-by-proof-is-automatic",
        ],
        Fault::EnforceShadow => &["cloner-visible-in-shadow", "emulator-visible-in-shadow"],
        Fault::IgnoreBans => &[
            "banned-device-is-cut-off-at-once",
            "no-hostile-request-reaches-the-bank",
        ],
        Fault::EnforceObserve => &["old-app-passes-and-is-counted"],
        Fault::KeepForgedHeaders => &["no-forged-header-reaches-the-bank"],
        Fault::IgnoreStepUp => &["step-up-by-the-user-passes"],
        Fault::IgnorePolicyChange => &[
            ABOUT_TIME,
            "same-phones-denied-after-the-change",
            "new-detector-reaches-running-phones",
            "enforced-for-every-phone",
            "brake-undoes-it",
            "forged-policies-change-nothing",
        ],
        Fault::RefuseEnrolment => &["genuine-users-never-see-an-error", "every-chapter-is-played"],
        Fault::SendTwice => &["bank-and-actors-count-the-same"],
        Fault::EndSessions => &["with-the-sessions-they-hold"],
        Fault::BelieveEvidence => &[
            "evidence-that-does-not-hold-is-refused",
            "no-hostile-request-reaches-the-bank",
        ],
    }
}

#[test]
fn a_sound_gateway_meets_every_expectation_and_a_broken_one_does_not() {
    let binary = attest();
    let sound = demo(binary, None);
    let report = read(&sound);
    let failed: Vec<_> = report
        .expectations
        .iter()
        .filter(|expectation| !expectation.held)
        .map(|expectation| expectation.name.as_str())
        .collect();
    let blocked = report.policy_to_block_ms;
    if failed == [ABOUT_TIME] && blocked.is_some() {
        // Blocked it was. How soon is for a machine that is not full of tests to tell.
        println!("{ABOUT_TIME}: took {blocked:?} ms here");
    } else {
        assert_eq!((sound.status.code(), failed), (Some(0), Vec::new()));
    }
    for actor in &report.actors {
        assert!(actor.sent > 0, "{actor:?}");
        match actor.kind.as_str() {
            "genuine" => assert_eq!((actor.allowed, actor.denied), (actor.sent, 0), "{actor:?}"),
            "hostile" => assert_eq!((actor.allowed, actor.reached_backend), (0, 0), "{actor:?}"),
            "shadowed" => assert!(actor.allowed > 0 && actor.denied > 0, "{actor:?}"),
            kind => panic!("{} is of kind {kind}", actor.name),
        }
        assert_eq!(actor.allowed, actor.reached_backend, "{actor:?}");
    }
    let names: BTreeSet<String> = report
        .expectations
        .into_iter()
        .map(|expectation| expectation.name)
        .collect();

    let queue = Mutex::new(Fault::ALL.into_iter());
    let seen_to_fail = Mutex::new(BTreeSet::new());
    let complaints = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap().next();
                    let Some(fault) = next else { return };
                    let output = demo(binary, Some(fault));
                    match missed(fault, &output, &names) {
                        Ok(failed) => seen_to_fail.lock().unwrap().extend(failed),
                        Err(complaint) => complaints.lock().unwrap().push(complaint),
                    }
                }
            });
        }
    });
    let complaints = complaints.into_inner().unwrap();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    let seen = seen_to_fail.into_inner().unwrap();
    let never: Vec<_> = names.iter().filter(|name| !seen.contains(*name)).collect();
    assert!(never.is_empty(), "no fault makes these fail: {never:?}");
}

/// The expectations that failed, or what is wrong with how this broken demo ended.
fn missed(fault: Fault, output: &Output, names: &BTreeSet<String>) -> Result<Vec<String>, String> {
    let name = fault.as_str();
    if output.status.code() != Some(1) {
        let stderr = String::from_utf8_lossy(&output.stderr);
        return Err(format!(
            "{name}: ended with {:?} instead of 1: {stderr}",
            output.status.code()
        ));
    }
    let report: Report =
        serde_json::from_slice(&output.stdout).map_err(|error| format!("{name}: {error}"))?;
    let failed: Vec<String> = report
        .expectations
        .iter()
        .filter(|expectation| !expectation.held)
        .map(|e| e.name.clone())
        .collect();
    let all: BTreeSet<String> = report
        .expectations
        .into_iter()
        .map(|expectation| expectation.name)
        .collect();
    let told = failed.iter().any(|failed| failed == "every-chapter-is-played");
    if all != *names && !told {
        return Err(format!(
            "{name}: expectations are left out without a word: {all:?}"
        ));
    }
    let held: Vec<_> = must_fail(fault)
        .iter()
        .filter(|must| !failed.iter().any(|failed| failed == *must))
        .collect();
    if held.is_empty() {
        Ok(failed)
    } else {
        Err(format!("{name}: {held:?} held; failed: {failed:?}"))
    }
}
