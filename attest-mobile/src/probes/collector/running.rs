//! A scan on a thread of its own. Whoever no longer waits for it cancels it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use attest_core::facts::{FactMap, FactRef};

use super::{Core, SCANS_MAX, lock, run};
use crate::signal::Signal;

/// A scan that was begun.
pub(super) struct Running(Arc<Shared>);

#[derive(Default)]
struct Shared {
    facts: Mutex<Option<FactMap>>,
    changed: Signal,
    is_cancelled: AtomicBool,
}

impl Running {
    /// Begins a scan; `None` if there are too many or no thread is to be had.
    pub(super) fn begin(core: &Arc<Core>, questions: Vec<FactRef>) -> Option<Self> {
        // Each scan's thread holds the core: besides the collector's own, as many as there are scans.
        if Arc::strong_count(core) > SCANS_MAX {
            return None;
        }
        let (core, shared) = (Arc::clone(core), Arc::new(Shared::default()));
        let told = Arc::clone(&shared);
        let scan = move || {
            let is_cancelled = || told.is_cancelled.load(Ordering::Relaxed);
            let facts = catch_unwind(AssertUnwindSafe(|| run::scan(&core, &questions, &is_cancelled)));
            // The thread counts until it lets go of the core: before it tells, so that the next scan may begin.
            drop(core);
            *lock(&told.facts) = Some(facts.unwrap_or_default());
            told.changed.change();
        };
        let thread = thread::Builder::new().name(THREAD.to_owned()).spawn(scan).ok()?;
        drop(thread);
        Some(Self(shared))
    }

    /// What it answered.
    pub(super) async fn end(self) -> FactMap {
        loop {
            let seen = self.0.changed.changes();
            if let Some(facts) = lock(&self.0.facts).take() {
                return facts;
            }
            self.0.changed.changed_since(seen).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.is_cancelled.store(true, Ordering::Relaxed);
    }
}

/// What the app's developers see in a list of threads; at most 15 bytes.
const THREAD: &str = "attest-scan";
