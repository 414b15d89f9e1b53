//! What happened lately, and what the phone is, as text for support. Notices hold no secret, and nothing else is kept.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use attest_core::challenge::Purpose;
use attest_mobile::foreign::{Clock, Observer as Hears};
use attest_mobile::{Failure, Notice};

use super::Core;
use super::foreign::Observer;
use super::records::{Refusal, Status};

/// So many notices are kept.
const KEPT_MAX: usize = 64;

/// Hears notices, keeps the newest and passes each on to the app's observer.
pub(super) struct Diary {
    observer: Box<dyn Observer>,
    clock: Arc<dyn Clock>,
    kept: Mutex<VecDeque<(u64, String)>>,
}

impl Diary {
    pub(super) fn new(observer: Box<dyn Observer>, clock: Arc<dyn Clock>) -> Self {
        Self {
            observer,
            clock,
            kept: Mutex::default(),
        }
    }

    pub(super) fn refused(&self, refusal: &Refusal) {
        let text = [
            "a request was refused: ",
            &refusal.code,
            ", support code ",
            &refusal.support,
        ]
        .concat();
        self.write("refused", text);
    }

    fn write(&self, code: &str, text: String) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_MAX {
            kept.pop_front();
        }
        kept.push_back((self.clock.monotonic_ms(), text.clone()));
        drop(kept);
        // What an observer throws is its own business.
        let _: Result<(), _> = self.observer.notice(code.to_owned(), text);
    }

    fn lines(&self, text: &mut String) {
        let now_ms = self.clock.monotonic_ms();
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        for (at_ms, line) in kept.iter() {
            let ago_s = now_ms.saturating_sub(*at_ms) / 1000;
            add(text, &[&ago_s.to_string(), " s ago: ", line]);
        }
    }
}

impl Hears for Diary {
    fn notice(&self, notice: &Notice) {
        self.write(notice.code(), sentence(notice));
    }
}

impl Core {
    pub(super) fn status(&self) -> Status {
        Status::new(self.attestor.status(), self.attestor.device())
    }

    pub(super) fn diagnostics(&self, has_stopped: bool) -> String {
        let status = self.status();
        let number =
            |number: Option<u64>| number.map_or_else(|| "none".to_owned(), |number| number.to_string());
        let mut text = String::new();
        add(
            &mut text,
            &[
                "attest ",
                env!("CARGO_PKG_VERSION"),
                if has_stopped { ", stopped" } else { "" },
            ],
        );
        add(&mut text, &["enrolled: ", yes(status.enrolled)]);
        add(
            &mut text,
            &["session ends in s: ", &number(status.session_ends_in_s)],
        );
        add(&mut text, &["sessions: ", &status.sessions.to_string()]);
        add(&mut text, &["policy: ", &number(status.policy_version)]);
        add(&mut text, &["policy is stale: ", yes(status.policy_is_stale)]);
        add(&mut text, &["server time s: ", &status.server_time_s.to_string()]);
        for finding in &status.findings {
            add(&mut text, &["finding: ", &finding.id, " ", &finding.outcome]);
        }
        for cost in self.probed.costs() {
            let took = [cost.last_us, cost.max_us].map(|us| us.to_string());
            let [last_us, max_us] = &took;
            add(
                &mut text,
                &["probe: ", cost.probe, ", us ", last_us, ", at most ", max_us],
            );
        }
        self.diary.lines(&mut text);
        text
    }
}

fn add(text: &mut String, parts: &[&str]) {
    parts.iter().for_each(|part| text.push_str(part));
    text.push('\n');
}

const fn yes(is: bool) -> &'static str {
    if is { "yes" } else { "no" }
}

const fn word(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Enroll => "enrolment",
        Purpose::Renew => "renewal",
    }
}

/// A notice as a sentence.
fn sentence(notice: &Notice) -> String {
    let number = |number: usize| number.to_string();
    match notice {
        Notice::Started { resumed } => {
            let before = if *resumed { "was" } else { "was not" };
            ["what was kept was read: the phone ", before, " enrolled before"].concat()
        }
        Notice::Discarded { blob, code } => ["kept ", blob, " was discarded: ", code].concat(),
        Notice::NotStored { blob } => [blob, " could not be written; it is kept in memory"].concat(),
        Notice::PolicyActive { version } => ["device policy ", &version.to_string(), " took effect"].concat(),
        Notice::PolicyRefused(fault) => ["a device policy was refused: ", fault.code()].concat(),
        Notice::Scanned {
            detectors,
            hits,
            inconclusive,
            unsupported,
        } => [
            "detectors: ",
            &number(*detectors),
            ", hits: ",
            &number(*hits),
            ", inconclusive: ",
            &number(*inconclusive),
            ", of these unsupported: ",
            &number(*unsupported),
        ]
        .concat(),
        Notice::KeyMade => "a device key was made".to_owned(),
        Notice::Session { purpose, lifetime_s } => [
            "a session of ",
            &lifetime_s.to_string(),
            " s began: ",
            word(*purpose),
        ]
        .concat(),
        Notice::RegistrationLost { code } => {
            ["the registration is lost, and a new one is made: ", code].concat()
        }
        Notice::Failed { failure, again_in_ms } => failed(failure, *again_in_ms),
        _ => notice.code().to_owned(),
    }
}

fn failed(failure: &Failure, again_in_ms: u64) -> String {
    let mut text = ["failed: ", failure.code()].concat();
    if let Failure::Refused(refusal) = failure {
        text.push_str(", support code ");
        text.push_str(&refusal.support);
    }
    text.push_str("; again in ms: ");
    text.push_str(&again_in_ms.to_string());
    text
}
