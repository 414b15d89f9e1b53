//! Device policy: which one is taken, which one stays, and when it is fetched.

use attest_core::environment::Environment;
use attest_core::policy::DevicePolicy;
use attest_core::problem::ProblemCode;
use proptest::prelude::*;

use super::service::{State, problem, refuse_with, reply};
use super::world::{READ, World, request};
use crate::machine::POLICY_BLOB;
use crate::{AttestError, Notice, PolicyFault, Sent};

/// Publishes what `offer` makes and asks for it, once a policy of version 5 is active; returns the version in force.
fn offered(offer: impl Fn(&mut State)) -> (u64, Vec<Notice>) {
    let world = World::new();
    world.service.publish(5);
    let attestor = world.attestor();
    world.run(attestor.ready()).unwrap();
    world.service.change(|state| offer(state));
    drop(world.diary.take());
    // The reply to a request announces a newer one.
    let read = request("GET", READ);
    let answer = crate::HttpReply {
        status: 200,
        headers: vec![("Attest-Policy".to_owned(), "9".to_owned())],
        body: Vec::new(),
    };
    let sent: Sent = world
        .run(attestor.send_with(&read, |_| std::future::ready(Ok::<_, ()>(answer.clone()))))
        .unwrap();
    assert_eq!(sent.sends, 1);
    world.run_for_ms(&attestor, 61_000);
    assert!(
        attestor.try_authorize(&read).is_some(),
        "a refused policy stops nothing"
    );
    assert!(
        world
            .service
            .calls()
            .iter()
            .filter(|call| *call == "bundle")
            .count()
            >= 2
    );
    (attestor.status().policy_version.unwrap(), world.diary.take())
}

#[test]
fn only_a_newer_policy_by_a_root_for_this_environment_is_taken() {
    let check = |change: &dyn Fn(&mut DevicePolicy), expect: Result<u64, &str>| {
        let (version, notices) = offered(|state| change(&mut state.policy));
        let fault = notices.iter().find_map(|notice| {
            if let Notice::PolicyRefused(fault) = notice {
                Some(fault.code())
            } else {
                None
            }
        });
        assert_eq!((version, fault), (expect.unwrap_or(5), expect.err()));
    };
    check(&|policy| policy.version = 9, Ok(9));
    check(&|policy| policy.version = 5, Ok(5));
    check(&|policy| policy.version = 4, Err("policy-older"));
    check(&|policy| policy.version = 0, Err("policy-older"));
    check(
        &|policy| {
            policy.version = 9;
            policy.environment = Environment::Production;
        },
        Err("policy-environment"),
    );
    check(
        &|policy| {
            policy.version = 9;
            policy.engine_min = 2;
        },
        Err("engine-unsupported"),
    );
    check(
        &|policy| {
            policy.version = 9;
            policy.response_keys.clear();
        },
        Err("policy-response-keys"),
    );
    check(
        &|policy| {
            policy.version = 9;
            policy.requirements[0].origin = "nowhere".to_owned();
        },
        Err("origin"),
    );
}

#[test]
fn a_detector_that_is_not_understood_is_inconclusive_and_named() {
    let world = World::new();
    world.service.change(|state| {
        let mut newer = state.policy.detectors[0].clone();
        newer.id = "newer".to_owned();
        newer.engine_min = 2;
        state.policy.detectors.push(newer);
    });
    let attestor = world.attestor();
    world.run(attestor.ready()).unwrap();
    let status = attestor.status();
    assert_eq!(status.unsupported, ["newer"]);
    assert!(
        status.findings.inconclusive.contains(&"newer".to_owned()),
        "{status:?}"
    );
    let scanned = world.diary.take().into_iter().find_map(|notice| {
        if let Notice::Scanned {
            inconclusive,
            unsupported,
            ..
        } = notice
        {
            Some((inconclusive, unsupported))
        } else {
            None
        }
    });
    let inconclusive = status.findings.inconclusive.len();
    assert_eq!(scanned, Some((inconclusive, 1)));
}

