//! What a probe is: one family of facts of the table, answered together because they come from the same reading.
//!
//! A probe reads no clock, keeps nothing between two scans and never decides: it says what it saw. What it does not answer is
//! inconclusive, and never clear.

use attest_core::facts::{FactId, FactRef, View};
use attest_core::policy::Variables;

use super::Answers;
use super::sys::Deadline;

/// How long an answer keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// As long as the process: nothing changes it.
    Process,
    /// So many seconds.
    Seconds(u32),
    /// For this scan only.
    Scan,
}

/// What a probe is given.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// When to stop. It is asked between any two steps that can take long.
    pub deadline: &'a dyn Deadline,
    /// What this phone and this app are called.
    pub variables: &'a Variables,
}

/// One family of facts.
pub trait Probe: Send + Sync {
    /// A short name for the record of costs, such as `maps`.
    fn name(&self) -> &'static str;

    /// The facts of this family.
    fn facts(&self) -> &'static [FactId];

    /// What answering all of it takes, in microseconds, as it was measured on a host: it orders a scan and bounds nothing.
    fn cost_us(&self) -> u32;

    /// How long its answers keep.
    fn lifetime(&self) -> Lifetime;

    /// Whether it is asked this question, which is about one of its facts. Families that share a fact have different views of it.
    fn takes(&self, question: &FactRef) -> bool {
        let _: &FactRef = question;
        true
    }

    /// Answers these questions, all of which it takes. One that it leaves unanswered is inconclusive.
    fn answer(&self, questions: &[&FactRef], scope: &Scope<'_>, answers: &mut Answers);
}

/// The view by which a question is asked: the one that it names, else the first of its fact's row in the table.
#[must_use]
pub fn view_of(question: &FactRef) -> Option<View> {
    question
        .view()
        .or_else(|| question.fact().entry().views.first().copied())
}

impl std::fmt::Debug for Scope<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}
