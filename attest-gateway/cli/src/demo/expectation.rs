//! What the demo claims. Each claim names what it saw, so that one that does not hold explains itself.

use serde::Serialize;

/// One claim.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Expectation {
    /// Its stable name.
    pub(super) name: &'static str,
    /// Whether it held.
    pub(super) held: bool,
    /// What was seen, for people.
    #[serde(skip)]
    pub(super) seen: String,
}

/// The claims made so far.
#[derive(Debug, Default)]
pub(super) struct Expectations(Vec<Expectation>);

impl Expectations {
    /// Makes a claim.
    pub(super) fn expect(&mut self, name: &'static str, held: bool, seen: impl Into<String>) {
        self.0.push(Expectation {
            name,
            held,
            seen: seen.into(),
        });
    }

    pub(super) fn into_vec(self) -> Vec<Expectation> {
        self.0
    }
}
