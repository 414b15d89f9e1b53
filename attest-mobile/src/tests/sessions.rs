//! Enrolment, renewal, minting, clocks, keys, storage and callers that come and go.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use attest_core::device::TokenKind;
use attest_core::facts::{FactMap, FactRef, Value};
use attest_core::problem::ProblemCode;
use futures_util::FutureExt as _;
use futures_util::future::{join, join_all, select};
use proptest::prelude::*;

use super::service::refuse;
use super::world::{PAY, READ, World, request};
use crate::foreign::{BoxFuture, Storage, StorageError, TransportError};
use crate::machine::STATE_BLOB;
use crate::{AttestError, Authorization, Notice};

fn kind(authorization: &Authorization) -> Option<TokenKind> {
    authorization.minted.map(|minted| minted.kind)
}

#[test]
fn a_first_request_enrols_and_passes() {
    let world = World::new();
    let attestor = world.attestor();
    let read = request("GET", READ);
    let authorization = world.run(attestor.authorize(&read)).unwrap();
    assert_eq!(world.service.calls(), ["bundle", "challenge", "enroll"]);
    assert_eq!(kind(&authorization), Some(TokenKind::Session));
    let verified = world.service.verify(&read, &authorization).unwrap();
    assert_eq!(verified.claims().policy_version, 1);
    assert_eq!(verified.claims().findings.inconclusive, ["emulator.qemu"]);
    // From now on it takes neither network nor key nor waiting.
    let signed = world.key.signed.load(Ordering::SeqCst);
    assert!(attestor.try_authorize(&read).is_some());
    assert!(attestor.authorize(&read).now_or_never().unwrap().is_ok());
    assert_eq!(world.key.signed.load(Ordering::SeqCst), signed);
    assert!(world.service.calls().is_empty());
}

#[test]
fn the_policy_says_what_a_request_carries() {
    let world = World::new();
    let attestor = world.attestor();
    let mut by_default = world.config();
    by_default.token_by_default = true;
    let eager = world.attestor_with(by_default, Arc::clone(&world.storage) as Arc<dyn Storage>);
    let check = |method: &str, url: &str, expect: Option<TokenKind>, expect_by_default: Option<TokenKind>| {
        let request = request(method, url);
        for (attestor, expect) in [(&attestor, expect), (&eager, expect_by_default)] {
            let authorization = world.run(attestor.authorize(&request)).unwrap();
            assert_eq!(kind(&authorization), expect, "{method} {url}");
            match expect {
                Some(_) => drop(world.service.verify(&request, &authorization).unwrap()),
                None => assert!(authorization.headers.is_empty()),
            }
        }
    };
    let (session, proof) = (Some(TokenKind::Session), Some(TokenKind::Proof));
    check("GET", READ, session, session);
    check(
        "GET",
        "HTTPS://API.bank.example:443/v1/balance#x",
        session,
        session,
    );
    check("POST", PAY, proof, proof);
    check("POST", READ, None, session);
    check("GET", "https://api.bank.example/other", None, session);
    check("GET", "https://elsewhere.example/v1/balance", None, None);
    check("GET", "http://api.bank.example/v1/balance", None, None);
    let wrong = world.run(attestor.authorize(&request("GET", "/v1/balance")));
    assert_eq!(wrong, Err(AttestError::Misconfigured { code: "url" }));
}

#[test]
fn requests_to_other_origins_never_wait() {
    let world = World::new();
    world.service.change(|state| state.down = true);
    let mut config = world.config();
    config.origins = vec!["https://api.bank.example".to_owned()];
    let attestor = world.attestor_with(config, Arc::clone(&world.storage) as Arc<dyn Storage>);
    let authorization = attestor
        .authorize(&request("GET", "https://cdn.example/a.png"))
        .now_or_never()
        .unwrap();
    assert!(authorization.unwrap().headers.is_empty());
    assert!(world.service.calls().is_empty());
}

