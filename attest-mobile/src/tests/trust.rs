//! What a phone trusts of a policy repository, from the configured root on, and what it makes of attacks on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use attest_core::policy::Detector;
use attest_core::problem::ProblemCode;
use proptest::prelude::*;
use serde_json::json;

use super::attacks::{announce, refused};
use super::repository::{Repository, Role};
use super::service::{problem, refuse_with, reply};
use super::world::{BEGIN_S, Killed, READ, World, request};
use crate::foreign::Storage;
use crate::machine::{POLICY_BLOB, STATE_BLOB};
use crate::{Attestor, Notice};

const DAY_S: u64 = 86_400;

/// A phone on which version 5 is in force.
fn field() -> (World, Attestor) {
    let world = World::new();
    world.service.publish(5);
    let attestor = world.attestor();
    world.run(attestor.ready()).unwrap();
    drop(world.diary.take());
    (world, attestor)
}

/// The root and policy version that a phone finds when it starts without a network.
fn found(world: &World) -> (u64, Option<u64>) {
    world.service.change(|state| state.down = true);
    let attestor = world.attestor();
    drop(world.run(attestor.ready()));
    let status = attestor.status();
    (status.policy_root, status.policy_version)
}

#[test]
fn roots_are_followed_one_by_one_however_many_there_are() {
    for rotations in [1, 32, 33, 65] {
        let world = World::new();
        let root = world.service.root();
        world.service.change(|state| {
            for _ in 0..rotations {
                state.repository.rotate(|repository| {
                    repository.timestamp = Role::of(1, 1);
                    repository.targets = Role::of(3, 2);
                });
            }
        });
        let attestor = world.attestor();
        world.run(attestor.ready()).unwrap();
        assert_eq!(attestor.status().policy_root, rotations + 1);
        let fetches = world.service.calls();
        let fetches = fetches.iter().filter(|call| *call == "bundle").count();
        assert_eq!(fetches, usize::try_from(rotations).unwrap().div_ceil(32));
        // Kept, and verified again from the configured root.
        assert_eq!(world.service.root(), root);
        world.service.change(|state| state.down = true);
        let attestor = world.attestor();
        drop(world.run(attestor.ready()));
        assert_eq!(
            (attestor.status().policy_root, attestor.status().policy_version),
            (rotations + 1, Some(1))
        );
    }
}

#[test]
fn a_kill_at_any_write_leaves_the_old_or_the_new() {
    let mut seen = Vec::new();
    for writes in 0..6 {
        let (world, attestor) = field();
        drop(attestor);
        let storage = Killed {
            storage: Arc::clone(&world.storage),
            writes_left: AtomicU64::new(writes),
        };
        let attestor = world.attestor_with(world.config(), Arc::new(storage) as Arc<dyn Storage>);
        world.run(attestor.ready()).unwrap();
        world.service.change(|state| {
            state.policy.version = 9;
            for _ in 0..34 {
                state
                    .repository
                    .rotate(|repository| repository.snapshot = Role::of(1, 1));
            }
        });
        announce(&world, &attestor, 9);
        assert_eq!(attestor.status().policy_version, Some(9));
        drop(attestor);
        let found = found(&world);
        // The old, the first roots with the old policy, and the new.
        assert!(
            [(1, Some(5)), (33, Some(5)), (35, Some(9))].contains(&found),
            "{found:?} after {writes}"
        );
        seen.push(found);
        // Whichever it is, it goes on from there.
        world.service.change(|state| state.down = false);
        let attestor = world.attestor();
        world.run(attestor.ready()).unwrap();
        announce(&world, &attestor, 9);
        let status = attestor.status();
        assert_eq!((status.policy_root, status.policy_version), (35, Some(9)));
    }
    seen.dedup();
    assert_eq!(seen, [(1, Some(5)), (33, Some(5)), (35, Some(9))], "each was met");
}

