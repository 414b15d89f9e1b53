//! The newest decisions, so that an operator can see what happened a moment ago and why.
//!
//! Each core keeps its own, a fixed number for each outcome: a flood of one outcome never hides another, and memory is bounded
//! whatever happens. Of each outcome only the first few of a second are kept, so the rest costs a comparison, and mostly not even
//! a look at the clock. It names a device by its pseudonym only, and holds no token, path, query or address.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use attest_core::problem::ProblemCode;
use attest_core::support_code::Cause;

/// Kept of one outcome in one second, by each core.
const PER_SECOND: u32 = 16;
/// Passed over without a look at the clock once a second is full.
const PASSED_OVER: u32 = 32;
/// Outcomes that are no refusal: allowed, unattested, public.
const PASSING: usize = 3;

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Forwarded with a verified token.
    Allowed,
    /// Forwarded on an `observe` route without a good token; the code says what was wrong with it.
    Unattested(ProblemCode),
    /// Forwarded on a public route.
    Public,
    /// Refused.
    Refused(ProblemCode),
}

/// Whom a decision concerned, where a verified token says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// The app's id.
    pub app: String,
    /// The device's pseudonym for the app.
    pub pseudonym: String,
}

/// One decision.
#[derive(Debug, Clone)]
pub struct Decision {
    /// When, Unix seconds.
    pub at_s: u64,
    /// What became of the request.
    pub outcome: Outcome,
    /// Route, rule, clause, fact and value as support codes carry them; of a pass only the route.
    pub cause: Option<Cause>,
    /// The route's id, where it is known by name.
    pub route: Option<String>,
    /// Whom it concerned.
    pub party: Option<Party>,
    /// Rules in shadow that would have decided otherwise, with their decision.
    pub shadows: Vec<(String, &'static str)>,
    /// The support code that the client was given.
    pub support: Option<String>,
    /// Version of the policy.
    pub policy_version: u64,
}

/// The decisions of all cores.
#[derive(Debug)]
pub struct Decisions {
    cores: Mutex<Vec<Arc<Mutex<Rings>>>>,
    per_outcome: usize,
    next: Arc<AtomicU64>,
}

/// One core's decisions, newest last, each with its place among those of all cores.
#[derive(Debug)]
struct Rings {
    by_outcome: Vec<VecDeque<(u64, Decision)>>,
}

/// Where one core notes its decisions. Not `Sync`.
#[derive(Debug)]
pub struct Recorder {
    rings: Arc<Mutex<Rings>>,
    per_outcome: usize,
    next: Arc<AtomicU64>,
    kept: Box<[Cell<Kept>]>,
}

/// What was kept of one outcome.
#[derive(Debug, Clone, Copy, Default)]
struct Kept {
    second: u64,
    count: u32,
    pass_over: u32,
}

impl Outcome {
    /// The word in documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allow",
            Self::Unattested(_) => "none",
            Self::Public => "public",
            Self::Refused(_) => "refused",
        }
    }

    /// The code, of what was wrong or refused.
    #[must_use]
    pub const fn code(self) -> Option<ProblemCode> {
        match self {
            Self::Allowed | Self::Public => None,
            Self::Unattested(code) | Self::Refused(code) => Some(code),
        }
    }

    fn place(self) -> usize {
        match self {
            Self::Allowed => 0,
            Self::Unattested(_) => 1,
            Self::Public => 2,
            Self::Refused(code) => PASSING + usize::from(code.number()),
        }
    }
}

fn outcomes() -> usize {
    PASSING + ProblemCode::ALL.len()
}

impl Decisions {
    /// None yet; each core will keep `per_outcome` of each outcome.
    #[must_use]
    pub fn new(per_outcome: usize) -> Self {
        Self {
            cores: Mutex::default(),
            per_outcome,
            next: Arc::default(),
        }
    }

    /// A place for one more core's decisions.
    #[must_use]
    pub fn join(&self) -> Recorder {
        let rings = Arc::new(Mutex::new(Rings {
            by_outcome: vec![VecDeque::new(); outcomes()],
        }));
        locked(&self.cores).push(Arc::clone(&rings));
        Recorder {
            rings,
            per_outcome: self.per_outcome,
            next: Arc::clone(&self.next),
            kept: vec![Cell::default(); outcomes()].into(),
        }
    }