#[test]
fn findings_travel_in_evidence_and_tokens() {
    let world = World::new();
    let mut facts = FactMap::default();
    facts.insert(
        "prop(ro.kernel.qemu)".parse::<FactRef>().unwrap(),
        Value::Text("1".to_owned()),
    );
    world.observations.replace(facts);
    let attestor = world.attestor();
    let read = request("GET", READ);
    let authorization = world.run(attestor.authorize(&read)).unwrap();
    let verified = world.service.verify(&read, &authorization).unwrap();
    assert_eq!(verified.claims().findings.hit, ["emulator.qemu"]);
    assert_eq!(verified.result().findings.hit, ["emulator.qemu"]);
    assert_eq!(attestor.status().findings.hit, ["emulator.qemu"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn callers_share_one_enrolment_and_one_renewal(callers in 1..40_usize, latency_ms in 0..3_000_u64) {
        let world = World::new();
        world.service.change(|state| state.latency_ms = latency_ms);
        let attestor = world.attestor();
        let read = request("GET", READ);
        for (expired, expect) in [(false, vec!["bundle", "challenge", "enroll"]), (true, vec!["challenge", "renew"])] {
            if expired {
                world.time.advance_ms(901_000);
            }
            let all = world.run(join_all((0..callers).map(|_| attestor.authorize(&read))));
            for authorization in all {
                prop_assert!(world.service.verify(&read, &authorization.unwrap()).is_ok());
            }
            prop_assert_eq!(world.service.calls(), expect);
        }
        prop_assert_eq!(world.key.made.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_wrong_phone_clock_is_corrected(off_s in -172_800..172_800_i64, jump_s in -172_800..172_800_i64) {
        let world = World::new();
        world.time.wall_off_s.store(off_s, Ordering::SeqCst);
        let attestor = world.attestor();
        let read = request("GET", READ);
        let first = world.run(attestor.authorize(&read)).unwrap();
        world.service.verify(&read, &first).unwrap();
        // The user sets the clock while the session lasts, and the app starts again.
        world.time.advance_ms(60_000);
        world.time.wall_off_s.store(jump_s, Ordering::SeqCst);
        for attestor in [attestor, world.attestor()] {
            let authorization = world.run(attestor.authorize(&read)).unwrap();
            let verified = world.service.verify(&read, &authorization).unwrap();
            prop_assert!(verified.claims().iat.abs_diff(world.time.server_s()) <= 1);
        }
    }
}

#[test]
fn the_background_renews_ahead_and_nobody_waits() {
    let world = World::new();
    let attestor = world.attestor();
    world.run_for_ms(&attestor, 3_600_000);
    let calls = world.service.calls();
    let renewals = calls.iter().filter(|call| *call == "renew").count();
    assert!((5..=7).contains(&renewals), "{calls:?}");
    assert_eq!(calls.iter().filter(|call| *call == "enroll").count(), 1);
    assert!(attestor.try_authorize(&request("GET", READ)).is_some());
    assert!(!world.diary.codes().contains(&"failed"));
}

#[test]
fn who_waited_for_a_session_leaves_it_written() {
    let world = World::new();
    world
        .run(world.attestor().authorize(&request("GET", READ)))
        .unwrap();
    drop(world.service.calls());
    world.run(world.attestor().ready()).unwrap();
    assert_eq!(world.service.calls(), ["challenge", "renew"]);
}

#[test]
fn a_restart_renews_by_the_same_key() {
    let world = World::new();
    world.run(world.attestor().ready()).unwrap();
    drop(world.service.calls());
    let again = world.attestor();
    world.run(again.ready()).unwrap();
    assert_eq!(world.service.calls(), ["challenge", "renew"]);
    assert_eq!(world.key.made.load(Ordering::SeqCst), 1);
}

#[test]
fn a_lost_key_or_registration_is_replaced_silently() {
    let check = |lose: &dyn Fn(&World), expect: &[&str]| {
        let world = World::new();
        let attestor = world.attestor();
        let read = request("GET", READ);
        world.run(attestor.authorize(&read)).unwrap();
        lose(&world);
        drop(world.service.calls());
        world.time.advance_ms(901_000);
        let authorization = world.run(attestor.authorize(&read)).unwrap();
        world.service.verify(&read, &authorization).unwrap();
        assert_eq!(world.service.calls(), expect);
        assert_eq!(world.key.made.load(Ordering::SeqCst), 2);
        assert!(world.diary.codes().contains(&"registration-lost"));
    };
    check(&|world| world.key.lose(), &["challenge", "challenge", "enroll"]);
    check(
        &|world| world.service.change(|state| state.devices.clear()),
        &["challenge", "renew", "challenge", "enroll"],
    );
    check(
        &|world| {
            world
                .service
                .twist("renew", |_, _| Ok(refuse(ProblemCode::EvidenceExpired)))
        },
        &["challenge", "renew", "challenge", "enroll"],
    );
    check(
        &|world| {
            world
                .service
                .twist("challenge", |_, _| Ok(refuse(ProblemCode::DeviceUnknown)))
        },
        &["challenge", "challenge", "enroll"],
    );
}

#[test]
fn a_key_that_goes_before_a_proof_is_replaced_silently() {
    let world = World::new();
    let attestor = world.attestor();
    world.run(attestor.ready()).unwrap();
    world.key.lose();
    let pay = request("POST", PAY);
    let authorization = world.run(attestor.authorize(&pay)).unwrap();
    world.service.verify(&pay, &authorization).unwrap();
    assert_eq!(world.key.made.load(Ordering::SeqCst), 2);
}

#[test]
fn old_evidence_is_made_again_with_a_new_key() {
    let world = World::new();
    world.service.change(|state| state.enroll_after_s = 3_000);
    let attestor = world.attestor();
    world.run_for_ms(&attestor, 3_000_000);
    assert_eq!(world.key.made.load(Ordering::SeqCst), 1);
    world.run_for_ms(&attestor, 1_000_000);
    assert_eq!(world.key.made.load(Ordering::SeqCst), 2);
}

#[test]
fn a_key_that_fails_for_a_while_is_not_replaced() {
    let world = World::new();
    let attestor = world.attestor();
    world.run(attestor.ready()).unwrap();
    world.time.advance_ms(901_000);
    world.key.fails.store(true, Ordering::SeqCst);
    let failed = world.run(attestor.ready());
    assert!(
        matches!(
            failed,
            Err(AttestError::TryLater {
                code: "key-failed",
                ..
            })
        ),
        "{failed:?}"
    );
    world.key.fails.store(false, Ordering::SeqCst);
    world.run_for_ms(&attestor, 61_000);
    assert_eq!(world.run(attestor.ready()), Ok(()));
    assert_eq!(world.key.made.load(Ordering::SeqCst), 1);
}

#[test]
fn nothing_locks_the_phone_out() {
    let world = World::new();
    world.service.change(|state| state.down = true);
    let attestor = world.attestor();
    world.run_for_ms(&attestor, 24 * 3_600_000);
    let offline = world.run(attestor.ready());
    assert!(matches!(offline, Err(AttestError::Offline { .. })), "{offline:?}");
    for notice in world.diary.take() {
        if let Notice::Failed { again_in_ms, .. } = notice {
            assert!(again_in_ms <= 60_000);
        }
    }
    let tries = world.service.calls().len();
    assert!((24 * 60..24 * 60 * 4).contains(&tries), "{tries} tries in a day");
    world.service.change(|state| state.down = false);
    world.run_for_ms(&attestor, 61_000);
    assert!(attestor.try_authorize(&request("GET", READ)).is_some());
}

#[test]
fn a_short_outage_goes_unnoticed_and_the_network_event_ends_a_rest() {
    let world = World::new();
    world
        .service
        .twist("bundle", |_, _| Err(TransportError::Unreachable));
    let attestor = world.attestor();
    assert_eq!(world.run(attestor.ready()), Ok(()));

    let world = World::new();
    world.service.change(|state| state.down = true);
    let attestor = world.attestor();
    world.run_for_ms(&attestor, 600_000);
    world.service.change(|state| state.down = false);
    attestor.connectivity_restored();
    let before_ms = crate::foreign::Clock::monotonic_ms(&*world.time);
    assert_eq!(world.run(attestor.ready()), Ok(()));
    assert!(crate::foreign::Clock::monotonic_ms(&*world.time) - before_ms < 500);
}

#[test]
fn a_caller_that_leaves_takes_nobody_along() {
    for leave_after_ms in (0..150).step_by(10) {
        let world = World::new();
        let attestor = world.attestor();
        let read = request("GET", READ);
        let leave = async || {
            let left = world.time.sleep(1_000_000 + leave_after_ms);
            drop(select(Box::pin(attestor.authorize(&read)), left).await);
        };
        let (_, authorization) = world.run(join(leave(), attestor.authorize(&read)));
        world.service.verify(&read, &authorization.unwrap()).unwrap();
        assert_eq!(
            world.service.calls(),
            ["bundle", "challenge", "enroll"],
            "left after {leave_after_ms} ms"
        );
    }
}

#[test]
fn work_that_nobody_waits_for_begins_again_for_the_next() {
    for leave_after_ms in (0..150).step_by(10) {
        let world = World::new();
        let attestor = world.attestor();
        let read = request("GET", READ);
        let left = world.time.sleep(1_000_000 + leave_after_ms);
        drop(world.run(select(Box::pin(attestor.authorize(&read)), left)));
        let authorization = world.run(attestor.authorize(&read)).unwrap();
        world.service.verify(&read, &authorization).unwrap();
        // What was being written when the first caller left is written by the background work.
        world.run_for_ms(&attestor, 100);
        drop(world.service.calls());
        assert_eq!(world.run(world.attestor().ready()), Ok(()));
        assert_eq!(
            world.service.calls(),
            ["challenge", "renew"],
            "left after {leave_after_ms} ms"
        );
    }
}

#[test]
fn a_stuck_service_is_given_up_in_time() {
    let world = World::new();
    world.service.change(|state| state.latency_ms = 10_000_000);
    let attestor = world.attestor();
    let begun_ms = crate::foreign::Clock::monotonic_ms(&*world.time);
    assert!(world.run(attestor.ready()).is_err());
    let took_ms = crate::foreign::Clock::monotonic_ms(&*world.time) - begun_ms;
    assert!(took_ms <= 30_000, "{took_ms}");
}

#[test]
fn a_forgotten_phone_enrols_anew() {
    let world = World::new();
    let attestor = world.attestor();
    world.run(attestor.ready()).unwrap();
    let device = attestor.device();
    world.run(attestor.forget()).unwrap();
    assert_eq!((attestor.device(), attestor.status().enrolled), (None, false));
    assert!(attestor.try_authorize(&request("GET", READ)).is_none());
    drop(world.service.calls());
    world.run(world.attestor().ready()).unwrap();
    assert_eq!(world.service.calls(), ["challenge", "enroll"]);
    world.run(attestor.ready()).unwrap();
    assert!(attestor.device().is_some_and(|now| Some(now) != device));
}

#[test]
fn every_future_may_move_between_threads() {
    fn moves<T: Send>(future: T) {
        drop(future);
    }
    let world = World::new();
    let attestor = world.attestor();
    let read = request("GET", READ);
    moves(attestor.run());
    moves(attestor.ready());
    moves(attestor.authorize(&read));
    moves(attestor.send_with(&read, |_| std::future::ready(Err(()))));
}

#[test]
fn unreadable_state_starts_again() {
    for blob in [&b"{"[..], b"", b"null", b"{\"format\":1}", &[0xff; 9_000]] {
        let world = World::new();
        world.run(world.attestor().ready()).unwrap();
        world.storage.replace(STATE_BLOB, blob);
        assert_eq!(world.run(world.attestor().ready()), Ok(()));
        assert_eq!(world.key.made.load(Ordering::SeqCst), 2);
        assert!(world.diary.codes().contains(&"discarded"));
    }
}

/// Storage that never works.
struct Broken;

impl Storage for Broken {
    fn get(&self, _: &'static str) -> BoxFuture<'_, Result<Option<Vec<u8>>, StorageError>> {
        Box::pin(std::future::ready(Err(StorageError)))
    }

    fn put(&self, _: &'static str, _: Vec<u8>) -> BoxFuture<'_, Result<(), StorageError>> {
        Box::pin(std::future::ready(Err(StorageError)))
    }

    fn delete(&self, _: &'static str) -> BoxFuture<'_, Result<(), StorageError>> {
        Box::pin(std::future::ready(Err(StorageError)))
    }
}

#[test]
fn broken_storage_is_told_and_lived_without() {
    let world = World::new();
    let attestor = world.attestor_with(world.config(), Arc::new(Broken));
    world.run_for_ms(&attestor, 120_000);
    assert!(attestor.try_authorize(&request("GET", READ)).is_some());
    assert!(world.diary.codes().contains(&"not-stored"));
}