#[test]
fn an_app_update_may_bring_a_newer_root() {
    let (world, attestor) = field();
    world.service.change(|state| {
        for _ in 0..3 {
            state
                .repository
                .rotate(|repository| repository.timestamp = Role::of(1, 1));
        }
    });
    announce(&world, &attestor, 9);
    assert_eq!(attestor.status().policy_root, 4);
    drop(attestor);
    let started = |root: usize| {
        drop(world.diary.take());
        let mut config = world.config();
        config.policy_root = world
            .service
            .change(|state| state.repository.roots[root - 1].clone())
            .into_bytes();
        let attestor = world.attestor_with(config, Arc::clone(&world.storage) as Arc<dyn Storage>);
        drop(world.run(attestor.ready()));
        let status = attestor.status();
        (status.policy_root, status.policy_version, attestor)
    };
    world.service.change(|state| state.down = true);
    for root in [1, 3, 4] {
        let (root, version, _) = started(root);
        assert_eq!((root, version), (4, Some(5)));
        assert!(!world.diary.codes().contains(&"discarded"));
    }
    // The next fetch keeps what follows on the newer root; an app that goes back to an older one begins anew.
    world.service.change(|state| state.down = false);
    let (_, _, attestor) = started(4);
    world.service.publish(6);
    announce(&world, &attestor, 6);
    world.service.change(|state| state.down = true);
    let (root, version, _) = started(1);
    assert_eq!((root, version), (1, None));
    assert!(world.diary.codes().contains(&"discarded"));
    world.service.change(|state| state.down = false);
    world.time.advance_ms(61_000);
    let (root, version, _) = started(1);
    assert_eq!((root, version), (4, Some(6)));
}

#[test]
fn time_is_what_the_service_said_and_the_monotonic_clock() {
    // The repository's metadata ends in ten days; the wall clock is wrong by years, back or forward.
    for off_s in [-400_000_000, 0, 400_000_000] {
        let world = World::new();
        world.time.wall_off_s.store(off_s, Ordering::SeqCst);
        world.service.change(|state| {
            state.repository.expires_s = [BEGIN_S + 10 * DAY_S; 3];
            state.session_lifetime_s = 20 * DAY_S;
        });
        let attestor = world.attestor();
        world.run(attestor.ready()).unwrap();
        assert!(!attestor.status().policy_is_stale, "{off_s}");
        let attestor = world.attestor();
        world.run(attestor.ready()).unwrap();
        world.time.wall_off_s.store(-off_s, Ordering::SeqCst);
        assert!(!attestor.status().policy_is_stale, "{off_s}");
        // Once it has certainly expired nothing else ends, and a 304 changes nothing.
        world.time.advance_ms(11 * DAY_S * 1000);
        assert!(attestor.status().policy_is_stale, "{off_s}");
        drop(world.service.calls());
        announce(&world, &attestor, 9);
        assert_eq!(world.service.calls()[0], "bundle");
        assert_eq!(refused(&world), [""; 0]);
        assert!(attestor.status().policy_is_stale);
        assert!(attestor.try_authorize(&request("GET", READ)).is_some());
        // Signed anew, it is not stale any more.
        world.service.change(|state| {
            state.repository.expires_s = [BEGIN_S + 30 * DAY_S; 3];
            state.repository.publish();
        });
        announce(&world, &attestor, 9);
        assert!(!attestor.status().policy_is_stale);
    }
}

#[test]
fn a_phone_without_any_policy_takes_an_expired_one() {
    // New, and with a policy that storage lost.
    let world = World::new();
    world
        .service
        .change(|state| state.repository.expires_s = [BEGIN_S - DAY_S; 3]);
    let attestor = world.attestor();
    world.run(attestor.ready()).unwrap();
    assert!(attestor.status().policy_is_stale && refused(&world).is_empty());
    drop(attestor);
    world.storage.replace(POLICY_BLOB, b"lost");
    world.time.advance_ms(1_000_000);
    let attestor = world.attestor();
    world.run(attestor.ready()).unwrap();
    let status = attestor.status();
    assert!(status.policy_is_stale && status.policy_version == Some(1));
}

