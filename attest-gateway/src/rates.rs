//! Counts attempts per source in fixed memory and says how long an over-eager one must wait.
//!
//! Memory is allocated once; a flood of new sources displaces the least limited neighbours of its slot, never the ones
//! that wait the longest. It never blocks across sources: a limit on one key says nothing about another.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Slots that compete with each other. Eight fit in two cache lines.
const WAYS: usize = 8;
const MINUTE_US: u64 = 60_000_000;

/// Rate counters for any number of keys, 16 bytes per slot.
///
/// Each key may spend its limit at once and regains it evenly over a minute, so no 60 s hold more than twice the limit
/// and a source that stays below the limit in every minute is never refused.
#[derive(Debug)]
pub struct RateTable {
    sets: Box<[Mutex<[Slot; WAYS]>]>,
    hasher: RandomState,
}

/// `paid_until_us` is when the key has regained everything it spent; zero is an empty slot.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    key: u64,
    paid_until_us: u64,
}

/// How long the caller should wait before the next attempt can pass. At least a millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryAfter(pub Duration);

impl RetryAfter {
    /// Whole seconds for a `Retry-After` header, rounded up, at least one.
    #[must_use]
    pub fn as_secs_up(self) -> u64 {
        self.0
            .as_millis()
            .div_ceil(1000)
            .try_into()
            .unwrap_or(u64::MAX)
            .max(1)
    }
}

impl RateTable {
    /// A table that remembers at least `sources` keys.
    #[must_use]
    pub fn new(sources: usize) -> Self {
        let sets = sources.div_ceil(WAYS).max(1);
        Self {
            sets: (0..sets).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
        }
    }

    /// The key of a client address for one purpose. IPv4 counts whole, IPv6 by /64, because a subscriber owns at least
    /// a /64; an IPv4-mapped address is its IPv4 address. Randomly keyed, so that nobody can aim at a slot.
    #[must_use]
    pub fn source_key(&self, purpose: &str, address: IpAddr) -> u64 {
        self.hasher.hash_one((purpose, source_prefix(address)))
    }

    /// The key of anything else that is counted, such as a device.
    #[must_use]
    pub fn named_key(&self, purpose: &str, name: &str) -> u64 {
        self.hasher.hash_one((purpose, name))
    }

    /// The key of any bytes that are counted, such as an id.
    #[must_use]
    pub fn key(&self, purpose: &str, bytes: &[u8]) -> u64 {
        self.hasher.hash_one((purpose, bytes))
    }

    /// How many keys it remembers at most: its memory, which never grows.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.sets.len().saturating_mul(WAYS)
    }

    /// Counts one attempt of `key_hash`. A refused attempt costs nothing.
    ///
    /// # Errors
    /// [`RetryAfter`] when the key has used up `limit_per_minute`; a limit of zero always refuses.
    pub fn allow(&self, key_hash: u64, limit_per_minute: u32, now_ms: u64) -> Result<(), RetryAfter> {
        let mut set = self.set(key_hash);
        let spent = next(&set, key_hash, limit_per_minute, now_ms)?;
        let own = set.iter().position(|slot| slot.is_of(key_hash));
        let place = match own {
            Some(place) => set.get_mut(place),
            None => set.iter_mut().min_by_key(|slot| slot.paid_until_us),
        };
        if let Some(slot) = place {
            *slot = spent;
        }
        Ok(())
    }

    /// Says whether the next attempt of `key_hash` would be allowed, without counting one.
    ///
    /// # Errors
    /// As [`Self::allow`].
    pub fn peek(&self, key_hash: u64, limit_per_minute: u32, now_ms: u64) -> Result<(), RetryAfter> {
        next(&self.set(key_hash), key_hash, limit_per_minute, now_ms).map(drop)
    }

    /// How many keys have something to regain. Looks at every slot: for an operator, not for a request.
    #[must_use]
    pub fn counted(&self, now_ms: u64) -> usize {
        let now_us = now_ms.saturating_mul(1000);
        let of_set = |set: &Mutex<[Slot; WAYS]>| {
            let set = set.lock().unwrap_or_else(PoisonError::into_inner);
            set.iter().filter(|slot| slot.paid_until_us > now_us).count()
        };
        self.sets.iter().map(of_set).sum()
    }

    fn set(&self, key_hash: u64) -> MutexGuard<'_, [Slot; WAYS]> {
        let index = usize::try_from(key_hash % self.sets.len() as u64).unwrap_or(0);
        #[expect(
            clippy::indexing_slicing,
            reason = "the index is taken modulo the number of sets"
        )]
        self.sets[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    const fn is_of(&self, key_hash: u64) -> bool {
        self.key == key_hash && self.paid_until_us > 0
    }
}

