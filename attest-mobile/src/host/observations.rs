//! Observations that were decided beforehand: what a simulated phone looks like to detectors.

use std::future::ready;
use std::sync::{Mutex, PoisonError};

use attest_core::facts::{FactMap, FactRef};
use attest_core::policy::Variables;

use crate::foreign::{BoxFuture, Observations};

/// Answers from one map, until it is replaced.
#[derive(Debug, Default)]
pub struct FixedObservations {
    facts: Mutex<FactMap>,
    variables: Variables,
}

impl FixedObservations {
    /// Answers from `facts`.
    #[must_use]
    pub const fn new(facts: FactMap, variables: Variables) -> Self {
        Self {
            facts: Mutex::new(facts),
            variables,
        }
    }

    /// Answers from `facts` from now on.
    pub fn replace(&self, facts: FactMap) {
        *self.facts.lock().unwrap_or_else(PoisonError::into_inner) = facts;
    }
}

impl Observations for FixedObservations {
    fn variables(&self) -> Variables {
        self.variables.clone()
    }

    fn observe(&self, _: Vec<FactRef>) -> BoxFuture<'_, FactMap> {
        let facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Box::pin(ready(facts))
    }
}
