//! Step-ups confirmed by the bank's own one-time-code service: good for one device, one route and their time, and for nothing
//! else.

#![expect(
    clippy::unwrap_used,
    reason = "a test's own failure is a panic, in its supporting functions too"
)]

use std::sync::Arc;

use attest_core::problem::{Problem, ProblemCode as Code, StepUpKind};
use attest_core::response::Session;
use attest_core::step_up::STEP_UP_HEADER;
use attest_core::token::binding::Bind;
use attest_gateway::clock::{Clock as _, ManualClock};
use attest_mobile::{Headers, HttpReply};
use attest_testkit::bank::{OTP_ISSUER, StepUpCall};
use attest_testkit::world::{World, WorldOptions};
use attest_tests::attacker::Attacker;
use attest_tests::raw_jws::{RawJws, flipped};
use attest_tests::request::{Request, header};
use attest_tests::scene::START_S;

/// A customer with a session.
struct Customer {
    attacker: Attacker,
    session: Session,
    clock: Arc<ManualClock>,
}

impl Customer {
    async fn new(world: &World, clock: &Arc<ManualClock>) -> Self {
        let attacker = Attacker::new(world);
        let session = attacker.session(None).await;
        Self {
            attacker,
            session,
            clock: Arc::clone(clock),
        }
    }

    async fn send(&self, request: &Request, completion: Option<&str>) -> HttpReply {
        let claims = self.attacker.claims(request, self.clock.now_s());
        let mut headers: Headers = self.attacker.session_token(&self.session, &claims);
        headers.extend(completion.map(|completion| header(STEP_UP_HEADER, completion)));
        request.send(&self.attacker.client, &headers).await
    }

    /// What the gateway asks for.
    async fn asked(&self) -> String {
        let reply = self.send(&payee(), None).await;
        let problem: Problem = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!((reply.status, problem.code()), (403, Some(Code::StepUpRequired)));
        let step_up = problem.step_up.unwrap();
        assert_eq!(
            (step_up.kind, step_up.issuer.as_deref()),
            (StepUpKind::User, Some(OTP_ISSUER))
        );
        step_up.id
    }

    /// The bank's confirmation of it, by the code in its text message.
    async fn confirmed(&self, world: &World, id: &str) -> String {
        let call = |code| {
            let body = serde_json::to_string(&StepUpCall {
                id: id.to_owned(),
                code,
            })
            .unwrap();
            Request::new("POST", "/v1/step-up", &body, &[Bind::Body])
        };
        assert_eq!(self.send(&call(None), None).await.status, 202);
        let code = world.bank().text_message(id).unwrap();
        let reply = self.send(&call(Some(code)), None).await;
        let answer: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
        answer.get("completion").unwrap().as_str().unwrap().to_owned()
    }
}

fn payee() -> Request {
    Request::new("POST", "/v1/payees", r#"{"iban":"DE02"}"#, &[Bind::Body])
}

fn code(reply: &HttpReply) -> Option<Code> {
    serde_json::from_slice::<Problem>(&reply.body).ok()?.code()
}

#[tokio::test]
async fn a_confirmation_is_good_for_its_device_route_and_time_only() {
    let clock = Arc::new(ManualClock::at(START_S));
    let world = World::start(WorldOptions::new(Arc::clone(&clock) as _))
        .await
        .unwrap();
    let (customer, other) = (
        Customer::new(&world, &clock).await,
        Customer::new(&world, &clock).await,
    );
    let id = customer.asked().await;
    assert_ne!(customer.asked().await, id, "each question is another");
    let completion = customer.confirmed(&world, &id).await;
    assert_eq!(customer.send(&payee(), Some(&completion)).await.status, 201);

    let raw = RawJws::read(&completion);
    let own_key = &customer.attacker.key;
    let others_id = other.asked().await;
    for (what, spoilt) in [
        ("tampered", flipped(&completion, 1)),
        ("its signature tampered", flipped(&completion, 2)),
        ("signed by the device", raw.sign(own_key)),
        (
            "for another question, signed by the device",
            raw.clone().claim("step_up", others_id.clone()).sign(own_key),
        ),
        (
            "unsigned",
            format!("{}AA", raw.clone().header("alg", "none").unsigned()),
        ),
        (
            "a session token",
            customer
                .attacker
                .session_token(&customer.session, &customer.attacker.claims(&payee(), START_S))
                .remove(0)
                .1,
        ),
        ("nothing", String::new()),
        ("garbage", "x.y.z".to_owned()),
    ] {
        let reply = customer.send(&payee(), Some(&spoilt)).await;
        assert_eq!(
            (reply.status, code(&reply)),
            (403, Some(Code::StepUpInvalid)),
            "{what}"
        );
    }
    let reply = other.send(&payee(), Some(&completion)).await;
    assert_eq!(
        (reply.status, code(&reply)),
        (403, Some(Code::StepUpInvalid)),
        "another device's"
    );
    // 120 s on this route, and the tolerated difference of clocks.
    clock.advance_s(179);
    assert_eq!(customer.send(&payee(), Some(&completion)).await.status, 201);
    clock.advance_s(1);
    let reply = customer.send(&payee(), Some(&completion)).await;
    assert_eq!(
        (reply.status, code(&reply)),
        (403, Some(Code::StepUpInvalid)),
        "later than the route allows"
    );
    assert_eq!(world.bank().seen("unnamed").forged, 0);
}

#[tokio::test]
async fn two_confirmations_at_once_are_none() {
    let clock = Arc::new(ManualClock::at(START_S));
    let world = World::start(WorldOptions::new(Arc::clone(&clock) as _))
        .await
        .unwrap();
    let customer = Customer::new(&world, &clock).await;
    let completion = customer.confirmed(&world, &customer.asked().await).await;
    let claims = customer.attacker.claims(&payee(), START_S);
    let mut headers = customer.attacker.session_token(&customer.session, &claims);
    headers.extend([
        header(STEP_UP_HEADER, &completion),
        header(STEP_UP_HEADER, &completion),
    ]);
    let reply = payee().send(&customer.attacker.client, &headers).await;
    assert_eq!((reply.status, code(&reply)), (403, Some(Code::StepUpInvalid)));
}
