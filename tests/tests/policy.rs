//! Policy while traffic runs: the good one acts at once and for sessions that exist, the bad one never, and the SDK gets over
//! what a change asks of it without its app noticing.

#![expect(
    clippy::unwrap_used,
    reason = "a test's own failure is a panic, in its supporting functions too"
)]

use attest_core::finding::Findings;
use attest_core::problem::ProblemCode as Code;
use attest_core::support_code::NameHash;
use attest_gateway::tally::Passed;
use attest_mobile::Sent;
use attest_testkit::phone::Phone;
use attest_testkit::policy::PolicySettings;
use attest_testkit::profile::Profile;
use attest_tests::request::{Request, header};
use attest_tests::scene::{START_S, Scene};

async fn send(phone: &Phone, request: &Request) -> Sent {
    phone
        .send(
            request.method,
            &request.target,
            &request.headers,
            request.body.as_bytes(),
        )
        .await
        .unwrap()
}

/// Publishes and has the gateway look at once, so that nothing depends on when it would have looked.
fn publish(scene: &Scene, change: impl FnOnce(&mut PolicySettings)) -> u64 {
    let version = scene.world.publish(change).unwrap();
    let _polled = scene.gateway().policies().poll();
    assert_eq!(
        scene.gateway().policies().active().version(),
        version,
        "{:?}",
        scene.gateway().policies().status()
    );
    version
}

#[tokio::test]
async fn a_bad_policy_never_acts_while_requests_go_on() {
    let scene = Scene::open().await;
    let (attacker, client, login) = (scene.attacker(), scene.client(), Request::login());
    let session = attacker.session(None).await;
    let good = std::fs::read_to_string(scene.world.folder().join("policy.yaml")).unwrap();
    let second = good.replace("version: 1", "version: 2");
    for (what, source) in [
        (
            "the same version with other content",
            format!("{good}# changed\n"),
        ),
        ("an older one", good.replace("version: 1", "version: 0")),
        (
            "another environment",
            second.replace("environment: development", "environment: production"),
        ),
        (
            "an unknown upstream",
            second.replace("upstream: shown", "upstream: elsewhere"),
        ),
        (
            "a failing test",
            second.replace("expect: {decision: allow}", "expect: {decision: deny}"),
        ),
        ("garbage", "\u{0}{{{{".to_owned()),
        ("nothing", String::new()),
        ("more than is read", format!("{second}#{}", "x".repeat(300_000))),
    ] {
        assert_ne!(source, good, "{what}");
        scene.world.publish_text(&source).unwrap();
        let _polled = scene.gateway().policies().poll();
        let status = scene.gateway().policies().status();
        assert!(
            status.problem.is_some() && status.active_version == 1,
            "{what}: {status:?}"
        );
        let token = attacker.session_token(&session, &attacker.claims(&login, START_S));
        let reply = login.send(&client, &token).await;
        assert_eq!(
            (reply.status, reply.header("attest-policy")),
            (200, Some("1")),
            "{what}"
        );
    }
    let scene = scene.restarted().await;
    let status = scene.gateway().policies().status();
    assert!(
        status.problem.is_some() && status.active_version == 1,
        "across a restart: {status:?}"
    );
    scene.world.publish_text(&second).unwrap();
    let _polled = scene.gateway().policies().poll();
    assert_eq!(scene.gateway().policies().status().problem, None);
    let token = attacker.session_token(&session, &attacker.claims(&login, START_S));
    let reply = login.send(&scene.client(), &token).await;
    assert_eq!((reply.status, reply.header("attest-policy")), (200, Some("2")));
    scene.world.publish_text(&good).unwrap();
    let scene = scene.restarted().await;
    assert_eq!(
        scene.gateway().policies().active().version(),
        2,
        "a restart does not go back"
    );
}

