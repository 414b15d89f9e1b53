//! Exponential back-off with full jitter, capped at a minute: however often something failed, it is tried again.

use attest_core::fleet::random_array;
use ring::rand::SecureRandom;

use super::Now;
use crate::failure::Failure;

/// No wait is longer.
pub(crate) const BACKOFF_MAX_MS: u64 = 60_000;
const FIRST_MS: u64 = 500;
/// Beyond this many doublings the cap has been reached.
const DOUBLINGS_MAX: u32 = 7;

/// One kind of work that is tried until it succeeds.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    failures: u32,
    until_ms: u64,
    last: Option<Failure>,
}

impl Lane {
    pub(crate) fn succeed(&mut self) {
        *self = Self::default();
    }

    /// Notes `failure` and returns for how long this lane rests.
    pub(crate) fn fail(&mut self, failure: Failure, now: Now, rng: &dyn SecureRandom) -> u64 {
        let ceiling = (FIRST_MS << self.failures.min(DOUBLINGS_MAX)).min(BACKOFF_MAX_MS);
        let asked = failure.retry_after_ms().min(BACKOFF_MAX_MS);
        // What the service asked for is spread as well, so that a fleet does not come back at once.
        let rest = asked
            .max(FLOOR_MS)
            .saturating_add(jitter_ms(ceiling, rng))
            .min(BACKOFF_MAX_MS);
        self.failures = self.failures.saturating_add(1);
        self.until_ms = now.after_ms(rest);
        self.last = Some(failure);
        rest
    }

    /// Whether it may be tried now.
    pub(crate) const fn is_ready(&self, now: Now) -> bool {
        now.monotonic_ms >= self.until_ms
    }

    /// When it may be tried.
    pub(crate) const fn until_ms(&self) -> u64 {
        self.until_ms
    }

    pub(crate) const fn failures(&self) -> u32 {
        self.failures
    }

    pub(crate) const fn last(&self) -> Option<&Failure> {
        self.last.as_ref()
    }

    /// Something outside changed: try at once.
    pub(crate) const fn forget_rest(&mut self) {
        self.until_ms = 0;
    }
}

/// Even the luckiest throw leaves a moment, so that nothing spins.
const FLOOR_MS: u64 = 50;

/// Uniform from 0 to `ceiling` milliseconds; the ceiling itself if the generator fails.
pub(crate) fn jitter_ms(ceiling: u64, rng: &dyn SecureRandom) -> u64 {
    random_array::<8>(rng).map_or(ceiling, |bytes| {
        u64::from_be_bytes(bytes) % ceiling.saturating_add(1)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ring::rand::SystemRandom;

    use super::*;
    use crate::failure::ServiceRefusal;
    use attest_core::problem::RetryClass;

    proptest! {
        #[test]
        fn never_longer_than_a_minute(failures in 1..200_u32, retry_after_s: Option<u32>, start_ms in 0..u64::MAX) {
            let mut lane = Lane::default();
            let now = Now { wall_s: 0, monotonic_ms: start_ms };
            for _ in 0..failures {
                let refusal = ServiceRefusal {
                    code: None,
                    retry: RetryClass::Later,
                    support: String::new(),
                    retry_after_s,
                };
                let rest = lane.fail(Failure::Refused(refusal), now, &SystemRandom::new());
                prop_assert!((FLOOR_MS..=BACKOFF_MAX_MS).contains(&rest));
                prop_assert!(lane.until_ms() <= start_ms.saturating_add(BACKOFF_MAX_MS));
                prop_assert!(rest >= u64::from(retry_after_s.unwrap_or(0)).saturating_mul(1000).min(BACKOFF_MAX_MS));
            }
        }
    }

    #[test]
    fn grows_and_begins_again() {
        let now = Now {
            wall_s: 0,
            monotonic_ms: 0,
        };
        let rng = SystemRandom::new();
        let mut lane = Lane::default();
        for ceiling in [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] {
            assert!(lane.fail(Failure::Storage, now, &rng) <= ceiling + FLOOR_MS);
        }
        lane.succeed();
        assert!(lane.is_ready(now) && lane.last().is_none());
        assert!(lane.fail(Failure::Storage, now, &rng) <= 550);
    }
}
