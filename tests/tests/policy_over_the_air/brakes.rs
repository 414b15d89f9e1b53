//! The brake at a running gateway: it relaxes what the policy lists, for at most a day, and nothing else.

use attest_gateway::policy::Polled;
use attest_gateway::policy::repository::{Answer, Subject};
use attest_tests::publisher::brake;
use attest_tests::scene::START_S;
use attest_tests::station::Station;
use attest_tests::wire::until;
use serde_json::{Value, json};

/// A gateway whose policy stops logins.
async fn stopped() -> (Station, attest_tests::publisher::Draft) {
    let mut station = Station::new().await;
    let draft = station.publisher.draft(true);
    station.publish(&station.publisher.sign(&draft));
    station.open().await.unwrap();
    (station, draft)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_brake_relaxes_a_rule_until_its_time_is_over() {
    let (mut station, draft) = stopped().await;
    let caller = station.caller().await;
    assert_eq!(station.login(&caller).await, 403);
    let braked = station
        .publisher
        .braked(&draft, Some(&brake(1, 3_600, &[("stop-login", "shadow")])));
    station.publish(&station.publisher.sign(&braked));
    assert_eq!(station.look().await, Polled::Unchanged, "the policy is the same");
    assert_eq!(station.login(&caller).await, 200);
    let followed = station.followed();
    let on = followed.brake.unwrap();
    assert_eq!((on.version, on.expires_at_s), (1, START_S + 3_600));
    assert_eq!(on.rules["stop-login"], "shadow");
    let metrics = String::from_utf8(station.admin("GET", "/metrics", b"").await.body).unwrap();
    assert!(metrics.contains("attest_policy_brake_rules 1\n"), "{metrics}");
    let events = String::from_utf8(station.admin("GET", "/events", b"").await.body).unwrap();
    assert!(
        events.contains("brake-ack") && events.contains("brake-on"),
        "{events}"
    );

    // It outlives a restart, and then ends by itself.
    station.close().await;
    station.open().await.unwrap();
    let caller = station.caller().await;
    assert_eq!(station.login(&caller).await, 200);
    station.clock.advance_s(3_600);
    until("it ended", || station.followed().brake.is_none()).await;
    let caller = station.caller().await;
    assert_eq!(station.login(&caller).await, 403);
    // A clock that is put back does not bring it back, nor does looking again.
    station.clock.set_s(START_S + 10);
    station.look().await;
    assert_eq!(station.followed().brake, None);
    station.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_brake_is_lifted_by_one_without_rules_and_by_its_absence() {
    let (mut station, draft) = stopped().await;
    let caller = station.caller().await;
    for (version, lifting) in [(1, Some(brake(2, 3_600, &[]))), (3, None)] {
        let on = brake(version, 3_600, &[("stop-login", "off")]);
        let braked = station.publisher.braked(&draft, Some(&on));
        station.publish(&station.publisher.sign(&braked));
        station.look().await;
        assert_eq!(station.login(&caller).await, 200);
        let lifted = station.publisher.braked(&draft, lifting.as_ref());
        station.publish(&station.publisher.sign(&lifted));
        station.look().await;
        assert_eq!(station.login(&caller).await, 403);
        assert_eq!(station.followed().last_ack.unwrap().code, "brake-off");
    }
    station.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_brake_that_reaches_too_far_changes_nothing_and_stops_nothing() {
    let reaches: [(&str, Value); 9] = [
        (
            "brake-unlisted",
            brake(1, 60, &[("rooted-login-needs-proof", "off")]),
        ),
        (
            "brake-unlisted",
            brake(1, 60, &[("stop-login", "off"), ("repackaged-anywhere", "shadow")]),
        ),
        ("brake-unknown-rule", brake(1, 60, &[("no-such-rule", "off")])),
        ("brake-too-long", brake(1, 86_401, &[("stop-login", "off")])),
        ("brake-raises", brake(1, 60, &[("watched", "enforce")])),
        (
            "brake-expired",
            json!({"version": 1, "issued_at": START_S - 60, "expires_at": START_S, "rules": {"stop-login": "off"}}),
        ),
        (
            "brake-early",
            json!({"version": 1, "issued_at": START_S + 4_000, "expires_at": START_S + 4_060, "rules": {"stop-login": "off"}}),
        ),
        (
            "brake-malformed",
            json!({"version": 1, "issued_at": START_S, "expires_at": START_S + 60, "rules": {}, "routes": []}),
        ),
        (
            "brake-backwards",
            json!({"version": 1, "issued_at": START_S, "expires_at": START_S - 60, "rules": {"stop-login": "off"}}),
        ),
    ];
    for (code, reaching) in reaches {
        let (mut station, draft) = stopped().await;
        let caller = station.caller().await;
        let braked = station.publisher.braked(&draft, Some(&reaching));
        station.publish(&station.publisher.sign(&braked));
        station.look().await;
        let nack = station.nack().unwrap();
        assert_eq!(
            (nack.subject, nack.code.as_str()),
            (Subject::Brake, code),
            "{reaching}"
        );
        assert_eq!(station.followed().brake, None);
        assert_eq!(station.login(&caller).await, 403, "{reaching}");
        // Told once.
        station.look().await;
        assert_eq!(station.nack().unwrap(), nack);
        // And a policy that comes with it is taken all the same.
        let mut next = station.publisher.draft(false);
        next.brake = Some(reaching.to_string().into_bytes());
        station.publish(&station.publisher.sign(&next));
        assert_eq!(station.look().await, Polled::Activated(2), "{reaching}");
        assert_eq!(station.login(&caller).await, 200);
        station.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_brakes_own_key_pulls_it_and_only_forward() {
    let (mut station, draft) = stopped().await;
    let caller = station.caller().await;
    let on = brake(5, 3_600, &[("stop-login", "off")]);
    // Signed by a key that is no brake key.
    let braked = station.publisher.braked(&draft, Some(&on));
    let stranger = attest_policy::repository::RoleKey::generate(
        attest_policy::repository::KeyKind::Ed25519,
        &ring::rand::SystemRandom::new(),
    )
    .unwrap();
    let mut repository = station.publisher.sign(&braked);
    let signed = attest_policy::repository::Metadata::<attest_policy::repository::Targets>::from_bytes(
        &repository.metadata["brake"],
    )
    .unwrap();
    let forged = attest_tests::publisher::bytes(signed.signed, &[&stranger]);
    repository.metadata.insert("brake".to_owned(), forged);
    let brake_target =
        std::collections::BTreeMap::from([("brake.json".to_owned(), on.to_string().into_bytes())]);
    let forged = station
        .publisher
        .seal(&braked, repository.metadata.clone(), brake_target);
    station.publish(&forged);
    station.look().await;
    let nack = station.nack().unwrap();
    assert_eq!(
        (nack.subject, nack.code.as_str()),
        (Subject::Brake, "tuf-threshold")
    );
    assert_eq!(station.login(&caller).await, 403);
    // The owner's own acts, and an older one after it does not.
    let braked = station.publisher.braked(&draft, Some(&on));
    station.publish(&station.publisher.sign(&braked));
    station.look().await;
    assert_eq!(station.login(&caller).await, 200);
    let older = brake(4, 7_200, &[("stop-login", "off")]);
    let braked = station.publisher.braked(&draft, Some(&older));
    station.publish(&station.publisher.sign(&braked));
    station.look().await;
    assert_eq!(station.nack().unwrap().code, "brake-not-newer");
    assert_eq!(station.followed().brake.unwrap().version, 5);
    station.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_brake_acts_on_the_policy_in_force_even_if_a_bad_one_comes_with_it() {
    let (mut station, _) = stopped().await;
    let caller = station.caller().await;
    let mut bad = station.publisher.draft_of(true, "");
    let text = String::from_utf8(bad.artifacts["gateway.json"].clone()).unwrap();
    let other = text.replace(r#""upstream":"bank""#, r#""upstream":"shop""#);
    bad.artifacts
        .insert("gateway.json".to_owned(), other.into_bytes());
    bad.brake = Some(brake(1, 60, &[("stop-login", "off")]).to_string().into_bytes());
    station.publish(&station.publisher.sign(&bad));
    assert!(matches!(station.look().await, Polled::Refused(_)));
    let followed = station.followed();
    assert_eq!(followed.last_nack.unwrap().code, "policy-upstream");
    let ack = followed.last_ack.unwrap();
    assert_eq!((ack.verdict, ack.code.as_str()), (Answer::Ack, "brake-on"));
    assert_eq!((station.version(), station.login(&caller).await), (1, 200));
    station.close().await;
}