#[tokio::test]
async fn a_rule_in_shadow_is_told_to_the_backend_and_acts_once_it_is_enforced() {
    let scene = Scene::open().await;
    let mut options = scene.world.phone();
    options.profile = Profile::Cloner;
    let (cloner, genuine) = (Phone::new(options).unwrap(), scene.phone());
    let payment = Request::payment();
    assert_eq!(send(&cloner, &payment).await.reply.status, 200);
    let arrived = scene.backend.only();
    assert_eq!(arrived.all("attest-shadow"), ["cloner-on-payments;decision=deny"]);
    let findings = [
        "clone.data_dir",
        "clone.canary_path",
        "clone.maps.foreign_private_code",
    ];
    assert_eq!(
        arrived.all("attest-findings"),
        [findings.map(|id| format!("{id};source=ticket")).join(", ")]
    );
    assert_eq!(
        (arrived.all("attest-decision"), arrived.all("attest-app")),
        (vec!["allow"], vec!["bank-android"])
    );
    assert_eq!(scene.gateway().tally().passed(Passed::Shadow), 1);
    assert_eq!(send(&genuine, &payment).await.reply.status, 200);
    assert!(scene.backend.only().all("attest-shadow").is_empty());
    let device = cloner.attestor().device();
    publish(&scene, |policy| policy.cloner_rule = "enforce");
    let sent = send(&cloner, &payment).await;
    scene.refuses(
        "the cloner's payment",
        &sent.reply,
        403,
        Code::Denied,
        "payments",
        "cloner-on-payments",
    );
    let cause = scene.refused(&sent.reply).cause;
    assert_eq!(cause.fact, NameHash::of("findings.rows"));
    assert_eq!(cloner.attestor().device(), device, "with the registration it had");
    assert_eq!(
        send(&cloner, &Request::login()).await.reply.status,
        200,
        "the rule is for payments"
    );
    assert_eq!(send(&genuine, &payment).await.reply.status, 200);
    scene.backend.take();
    publish(&scene, |policy| policy.cloner_rule = "off");
    assert_eq!(send(&cloner, &payment).await.reply.status, 200);
    assert!(scene.backend.only().all("attest-shadow").is_empty());
}

#[tokio::test]
async fn findings_of_a_token_add_to_those_of_the_session_and_never_clear_them() {
    let scene = Scene::with("", |policy| policy.cloner_rule = "enforce").await;
    let (attacker, client, payment) = (scene.attacker(), scene.client(), Request::payment());
    let hit = |id: &str| Findings {
        hit: vec![id.to_owned()],
        ..Findings::default()
    };
    let mut prepared = attacker.prepare(None).await;
    prepared.claims.findings = hit("clone.data_dir");
    let request = attacker.evidence(&prepared);
    let reply = attacker.call("enroll", &request).await;
    let cloned = attacker.open(prepared, &request, &reply);
    let other = scene.attacker();
    let clean = other.session(None).await;
    for (what, owner, session, findings, passes) in [
        ("nothing found", &other, &clean, Findings::default(), true),
        ("the token adds", &other, &clean, hit("clone.data_dir"), false),
        (
            "the session remembers",
            &attacker,
            &cloned,
            Findings::default(),
            false,
        ),
        (
            "the token says it is inconclusive",
            &attacker,
            &cloned,
            {
                Findings {
                    inconclusive: vec!["clone.data_dir".to_owned()],
                    ..Findings::default()
                }
            },
            false,
        ),
        ("a detector nobody knows", &other, &clean, hit("made.up"), true),
    ] {
        let mut claims = owner.claims(&payment, START_S);
        claims.findings = findings;
        let reply = payment.send(&client, &owner.proof_token(session, &claims)).await;
        if passes {
            assert_eq!(reply.status, 200, "{what}");
            scene.backend.only();
        } else {
            scene.refuses(what, &reply, 403, Code::Denied, "payments", "cloner-on-payments");
        }
    }
}

const BY_ID: &str = "- {id: by-id, why: One detector alone., when: {fact: findings.hit, op: any_eq, value: clone.data_dir}, then: deny}";

/// Phones whose policy is older still report it.
#[tokio::test]
async fn a_killed_detector_moves_no_rule_even_by_its_id() {
    let scene = Scene::with("", |policy| policy.more_rules = BY_ID).await;
    let (attacker, client, login) = (scene.attacker(), scene.client(), Request::login());
    let session = attacker.session(None).await;
    let send = async || {
        let mut claims = attacker.claims(&login, START_S);
        claims.findings.hit = vec!["clone.data_dir".to_owned()];
        login
            .send(&client, &attacker.session_token(&session, &claims))
            .await
    };
    scene.refuses("by id", &send().await, 403, Code::Denied, "login", "by-id");
    publish(&scene, |policy| {
        // A section of its own at the top level, after the anchors.
        policy.anchors.push_str("\nkill_switch: [clone.data_dir]");
    });
    assert_eq!(send().await.status, 200);
}

const BLIND: &str = "- {id: blind, why: Too little is known of this phone., when: {fact: findings.inconclusive, op: count_gt, value: 10}, then: deny}
  - {id: seen, why: Shown by its absence., when: {fact: findings.inconclusive, op: none_eq, value: clone.data_dir}, then: {step_up: {kind: proof}}}";

