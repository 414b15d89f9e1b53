//! Counts of what was decided: one relaxed addition per request, by each core for itself; the sum is read by the demo and metrics.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use attest_core::problem::ProblemCode;

/// Counters of one core, of what happens beside the cores, or the sum of all.
#[derive(Debug)]
pub struct Tally {
    allowed: AtomicU64,
    unattested: AtomicU64,
    public: AtomicU64,
    shadow: AtomicU64,
    enrolled: AtomicU64,
    renewed: AtomicU64,
    upgraded: AtomicU64,
    refused: Vec<AtomicU64>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            allowed: AtomicU64::new(0),
            unattested: AtomicU64::new(0),
            public: AtomicU64::new(0),
            shadow: AtomicU64::new(0),
            enrolled: AtomicU64::new(0),
            renewed: AtomicU64::new(0),
            upgraded: AtomicU64::new(0),
            refused: ProblemCode::ALL.iter().map(|_| AtomicU64::new(0)).collect(),
        }
    }
}

/// What became of a request or call that was not refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passed {
    /// Forwarded with a verified token.
    Allowed,
    /// Forwarded on an `observe` route without a good token.
    Unattested,
    /// Forwarded on a public route.
    Public,
    /// A rule in shadow would have decided otherwise.
    Shadow,
    /// A device was enrolled.
    Enrolled,
    /// A session was renewed.
    Renewed,
    /// A connection became a WebSocket tunnel; its request is also counted as what vouched for it.
    Upgraded,
}

impl Passed {
    const ALL: [Self; 7] = [
        Self::Allowed,
        Self::Unattested,
        Self::Public,
        Self::Shadow,
        Self::Enrolled,
        Self::Renewed,
        Self::Upgraded,
    ];
}

impl Tally {
    /// Counts what passed.
    pub fn pass(&self, passed: Passed) {
        self.counter(passed).fetch_add(1, Relaxed);
    }

    /// Counts a refusal.
    pub fn refuse(&self, code: ProblemCode) {
        if let Some(counter) = self.refused.get(usize::from(code.number())) {
            counter.fetch_add(1, Relaxed);
        }
    }

    /// How many passed so.
    #[must_use]
    pub fn passed(&self, passed: Passed) -> u64 {
        self.counter(passed).load(Relaxed)
    }

    /// How many were refused with this code.
    #[must_use]
    pub fn refused(&self, code: ProblemCode) -> u64 {
        self.refused
            .get(usize::from(code.number()))
            .map_or(0, |counter| counter.load(Relaxed))
    }

    /// Adds these counts to `sum`.
    pub(crate) fn add_to(&self, sum: &Self) {
        for passed in Passed::ALL {
            sum.counter(passed).fetch_add(self.passed(passed), Relaxed);
        }
        for (sum, own) in sum.refused.iter().zip(&self.refused) {
            sum.fetch_add(own.load(Relaxed), Relaxed);
        }
    }

    const fn counter(&self, passed: Passed) -> &AtomicU64 {
        match passed {
            Passed::Allowed => &self.allowed,
            Passed::Unattested => &self.unattested,
            Passed::Public => &self.public,
            Passed::Shadow => &self.shadow,
            Passed::Enrolled => &self.enrolled,
            Passed::Renewed => &self.renewed,
            Passed::Upgraded => &self.upgraded,
        }
    }
}
