//! Remembers which one-time keys were spent, so that of any number of simultaneous uses exactly one is fresh.
//!
//! Atomic across cores, exact (no false `Seen`, no false `Fresh` while the key could be shown), and bounded: a full set answers
//! [`SingleUseOutcome::Full`], it never forgets a live key to make room. A key is forgotten only when both sides of the clock say
//! that its time is over.
//!
//! A restart forgets everything, and a wall clock that is put back makes times valid again whose keys were forgotten. For tokens
//! of such times this set cannot speak ([`SingleUse::remembers`]), unless their session began afterwards: then they did, too.

mod sessions;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError};

use self::sessions::Sessions;
use crate::clock::Moment;

/// Keys that expire within one such span are forgotten together, by dropping one set; nothing is scanned.
const BUCKET_S: u64 = 64;
/// More shards than cores, so that two cores seldom meet at one lock. A power of two.
const SHARDS: usize = 64;
/// A clock that is put back by less makes no forgotten key valid again.
const STEP_BACK_S: u64 = 60;
/// Sessions remembered while it matters, as a part of the keys' number: each needs two entries, for a minute or two.
const SESSIONS_PART: usize = 4;

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
/// default of a million keys is bounded by 80 MB and usually far below; a quarter of that again for sessions.
#[derive(Debug)]
pub struct SingleUse {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    shard_capacity: usize,
    lifetime_max_s: u64,
    /// Tokens minted until then, by a phone whose clock is right, may have been spent and forgotten. It only grows.
    horizon_s: AtomicU64,
    /// The last second of what was forgotten since the horizon was set.
    forgotten_s: AtomicU64,
    sessions: Sessions,
}

#[derive(Debug, Default)]
struct Shard {
    /// By the last second of the bucket.
    buckets: BTreeMap<u64, Bucket>,
    len: usize,
}

#[derive(Debug, Default)]
struct Bucket {
    keys: HashSet<[u8; 32]>,
    /// When its time is over on the monotonic side.
    kept_until_ms: u64,
}

impl SingleUse {
    /// An empty set for `capacity` keys that live at most `lifetime_max_s`. What was spent before `started_at_s` it cannot know.
    #[must_use]
    pub fn new(capacity: usize, lifetime_max_s: u64, started_at_s: u64) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            shard_capacity: capacity.div_ceil(SHARDS),
            lifetime_max_s,
            horizon_s: AtomicU64::new(started_at_s),
            forgotten_s: AtomicU64::new(0),
            sessions: Sessions::new(capacity.div_ceil(SESSIONS_PART)),
        }
    }

    /// Whether the set can say if a token minted at `iat_s`, by a phone whose clock is off by at most `skew_s`, was spent before.
    /// If not, one of a session that [`Self::is_recent`] is still known to be unspent.
    pub fn remembers(&self, iat_s: u64, skew_s: u64, now: Moment) -> bool {
        self.turn_back(now);
        iat_s > self.horizon_s.load(SeqCst).saturating_add(skew_s)
    }

    /// Notes a session that begins now, by digests of what its tokens show, while there are times for which that matters.
    pub fn began(&self, session: &[[u8; 32]], skew_s: u64, now: Moment) {
        self.turn_back(now);
        // Twice: a phone follows the time in the answer only to the second, and a foreign one follows nothing.
        let matters_until_s = self
            .horizon_s
            .load(SeqCst)
            .saturating_add(skew_s.saturating_mul(2));
        if now.wall_s <= matters_until_s {
            self.sessions.insert(session);
        } else if now.wall_s > matters_until_s.saturating_add(self.lifetime_max_s) {
            self.sessions.clear();
        }
    }

    /// Whether a session began after everything that was forgotten.
    #[must_use]
    pub fn is_recent(&self, session: &[u8; 32]) -> bool {
        self.sessions.contains(session)
    }

    /// Spends `key`, and remembers it until `expires_s` has passed.
    ///
    /// Two calls with one key never both return [`SingleUseOutcome::Fresh`] while the key lives.
    pub fn insert(&self, key: [u8; 32], expires_s: u64, now: Moment) -> SingleUseOutcome {
        if expires_s > now.wall_s.saturating_add(self.lifetime_max_s) {
            return SingleUseOutcome::Full;
        }
        let bucket_end_s = expires_s.max(now.wall_s) / BUCKET_S * BUCKET_S + (BUCKET_S - 1);
        let left_s = bucket_end_s
            .saturating_sub(now.wall_s)
            .saturating_add(STEP_BACK_S);
        let kept_until_ms = now.monotonic_ms.saturating_add(left_s.saturating_mul(1000));
        let mut shard = self.shard(&key);
        if let Some(forgotten_s) = shard.forget(now) {
            self.forgotten_s.fetch_max(forgotten_s, SeqCst);
        }
        if shard.buckets.values().any(|bucket| bucket.keys.contains(&key)) {
            return SingleUseOutcome::Seen;
        }
        if shard.len >= self.shard_capacity {
            return SingleUseOutcome::Full;
        }
        let bucket = shard.buckets.entry(bucket_end_s).or_default();
        bucket.keys.insert(key);
        bucket.kept_until_ms = bucket.kept_until_ms.max(kept_until_ms);
        shard.len += 1;
        SingleUseOutcome::Fresh
    }

    /// Forgets a key that was spent for a request of which nothing reached the upstream, so that the same token may be shown
    /// again.
    pub fn release(&self, key: &[u8; 32]) {
        let mut shard = self.shard(key);
        if shard.buckets.values_mut().any(|bucket| bucket.keys.remove(key)) {
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

    /// Moves the horizon when the wall shows a time again whose keys were forgotten.
    fn turn_back(&self, now: Moment) {
        if now.wall_s > self.forgotten_s.load(SeqCst) {
            return;
        }
        let forgotten_s = self.forgotten_s.swap(0, SeqCst);
        if now.wall_s <= forgotten_s {
            self.horizon_s.fetch_max(forgotten_s, SeqCst);
            // They began before: what they minted since may be what was forgotten.
            self.sessions.clear();
            tracing::warn!("the clock was put back; sessions are renewed before one-time tokens pass");
        }
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
    /// Drops what is over on both sides of the clock; the last second of it.
    fn forget(&mut self, now: Moment) -> Option<u64> {
        let mut forgotten_s = None;
        while let Some(oldest) = self.buckets.first_entry() {
            let lives = oldest.key().saturating_add(STEP_BACK_S) >= now.wall_s;
            if lives || oldest.get().kept_until_ms > now.monotonic_ms {
                break;
            }
            forgotten_s = Some(*oldest.key());
            self.len -= oldest.remove().keys.len();
        }
        forgotten_s
    }
}

/// A poisoned shard is still a correct set: no operation leaves it half changed.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
