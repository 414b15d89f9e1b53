//! Calls that are no calls, sources that ask too much, a pool that is full; and what anyone may read.

use attest_core::challenge::Purpose;
use attest_core::problem::ProblemCode as Code;
use attest_mobile::Headers;
use attest_testkit::policy::ANDROID_APP;
use attest_tests::attacker::{Attacker, Prepared};
use attest_tests::raw_jws::flipped;
use attest_tests::request::Request;
use attest_tests::scene::{START_S, Scene};

#[tokio::test]
async fn calls_that_are_no_calls_are_refused() {
    let scene = Scene::open().await;
    let client = scene.client();
    for (call, body, status, code, reason) in [
        ("challenge", "", 400, Code::CallMalformed, "call-json"),
        ("challenge", "{}", 400, Code::CallMalformed, "call-json"),
        (
            "challenge",
            r#"{"purpose":"enroll","app":"bank-android","more":1}"#,
            400,
            Code::CallMalformed,
            "call-json",
        ),
        (
            "challenge",
            r#"{"purpose":"enroll","app":"shop"}"#,
            403,
            Code::AppUnknown,
            "app-unknown",
        ),
        (
            "challenge",
            r#"{"purpose":"renew","app":"bank-android"}"#,
            400,
            Code::CallMalformed,
            "device-belongs-to-renewal",
        ),
        ("enroll", "[]", 400, Code::CallMalformed, "call-json"),
        (
            "enroll",
            r#"{"evidence":"x"}"#,
            400,
            Code::EvidenceMalformed,
            "token-shape",
        ),
        (
            "enroll",
            r#"{"evidence":"x.y.z","platform":{"software":{},"app_attest":{}}}"#,
            400,
            Code::CallMalformed,
            "call-json",
        ),
        (
            "enroll",
            r#"{"evidence":"x.y.z","platform":{"magic":{}}}"#,
            400,
            Code::CallMalformed,
            "call-json",
        ),
        ("enroll/", "{}", 404, Code::CallUnknown, "call-unknown"),
        ("admin", "{}", 404, Code::CallUnknown, "call-unknown"),
    ] {
        let target = format!("/.attest/v1/{call}");
        let reply = client
            .app("POST", &target, &Headers::new(), body.as_bytes())
            .await
            .unwrap();
        scene.refuses(&format!("{call} {body}"), &reply, status, code, "", reason);
    }
    for (call, length) in [("challenge", 1025), ("enroll", 65_537), ("renew", 65_537)] {
        let raw =
            format!("POST /.attest/v1/{call} HTTP/1.1\r\nhost: {{host}}\r\ncontent-length: {length}\r\n\r\n");
        let reply = scene.raw(&raw).await.unwrap();
        scene.refuses(call, &reply, 413, Code::BodyTooLarge, "", "body-beyond-bound");
    }
}

#[tokio::test]
async fn limits_by_source_slow_enrolments_and_never_renewals() {
    let config =
        "[attestation]\nchallenges_per_source_per_minute = 6\nenroll_failures_per_source_per_minute = 2\n";
    let scene = Scene::with(config, |_| ()).await;
    let attacker = scene.attacker();
    let session = attacker.session(None).await;
    let fails = |attacker: &Attacker, prepared: Prepared| {
        let mut request = attacker.evidence(&prepared);
        request.evidence = flipped(&request.evidence, 2);
        request
    };
    for _ in 0..2 {
        let request = fails(&attacker, attacker.prepare(None).await);
        let reply = attacker.call("enroll", &request).await;
        scene.refuses(
            "a failure",
            &reply,
            400,
            Code::EvidenceMalformed,
            "",
            "token-signature",
        );
    }
    let prepared = attacker.prepare(None).await;
    let reply = attacker.present(&prepared).await;
    scene.refuses(
        "after two failures",
        &reply,
        429,
        Code::RateLimited,
        "",
        "enroll-failures-per-source",
    );
    assert_eq!(scene.refused(&reply).problem.retry_after_s, Some(30));
    assert_eq!(reply.header("retry-after"), Some("30"));
    for _ in 0..2 {
        attacker.challenge(None).await;
    }
    let reply = attacker.ask(Purpose::Enroll, ANDROID_APP, None).await;
    scene.refuses(
        "a seventh challenge",
        &reply,
        429,
        Code::RateLimited,
        "",
        "challenges-per-source",
    );
    for _ in 0..20 {
        attacker.session(Some(session.device)).await;
    }
    scene.clock.advance_s(60);
    let reply = attacker.present(&prepared).await;
    assert_eq!(
        reply.status,
        200,
        "it waited as it was told: {}",
        String::from_utf8_lossy(&reply.body)
    );
}

#[tokio::test]
async fn a_source_is_what_trusted_proxies_say() {
    let config =
        "[attestation]\nchallenges_per_source_per_minute = 1\n[proxy]\ntrusted_proxies = [\"127.0.0.1\"]\n";
    let scene = Scene::with(config, |_| ()).await;
    let client = scene.client();
    for (chain, status) in [
        ("203.0.113.7", 200),
        ("203.0.113.7", 429),
        ("203.0.113.8", 200),
        ("203.0.113.99, 203.0.113.8", 429),
        ("2001:db8:1:2::1", 200),
        ("2001:db8:1:2::2", 429),
        ("2001:db8:1:3::1", 200),
    ] {
        let headers = vec![("x-forwarded-for".to_owned(), chain.to_owned())];
        let body = br#"{"purpose":"enroll","app":"bank-android"}"#;
        let reply = client
            .app("POST", "/.attest/v1/challenge", &headers, body)
            .await
            .unwrap();
        assert_eq!(reply.status, status, "{chain}");
    }
}

