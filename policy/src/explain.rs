//! Why a request is decided as it is, or a detector concludes what it does: every clause with its outcome and its fact.
//!
//! What is explained is what runs: outcomes come from the compiled conditions, the decision from the gateway's own order
//! of route, app, token and rules. Roll-outs that have begun count as complete.

mod decision;
mod detector;
mod facts;
mod tree;

use attest_core::policy::Outcome;

pub use self::{
    decision::{DecisionTrace, Effect, RouteFit, RouteTrace, RuleTrace, decision},
    detector::{DetectorTrace, detector},
    facts::Facts,
    tree::Clauses,
};

/// Why nothing can be explained.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExplainError {
    /// The policy has no app, detector, issuer or variable of this name.
    #[error("the policy has no {what} `{name}`{among}")]
    Unknown {
        /// What was looked for.
        what: &'static str,
        /// Its name.
        name: String,
        /// What there is, or the nearest name.
        among: String,
    },
    /// The policy does not compile.
    #[error("the policy has errors")]
    Broken,
}

impl ExplainError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "unknown-reference",
            Self::Broken => "policy-broken",
        }
    }

    fn unknown<'a>(what: &'static str, name: &str, known: impl Iterator<Item = &'a str> + Clone) -> Self {
        Self::Unknown {
            what,
            name: name.chars().take(80).collect(),
            among: crate::nearest::hint(name, known),
        }
    }
}

/// The word for an outcome.
#[must_use]
pub const fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::True => "true",
        Outcome::False => "false",
        Outcome::Inconclusive => "inconclusive",
    }
}

#[cfg(test)]
mod tests;