/// The slot as one more attempt leaves it.
fn next(set: &[Slot; WAYS], key_hash: u64, limit_per_minute: u32, now_ms: u64) -> Result<Slot, RetryAfter> {
    if limit_per_minute == 0 {
        return Err(RetryAfter(Duration::from_micros(MINUTE_US)));
    }
    let now_us = now_ms.saturating_mul(1000);
    let price_us = (MINUTE_US / u64::from(limit_per_minute)).max(1);
    let known = set.iter().find(|slot| slot.is_of(key_hash));
    let paid_until_us = known.map_or(0, |slot| slot.paid_until_us).max(now_us);
    let next_us = paid_until_us.saturating_add(price_us);
    let horizon_us = now_us.saturating_add(MINUTE_US);
    if next_us > horizon_us {
        let wait_us = (next_us - horizon_us).max(1000);
        return Err(RetryAfter(Duration::from_micros(wait_us)));
    }
    Ok(Slot {
        key: key_hash,
        paid_until_us: next_us,
    })
}

fn source_prefix(address: IpAddr) -> u64 {
    match address.to_canonical() {
        IpAddr::V4(v4) => u64::from(v4.to_bits()),
        // Shifted down, never zero in the high half for a routable address, so it cannot meet an IPv4 one.
        IpAddr::V6(v6) => u64::try_from(v6.to_bits() >> 64).unwrap_or(u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sources_are_whole_ipv4_addresses_and_ipv6_prefixes() {
        let table = RateTable::new(8);
        let check = |one: &str, other: &str, same: bool| {
            let key = |address: &str| table.source_key("enroll", address.parse().unwrap());
            assert_eq!(key(one) == key(other), same, "{one} and {other}");
        };
        check("192.0.2.1", "192.0.2.1", true);
        check("192.0.2.1", "192.0.2.2", false);
        check("192.0.2.1", "::ffff:192.0.2.1", true);
        check("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true);
        check("2001:db8:1:2::1", "2001:db8:1:3::1", false);
        let address = "192.0.2.1".parse().unwrap();
        assert_ne!(
            table.source_key("enroll", address),
            table.source_key("challenge", address)
        );
    }

    #[test]
    fn a_limit_is_spent_at_once_and_regained_evenly() {
        let table = RateTable::new(1_000);
        let check = |now_ms, expect: Result<(), u64>| {
            let expect = expect.map_err(|ms| RetryAfter(Duration::from_millis(ms)));
            assert_eq!(table.allow(7, 3, now_ms), expect, "at {now_ms} ms");
        };
        check(100_000, Ok(()));
        check(100_000, Ok(()));
        check(100_000, Ok(()));
        check(100_000, Err(20_000));
        check(110_000, Err(10_000));
        check(120_000, Ok(()));
        check(120_000, Err(20_000));
        check(500_000, Ok(()));
        assert_eq!(table.allow(8, 0, 0), Err(RetryAfter(Duration::from_secs(60))));
        assert_eq!(RetryAfter(Duration::from_millis(1)).as_secs_up(), 1);
        assert_eq!(RetryAfter(Duration::from_millis(2_001)).as_secs_up(), 3);
    }

    #[test]
    fn a_flood_of_sources_does_not_free_the_one_that_waits() {
        let table = RateTable::new(64);
        let offender = 5;
        while table.allow(offender, 30, 1_000).is_ok() {}
        for other in 0..10_000 {
            let _outcome = table.allow(other, 30, 1_000);
        }
        assert!(table.allow(offender, 30, 1_000).is_err());
    }

    proptest! {
        #[test]
        fn no_minute_holds_more_than_twice_the_limit_and_a_modest_source_always_passes(
            limit in 1_u32..50, gaps_ms in prop::collection::vec(0_u64..5_000, 1..300),
        ) {
            let table = RateTable::new(8);
            let mut passed: Vec<u64> = Vec::new();
            let mut now_ms = 1;
            for gap_ms in gaps_ms {
                now_ms += gap_ms;
                let recent = passed.iter().filter(|at| now_ms - **at < 60_000).count();
                let outcome = table.allow(1, limit, now_ms);
                if outcome.is_ok() {
                    passed.push(now_ms);
                    prop_assert!(recent < 2 * limit as usize);
                } else {
                    // Refused only when it has really spent a minute's worth of late.
                    prop_assert!(recent > 0);
                }
            }
        }

        #[test]
        fn waiting_as_told_is_enough(limit in 1_u32..1_000, key in any::<u64>()) {
            let table = RateTable::new(8);
            let mut now_ms = 5;
            while table.allow(key, limit, now_ms).is_ok() {}
            let Err(RetryAfter(wait)) = table.allow(key, limit, now_ms) else { unreachable!() };
            now_ms += u64::try_from(wait.as_millis()).unwrap() + 1;
            prop_assert!(table.allow(key, limit, now_ms).is_ok());
        }
    }
}