#[test]
fn an_unchanged_policy_is_not_sent_again() {
    let world = World::new();
    let attestor = world.attestor();
    world.run(attestor.ready()).unwrap();
    let outdated = refuse_with(&problem(ProblemCode::PolicyOutdated));
    let read = request("GET", READ);
    let mut first = true;
    let sent = world.run(attestor.send_with(&read, |_| {
        let answer = if std::mem::take(&mut first) {
            outdated.clone()
        } else {
            reply(200, &())
        };
        std::future::ready(Ok::<_, ()>(answer))
    }));
    assert_eq!(sent.unwrap().reply.status, 200);
    assert_eq!(attestor.status().policy_version, Some(1));
    assert_eq!(
        world
            .diary
            .codes()
            .iter()
            .filter(|code| **code == "policy-active")
            .count(),
        1
    );
    assert_eq!(
        world.service.calls(),
        ["bundle", "challenge", "enroll", "bundle", "challenge", "renew"]
    );
}

#[test]
fn an_announced_policy_is_fetched_within_a_minute_and_scanned_by() {
    let world = World::new();
    let attestor = world.attestor();
    world.run(attestor.ready()).unwrap();
    world.service.publish(2);
    // The service's own signed response tells it, too: at the next renewal.
    world.run_for_ms(&attestor, 610_000 + 60_000);
    assert_eq!(attestor.status().policy_version, Some(2));
    let read = request("GET", READ);
    let authorization = attestor.try_authorize(&read).unwrap();
    assert_eq!(
        world
            .service
            .verify(&read, &authorization)
            .unwrap()
            .claims()
            .policy_version,
        2
    );
}

#[test]
fn a_new_response_key_is_learnt_without_a_failure() {
    let world = World::new();
    let attestor = world.attestor();
    world.run(attestor.ready()).unwrap();
    world.service.rotate_response_key();
    world.time.advance_ms(901_000);
    assert_eq!(world.run(attestor.ready()), Ok(()));
    assert!(!world.diary.codes().contains(&"failed"));
}

#[test]
fn a_stored_policy_is_verified_again_and_its_version_remembered() {
    let world = World::new();
    world.service.publish(5);
    world.run(world.attestor().ready()).unwrap();
    drop(world.service.calls());
    // Somebody puts an older, well-signed policy into storage, and the service offers it, too.
    world.service.publish(4);
    world.storage.replace(POLICY_BLOB, b"{}");
    let attestor = world.attestor();
    let failed = world.run(attestor.ready());
    assert!(
        matches!(
            failed,
            Err(AttestError::TryLater {
                code: "policy-older",
                ..
            })
        ),
        "{failed:?}"
    );
    assert!(
        world
            .diary
            .take()
            .contains(&Notice::PolicyRefused(PolicyFault::Older { offered: 4, held: 5 }))
    );
    world.service.publish(6);
    world.run_for_ms(&attestor, 61_000);
    assert_eq!(attestor.status().policy_version, Some(6));
}

#[test]
fn a_policy_for_a_newer_engine_asks_for_an_update() {
    let world = World::new();
    world.service.change(|state| state.policy.engine_min = 2);
    assert_eq!(world.run(world.attestor().ready()), Err(AttestError::UpdateApp));
}

#[test]
fn an_expired_policy_goes_on_and_is_shown() {
    let world = World::new();
    world.service.change(|state| state.policy.expires_at = Some(1));
    let attestor = world.attestor();
    world.run(attestor.ready()).unwrap();
    assert!(attestor.status().policy_is_stale);
    assert!(attestor.try_authorize(&request("GET", READ)).is_some());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn the_version_never_goes_back(versions in proptest::collection::vec(1..6_u64, 1..8), restart: bool) {
        let world = World::new();
        let mut attestor = world.attestor();
        let mut newest = 0;
        for version in versions {
            world.service.publish(version);
            // An older one that was offered before makes the next fetch rest.
            world.time.advance_ms(61_000);
            let read = request("GET", READ);
            let outdated = refuse_with(&problem(ProblemCode::PolicyOutdated));
            let sent = attestor.send_with(&read, |_| std::future::ready(Ok::<_, ()>(outdated.clone())));
            drop(world.run(sent));
            newest = newest.max(version);
            prop_assert_eq!(attestor.status().policy_version, Some(newest));
            if restart {
                attestor = world.attestor();
                drop(world.run(attestor.ready()));
            }
        }
    }
}