#[test]
fn an_expired_policy_is_taken_if_no_session_begins_without_it() {
    let (world, attestor) = field();
    world.service.rotate_response_key();
    world.service.change(|state| {
        state.repository.expires_s = [BEGIN_S; 3];
        state.session_lifetime_s = 600;
    });
    // As long as there is a session, it is not.
    announce(&world, &attestor, 6);
    assert_eq!(refused(&world), ["tuf-expired"]);
    assert_eq!(attestor.status().policy_version, Some(5));
    world.time.advance_ms(901_000);
    world.run(attestor.ready()).unwrap();
    let status = attestor.status();
    assert!(status.policy_is_stale && status.policy_version == Some(6));
    // Nor is the next, now that there is one.
    world.service.publish(7);
    announce(&world, &attestor, 7);
    assert_eq!(refused(&world), ["tuf-expired"]);
    assert_eq!(attestor.status().policy_version, Some(6));
}

#[test]
fn a_detector_can_ask_whether_the_policy_is_stale() {
    let world = World::new();
    let detector = json!({
        "id": "policy.old", "platform": "android", "category": "policy", "severity": "low", "why": "not followed",
        "when": {"fact": "policy.stale", "op": "eq", "value": true},
    });
    let detector: Detector = serde_json::from_value(detector).unwrap();
    world.service.change(|state| {
        state.policy.detectors.push(detector);
        state.repository.expires_s = [BEGIN_S + DAY_S; 3];
    });
    let attestor = world.attestor();
    world.run(attestor.ready()).unwrap();
    let hits = |attestor: &Attestor| attestor.status().findings.hit.contains(&"policy.old".to_owned());
    assert!(!hits(&attestor));
    world.time.advance_ms(2 * DAY_S * 1000);
    world.run(attestor.ready()).unwrap();
    assert!(hits(&attestor));
    let read = request("GET", READ);
    let authorization = attestor.try_authorize(&read).unwrap();
    let verified = world.service.verify(&read, &authorization).unwrap();
    assert!(verified.claims().findings.hit.contains(&"policy.old".to_owned()));
}

#[test]
fn a_new_root_ends_a_wrong_belief_about_time() {
    let (world, attestor) = field();
    // The service's clock is wrong for a while, by years.
    for _ in 0..500 {
        world.service.change(|state| state.ahead_s += DAY_S);
        world.time.advance_ms(901_000);
        world.run(attestor.ready()).unwrap();
    }
    world.service.change(|state| state.ahead_s = 0);
    world.service.publish(6);
    world.time.advance_ms(901_000);
    drop(world.run(attestor.ready()));
    drop(world.diary.take());
    announce(&world, &attestor, 6);
    assert_eq!(refused(&world), ["tuf-expired"]);
    let status = attestor.status();
    assert!(status.policy_is_stale && status.policy_version == Some(5));
    world.service.change(|state| state.repository.rotate(|_| {}));
    announce(&world, &attestor, 6);
    let status = attestor.status();
    assert!(!status.policy_is_stale && status.policy_version == Some(6));
    // The next word of the service is believed again, across a restart too.
    world.time.advance_ms(901_000);
    world.run(attestor.ready()).unwrap();
    world.service.publish(7);
    announce(&world, &world.attestor(), 7);
    assert!(!world.attestor().status().policy_is_stale);
}

#[test]
fn new_keys_of_the_targets_end_a_fast_forward() {
    // Whoever stole the keys of the targets has used up all versions; only an owner with the root can help.
    let check = |change: &dyn Fn(&mut Repository), expect: u64| {
        let world = World::new();
        world.service.publish(u64::MAX);
        let attestor = world.attestor();
        world.run(attestor.ready()).unwrap();
        assert_eq!(attestor.status().policy_version, Some(u64::MAX));
        world.service.change(|state| {
            state.policy.version = 7;
            state.repository.rotate(|repository| change(repository));
        });
        let outdated = refuse_with(&problem(ProblemCode::PolicyOutdated));
        let read = request("GET", READ);
        drop(world.run(attestor.send_with(&read, |_| std::future::ready(Ok::<_, ()>(outdated.clone())))));
        assert_eq!(attestor.status().policy_version, Some(expect));
        // The floor of the next process is that of this one.
        let attestor = world.attestor();
        world.run(attestor.ready()).unwrap();
        assert_eq!(attestor.status().policy_version, Some(expect));
        assert_eq!(attestor.status().policy_root, 2);
    };
    check(&|repository| repository.targets = Role::of(2, 2), 7);
    check(&|repository| repository.timestamp = Role::of(1, 1), u64::MAX);
}