#[tokio::test]
async fn an_overflowing_pool_says_later_and_proxying_goes_on() {
    let scene = Scene::with("[limits]\nappraisal_workers = 1\nappraisal_queue = 1\n", |_| ()).await;
    let attacker = scene.attacker();
    let session = attacker.session(None).await;
    let mut prepared = Vec::new();
    for _ in 0..64 {
        let attacker = scene.attacker();
        let evidence = attacker.prepare(None).await;
        prepared.push((attacker, evidence));
    }
    let flood: Vec<_> = prepared
        .into_iter()
        .map(|(attacker, evidence)| tokio::spawn(async move { attacker.present(&evidence).await }))
        .collect();
    let (login, client) = (Request::login(), scene.client());
    let token = attacker.session_token(&session, &attacker.claims(&login, START_S));
    assert_eq!(login.send(&client, &token).await.status, 200);
    scene.backend.only();
    let mut overflowed = 0;
    for reply in flood {
        let reply = reply.await.unwrap();
        if reply.status != 200 {
            scene.refuses(
                "beyond the queue",
                &reply,
                503,
                Code::Overloaded,
                "",
                "appraisal-queue-full",
            );
            overflowed += 1;
        }
    }
    assert!(overflowed > 0, "64 at once fit into a queue of one");
    scene.attacker().session(None).await;
}

#[tokio::test]
async fn anyone_may_read_keys_and_policy() {
    let scene = Scene::open().await;
    let client = scene.client();
    for call in ["jwks.json", "assertion-jwks.json"] {
        let reply = client
            .app("GET", &format!("/.attest/v1/{call}"), &Headers::new(), b"")
            .await
            .unwrap();
        let keys: attest_core::jose::JwkSet = serde_json::from_slice(&reply.body).unwrap();
        assert!(
            !keys.keys.is_empty() && !String::from_utf8_lossy(&reply.body).contains("\"d\""),
            "{call}"
        );
    }
    let bundle = |headers: Headers| {
        let client = scene.client();
        async move {
            client
                .app("GET", "/.attest/v1/policy/bundle?root=1", &headers, b"")
                .await
                .unwrap()
        }
    };
    let first = bundle(Headers::new()).await;
    let etag = first.header("etag").unwrap().to_owned();
    let same = bundle(vec![("if-none-match".to_owned(), etag)]).await;
    assert_eq!((first.status, same.status, same.body.len()), (200, 304, 0));
    let stale = bundle(vec![("if-none-match".to_owned(), "\"other\"".to_owned())]).await;
    assert_eq!((stale.status, stale.body), (200, first.body));
}

#[tokio::test]
async fn anyone_may_read_the_repository_as_files() {
    let scene = Scene::open().await;
    let ask = |path: String, headers: Headers| {
        let client = scene.client();
        async move {
            let path = format!("/.attest/v1/policy/{path}");
            client.app("GET", &path, &headers, b"").await.unwrap()
        }
    };
    let root = ask("development-root.json".to_owned(), Headers::new()).await;
    assert_eq!(attest_core::bundle::root_version(&root.body), Ok(1));
    // What a client of TUF asks for, one after the other.
    let timestamp = ask("tuf/metadata/timestamp.json".to_owned(), Headers::new()).await;
    let etag = timestamp.header("etag").unwrap().to_owned();
    assert_eq!(timestamp.header("cache-control"), Some("no-cache"));
    let same = ask(
        "tuf/metadata/timestamp.json".to_owned(),
        vec![("if-none-match".to_owned(), etag)],
    );
    assert_eq!(same.await.status, 304);
    let read = |body: &[u8]| serde_json::from_slice::<serde_json::Value>(body).unwrap()["signed"].clone();
    let version = read(&timestamp.body)["meta"]["snapshot.json"]["version"].clone();
    let snapshot = ask(format!("tuf/metadata/{version}.snapshot.json"), Headers::new()).await;
    assert!(snapshot.header("cache-control").unwrap().contains("immutable"));
    let version = read(&snapshot.body)["meta"]["targets.json"]["version"].clone();
    let targets = ask(format!("tuf/metadata/{version}.targets.json"), Headers::new()).await;
    let targets = read(&targets.body)["targets"].clone();
    let hash = |name: &str| targets[name]["hashes"]["sha256"].as_str().unwrap().to_owned();
    let device = ask(
        format!("tuf/targets/{}.device.json", hash("device.json")),
        Headers::new(),
    );
    assert_eq!(device.await.status, 200);
    // Rules and tests are the gateway's own.
    let unknown = [
        format!("tuf/targets/{}.gateway.json", hash("gateway.json")),
        format!("tuf/targets/{}.tests.json", hash("tests.json")),
        "tuf/metadata/2.root.json".to_owned(),
        "tuf/".to_owned(),
        "tuf".to_owned(),
        "bundle/".to_owned(),
    ];
    for path in unknown {
        assert_eq!(ask(path.clone(), Headers::new()).await.status, 404, "{path}");
    }
    for query in ["root=x", "root=1&root=2", "root=-1"] {
        let reply = ask(format!("bundle?{query}"), Headers::new()).await;
        assert_eq!(reply.status, 400, "{query}");
    }
}
