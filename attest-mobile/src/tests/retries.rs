//! Every retry class on the app's own requests, and every refusal of the attestation service.

use std::cell::Cell;
use std::sync::atomic::Ordering;

use attest_core::device::TokenKind;
use attest_core::problem::{MissingStrength, Problem, ProblemCode, RetryClass, StepUpKind, StepUpRequest};
use attest_core::step_up::STEP_UP_HEADER;
use attest_core::token::binding::Bind;
use proptest::prelude::*;

use super::service::{problem, refuse, refuse_with, reply};
use super::world::{PAY, READ, World, request};
use crate::foreign::{StepUpOutcome, TransportError};
use crate::{AttestError, Authorization, HttpReply, SendError, Sent};

/// Sends one request whose replies are `answers`, then 200; returns what was sent.
fn send(
    world: &World,
    attestor: &crate::Attestor,
    method: &str,
    url: &str,
    answers: &[HttpReply],
) -> (Result<Sent, SendError<()>>, Vec<Authorization>) {
    let request = request(method, url);
    let (at, mut sent) = (Cell::new(0), Vec::new());
    let outcome = world.run(attestor.send_with(&request, |authorization| {
        sent.push(authorization);
        let answer = answers
            .get(at.replace(at.get() + 1))
            .cloned()
            .unwrap_or_else(|| reply(200, &()));
        std::future::ready(Ok::<_, ()>(answer))
    }));
    (outcome, sent)
}

fn step_up(kind: StepUpKind) -> Problem {
    Problem {
        step_up: Some(StepUpRequest {
            id: "id".to_owned(),
            kind,
            issuer: Some("otp".to_owned()),
        }),
        ..problem(ProblemCode::StepUpRequired)
    }
}

fn missing(token: TokenKind, bind: &[Bind]) -> Problem {
    Problem {
        missing: Some(MissingStrength {
            token,
            bind: bind.to_vec(),
        }),
        ..problem(ProblemCode::TokenTooWeak)
    }
}

fn later(code: ProblemCode, retry_after_s: u32) -> Problem {
    Problem {
        retry_after_s: Some(retry_after_s),
        ..problem(code)
    }
}

/// One refusal of a balance request: how often it is sent in all, and what the service is asked in between.
#[test]
fn each_class_is_followed_once() {
    let check = |problem: Problem, expect_status: u16, expect_calls: &[&str]| {
        let world = World::new();
        let attestor = world.attestor();
        world.run(attestor.ready()).unwrap();
        drop(world.service.calls());
        let refusal = refuse_with(&problem);
        let (outcome, sent) = send(&world, &attestor, "GET", READ, &[refusal.clone(), refusal]);
        let outcome = outcome.unwrap();
        assert_eq!(world.service.calls(), expect_calls, "{problem:?}");
        // The second refusal stands, or the first.
        assert_eq!(
            (outcome.reply.status, outcome.refusal),
            (expect_status, Some(problem))
        );
        assert_eq!(usize::try_from(outcome.sends), Ok(sent.len()));
        let tokens: std::collections::BTreeSet<_> = sent.iter().map(|sent| sent.headers.clone()).collect();
        assert_eq!(tokens.len(), sent.len(), "each send has a token of its own");
        let request = request("GET", READ);
        sent.iter()
            .for_each(|sent| drop(world.service.verify(&request, sent).unwrap()));
        sent.len()
    };
    let plain = |code| problem(code);
    assert_eq!(check(plain(ProblemCode::Denied), 403, &[]), 1);
    assert_eq!(check(plain(ProblemCode::Banned), 403, &[]), 1);
    assert_eq!(check(plain(ProblemCode::TokenReplayed), 403, &[]), 2);
    assert_eq!(
        check(plain(ProblemCode::TokenTime), 403, &["challenge", "renew"]),
        2
    );
    assert_eq!(
        check(plain(ProblemCode::SessionExpired), 403, &["challenge", "renew"]),
        2
    );
    assert_eq!(
        check(plain(ProblemCode::SessionOutdated), 403, &["challenge", "renew"]),
        2
    );
    assert_eq!(
        check(plain(ProblemCode::DeviceUnknown), 403, &["challenge", "enroll"]),
        2
    );
    assert_eq!(
        check(
            plain(ProblemCode::PolicyOutdated),
            403,
            &["bundle", "challenge", "renew"]
        ),
        2
    );
    assert_eq!(check(plain(ProblemCode::TokenTooWeak), 403, &[]), 1);
    assert_eq!(check(missing(TokenKind::Session, &[Bind::Body]), 403, &[]), 2);
    assert_eq!(check(later(ProblemCode::Overloaded, 1), 403, &[]), 2);
    assert_eq!(check(later(ProblemCode::Overloaded, 3600), 403, &[]), 1);
    assert_eq!(check(later(ProblemCode::UpstreamTimeout, 1), 403, &[]), 2);
    assert_eq!(check(plain(ProblemCode::StepUpRequired), 403, &[]), 1);
}