/// A request that is refused with `refresh-policy` once; how often it was sent.
fn refresh(world: &World, attestor: &Attestor) -> u32 {
    let read = request("GET", READ);
    let mut first = true;
    let sent = attestor.send_with(&read, |_| {
        let answer = if std::mem::take(&mut first) {
            refuse_with(&problem(ProblemCode::PolicyOutdated))
        } else {
            reply(200, &())
        };
        std::future::ready(Ok::<_, ()>(answer))
    });
    world.run(sent).unwrap().sends
}

#[test]
fn a_gateway_that_lags_behind_is_no_failure() {
    let (world, attestor) = field();
    let behind = world.service.change(|state| state.repository.bundle(1));
    world.service.publish(6);
    assert_eq!(refresh(&world, &attestor), 2);
    assert_eq!(attestor.status().policy_version, Some(6));
    drop(world.diary.take());
    for _ in 0..3 {
        let behind = behind.clone();
        world.service.twist("bundle", move |_, _| Ok(reply(200, &behind)));
        assert_eq!(
            refresh(&world, &attestor),
            2,
            "the request is sent again, and at once"
        );
    }
    let notices = world.diary.take();
    let failed = notices
        .iter()
        .any(|notice| matches!(notice, Notice::Failed { .. } | Notice::PolicyActive { .. }));
    let told = notices
        .iter()
        .filter(|notice| matches!(notice, Notice::PolicyRefused(fault) if fault.code() == "tuf-rollback"));
    assert!(told.count() == 3 && !failed, "{notices:?}");
    assert_eq!(attestor.status().policy_version, Some(6));
}

#[test]
fn a_refused_policy_does_not_keep_a_request_from_its_retry() {
    let (world, attestor) = field();
    world.service.change(|state| {
        state.policy.version = 6;
        state.repository.timestamp = Role::of(1, 1);
    });
    assert_eq!(refresh(&world, &attestor), 2);
    assert_eq!(refused(&world), ["tuf-threshold"]);
}

#[test]
fn a_new_detector_speaks_in_the_repeated_request() {
    let (world, attestor) = field();
    let read = request("GET", READ);
    let answer = attest_core::facts::FactRef::new(
        attest_core::facts::FactId::PATH_EXISTS,
        Some("/data/cloner"),
        None,
    );
    let mut facts = attest_core::facts::FactMap::default();
    facts.insert(answer.unwrap(), attest_core::facts::Value::Boolean(true));
    world.observations.replace(facts);
    let detector = json!({
        "id": "cloner.new", "platform": "android", "category": "cloner", "severity": "high", "why": "found today",
        "when": {"fact": "path.exists(/data/cloner)", "op": "eq", "value": true},
    });
    let detector: Detector = serde_json::from_value(detector).unwrap();
    world.service.change(|state| {
        state.policy.version = 6;
        state.policy.detectors.push(detector);
    });
    let mut told = Vec::new();
    let sent = attestor.send_with(&read, |authorization| {
        let token = world.service.verify(&read, &authorization).unwrap();
        let claims = token.claims();
        told.push((
            claims.policy_version,
            claims.findings.hit.contains(&"cloner.new".to_owned()),
        ));
        let answer = if told.len() == 1 {
            refuse_with(&problem(ProblemCode::PolicyOutdated))
        } else {
            reply(200, &())
        };
        std::future::ready(Ok::<_, ()>(answer))
    });
    assert_eq!(world.run(sent).unwrap().sends, 2);
    assert_eq!(told, [(5, false), (6, true)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn spoiled_storage_is_noticed_and_replaced(
        blob in proptest::sample::select(&[POLICY_BLOB, STATE_BLOB][..]),
        at in 0..100_usize, put: u8, cut: bool,
    ) {
        let (world, attestor) = field();
        drop(attestor);
        let mut bytes = world.storage.blob(blob);
        let at = bytes.len() * at / 100;
        if cut { bytes.truncate(at) } else { bytes[at] = put }
        world.storage.replace(blob, &bytes);
        let attestor = world.attestor();
        world.run(attestor.ready()).unwrap();
        let status = attestor.status();
        prop_assert_eq!((status.policy_root, status.policy_version), (1, Some(5)));
        prop_assert!(!cut || world.diary.codes().contains(&"discarded"));
    }
}