#[tokio::test]
async fn detectors_that_are_only_counted_are_neither_clear_nor_forgotten() {
    let scene = Scene::with("", |policy| policy.more_rules = BLIND).await;
    let (attacker, client, login) = (scene.attacker(), scene.client(), Request::login());
    let session = attacker.session(None).await;
    let send = async |more: u32| {
        let mut claims = attacker.claims(&login, START_S);
        claims.findings.inconclusive_more = more;
        login
            .send(&client, &attacker.session_token(&session, &claims))
            .await
    };
    let reply = send(0).await;
    scene.refuses(
        "all are named",
        &reply,
        403,
        Code::StepUpRequired,
        "login",
        "seen",
    );
    assert_eq!(
        send(3).await.status,
        200,
        "the one that is meant may be among the counted"
    );
    scene.backend.take();
    for more in [11, u32::MAX] {
        scene.refuses("too many", &send(more).await, 403, Code::Denied, "login", "blind");
    }
}

const CLOSING: &str = "- {id: closing, methods: [POST], path: /v1/closing, upstream: shown, require: observe, apps: [bank-android], when_policy_stale: closed}";

#[tokio::test]
async fn a_stale_policy_stays_in_force_and_closes_the_routes_that_ask_for_it() {
    let scene = Scene::open().await;
    let (phone, client) = (scene.phone(), scene.client());
    let end_s = START_S + 60;
    scene
        .world
        .publish(|policy| policy.more_routes = CLOSING)
        .unwrap();
    let path = scene.world.folder().join("policy.yaml");
    let source = std::fs::read_to_string(path).unwrap();
    let ending = source.replacen("environment:", &format!("expires_at: {end_s}\nenvironment:"), 1);
    scene.world.publish_text(&ending).unwrap();
    scene.gateway().poll_policy();
    assert_eq!(scene.gateway().policies().active().expires_at_s(), Some(end_s));
    let closing = Request::new("POST", "/v1/closing", "{}", &[]);
    assert_eq!(closing.send(&client, &vec![]).await.status, 200);
    assert_eq!(send(&phone, &Request::login()).await.reply.status, 200);
    scene.backend.take();
    scene.clock.set_s(end_s);
    scene.gateway().poll_policy();
    let reply = closing.send(&client, &vec![]).await;
    scene.refuses(
        "at its end",
        &reply,
        503,
        Code::PolicyStale,
        "closing",
        "policy-stale",
    );
    assert!(reply.header("retry-after").is_some());
    assert_eq!(
        send(&phone, &Request::login()).await.reply.status,
        200,
        "other routes go on under the policy that is"
    );
    scene.backend.take();
    let renewed = ending
        .replacen(
            &format!("expires_at: {end_s}"),
            &format!("expires_at: {}", end_s + 60),
            1,
        )
        .replacen("version: 2", "version: 3", 1);
    scene.world.publish_text(&renewed).unwrap();
    scene.gateway().poll_policy();
    assert_eq!(closing.send(&client, &vec![]).await.status, 200);
}

const STRICT: &str = "- {id: strict, methods: [POST], path: /v1/strict, upstream: shown, require: enforce, apps: [bank-android], min_policy: 2}";

#[tokio::test]
async fn a_phone_behind_the_policy_catches_up_with_one_repeat() {
    let scene = Scene::open().await;
    let (phone, attacker, client) = (scene.phone(), scene.attacker(), scene.client());
    let session = attacker.session(None).await;
    assert_eq!(send(&phone, &Request::login()).await.reply.status, 200);
    scene.backend.only();
    publish(&scene, |policy| policy.more_routes = STRICT);
    let strict = Request::new("POST", "/v1/strict", "{}", &[]);
    for (version, code, reason) in [
        (1, Code::PolicyOutdated, "min-policy-phone"),
        (2, Code::SessionOutdated, "min-policy-session"),
    ] {
        let mut claims = attacker.claims(&strict, START_S);
        claims.policy_version = version;
        let reply = strict
            .send(&client, &attacker.session_token(&session, &claims))
            .await;
        scene.refuses("behind", &reply, 401, code, "strict", reason);
    }
    let sent = send(&phone, &strict).await;
    assert_eq!((sent.reply.status, sent.sends), (200, 2), "{:?}", sent.refusal);
    let sent = send(&phone, &strict).await;
    assert_eq!((sent.reply.status, sent.sends), (200, 1), "{:?}", sent.refusal);
}

