//! Bans from outside: at once, by id or pseudonym, lifted again, on record with who did it, and kept over a restart.

use attest_core::problem::ProblemCode as Code;
use attest_core::response::Session;
use attest_tests::attacker::Attacker;
use attest_tests::request::Request;
use attest_tests::scene::START_S;
use serde_json::{Value, json};

use crate::operator::Operated;

async fn login(operated: &Operated, attacker: &Attacker, session: &Session) -> attest_mobile::HttpReply {
    let login = Request::login();
    let token = attacker.session_token(session, &attacker.claims(&login, START_S));
    login.send(&operated.scene.client(), &token).await
}

#[tokio::test]
async fn a_ban_acts_at_once_and_so_does_its_end() {
    let operated = Operated::open().await;
    let (one, other) = (operated.scene.attacker(), operated.scene.attacker());
    let (ones, others) = (one.session(None).await, other.session(None).await);
    assert_eq!(login(&operated, &one, &ones).await.status, 200);
    let arrived = operated.scene.backend.only();
    let pseudonym = arrived.all("attest-device").join("");
    let app = arrived.all("attest-app").join("");

    // By the name that the backend was told.
    let new =
        json!({"scope": "device", "kind": "banned", "pseudonym": pseudonym, "app": app, "reason": "stolen"});
    let ban = operated.act("POST", "/bans", &new, 201).await;
    let id = format!("device:{}", ones.device.to_text());
    assert_eq!(
        (ban["id"].as_str(), ban["in_force"].as_bool()),
        (Some(id.as_str()), Some(true))
    );
    let reply = login(&operated, &one, &ones).await;
    operated
        .scene
        .refuses("banned", &reply, 403, Code::Banned, "login", "banned");
    assert_eq!(login(&operated, &other, &others).await.status, 200);
    operated.scene.backend.only();
    assert_eq!(operated.read("/bans").await["bans"][0], ban);

    assert_eq!(
        operated
            .act("DELETE", &format!("/bans/{id}"), &Value::Null, 200)
            .await["lifted"],
        true
    );
    assert_eq!(login(&operated, &one, &ones).await.status, 200);

    // Sessions of until now are cut; one that is made afterwards works.
    let cut = json!({"scope": "app", "kind": "sessions_not_before", "app": app, "reason": "incident 7"});
    let cut = operated.act("POST", "/bans", &cut, 201).await;
    assert_eq!(cut["not_before_s"], START_S + 1);
    operated.scene.backend.take();
    let reply = login(&operated, &one, &ones).await;
    operated.scene.refuses(
        "cut",
        &reply,
        401,
        Code::SessionCut,
        "login",
        "sessions-not-before",
    );
    operated.scene.clock.advance_s(1);
    let phone = operated.scene.phone();
    let login_request = Request::login();
    let sent = phone
        .send(
            login_request.method,
            &login_request.target,
            &login_request.headers,
            login_request.body.as_bytes(),
        )
        .await
        .unwrap();
    assert_eq!(sent.reply.status, 200, "{:?}", sent.refusal);
    let unknown =
        json!({"scope": "device", "kind": "banned", "pseudonym": "nobody", "app": app, "reason": "x"});
    operated.act("POST", "/bans", &unknown, 404).await;
}

#[tokio::test]
async fn whatever_changes_something_is_on_record() {
    let operated = Operated::open().await;
    let new = json!({"scope": "all", "kind": "banned", "reason": "drill", "until_s": START_S + 60});
    operated.act("POST", "/bans", &new, 201).await;
    let refused = operated
        .call("POST", "/policy/reload", Some(&operated.reader), &Value::Null)
        .await;
    assert_eq!(refused.status, 403);
    operated.act("POST", "/bans", &json!({}), 400).await;
    assert_eq!(
        operated.act("POST", "/policy/reload", &Value::Null, 200).await["outcome"],
        "unchanged"
    );
    operated.act("DELETE", "/bans/all", &Value::Null, 200).await;
    // Reading leaves nothing.
    operated.read("/bans").await;
    let operated = Operated {
        scene: operated.scene.restarted().await,
        ..operated
    };
    let address = operated.scene.world.server().admin().unwrap().url();
    let operated = Operated {
        admin: attest_testkit::client::HttpClient::new(&address, "operator/1").unwrap(),
        ..operated
    };
    let events = operated.read("/events?limit=9").await;
    let events: Vec<_> = events["events"].as_array().unwrap().iter().rev().collect();
    let told: Vec<_> = events
        .iter()
        .map(|event| {
            [&event["kind"], &event["code"], &event["by"]].map(|text| text.as_str().unwrap().to_owned())
        })
        .collect();
    assert_eq!(
        told,
        [
            ["admin-ban-add", "ok", "operator"],
            ["admin-policy-reload", "forbidden", "reader"],
            ["admin-ban-add", "malformed", "operator"],
            ["admin-policy-reload", "ok", "operator"],
            ["admin-ban-lift", "ok", "operator"],
        ]
    );
    let first = events.first().unwrap();
    assert!(
        first["detail"].as_str().unwrap().contains("reason=drill"),
        "{first}"
    );
    let from = first["from"].as_str().unwrap();
    assert!(from.len() == 12 && !from.contains("127"), "{from}");
    assert!(events.iter().all(|event| event["from"] == from));
}