    /// The newest `limit` decisions that `wanted` accepts, newest first.
    #[must_use]
    pub fn newest(&self, limit: usize, wanted: impl Fn(&Decision) -> bool) -> Vec<Decision> {
        let mut found: Vec<(u64, Decision)> = Vec::new();
        let cores = locked(&self.cores).clone();
        for core in cores {
            let rings = locked(&core);
            for ring in &rings.by_outcome {
                let newest = ring.iter().rev().filter(|(_, decision)| wanted(decision));
                found.extend(newest.take(limit).cloned());
            }
        }
        found.sort_unstable_by_key(|(number, _)| std::cmp::Reverse(*number));
        found
            .into_iter()
            .take(limit)
            .map(|(_, decision)| decision)
            .collect()
    }
}

impl Recorder {
    /// Notes the decision that `make` describes, if there is room for one more of its outcome in this second. Otherwise
    /// `make` is not asked.
    pub fn note(&self, outcome: Outcome, now_s: impl FnOnce() -> u64, make: impl FnOnce(u64) -> Decision) {
        let place = outcome.place();
        let Some(cell) = self.kept.get(place) else { return };
        let mut kept = cell.get();
        if let Some(left) = kept.pass_over.checked_sub(1) {
            kept.pass_over = left;
            return cell.set(kept);
        }
        let now_s = now_s();
        if kept.second != now_s {
            (kept.second, kept.count) = (now_s, 0);
        }
        if kept.count >= PER_SECOND {
            kept.pass_over = PASSED_OVER;
            return cell.set(kept);
        }
        kept.count += 1;
        cell.set(kept);
        let decision = make(now_s);
        let number = self.next.fetch_add(1, Relaxed);
        // Contended only while somebody reads.
        let mut rings = locked(&self.rings);
        if let Some(ring) = rings.by_outcome.get_mut(place) {
            while ring.len() >= self.per_outcome {
                ring.pop_front();
            }
            ring.push_back((number, decision));
        }
    }
}

/// A poisoned ring is still a ring of whole decisions.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(outcome: Outcome, at_s: u64) -> Decision {
        Decision {
            at_s,
            outcome,
            cause: None,
            route: None,
            party: None,
            shadows: Vec::new(),
            support: None,
            policy_version: 1,
        }
    }

    fn seen(decisions: &Decisions, limit: usize) -> Vec<(Outcome, u64)> {
        let newest = decisions.newest(limit, |_| true);
        newest
            .iter()
            .map(|decision| (decision.outcome, decision.at_s))
            .collect()
    }

    #[test]
    fn a_flood_of_one_outcome_hides_no_other_and_costs_no_memory() {
        let (denied, missing) = (
            Outcome::Refused(ProblemCode::Denied),
            Outcome::Refused(ProblemCode::TokenMissing),
        );
        let decisions = Decisions::new(4);
        let (one, other) = (decisions.join(), decisions.join());
        one.note(denied, || 1, |now_s| decision(denied, now_s));
        for second in 1..=100 {
            for _ in 0..100 {
                other.note(missing, || second, |now_s| decision(missing, now_s));
            }
        }
        one.note(
            Outcome::Allowed,
            || 200,
            |now_s| decision(Outcome::Allowed, now_s),
        );
        let all = seen(&decisions, 1_000);
        assert_eq!(all.len(), 1 + 4 + 1);
        assert_eq!(all.first(), Some(&(Outcome::Allowed, 200)));
        assert_eq!(all.get(1), Some(&(missing, 100)));
        assert_eq!(all.last(), Some(&(denied, 1)));
        assert_eq!(seen(&decisions, 2), [(Outcome::Allowed, 200), (missing, 100)]);
        let wanted = decisions.newest(9, |decision| decision.outcome.code() == Some(ProblemCode::Denied));
        assert_eq!(wanted.len(), 1);
    }

    #[test]
    fn beyond_the_rate_nothing_is_made_and_the_clock_is_seldom_read() {
        let decisions = Decisions::new(1_000);
        let recorder = decisions.join();
        let (made, read) = (Cell::new(0), Cell::new(0));
        for second in [5, 6] {
            for _ in 0..1_000 {
                let now_s = || {
                    read.set(read.get() + 1);
                    second
                };
                recorder.note(Outcome::Public, now_s, |now_s| {
                    made.set(made.get() + 1);
                    decision(Outcome::Public, now_s)
                });
            }
        }
        assert_eq!(made.get(), 2 * PER_SECOND);
        assert!(read.get() <= 2 * (PER_SECOND + 1_000 / PASSED_OVER), "{read:?}");
    }
}