#[test]
fn a_stronger_token_is_minted_for_that_request() {
    let world = World::new();
    let attestor = world.attestor();
    let bind = [Bind::Query, Bind::Body, Bind::Authorization];
    for refusal in [missing(TokenKind::Proof, &bind), step_up(StepUpKind::Proof)] {
        let answers = [refuse_with(&refusal)];
        let (outcome, sent) = send(&world, &attestor, "GET", READ, &answers);
        assert_eq!(outcome.unwrap().reply.status, 200);
        let kinds: Vec<_> = sent.iter().map(|sent| sent.minted.unwrap().kind).collect();
        assert_eq!(kinds, [TokenKind::Session, TokenKind::Proof]);
    }
    // A forged refusal makes nothing weaker.
    let answers = [refuse_with(&missing(TokenKind::Session, &[]))];
    let (_, sent) = send(&world, &attestor, "POST", PAY, &answers);
    let pay = request("POST", PAY);
    for sent in sent {
        assert_eq!(
            world.service.verify(&pay, &sent).unwrap().kind(),
            TokenKind::Proof
        );
    }
}

#[test]
fn a_payment_that_may_have_happened_is_not_repeated() {
    let world = World::new();
    let attestor = world.attestor();
    for (code, expect) in [
        (ProblemCode::UpstreamTimeout, 1),
        (ProblemCode::UpstreamUnavailable, 1),
        (ProblemCode::Unavailable, 2),
        (ProblemCode::RateLimited, 2),
    ] {
        let (outcome, sent) = send(&world, &attestor, "POST", PAY, &[refuse_with(&later(code, 1))]);
        assert_eq!((sent.len(), outcome.is_ok()), (expect, true), "{code:?}");
    }
}

#[test]
fn a_route_that_the_policy_forgot_gets_a_token_after_its_refusal() {
    let world = World::new();
    let attestor = world.attestor();
    let url = "https://api.bank.example/v1/new";
    let (outcome, sent) = send(
        &world,
        &attestor,
        "GET",
        url,
        &[refuse(ProblemCode::TokenMissing)],
    );
    assert_eq!(outcome.unwrap().reply.status, 200);
    assert!(sent[0].headers.is_empty());
    world.service.verify(&request("GET", url), &sent[1]).unwrap();
    // Elsewhere, whoever asks for a token gets none.
    let (outcome, sent) = send(
        &world,
        &attestor,
        "GET",
        "https://evil.example/",
        &[refuse(ProblemCode::TokenMissing)],
    );
    assert_eq!((outcome.unwrap().reply.status, sent.len()), (403, 1));
    assert!(sent[0].headers.is_empty());
}

