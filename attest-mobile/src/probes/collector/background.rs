//! Scans on threads of their own, each ended in time.
//!
//! A probe that hangs costs its own answers and those behind it in that scan alone: the scan ends without them, and while the probe
//! hangs, no later scan asks it. So one probe that hangs holds one thread, and there are never more threads than [`SCANS_MAX`]. Should
//! a second one hang meanwhile, nothing is asked until one of the two returns.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::thread;

use attest_core::facts::{FactMap, FactRef};
use attest_core::policy::Variables;
use futures_util::future::{Either, select};

use super::progress::Progress;
use super::{BUDGET_MS, Core, lock, run};
use crate::foreign::{BoxFuture, Observations, Timer};

/// Scans at the same time. The Attestor makes one after the other; a second one is there for when the first hangs.
pub const SCANS_MAX: usize = 2;

/// When a scan is ended in which a probe hangs: any that asks its deadline has stopped long before.
pub const HUNG_AFTER_MS: u64 = 2 * BUDGET_MS;

/// A collector's scans, for the Attestor.
pub struct Background {
    pub(super) core: Arc<Core>,
    pub(super) timer: Arc<dyn Timer>,
}

impl Background {
    /// The probes that hang now, and so are not asked.
    #[must_use]
    pub fn hanging(&self) -> Vec<&'static str> {
        self.core.hanging()
    }
}

impl Observations for Background {
    fn variables(&self) -> Variables {
        self.core.variables.clone()
    }

    fn observe(&self, questions: Vec<FactRef>) -> BoxFuture<'_, FactMap> {
        let ends_ms = self.core.clock.monotonic_ms().saturating_add(HUNG_AFTER_MS);
        let scan = Begun::of(&self.core, questions);
        Box::pin(async move {
            let Some(scan) = scan else {
                return FactMap::default();
            };
            let ended = pin!(scan.0.ended());
            if let Either::Right(_) = select(ended, self.timer.sleep_until(ends_ms)).await
                && let Some(probe) = scan.0.asking()
            {
                lock(&self.core.costs).hung(probe);
            }
            scan.0.facts()
        })
    }
}

impl std::fmt::Debug for Background {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Background").finish_non_exhaustive()
    }
}

/// A scan whose thread runs. Whoever lets go of it cancels it.
struct Begun(Arc<Progress>);

impl Begun {
    /// `None` if there are too many or no thread is to be had.
    fn of(core: &Arc<Core>, questions: Vec<FactRef>) -> Option<Self> {
        let hanging = core.hanging();
        let progress = core.enter()?;
        let (core, told) = (Arc::clone(core), Arc::clone(&progress));
        let left = Left {
            core: Arc::clone(&core),
            progress: Arc::clone(&progress),
        };
        let scan = move || {
            let made = || run::scan(&core, &questions, &hanging, &told);
            // Whatever is made of a panic, the next scan may begin before anybody is told of the end of this one.
            drop(catch_unwind(AssertUnwindSafe(made)));
            drop(left);
            told.end();
        };
        // Without a thread it is dropped, and has left.
        let thread = thread::Builder::new().name(THREAD.to_owned()).spawn(scan).ok()?;
        drop(thread);
        Some(Self(progress))
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// The scan is no longer among those that run, once this is dropped.
struct Left {
    core: Arc<Core>,
    progress: Arc<Progress>,
}

impl Drop for Left {
    fn drop(&mut self) {
        self.core.leave(&self.progress);
    }
}

/// What the app's developers see in a list of threads; at most 15 bytes.
const THREAD: &str = "attest-scan";
