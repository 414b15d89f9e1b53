//! Who takes part, and what became of each one's requests.

use std::sync::Mutex;
use std::sync::PoisonError;

use attest_core::problem::{Problem, RetryClass};
use attest_mobile::{Headers, HttpReply};
use attest_testkit::bank::ACTOR_HEADER;
use serde::Serialize;

/// What an actor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// A customer.
    Genuine,
    /// An attacker.
    Hostile,
    /// A phone that rules in shadow see, until they are enforced.
    Shadowed,
}

/// What became of an actor's requests.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Count {
    /// Requests that the actor made; automatic repeats of the SDK are not counted again.
    pub(super) sent: u64,
    /// Answered by the bank.
    pub(super) allowed: u64,
    /// Passed only after a step-up.
    pub(super) stepped_up: u64,
    /// Refused.
    pub(super) denied: u64,
    /// Codes of refusals, in the order of their first appearance.
    #[serde(skip)]
    pub(super) codes: Vec<String>,
    /// Anything else: no answer, or an error of the bank.
    #[serde(skip)]
    pub(super) failed: Vec<String>,
}

/// One who takes part.
#[derive(Debug)]
pub(super) struct Actor {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    count: Mutex<Count>,
}

impl Actor {
    pub(super) const fn new(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            count: Mutex::new(Count {
                sent: 0,
                allowed: 0,
                stepped_up: 0,
                denied: 0,
                codes: Vec::new(),
                failed: Vec::new(),
            }),
        }
    }

    /// The headers by which the bank counts this actor.
    pub(super) fn headers(&self) -> Headers {
        vec![(ACTOR_HEADER.to_owned(), self.name.to_owned())]
    }

    pub(super) fn count(&self) -> Count {
        self.count.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes a reply. Returns whether the bank answered.
    pub(super) fn note(&self, reply: &HttpReply, stepped_up: bool) -> bool {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        count.sent += 1;
        if (200..300).contains(&reply.status) {
            count.allowed += 1;
            count.stepped_up += u64::from(stepped_up);
            return true;
        }
        let problem = serde_json::from_slice::<Problem>(&reply.body).ok();
        match problem.as_ref().and_then(Problem::code) {
            Some(code) => {
                count.denied += 1;
                if !count.codes.iter().any(|known| known == code.as_str()) {
                    count.codes.push(code.as_str().to_owned());
                }
                if code.retry() == RetryClass::StepUp {
                    count.stepped_up += 1;
                }
            }
            None => count.failed.push(format!("status {}", reply.status)),
        }
        false
    }

    /// Notes that the service refused, so that there was nothing to send the request with.
    pub(super) fn note_refusal(&self, code: &str) {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        count.sent += 1;
        count.denied += 1;
        if !count.codes.iter().any(|known| known == code) {
            count.codes.push(code.to_owned());
        }
    }

    /// Notes that there was no reply.
    pub(super) fn note_failure(&self, why: String) {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        count.sent += 1;
        count.failed.push(why);
    }
}