#[test]
fn a_step_up_is_completed_by_the_user() {
    let world = World::new();
    let attestor = world.attestor();
    let asks = refuse_with(&step_up(StepUpKind::User));
    let answer = |outcome| *world.user.answer.lock().unwrap() = outcome;

    answer(StepUpOutcome::Declined);
    let (outcome, sent) = send(&world, &attestor, "POST", PAY, std::slice::from_ref(&asks));
    assert_eq!(
        (outcome, sent.len()),
        (Err(SendError::Attest(AttestError::StepUpDeclined)), 1)
    );

    for bad in ["a.b", "a.b.c\r\nx: y", &"a".repeat(9_000)] {
        answer(StepUpOutcome::Completed(bad.to_owned()));
        let (outcome, _) = send(&world, &attestor, "POST", PAY, std::slice::from_ref(&asks));
        let expect = AttestError::Misconfigured {
            code: "step-up-malformed",
        };
        assert_eq!(outcome, Err(SendError::Attest(expect)));
    }

    answer(StepUpOutcome::Completed("aa.bb.cc".to_owned()));
    world.user.asked.store(0, Ordering::SeqCst);
    // An automatic repeat before it and a second question after it: still one repeat each.
    let answers = [refuse(ProblemCode::TokenReplayed), asks.clone(), asks];
    let (outcome, sent) = send(&world, &attestor, "POST", PAY, &answers);
    assert_eq!(outcome.unwrap().reply.status, 403);
    assert_eq!((sent.len(), world.user.asked.load(Ordering::SeqCst)), (3, 1));
    assert!(
        sent[2]
            .headers
            .contains(&(STEP_UP_HEADER.to_owned(), "aa.bb.cc".to_owned()))
    );
    assert!(!sent[1].headers.iter().any(|(name, _)| name == STEP_UP_HEADER));
}

#[test]
fn many_refused_callers_share_one_renewal() {
    let world = World::new();
    let attestor = world.attestor();
    world.run(attestor.ready()).unwrap();
    drop(world.service.calls());
    let read = request("GET", READ);
    let all = (0..30).map(|_| {
        let mut first = true;
        attestor.send_with(&read, move |_| {
            let answer = if std::mem::take(&mut first) {
                refuse(ProblemCode::SessionCut)
            } else {
                reply(200, &())
            };
            std::future::ready(Ok::<_, ()>(answer))
        })
    });
    for sent in world.run(futures_util::future::join_all(all)) {
        assert_eq!(sent.unwrap().reply.status, 200);
    }
    assert_eq!(world.service.calls(), ["challenge", "renew"]);
}

#[test]
fn a_repeat_that_cannot_be_authorised_says_why() {
    let world = World::new();
    let attestor = world.attestor();
    world.run(attestor.ready()).unwrap();
    world.service.change(|state| state.down = true);
    let (outcome, sent) = send(&world, &attestor, "GET", READ, &[refuse(ProblemCode::SessionCut)]);
    assert!(
        matches!(outcome, Err(SendError::Attest(AttestError::Offline { .. }))),
        "{outcome:?}"
    );
    assert_eq!(sent.len(), 1);
}

#[test]
fn every_refusal_of_the_service_ends_in_what_the_app_should_do() {
    let check = |call: &'static str, refusal: HttpReply, expect: &dyn Fn(&AttestError) -> bool| {
        let world = World::new();
        for _ in 0..9 {
            let refusal = refusal.clone();
            world.service.twist(call, move |_, _| Ok(refusal));
        }
        let attestor = world.attestor();
        let error = world.run(attestor.ready()).unwrap_err();
        assert!(expect(&error), "{call}: {error:?}");
        // And it is no lock-out: once the service thinks better of it, the phone goes on by itself.
        world.service.change(|state| state.twists.clear());
        world.run_for_ms(&attestor, 61_000);
        assert_eq!(world.run(attestor.ready()), Ok(()));
    };
    let refused =
        |error: &AttestError| matches!(error, AttestError::Refused { support, .. } if support == "SUPPORT-1");
    let try_later = |error: &AttestError| matches!(error, AttestError::TryLater { .. });
    let wiring = |error: &AttestError| matches!(error, AttestError::Misconfigured { .. });
    let offline = |error: &AttestError| matches!(error, AttestError::Offline { .. });
    check("enroll", refuse(ProblemCode::EvidenceRefused), &refused);
    check("enroll", refuse(ProblemCode::Banned), &refused);
    check("enroll", refuse(ProblemCode::AppUnknown), &wiring);
    check("enroll", refuse(ProblemCode::EnvironmentMismatch), &wiring);
    check(
        "enroll",
        refuse_with(&later(ProblemCode::Overloaded, 30)),
        &try_later,
    );
    check(
        "enroll",
        refuse_with(&later(ProblemCode::Overloaded, u32::MAX)),
        &try_later,
    );
    check(
        "challenge",
        refuse_with(&later(ProblemCode::RateLimited, 5)),
        &try_later,
    );
    check("bundle", reply(404, &()), &wiring);
    check("bundle", reply(302, &()), &offline);
    check("bundle", reply(500, &()), &try_later);
    check("bundle", reply(304, &()), &offline);
}

