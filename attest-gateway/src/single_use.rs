//! Remembers which one-time keys were spent, so that of any number of simultaneous uses exactly one is fresh.
//!
//! Atomic across cores, exact (no false `Seen`, no false `Fresh` before the key expires), and bounded: a full set answers
//! [`SingleUseOutcome::Full`], it never forgets a live key to make room. It survives no restart: tokens issued before
//! [`SingleUse::started_at_s`] were perhaps spent already and must be refused with `fresh-token`.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Keys that expire within one such span are forgotten together, by dropping one set; nothing is scanned.
const BUCKET_S: u64 = 64;
/// More shards than cores, so that two cores seldom meet at one lock. A power of two.
const SHARDS: usize = 64;

/// What came of spending a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SingleUseOutcome {
    /// The first use: go on.
    Fresh,
    /// Spent before: refuse.
    Seen,
    /// No room to remember the key, or it lives longer than the set promises to remember: refuse, ask for `later`.
    Full,
}

/// A process-wide set of spent keys.
///
/// Memory: at most about 80 bytes per key (32 for the key, one control byte, and a table that may be half empty), so the
/// default of a million keys is bounded by 80 MB and usually far below.
#[derive(Debug)]
pub struct SingleUse {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    shard_capacity: usize,
    lifetime_max_s: u64,
    started_at_s: u64,
}

#[derive(Debug, Default)]
struct Shard {
    /// By the last second of the bucket.
    buckets: BTreeMap<u64, HashSet<[u8; 32]>>,
    len: usize,
}

impl SingleUse {
    /// An empty set for `capacity` keys that live at most `lifetime_max_s`.
    #[must_use]
    pub fn new(capacity: usize, lifetime_max_s: u64, started_at_s: u64) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            shard_capacity: capacity.div_ceil(SHARDS),
            lifetime_max_s,
            started_at_s,
        }
    }

    /// When this set began to remember. It cannot tell whether a token issued before was spent.
    #[must_use]
    pub const fn started_at_s(&self) -> u64 {
        self.started_at_s
    }

    /// Spends `key`, and remembers it until `expires_s` has passed.
    ///
    /// Two calls with one key never both return [`SingleUseOutcome::Fresh`] while the key lives.
    pub fn insert(&self, key: [u8; 32], expires_s: u64, now_s: u64) -> SingleUseOutcome {
        if expires_s > now_s.saturating_add(self.lifetime_max_s) {
            return SingleUseOutcome::Full;
        }
        let bucket_end_s = expires_s.max(now_s) / BUCKET_S * BUCKET_S + (BUCKET_S - 1);
        let mut shard = self.shard(&key);
        shard.forget_before(now_s);
        if shard.buckets.values().any(|bucket| bucket.contains(&key)) {
            return SingleUseOutcome::Seen;
        }
        if shard.len >= self.shard_capacity {
            return SingleUseOutcome::Full;
        }
        shard.buckets.entry(bucket_end_s).or_default().insert(key);
        shard.len += 1;
        SingleUseOutcome::Fresh
    }

    /// Forgets a key that was spent for a request of which nothing reached the upstream, so that the same token may be shown
    /// again.
    pub fn release(&self, key: &[u8; 32]) {
        let mut shard = self.shard(key);
        if shard.buckets.values_mut().any(|bucket| bucket.remove(key)) {
            shard.len -= 1;
        }
    }

    /// How many keys are remembered, expired ones that were not yet dropped included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len).sum()
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn shard(&self, key: &[u8; 32]) -> MutexGuard<'_, Shard> {
        // Randomly keyed: a client that grinds its `jti` cannot aim at one shard.
        let hash = self.hasher.hash_one(key);
        let index = usize::try_from(hash % SHARDS as u64).unwrap_or(0);
        #[expect(
            clippy::indexing_slicing,
            reason = "the index is taken modulo the number of shards"
        )]
        lock(&self.shards[index])
    }
}

impl Shard {
    fn forget_before(&mut self, now_s: u64) {
        while let Some(oldest) = self.buckets.first_entry() {
            if *oldest.key() >= now_s {
                return;
            }
            self.len -= oldest.remove().len();
        }
    }
}

/// A poisoned shard is still a correct set: no operation leaves it half changed.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::SingleUseOutcome::{Fresh, Full, Seen};
    use super::*;
    use proptest::prelude::*;
    use std::sync::Arc;

    const NOW: u64 = 1_000_000;

    fn key(n: u64) -> [u8; 32] {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&n.to_le_bytes());
        key
    }

    #[test]
    fn a_key_is_fresh_once_until_it_expires() {
        let set = SingleUse::new(1_000, 600, NOW);
        let check = |n, expires_s, now_s, expect| {
            assert_eq!(
                set.insert(key(n), expires_s, now_s),
                expect,
                "key {n} to {expires_s} at {now_s}"
            );
        };
        check(1, NOW + 300, NOW, Fresh);
        check(1, NOW + 300, NOW, Seen);
        check(1, NOW + 10, NOW, Seen);
        check(1, NOW + 600, NOW + 300, Seen);
        check(2, NOW + 300, NOW + 300, Fresh);
        check(3, NOW + 601, NOW, Full);
        check(1, NOW + 700, NOW + 300 + BUCKET_S, Fresh);
        check(4, NOW, NOW + 400, Fresh);
        check(4, NOW, NOW + 400, Seen);
    }

    #[test]
    fn a_full_set_refuses_and_recovers_by_expiry() {
        let set = SingleUse::new(SHARDS * 4, 600, NOW);
        let outcomes: Vec<_> = (0..10_000).map(|n| set.insert(key(n), NOW + 60, NOW)).collect();
        assert_eq!(
            outcomes.iter().filter(|outcome| **outcome == Fresh).count(),
            SHARDS * 4
        );
        assert_eq!(set.len(), SHARDS * 4);
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == Seen).count(), 0);
        assert_eq!(set.insert(key(20_000), NOW + 400, NOW + 60 + BUCKET_S), Fresh);
    }

    #[test]
    fn of_many_threads_exactly_one_wins_each_key() {
        let set = Arc::new(SingleUse::new(100_000, 600, NOW));
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let set = Arc::clone(&set);
                std::thread::spawn(move || {
                    (0..5_000)
                        .filter(|n| set.insert(key(*n), NOW + 60, NOW) == Fresh)
                        .count()
                })
            })
            .collect();
        let fresh: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert_eq!(fresh, 5_000);
    }

    proptest! {
        #[test]
        fn no_live_key_is_ever_fresh_twice(
            uses in prop::collection::vec((0_u64..8, 0_u64..200, 0_u64..40), 1..200),
        ) {
            let set = SingleUse::new(10_000, 600, NOW);
            let mut remembered = std::collections::HashMap::new();
            let mut now_s = NOW;
            for (n, lives_s, passes_s) in uses {
                now_s += passes_s;
                let alive = remembered.get(&n).is_some_and(|until| *until >= now_s);
                let outcome = set.insert(key(n), now_s + lives_s, now_s);
                prop_assert!(outcome != Full);
                prop_assert!(!(alive && outcome == Fresh));
                if outcome == Fresh {
                    remembered.insert(n, now_s + lives_s);
                }
            }
        }
    }
}
