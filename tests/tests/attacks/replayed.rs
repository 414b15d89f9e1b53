//! Good tokens with their own request, again.

use attest_core::problem::ProblemCode as Code;
use attest_mobile::{Headers, HttpReply};
use attest_tests::attacker::Attacker;
use attest_tests::request::Request;
use attest_tests::scene::{START_S, Scene};

/// The two single-use routes, each with a token for it.
async fn single_uses(attacker: &Attacker, now_s: u64) -> [(Request, Headers, &'static str); 2] {
    let session = attacker.session(None).await;
    let (payment, onboarding) = (Request::payment(), Request::onboarding());
    let proof = attacker.proof_token(&session, &attacker.claims(&payment, now_s));
    let token = attacker.session_token(&session, &attacker.claims(&onboarding, now_s));
    [(payment, proof, "payments"), (onboarding, token, "onboarding")]
}

#[tokio::test]
async fn a_used_token_is_refused_until_it_has_ended_anyway() {
    let scene = Scene::open().await;
    let client = scene.client();
    for (request, token, route) in single_uses(&scene.attacker(), START_S).await {
        assert_eq!(request.send(&client, &token).await.status, 200);
        scene.backend.only();
        for _ in 0..3 {
            let reply = request.send(&client, &token).await;
            scene.refuses(
                "a used token",
                &reply,
                401,
                Code::TokenReplayed,
                route,
                "single-use",
            );
        }
    }
    let login = Request::login();
    let attacker = scene.attacker();
    let session = attacker.session(None).await;
    let token = attacker.session_token(&session, &attacker.claims(&login, START_S));
    for _ in 0..2 {
        assert_eq!(
            login.send(&client, &token).await.status,
            200,
            "no single use is asked for here"
        );
        scene.backend.only();
    }
}

#[tokio::test]
async fn of_many_at_once_exactly_one_passes() {
    let scene = Scene::open().await;
    for (request, token, route) in single_uses(&scene.attacker(), START_S).await {
        let send = || {
            let (request, token, client) = (request.clone(), token.clone(), scene.client());
            tokio::spawn(async move { request.send(&client, &token).await })
        };
        let sent: Vec<_> = (0..16).map(|_| send()).collect();
        let mut replies: Vec<HttpReply> = Vec::new();
        for reply in sent {
            replies.push(reply.await.unwrap());
        }
        scene.backend.only();
        let (passed, refused): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 200);
        assert_eq!((passed.len(), refused.len()), (1, 15), "{route}");
        for reply in refused {
            scene.refuses(
                "a used token",
                reply,
                401,
                Code::TokenReplayed,
                route,
                "single-use",
            );
        }
    }
}

#[tokio::test]
async fn a_refused_request_does_not_use_its_token_up() {
    let scene = Scene::open().await;
    let client = scene.client();
    for (request, token, route) in single_uses(&scene.attacker(), START_S).await {
        let spoilt = Request {
            body: "{}".to_owned(),
            ..request.clone()
        };
        let reply = spoilt.send(&client, &token).await;
        scene.refuses(
            "another body",
            &reply,
            401,
            Code::TokenBinding,
            route,
            "binding-body",
        );
        assert_eq!(request.send(&client, &token).await.status, 200);
        scene.backend.only();
    }
}

#[tokio::test]
async fn after_a_restart_tokens_from_before_are_refused_and_sessions_go_on() {
    let scene = Scene::open().await;
    let attacker = scene.attacker();
    let session = attacker.session(None).await;
    let mut uses = single_uses(&attacker, START_S).await;
    let [(used, used_token, _), ..] = &uses;
    assert_eq!(used.send(&scene.client(), used_token).await.status, 200);
    scene.clock.advance_s(5);
    let scene = scene.restarted().await;
    let client = scene.client();
    scene.backend.only();
    for (request, token, route) in &uses {
        let reply = request.send(&client, token).await;
        scene.refuses(
            "a token from before",
            &reply,
            401,
            Code::TicketUnknown,
            route,
            "session-older-than-memory",
        );
    }
    uses = single_uses(&attacker, START_S + 5).await;
    for (request, token, _) in &uses {
        assert_eq!(request.send(&client, token).await.status, 200);
        scene.backend.only();
    }
    let login = Request::login();
    let token = attacker.session_token(&session, &attacker.claims(&login, START_S + 5));
    assert_eq!(
        login.send(&client, &token).await.status,
        200,
        "the session outlives the restart"
    );
}

#[tokio::test]
async fn a_phone_does_not_notice_a_restart() {
    let scene = Scene::open().await;
    let phone = scene.phone();
    let payment = Request::payment();
    let pay = || {
        phone.send(
            payment.method,
            &payment.target,
            &payment.headers,
            payment.body.as_bytes(),
        )
    };
    assert_eq!(pay().await.unwrap().reply.status, 200);
    let device = phone.attestor().device();
    let scene = scene.restarted().await;
    let sent = pay().await.unwrap();
    assert_eq!(sent.reply.status, 200, "{:?}", sent.refusal);
    assert_eq!(phone.attestor().device(), device);
    assert_eq!(scene.backend.take().len(), 2);
}
