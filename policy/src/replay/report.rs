//! What a replay found. Counts are of requests unless they say lines: a line of a sampled log stands for several.

use attest_core::policy::Mode;
use serde::Serialize;

use super::{Count, Decided};

/// What a replay found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The candidate's version.
    pub candidate: u64,
    /// Whether every rule that is not off was taken as enforced for everybody.
    pub if_enforced: bool,
    /// Lines that were used.
    pub lines: u64,
    /// Lines that could not be used.
    pub bad: u64,
    /// The first of them.
    pub bad_lines: Vec<BadLine>,
    /// The time of the oldest line, in Unix seconds.
    pub from_s: Option<u64>,
    /// The time of the newest line.
    pub to_s: Option<u64>,
    /// The policies that decided, by version.
    pub policies: Vec<u64>,
    /// The requests that the lines stand for.
    pub requests: f64,
    /// Those that were allowed.
    pub allowed: f64,
    /// Allowed before, refused by the candidate; and asked for more before, now refused.
    pub newly_denied: f64,
    /// Allowed before, asked for more by the candidate.
    pub newly_stepped_up: f64,
    /// Refused or asked for more before, allowed by the candidate.
    pub newly_allowed: f64,
    /// Refused before, asked for more by the candidate.
    pub eased: f64,
    /// Nothing changes.
    pub same: f64,
    /// The log does not tell.
    pub undecided: f64,
    /// Those of them that were allowed.
    pub undecided_of_allowed: f64,
    /// What changes, by rule; the largest first.
    pub groups: Vec<Group>,
}

/// How the outcome of a request changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Newly refused.
    Denied,
    /// Newly asked for more.
    SteppedUp,
    /// Newly allowed.
    Allowed,
    /// Asked for more instead of refused.
    Eased,
    /// The log does not tell.
    Undecided,
    /// What a rule would newly refuse, or ask more for, if it were enforced for everybody.
    IfEnforced,
    /// None.
    Same,
}

/// A change, by the rule that brings it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// The change.
    pub change: Change,
    /// The rule; or, after a code, the route. Of [`Change::Allowed`] the rule that refused before.
    pub name: String,
    /// The rule's mode in the candidate.
    pub mode: Option<Mode>,
    /// The rule's roll-out in the candidate.
    pub percent: Option<u8>,
    /// What the rule decides in the candidate.
    pub then: Option<Decided>,
    /// Lines, in parts where a roll-out decides.
    pub lines: f64,
    /// The requests that they stand for.
    pub requests: f64,
    /// The devices behind them.
    pub devices: Count,
    /// The apps, with their requests.
    pub apps: Vec<(String, f64)>,
    /// Their versions, with their requests.
    pub versions: Vec<(String, f64)>,
    /// What is missing, with the requests.
    pub missing: Vec<(String, f64)>,
    /// Some of the lines.
    pub examples: Vec<Example>,
}

/// A line that shows a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Example {
    /// The file as it was named.
    pub file: String,
    /// The line, from 1.
    pub line: u64,
    /// The route.
    pub route: String,
    /// The fact that decides.
    pub fact: Option<String>,
    /// Its value.
    pub value: Option<String>,
}

/// A line that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BadLine {
    /// The file as it was named.
    pub file: String,
    /// The line, from 1.
    pub line: u64,
    /// The stable code.
    pub code: &'static str,
    /// What is wrong with it.
    pub message: String,
}

impl Change {
    pub(super) fn of(before: Decided, after: Option<Decided>) -> Self {
        use Decided::{Allow, Deny, None, StepUp};
        match (before, after) {
            (_, Option::None) => Self::Undecided,
            (Allow | None | StepUp, Some(Deny)) => Self::Denied,
            (Allow | None, Some(StepUp)) => Self::SteppedUp,
            (Deny | StepUp, Some(Allow | None)) => Self::Allowed,
            (Deny, Some(StepUp)) => Self::Eased,
            (Allow | None, Some(Allow | None)) | (StepUp, Some(StepUp)) | (Deny, Some(Deny)) => Self::Same,
        }
    }
}

impl Report {
    pub(super) const fn new(candidate: u64, if_enforced: bool) -> Self {
        Self {
            candidate,
            if_enforced,
            lines: 0,
            bad: 0,
            bad_lines: Vec::new(),
            from_s: None,
            to_s: None,
            policies: Vec::new(),
            requests: 0.0,
            allowed: 0.0,
            newly_denied: 0.0,
            newly_stepped_up: 0.0,
            newly_allowed: 0.0,
            eased: 0.0,
            same: 0.0,
            undecided: 0.0,
            undecided_of_allowed: 0.0,
            groups: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, change: Change, requests: f64, before: Decided) {
        let sum = match change {
            Change::Denied => &mut self.newly_denied,
            Change::SteppedUp => &mut self.newly_stepped_up,
            Change::Allowed => &mut self.newly_allowed,
            Change::Eased => &mut self.eased,
            Change::Same | Change::IfEnforced => &mut self.same,
            Change::Undecided => {
                if before == Decided::Allow {
                    self.undecided_of_allowed += requests;
                }
                &mut self.undecided
            }
        };
        *sum += requests;
    }
}
