//! Time without a clock: the phone's two readings as an argument, and the service's time that follows from them.
//!
//! Tokens are dated by the service's clock, learnt from signed responses and carried forward by the monotonic clock. The
//! wall clock only bridges restarts, until the first session of the process says better. What has expired is judged by a floor
//! that does not look at the wall clock at all.

use attest_core::json::{FromJson, Json, Members};
use serde::Serialize;

/// What the phone's clocks show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// The wall clock, Unix seconds.
    pub wall_s: u64,
    /// The monotonic clock, milliseconds.
    pub monotonic_ms: u64,
}

impl Now {
    /// This moment on the monotonic clock, some milliseconds later.
    pub(crate) const fn after_ms(self, ms: u64) -> u64 {
        self.monotonic_ms.saturating_add(ms)
    }
}

/// A moment of which the service's time was known, as persisted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Anchor {
    server_s: u64,
    wall_s: u64,
    monotonic_ms: u64,
}

impl FromJson for Anchor {
    fn from_json(json: Json) -> Option<Self> {
        let mut members = Members::of(json)?;
        Some(Self {
            server_s: members.take("server_s")?,
            wall_s: members.take("wall_s")?,
            monotonic_ms: members.take("monotonic_ms")?,
        })
    }
}

/// The service's clock as the phone knows it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ServerClock(Option<Anchor>);

impl ServerClock {
    /// A signed response has just said that it is `server_s`.
    pub(crate) const fn learn(&mut self, server_s: u64, now: Now) {
        self.0 = Some(Anchor {
            server_s,
            wall_s: now.wall_s,
            monotonic_ms: now.monotonic_ms,
        });
    }

    /// Goes on from what an earlier process knew. The monotonic clock may have begun again, the wall clock may have been
    /// set: unless they agree, the wall clock is followed.
    pub(crate) fn resume(&mut self, anchor: Anchor, now: Now) {
        let by_wall_s = now.wall_s.saturating_sub(anchor.wall_s);
        let passed_s = match now.monotonic_ms.checked_sub(anchor.monotonic_ms) {
            Some(ms) if (ms / 1000).abs_diff(by_wall_s) <= DISAGREEMENT_S => ms / 1000,
            _ => by_wall_s,
        };
        self.learn(anchor.server_s.saturating_add(passed_s), now);
    }

    /// The service's time, Unix seconds; the wall clock's as long as nothing better is known.
    pub(crate) const fn now_s(&self, now: Now) -> u64 {
        match self.0 {
            Some(anchor) => anchor
                .server_s
                .saturating_add(now.monotonic_ms.saturating_sub(anchor.monotonic_ms) / 1000),
            None => now.wall_s,
        }
    }

    pub(crate) const fn anchor(&self) -> Option<Anchor> {
        self.0
    }
}

const DISAGREEMENT_S: u64 = 5;

/// A moment that has certainly passed: metadata that had expired by then has expired. It never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct TimeFloor {
    server_s: u64,
    monotonic_ms: u64,
}

impl FromJson for TimeFloor {
    fn from_json(json: Json) -> Option<Self> {
        let mut members = Members::of(json)?;
        Some(Self {
            server_s: members.take("server_s")?,
            monotonic_ms: members.take("monotonic_ms")?,
        })
    }
}

/// One response raises the floor by no more than this beyond the time that passed: a service that is wrong for a moment must not
/// make a phone take everything for expired.
const RISE_MAX_S: u64 = 86_400;

impl TimeFloor {
    /// The floor after a signed response that says it is `server_s`.
    pub(crate) fn learn(floor: Option<Self>, server_s: u64, now: Now) -> Self {
        let server_s = floor.map_or(server_s, |floor| {
            let certain_s = floor.now_s(now);
            server_s.clamp(certain_s, certain_s.saturating_add(RISE_MAX_S))
        });
        Self {
            server_s,
            monotonic_ms: now.monotonic_ms,
        }
    }

    /// The floor of an earlier process. If the phone was started anew since, at least its monotonic clock has passed.
    pub(crate) fn resume(self, now: Now) -> Self {
        let passed_ms = now.monotonic_ms.checked_sub(self.monotonic_ms);
        let passed_ms = passed_ms.unwrap_or(now.monotonic_ms);
        Self {
            server_s: self.server_s.saturating_add(passed_ms / 1000),
            monotonic_ms: now.monotonic_ms,
        }
    }

    /// The time that has certainly come, Unix seconds.
    pub(crate) const fn now_s(self, now: Now) -> u64 {
        let passed_ms = now.monotonic_ms.saturating_sub(self.monotonic_ms);
        self.server_s.saturating_add(passed_ms / 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_time_survives_restarts_and_wrong_clocks() {
        let check = |wall_s, monotonic_ms, expect| {
            let mut clock = ServerClock::default();
            clock.learn(
                1_000_000,
                Now {
                    wall_s: 5_000,
                    monotonic_ms: 60_000,
                },
            );
            let mut later = ServerClock::default();
            later.resume(clock.anchor().unwrap(), Now { wall_s, monotonic_ms });
            assert_eq!(
                later.now_s(Now {
                    wall_s: 0,
                    monotonic_ms: monotonic_ms + 2_500
                }),
                expect
            );
        };
        check(5_010, 70_000, 1_000_012); // the same boot
        check(5_100, 3_000, 1_000_102); // a reboot
        check(5_100, 61_000, 1_000_102); // the wall clock was set, or a reboot long ago
        check(0, 3_000, 1_000_002); // the wall clock went back: never before the last known time
        assert_eq!(
            ServerClock::default().now_s(Now {
                wall_s: 7,
                monotonic_ms: 9
            }),
            7
        );
    }

    const fn at(wall_s: u64, monotonic_s: u64) -> Now {
        Now {
            wall_s,
            monotonic_ms: monotonic_s * 1000,
        }
    }

    #[test]
    fn the_floor_rises_only_by_the_service_and_the_monotonic_clock() {
        let floor = TimeFloor::learn(None, 1_000_000, at(5, 100));
        // The wall clock, back or forward, changes nothing.
        assert_eq!(floor.now_s(at(0, 110)), 1_000_010);
        assert_eq!(floor.now_s(at(u64::MAX, 110)), 1_000_010);
        let check = |server_s, expect| {
            let later = TimeFloor::learn(Some(floor), server_s, at(0, 110));
            assert_eq!(later.now_s(at(0, 110)), expect, "{server_s}");
        };
        check(1_000_500, 1_000_500);
        check(0, 1_000_010);
        check(1_000_010 + 86_400, 1_000_010 + 86_400);
        check(1_000_010 + 86_401, 1_000_010 + 86_400);
        check(u64::MAX, 1_000_010 + 86_400);
    }

    #[test]
    fn the_floor_outlives_the_process_and_the_boot() {
        let floor = TimeFloor::learn(None, 1_000_000, at(5, 100));
        let check = |monotonic_s, expect| {
            let resumed = floor.resume(at(0, monotonic_s));
            assert_eq!(resumed.now_s(at(0, monotonic_s)), expect);
        };
        check(160, 1_000_060);
        check(100, 1_000_000);
        // A new boot: it has lasted for 30 seconds.
        check(30, 1_000_030);
        check(0, 1_000_000);
    }
}