#[test]
fn a_used_challenge_is_replaced_once_without_a_rest() {
    let world = World::new();
    world
        .service
        .twist("enroll", |_, _| Ok(refuse(ProblemCode::ChallengeRefused)));
    world.service.twist("challenge", |_, honest| honest);
    let attestor = world.attestor();
    assert_eq!(world.run(attestor.ready()), Ok(()));
    assert_eq!(
        world.service.calls(),
        ["bundle", "challenge", "enroll", "challenge", "enroll"]
    );
    assert!(!world.diary.codes().contains(&"failed"));
}

#[test]
fn the_apps_own_failure_is_its_own() {
    let world = World::new();
    let attestor = world.attestor();
    let read = request("GET", READ);
    let outcome = world.run(attestor.send_with(&read, |_| {
        std::future::ready(Err::<HttpReply, _>(TransportError::Unreachable))
    }));
    assert_eq!(outcome, Err(SendError::Send(TransportError::Unreachable)));
}

fn any_problem() -> impl Strategy<Value = Problem> {
    let class = prop_oneof![
        Just(RetryClass::None),
        Just(RetryClass::FreshToken),
        Just(RetryClass::StrongerToken),
        Just(RetryClass::Renew),
        Just(RetryClass::Enroll),
        Just(RetryClass::RefreshPolicy),
        Just(RetryClass::StepUp),
        Just(RetryClass::Later),
    ];
    let code = proptest::sample::select(ProblemCode::ALL);
    (
        code,
        class,
        any::<Option<bool>>(),
        any::<Option<bool>>(),
        any::<Option<u32>>(),
    )
        .prop_map(|(code, retry, proof, user, retry_after_s)| {
            let token = |proof| {
                if proof {
                    TokenKind::Proof
                } else {
                    TokenKind::Session
                }
            };
            let kind = |user| if user { StepUpKind::User } else { StepUpKind::Proof };
            Problem {
                retry,
                missing: proof.map(|proof| MissingStrength {
                    token: token(proof),
                    bind: vec![Bind::Body],
                }),
                step_up: user.map(|user| StepUpRequest {
                    id: "x".to_owned(),
                    kind: kind(user),
                    issuer: None,
                }),
                retry_after_s,
                ..problem(code)
            }
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn whatever_is_answered_there_is_at_most_one_repeat(
        problems in proptest::collection::vec(any_problem(), 6),
        pay: bool,
    ) {
        let world = World::new();
        *world.user.answer.lock().unwrap() = StepUpOutcome::Completed("a.b.c".to_owned());
        let attestor = world.attestor();
        let answers: Vec<_> = problems.iter().map(refuse_with).collect();
        let (method, url) = if pay { ("POST", PAY) } else { ("GET", READ) };
        let (outcome, sent) = send(&world, &attestor, method, url, &answers);
        prop_assert!(outcome.is_ok());
        let by_user = usize::try_from(world.user.asked.load(Ordering::SeqCst)).unwrap();
        prop_assert!(by_user <= 1);
        prop_assert!(sent.len() <= 2 + by_user, "{} sends", sent.len());
    }
}