#[tokio::test]
async fn a_route_that_asks_for_more_than_the_phone_knows_is_met_with_one_repeat() {
    let scene = Scene::open().await;
    let phone = scene.phone();
    let balance = Request::balance();
    assert_eq!(send(&phone, &balance).await.sends, 1);
    scene.backend.only();
    let good = std::fs::read_to_string(scene.world.folder().join("policy.yaml")).unwrap();
    let stronger = good.replace("version: 1", "version: 2").replace(
        "bind: [query, authorization]",
        "token: proof\n    bind: [body, query, authorization]",
    );
    assert!(stronger.contains("path: /v1/balance") && stronger.matches("token: proof").count() == 2);
    scene.world.publish_text(&stronger).unwrap();
    let _polled = scene.gateway().policies().poll();
    assert_eq!(scene.gateway().policies().status().problem, None);
    let sent = send(&phone, &balance).await;
    assert_eq!((sent.reply.status, sent.sends), (200, 2), "{:?}", sent.refusal);
    assert_eq!(scene.backend.take().len(), 1);
    assert_eq!(scene.gateway().tally().refused(Code::TokenTooWeak), 1);
}

#[tokio::test]
async fn a_rollout_concerns_the_same_devices_each_time_and_about_its_share() {
    let scene = Scene::with("", |policy| {
        policy.more_rules = "- {id: half, mode: enforce, rollout_percent: 50, routes: [balance], why: a test, when: {fact: route.id, op: eq, value: balance}, then: deny}";
    })
    .await;
    let (client, balance) = (scene.client(), Request::balance());
    let mut denied = Vec::new();
    for _ in 0..40 {
        let attacker = scene.attacker();
        let session = attacker.session(None).await;
        let mut statuses = Vec::new();
        for _ in 0..3 {
            let token = attacker.session_token(&session, &attacker.claims(&balance, START_S));
            statuses.push(balance.send(&client, &token).await.status);
        }
        assert!(
            statuses.iter().all(|status| Some(status) == statuses.first()),
            "{statuses:?}"
        );
        denied.push(statuses.first() == Some(&403));
    }
    let share = denied.iter().filter(|denied| **denied).count();
    // Forty fair coins fall outside of this less than once in ten million runs.
    assert!((3..=37).contains(&share), "{share} of 40");
    scene.backend.take();
}

#[tokio::test]
async fn a_device_that_asks_too_often_waits_and_others_do_not() {
    let scene = Scene::with("", |policy| {
        policy.more_routes = "- {id: limited, methods: [GET], path: /v1/limited, upstream: shown, require: enforce, apps: [bank-android], limits: {per_device_per_minute: 3}}";
    })
    .await;
    let (client, limited) = (scene.client(), Request::new("GET", "/v1/limited", "", &[]));
    let (one, other) = (scene.attacker(), scene.attacker());
    let (ones, others) = (one.session(None).await, other.session(None).await);
    let ask = async |now_s| {
        limited
            .send(&client, &one.session_token(&ones, &one.claims(&limited, now_s)))
            .await
    };
    for _ in 0..3 {
        assert_eq!(ask(START_S).await.status, 200);
    }
    scene.backend.take();
    let reply = ask(START_S).await;
    scene.refuses(
        "the fourth",
        &reply,
        429,
        Code::RateLimited,
        "limited",
        "per-device-per-minute",
    );
    assert_eq!(
        (
            reply.header("retry-after"),
            scene.refused(&reply).problem.retry_after_s
        ),
        (Some("20"), Some(20))
    );
    let token = other.session_token(&others, &other.claims(&limited, START_S));
    assert_eq!(limited.send(&client, &token).await.status, 200);
    scene.clock.advance_s(20);
    assert_eq!(ask(START_S + 20).await.status, 200);
    assert_eq!(scene.backend.take().len(), 2);
}

#[tokio::test]
async fn what_the_backend_is_told_is_pairwise_and_stable() {
    let scene = Scene::open().await;
    let (client, login) = (scene.client(), Request::login());
    let mut told = Vec::new();
    for _ in 0..2 {
        let attacker = scene.attacker();
        for _ in 0..2 {
            let session = attacker.session(None).await;
            let token = attacker.session_token(&session, &attacker.claims(&login, START_S));
            let forged = [
                header("attest-device", "forged"),
                header("attest-decision", "forged"),
            ];
            assert_eq!(
                login
                    .send(&client, &[token, forged.to_vec()].concat())
                    .await
                    .status,
                200
            );
            let arrived = scene.backend.only();
            assert_eq!(arrived.all("attest-decision"), ["allow"]);
            assert_eq!(arrived.all("attest-device").len(), 1);
            told.push(arrived.all("attest-device").join(","));
            assert!(
                !told.join(",").contains(&session.device.to_text()),
                "the id itself stays"
            );
        }
    }
    let [one, one_again, other, other_again] = told.as_slice() else {
        unreachable!()
    };
    assert!(
        one == one_again && other == other_again && one != other,
        "{told:?}"
    );
}
