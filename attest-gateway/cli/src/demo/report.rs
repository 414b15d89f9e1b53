//! The final table, or the same as JSON.

use std::fmt::Write as _;

use serde::Serialize;

use super::actor::Kind;
use super::expectation::Expectation;
use super::over_the_air::Step;

/// What the demo ends with.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) expectations: Vec<Expectation>,
    pub(super) actors: Vec<ActorRow>,
    /// From the publication of a policy to the first request denied by it; `null` if none was.
    pub(super) policy_to_block_ms: Option<u64>,
    /// The steps by which a detector that is newer than the app was rolled out and taken back.
    pub(super) over_the_air: Vec<Step>,
}

/// One actor's line.
#[derive(Debug, Serialize)]
pub(super) struct ActorRow {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) sent: u64,
    pub(super) allowed: u64,
    pub(super) stepped_up: u64,
    pub(super) denied: u64,
    pub(super) reached_backend: u64,
    #[serde(skip)]
    pub(super) codes: String,
}

impl Report {
    pub(super) fn held(&self) -> bool {
        self.expectations.iter().all(|expectation| expectation.held)
    }

    pub(super) fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    pub(super) fn table(&self) -> String {
        let mut text = String::new();
        let width = self
            .actors
            .iter()
            .map(|actor| actor.name.len())
            .max()
            .unwrap_or(0);
        // Writing to a String cannot fail.
        let _written = writeln!(
            text,
            "\n{:<width$}  {:>5}  {:>7}  {:>10}  {:>6}  {:>12}  refused with",
            "actor", "sent", "allowed", "stepped up", "denied", "reached bank"
        );
        for actor in &self.actors {
            let _written = writeln!(
                text,
                "{:<width$}  {:>5}  {:>7}  {:>10}  {:>6}  {:>12}  {}",
                actor.name,
                actor.sent,
                actor.allowed,
                actor.stepped_up,
                actor.denied,
                actor.reached_backend,
                actor.codes
            );
        }
        text.push('\n');
        for expectation in &self.expectations {
            let mark = if expectation.held { "held  " } else { "FAILED" };
            let _written = writeln!(text, "{mark}  {}  ({})", expectation.name, expectation.seen);
        }
        let held = self
            .expectations
            .iter()
            .filter(|expectation| expectation.held)
            .count();
        let _written = write!(text, "\n{held} of {} expectations held", self.expectations.len());
        text
    }
}
