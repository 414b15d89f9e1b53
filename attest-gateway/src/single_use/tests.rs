//! Exactly one use of each key passes, whatever the clock does.

use super::SingleUseOutcome::{Fresh, Full, Seen};
use super::*;
use proptest::prelude::*;
use std::sync::Arc;

const NOW: u64 = 1_000_000;

/// A clock that never jumped shows this.
fn at(wall_s: u64) -> Moment {
    Moment {
        wall_s,
        monotonic_ms: (wall_s - NOW) * 1000,
    }
}

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
            set.insert(key(n), expires_s, at(now_s)),
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
    check(1, NOW + 700, NOW + 300 + BUCKET_S + STEP_BACK_S, Fresh);
    check(4, NOW, NOW + 400, Fresh);
    check(4, NOW, NOW + 400, Seen);
}

#[test]
fn a_full_set_refuses_and_recovers_by_expiry() {
    let set = SingleUse::new(SHARDS * 4, 600, NOW);
    let outcomes: Vec<_> = (0..10_000)
        .map(|n| set.insert(key(n), NOW + 60, at(NOW)))
        .collect();
    assert_eq!(
        outcomes.iter().filter(|outcome| **outcome == Fresh).count(),
        SHARDS * 4
    );
    assert_eq!(set.len(), SHARDS * 4);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Seen).count(), 0);
    assert_eq!(
        set.insert(key(20_000), NOW + 400, at(NOW + 60 + BUCKET_S + STEP_BACK_S)),
        Fresh
    );
}

#[test]
fn of_many_threads_exactly_one_wins_each_key() {
    let set = Arc::new(SingleUse::new(100_000, 600, NOW));
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let set = Arc::clone(&set);
            std::thread::spawn(move || {
                (0..5_000)
                    .filter(|n| set.insert(key(*n), NOW + 60, at(NOW)) == Fresh)
                    .count()
            })
        })
        .collect();
    let fresh: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert_eq!(fresh, 5_000);
}

#[test]
fn what_was_spent_before_the_start_is_not_known_but_sessions_that_began_since_are() {
    let set = SingleUse::new(1_000, 600, NOW);
    let check = |iat_s, now_s, expect| {
        assert_eq!(set.remembers(iat_s, 60, at(now_s)), expect, "minted at {iat_s}");
    };
    check(NOW - 1, NOW, false);
    check(NOW, NOW, false);
    check(NOW + 60, NOW + 1, false);
    check(NOW + 61, NOW + 1, true);
    set.began(&[[1; 32], [2; 32]], 60, at(NOW));
    set.began(&[[3; 32]], 60, at(NOW + 121));
    assert!(set.is_recent(&[1; 32]) && set.is_recent(&[2; 32]));
    assert!(!set.is_recent(&[3; 32]), "its tokens are remembered anyway");
    set.began(&[[4; 32]], 60, at(NOW + 121 + 600));
    assert!(!set.is_recent(&[1; 32]), "nor does it matter for ever");
}

/// However the wall clock jumps, and whenever it is put right: a token that passed once passes no second time, and who
/// renews passes at once.
#[test]
fn no_jump_makes_a_spent_token_fresh() {
    for jump_s in [-7_200_i64, -3_600, -61, -30, 30, 61, 3_600, 7_200] {
        for stays_s in [1, 100, 500, 1_000, 3_000] {
            jump(jump_s, stays_s);
        }
    }
}

fn jump(jump_s: i64, stays_s: u64) {
    let set = SingleUse::new(1 << 20, 600, NOW);
    // Wall and monotonic side, in seconds; a token is minted and spent in each tenth second.
    let (mut wall_s, mut passed_s) = (NOW + 100, 100);
    let mut session: Option<[u8; 32]> = None;
    let mut spent: Vec<(u64, Option<[u8; 32]>)> = Vec::new();
    let recent = |session: Option<[u8; 32]>| session.is_some_and(|session| set.is_recent(&session));
    let mut sessions = 0_u64;
    for (length_s, jumps_s) in [(1_000, jump_s), (stays_s, -jump_s), (8_000, 0)] {
        for step in 0..length_s / 10 {
            let now = Moment {
                wall_s,
                monotonic_ms: passed_s * 1000,
            };
            // The attacker shows every earlier token whose time is now, with its old session.
            let mut attacks = 0;
            for (at, (iat_s, of)) in spent.iter().enumerate() {
                if iat_s.abs_diff(wall_s) <= 60 {
                    attacks += 1;
                    let known = set.remembers(*iat_s, 60, now) || recent(*of);
                    let passes = known && {
                        let token = key(u64::try_from(at).unwrap());
                        set.insert(token, iat_s + 120, now) == Fresh
                    };
                    assert!(
                        !passes,
                        "jump {jump_s} for {stays_s}: token {at} at step {step}, {attacks}"
                    );
                }
            }
            // The phone mints, renews if it is asked to, and passes.
            if !set.remembers(wall_s, 60, now) && !recent(session) {
                sessions += 1;
                let fresh = key(sessions);
                set.began(&[fresh], 60, now);
                session = Some(fresh);
                assert!(
                    set.is_recent(&fresh),
                    "jump {jump_s} for {stays_s}: a renewed session passes"
                );
            }
            let token = key(u64::try_from(spent.len()).unwrap());
            assert_eq!(set.insert(token, wall_s + 120, now), Fresh);
            spent.push((wall_s, session));
            wall_s += 10;
            passed_s += 10;
        }
        wall_s = wall_s.saturating_add_signed(jumps_s);
    }
    assert!(
        sessions <= 4,
        "jump {jump_s} for {stays_s}: renewed {sessions} times"
    );
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
            let outcome = set.insert(key(n), now_s + lives_s, at(now_s));
            prop_assert!(outcome != Full);
            prop_assert!(!(alive && outcome == Fresh));
            if outcome == Fresh {
                remembered.insert(n, now_s + lives_s);
            }
        }
    }
}
