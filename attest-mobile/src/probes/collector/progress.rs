//! How far a scan is, for whoever waits for it and for the scans after it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use attest_core::facts::{FactMap, FactRef, Observation};

use super::lock;
use crate::signal::Signal;

/// A scan's answers so far. What it has answered stays, however it ends.
#[derive(Debug, Default)]
pub(super) struct Progress {
    state: Mutex<State>,
    is_cancelled: AtomicBool,
    changed: Signal,
}

#[derive(Debug, Default)]
struct State {
    facts: FactMap,
    asking: Option<&'static str>,
    has_ended: bool,
}

impl Progress {
    /// Nobody waits any longer.
    pub(super) fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Relaxed)
    }

    /// The probe that is asked now, `None` between two.
    pub(super) fn asks(&self, probe: Option<&'static str>) {
        lock(&self.state).asking = probe;
    }

    pub(super) fn asking(&self) -> Option<&'static str> {
        lock(&self.state).asking
    }

    pub(super) fn answered(&self, question: FactRef, observation: Observation) {
        lock(&self.state).facts.insert(question, observation);
    }

    pub(super) fn has_answered(&self, question: &FactRef) -> bool {
        lock(&self.state).facts.contains(question)
    }

    /// What was answered so far.
    pub(super) fn facts(&self) -> FactMap {
        lock(&self.state).facts.clone()
    }

    pub(super) fn end(&self) {
        lock(&self.state).has_ended = true;
        self.changed.change();
    }

    /// Completes when the scan has ended.
    pub(super) async fn ended(&self) {
        loop {
            let seen = self.changed.changes();
            if lock(&self.state).has_ended {
                return;
            }
            self.changed.changed_since(seen).await;
        }
    }
}
