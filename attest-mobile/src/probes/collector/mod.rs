//! Runs the probes that a policy's detectors ask for, within a budget.
//!
//! - Only questions that are asked are answered, each once, the cheapest probe first; when the budget is spent, the rest stays
//!   unanswered, which is inconclusive.
//! - A probe that panics answers nothing; one that hangs is left behind ([`Background`]).
//! - Answers are kept as long as their probe says, never as an error, and never those of one view without those of the other.
//! - The Attestor's scans are made in the [`Background`]; only [`Collector::scan`] is made by the caller itself.

mod background;
mod cost;
mod kept;
mod progress;
mod run;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use attest_core::facts::{FactMap, FactRef};
use attest_core::policy::Variables;

pub use self::background::{Background, HUNG_AFTER_MS, SCANS_MAX};
pub use self::cost::Cost;
use self::cost::Costs;
use self::kept::Kept;
use self::progress::Progress;
use super::Probe;
use crate::foreign::{Clock, Timer};

/// What a whole scan may take on a phone of the middle class.
pub const BUDGET_MS: u64 = 50;

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
    running: Mutex<Vec<Scan>>,
}

/// A scan that has a thread.
struct Scan {
    began_us: u64,
    progress: Arc<Progress>,
}

impl Core {
    /// One scan more, if there is room for its thread.
    fn enter(&self) -> Option<Arc<Progress>> {
        let mut running = lock(&self.running);
        (running.len() < SCANS_MAX).then(|| {
            let progress = Arc::<Progress>::default();
            running.push(Scan {
                began_us: self.clock.monotonic_us(),
                progress: Arc::clone(&progress),
            });
            progress
        })
    }

    fn leave(&self, progress: &Arc<Progress>) {
        lock(&self.running).retain(|scan| !Arc::ptr_eq(&scan.progress, progress));
    }

    /// The probes that scans still ask which should have ended.
    fn hanging(&self) -> Vec<&'static str> {
        let now_us = self.clock.monotonic_us();
        let hangs = |scan: &&Scan| now_us.saturating_sub(scan.began_us) >= HUNG_AFTER_MS * 1000;
        let running = lock(&self.running);
        let hung = running.iter().filter(hangs);
        hung.filter_map(|scan| scan.progress.asking()).collect()
    }
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
            running: Mutex::default(),
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

    /// The answers to as many of `questions` as there is time for, on the calling thread, which a probe that hangs holds up.
    #[must_use]
    pub fn scan(&self, questions: &[FactRef]) -> FactMap {
        let progress = Progress::default();
        run::scan(&self.0, questions, &[], &progress);
        progress.facts()
    }

    /// The same on threads of their own, ended by `timer`, which follows the collector's clock.
    #[must_use]
    pub fn in_background(&self, timer: Arc<dyn Timer>) -> Background {
        Background {
            core: Arc::clone(&self.0),
            timer,
        }
    }

    /// What each probe that ran so far took, in the order in which probes are run.
    #[must_use]
    pub fn costs(&self) -> Vec<Cost> {
        lock(&self.0.costs).of(self.0.probes.iter().map(|probe| probe.name()))
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
