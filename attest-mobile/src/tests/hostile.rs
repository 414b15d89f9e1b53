//! Services and networks that lie, and what must never be shown.

use attest_core::bundle::MAX_BUNDLE_BYTES;
use attest_core::response::MAX_RESPONSE_BYTES;
use proptest::prelude::*;

use super::service::reply;
use super::world::{READ, World, request};
use crate::{AttestError, HttpReply, Status};

/// Spoils every answer to one call; whatever comes back, it ends in an error of the app's six.
fn spoiled(
    call: &'static str,
    spoil: impl Fn(HttpReply) -> HttpReply + Clone + Send + 'static,
) -> AttestError {
    let world = World::new();
    for _ in 0..12 {
        let spoil = spoil.clone();
        world.service.twist(call, move |_, honest| honest.map(spoil));
    }
    let attestor = world.attestor();
    let error = world.run(attestor.ready()).unwrap_err();
    assert!(attestor.try_authorize(&request("GET", READ)).is_none());
    error
}

const CALLS: [&str; 3] = ["bundle", "challenge", "enroll"];

#[test]
fn oversized_answers_are_not_read() {
    for call in CALLS {
        let error = spoiled(call, |mut reply| {
            reply.body = vec![b' '; MAX_BUNDLE_BYTES + 1];
            reply
        });
        assert_eq!(
            error,
            AttestError::Offline {
                code: "transport-oversized"
            }
        );
    }
}

#[test]
fn a_response_for_somebody_else_begins_no_session() {
    // The service signed it, but in answer to other evidence.
    let recorded = std::sync::Arc::new(std::sync::Mutex::new(None));
    let keep = std::sync::Arc::clone(&recorded);
    let world = World::new();
    world.service.twist("enroll", move |_, honest| {
        *keep.lock().unwrap() = Some(honest.clone());
        honest
    });
    let attestor = world.attestor();
    world.run(attestor.ready()).unwrap();
    let replayed = recorded.lock().unwrap().take().unwrap();
    world.time.advance_ms(901_000);
    for _ in 0..9 {
        let replayed = replayed.clone();
        world.service.twist("renew", move |_, _| replayed);
    }
    let failed = world.run(attestor.ready());
    assert_eq!(
        failed,
        Err(AttestError::Offline {
            code: "response-mismatch"
        })
    );
}

#[test]
fn longer_json_around_it_changes_nothing() {
    let error = spoiled("enroll", |_| {
        reply(
            200,
            &serde_json::json!({"response": "a".repeat(MAX_RESPONSE_BYTES + 1)}),
        )
    });
    assert_eq!(
        error,
        AttestError::Offline {
            code: "token-too-large"
        }
    );
}

#[test]
fn debug_shows_no_secret() {
    let world = World::new();
    let attestor = world.attestor();
    let read = request("GET", READ);
    // At every step of an enrolment, and after it.
    let mut shown = String::new();
    let mut enrolment = std::pin::pin!(attestor.authorize(&read));
    let authorization = world.run(std::future::poll_fn(|context| {
        shown += &attestor.debug_of_everything();
        enrolment.as_mut().poll(context)
    }));
    let authorization = authorization.unwrap();
    let token = authorization.headers[0].1.clone();
    let device = attestor.device().unwrap().to_text();
    shown += &format!(
        "{attestor:?} {authorization:?} {} ",
        attestor.debug_of_everything()
    );
    shown += &format!("{:?} {read:?}", world.diary.take());
    let parts = token.split('.').map(str::to_owned);
    for secret in parts.chain([
        token.clone(),
        device,
        "Bearer user".to_owned(),
        "amount".to_owned(),
    ]) {
        assert!(!shown.contains(&secret), "{secret} in {shown}");
    }
    // Neither evidence, policy nor challenge: nothing that is encoded at all.
    let longest = shown
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_')
        .map(str::len)
        .max();
    assert!(longest < Some(40), "{shown}");
    assert!(shown.contains("attest-token") && shown.contains("Presenting"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn garbage_ends_in_a_typed_error(
        call in proptest::sample::select(&CALLS[..]),
        body in proptest::collection::vec(any::<u8>(), 0..400),
        status in 200..600_u16,
        is_problem: bool,
    ) {
        let headers = is_problem.then(|| ("content-type".to_owned(), "application/problem+json".to_owned()));
        let garbage = HttpReply { status, headers: headers.into_iter().collect(), body };
        drop(spoiled(call, move |_| garbage.clone()));
    }

    #[test]
    fn truncated_answers_end_in_a_typed_error(call in proptest::sample::select(&CALLS[..]), keep in 0..100_usize) {
        drop(spoiled(call, move |mut reply| {
            reply.body.truncate(reply.body.len() * keep / 100);
            reply
        }));
    }

    #[test]
    fn an_altered_response_begins_no_session(at in 0..10_000_usize) {
        drop(spoiled("enroll", move |reply| altered(reply, at)));
    }

    #[test]
    fn an_altered_bundle_is_refused_or_is_the_same_policy(at in 0..10_000_usize) {
        let world = World::new();
        for _ in 0..12 {
            world.service.twist("bundle", move |_, honest| honest.map(|reply| altered(reply, at)));
        }
        let attestor = world.attestor();
        // Not every character is signed: a signature has a key's name, and what is around it has members that nobody asks for.
        if world.run(attestor.ready()).is_ok() {
            let (honest, taken) = (honest(), attestor.status());
            prop_assert_eq!(taken.policy_version, honest.policy_version);
            prop_assert_eq!(taken.policy_root, honest.policy_root);
            prop_assert_eq!(taken.findings, honest.findings);
        }
    }
}

/// A reply in which one character is another one.
fn altered(mut reply: HttpReply, at: usize) -> HttpReply {
    let at = at % reply.body.len();
    reply.body[at] = if reply.body[at] == b'A' { b'B' } else { b'A' };
    reply
}

/// What a phone is to which nobody lied.
fn honest() -> Status {
    let world = World::new();
    let attestor = world.attestor();
    world.run(attestor.ready()).unwrap();
    attestor.status()
}
