//! Ids of traces and spans, and which requests are traced. One per core, so nothing is shared and nothing is locked.

use std::cell::Cell;
use std::hash::{BuildHasher as _, RandomState};

use super::traceparent::{Parent, TraceContext};
use crate::config::Ratio;

/// A wish to be traced costs a million; each request earns its ratio.
const WISH: u64 = 1_000_000;
/// Wishes saved up while nobody asked.
const SAVED_WISHES_MAX: u64 = 32;

/// Makes ids: a keyed hash of a counter, so they are unique in a process, unpredictable, and need no system call.
#[derive(Debug)]
pub(crate) struct Ids {
    keys: RandomState,
    made: Cell<u64>,
}

impl Ids {
    pub(crate) fn new() -> Self {
        Self {
            keys: RandomState::new(),
            made: Cell::new(0),
        }
    }

    /// 64 new bits, never zero.
    pub(crate) fn next(&self) -> u64 {
        self.made.set(self.made.get().wrapping_add(1));
        self.keys.hash_one(self.made.get()).max(1)
    }
}

/// Decides which requests are traced: a share of all, and of those who ask for it at most as many again, so that nobody outside
/// can have everything traced.
#[derive(Debug)]
pub(crate) struct Sampling {
    ratio: Ratio,
    credit: Cell<u64>,
}

impl Sampling {
    pub(crate) const fn new(ratio: Ratio) -> Self {
        Self {
            ratio,
            credit: Cell::new(SAVED_WISHES_MAX * WISH),
        }
    }

    /// Where a request stands in its trace. The wish of a `trusted` caller, a proxy of the operator's, is always followed.
    pub(crate) fn context(&self, parent: Option<Parent>, trusted: bool, ids: &Ids) -> TraceContext {
        let earned = self
            .credit
            .get()
            .saturating_add(u64::from(self.ratio.per_million()));
        self.credit.set(earned.min(SAVED_WISHES_MAX * WISH));
        let sampled = match parent {
            Some(parent) if trusted => parent.sampled,
            Some(parent) if parent.sampled && self.ratio.per_million() > 0 => {
                self.ratio.takes(ids.next()) || self.grant()
            }
            _ => self.ratio.takes(ids.next()),
        };
        TraceContext {
            trace: match parent {
                Some(parent) => parent.trace,
                None => u128::from(ids.next()) << 64 | u128::from(ids.next()),
            },
            span: ids.next(),
            upstream: ids.next(),
            parent: parent.map(|parent| parent.span),
            sampled,
        }
    }

    fn grant(&self) -> bool {
        let left = self.credit.get().checked_sub(WISH);
        self.credit.set(left.unwrap_or(self.credit.get()));
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampled(per_million: u32, parent: Option<bool>, trusted: bool) -> usize {
        let (ids, sampling) = (Ids::new(), Sampling::new(Ratio::from_per_million(per_million)));
        let parent = parent.map(|sampled| Parent {
            trace: 1,
            span: 2,
            sampled,
        });
        (0..10_000)
            .filter(|_| sampling.context(parent, trusted, &ids).sampled)
            .count()
    }

    #[test]
    fn outsiders_get_at_most_as_many_traces_again() {
        let check = |counted: usize, from: usize, to: usize| {
            assert!(
                (from..=to).contains(&counted),
                "{counted} is not in {from}..={to}"
            );
        };
        check(sampled(1_000_000, None, false), 10_000, 10_000);
        check(sampled(0, None, false), 0, 0);
        check(sampled(0, Some(true), false), 0, 0);
        // A hundred by chance, within six deviations; with wishes a hundred more and what was saved up.
        check(sampled(10_000, None, false), 40, 160);
        check(sampled(10_000, Some(false), false), 40, 160);
        check(sampled(10_000, Some(true), false), 130, 292);
        check(sampled(10_000, Some(true), true), 10_000, 10_000);
        check(sampled(1_000_000, Some(false), true), 0, 0);
    }

    #[test]
    fn ids_are_new_each_time_and_traces_go_on() {
        let (ids, sampling) = (Ids::new(), Sampling::new(Ratio::from_per_million(0)));
        let parent = Parent {
            trace: 7,
            span: 9,
            sampled: true,
        };
        let context = sampling.context(Some(parent), false, &ids);
        assert_eq!((context.trace, context.parent), (7, Some(9)));
        let other = sampling.context(None, false, &ids);
        assert_eq!(other.parent, None);
        let all = [context.span, context.upstream, other.span, other.upstream];
        let distinct: std::collections::HashSet<u64> = all.into_iter().collect();
        assert_eq!(distinct.len(), all.len());
    }
}
