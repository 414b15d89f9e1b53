//! Runs the probes that a policy's detectors ask for, on a thread of its own, within a budget.
//!
//! - Only questions that are asked are answered, each once, the cheapest probe first; when the budget is spent, the rest stays
//!   unanswered, which is inconclusive.
//! - A probe that panics answers nothing; one that hangs holds up its own scan alone, and at most [`SCANS_MAX`] at a time.
//! - Answers are kept as long as their probe says, never as an error, and never those of one view without those of the other.
//! - Never on the caller's thread, but for [`Collector::scan`].

mod cost;
mod kept;
mod run;
mod running;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use attest_core::facts::{FactMap, FactRef};
use attest_core::policy::Variables;

pub use self::cost::Cost;
use self::cost::Costs;
use self::kept::Kept;
use self::running::Running;
use super::Probe;
use crate::foreign::{BoxFuture, Clock, Observations};

/// What a whole scan may take on a phone of the middle class.
pub const BUDGET_MS: u64 = 50;

/// Scans at the same time. The Attestor makes one after the other; a second one is there for when the first hangs.
pub const SCANS_MAX: usize = 2;

/// Answers questions about this phone by its probes.
pub struct Collector(Arc<Core>);

struct Core {
    /// The cheapest first.
    probes: Vec<Box<dyn Probe>>,
    clock: Arc<dyn Clock>,
    variables: Variables,
    budget_ms: u64,
    kept: Mutex<Kept>,
    costs: Mutex<Costs>,
}

impl Collector {
    /// A collector over these probes. `clock` is read between any two calls to the platform: it should be the system's own.
    /// `variables` are what this phone and this app are called.
    #[must_use]
    pub fn new(mut probes: Vec<Box<dyn Probe>>, clock: Arc<dyn Clock>, variables: Variables) -> Self {
        probes.sort_by_key(|probe| probe.cost_us());
        Self(Arc::new(Core {
            probes,
            clock,
            variables,
            budget_ms: BUDGET_MS,
            kept: Mutex::default(),
            costs: Mutex::default(),
        }))
    }

    /// The same with another budget than [`BUDGET_MS`], for tools that look at more than a phone's scan asks.
    #[must_use]
    pub fn with_budget_ms(mut self, budget_ms: u64) -> Self {
        if let Some(core) = Arc::get_mut(&mut self.0) {
            core.budget_ms = budget_ms;
        }
        self
    }

    /// The answers to as many of `questions` as there is time for, on the calling thread.
    #[must_use]
    pub fn scan(&self, questions: &[FactRef]) -> FactMap {
        run::scan(&self.0, questions, &|| false)
    }

    /// What each probe that ran so far took, in the order in which probes are run.
    #[must_use]
    pub fn costs(&self) -> Vec<Cost> {
        lock(&self.0.costs).of(self.0.probes.iter().map(|probe| probe.name()))
    }
}

impl Observations for Collector {
    fn variables(&self) -> Variables {
        self.0.variables.clone()
    }

    fn observe(&self, questions: Vec<FactRef>) -> BoxFuture<'_, FactMap> {
        let scan = Running::begin(&self.0, questions);
        Box::pin(async move {
            match scan {
                Some(scan) => scan.end().await,
                None => FactMap::default(),
            }
        })
    }
}

impl std::fmt::Debug for Collector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.0.probes.iter().map(|probe| probe.name());
        f.debug_list().entries(names).finish()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
