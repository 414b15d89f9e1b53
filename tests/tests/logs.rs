//! Reads our own logs at their most talkative, over a genuine and a hostile session, and finds nothing in them that would be
//! worth stealing. Its own process: the subscriber is for all threads of the gateway.

#![expect(
    clippy::unwrap_used,
    reason = "a test's own failure is a panic, in its supporting functions too"
)]

use std::io;
use std::sync::{Arc, Mutex};

use attest_core::encoding::base64url;
use attest_gateway::keys::Keys;
use attest_gateway::store::{Ban, BanKind, BanScope};
use attest_mobile::Headers;
use attest_testkit::profile::Profile;
use attest_tests::raw_jws::flipped;
use attest_tests::request::{Request, header};
use attest_tests::scene::{START_S, Scene};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;

/// Everything that was logged.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// What must not be found, and what it is.
#[derive(Default)]
struct Secrets(Vec<(&'static str, String)>);

impl Secrets {
    fn text(&mut self, what: &'static str, text: impl Into<String>) {
        let text = text.into();
        // Short ones would be found anywhere.
        assert!(text.len() >= 8, "{what} is too short to be looked for: {text}");
        self.0.push((what, text));
    }

    /// In every way in which bytes are commonly written.
    fn bytes(&mut self, what: &'static str, bytes: &[u8]) {
        self.text(what, base64url(bytes));
        self.text(
            what,
            bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
        );
        self.text(
            what,
            bytes.iter().map(|byte| format!("{byte:02X}")).collect::<String>(),
        );
        self.text(what, format!("{bytes:?}"));
    }

    /// A token as a whole, and each of its parts.
    fn token(&mut self, what: &'static str, token: &str) {
        for part in token.split('.').filter(|part| part.len() >= 8) {
            self.text(what, part);
        }
    }

    fn tokens(&mut self, headers: &Headers) {
        for (_, token) in headers {
            self.token("a token", token);
        }
    }

    fn found(&self, log: &str) -> Vec<&'static str> {
        self.0
            .iter()
            .filter(|(_, secret)| log.contains(secret.as_str()))
            .map(|(what, _)| *what)
            .collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_and_no_identity_is_ever_logged() {
    let log = Log::default();
    tracing_subscriber::fmt()
        .with_env_filter("attest_core=trace,attest_gateway=trace,attest_mobile=trace,attest_policy=trace,attest_testkit=trace")
        .with_span_events(FmtSpan::FULL)
        .with_ansi(false)
        .with_writer(log.clone())
        .init();
    let mut secrets = Secrets::default();
    // Once with the lines that layers write by themselves, once with one for each request.
    for requests in ["off", "all"] {
        let config = format!(
            "[proxy]\ntrusted_proxies = [\"127.0.0.1\"]\n[limits]\nappraisal_workers = 1\n[log]\nrequests = \"{requests}\"\n"
        );
        let mut scene = Scene::with(&config, |policy| policy.cloner_rule = "enforce").await;
        keys(&scene, &mut secrets);
        genuine(&scene, &mut secrets).await;
        hostile(&mut scene, &mut secrets).await;
    }
    tracing::error!(target: "attest_gateway::logs", "the end");
    let lines = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(
        lines.contains("the end") && lines.contains("refused") && lines.contains("upstream failed"),
        "{lines}"
    );
    let request = |fields: &[&str]| {
        let whole = |line: &&str| fields.iter().all(|field| line.contains(field));
        lines
            .lines()
            .filter(|line| line.contains("attest_gateway::requests"))
            .any(|line| whole(&line))
    };
    assert!(request(&[
        "method=\"POST\"",
        "route=\"login\"",
        "status=200",
        "decision=\"allow\"",
        "app=\"bank-android\"",
        "upstream=\"shown\""
    ]));
    assert!(request(&[
        "route=\"payments\"",
        "status=403",
        "decision=\"deny\"",
        "rule=\"cloner-on-payments\"",
        "support="
    ]));
    assert!(request(&["route=\"attestation:enroll\"", "status=200"]));
    assert!(request(&["status=404", "code=\"route-unknown\""]) || request(&["status=400"]));
    assert!(lines.lines().count() > 20, "hardly anything was logged: {lines}");
    assert!(secrets.0.len() > 100, "hardly anything was looked for");
    assert_eq!(secrets.found(&lines), [""; 0], "found in the log:\n{lines}");
    // The search itself works.
    let planted = secrets
        .0
        .iter()
        .map(|(_, secret)| secret.as_str())
        .collect::<Vec<_>>()
        .join("\n");
    assert_eq!(secrets.found(&planted).len(), secrets.0.len());
}

/// Everything in the key folder.
fn keys(scene: &Scene, secrets: &mut Secrets) {
    let keys = Keys::read(
        &scene.world.folder().join("keys"),
        &ring::rand::SystemRandom::new(),
    )
    .unwrap();
    secrets.bytes("the fleet secret", keys.fleet.reveal());
    for key in [
        &keys.attestation.current,
        &keys.assertion.current,
        keys.policy_root.as_ref().unwrap(),
    ] {
        // The private scalar stands in the middle of the document; any part of the whole would do.
        secrets.bytes("a signing key", key.key.pkcs8().split_at(36).1.split_at(32).0);
    }
}

async fn genuine(scene: &Scene, secrets: &mut Secrets) {
    for profile in [Profile::Genuine, Profile::Cloner, Profile::Rooted] {
        let mut options = scene.world.phone();
        options.profile = profile;
        let phone = attest_testkit::phone::Phone::new(options).unwrap();
        for mut request in [
            Request::onboarding(),
            Request::login(),
            Request::balance(),
            Request::payment(),
        ] {
            request.headers = vec![
                header("authorization", "Bearer customer-secret-token"),
                header("cookie", "session=customer-secret-cookie"),
                header("x-forwarded-for", "203.0.113.77"),
            ];
            let tokens = phone
                .token_headers(
                    request.method,
                    &request.target,
                    &request.headers,
                    request.body.as_bytes(),
                )
                .await
                .unwrap();
            secrets.tokens(&tokens);
            let reply = request.send(&scene.client(), &tokens).await;
            assert!(matches!(reply.status, 200 | 403), "{}", reply.status);
            for arrived in scene.backend.take() {
                secrets.text("a pseudonym", arrived.all("attest-device").join(","));
            }
            let sent = phone.send(
                request.method,
                &request.target,
                &request.headers,
                request.body.as_bytes(),
            );
            drop(sent.await.unwrap());
        }
        secrets.bytes("a device id", phone.attestor().device().unwrap().as_bytes());
    }
    secrets.text("an authorization", "customer-secret-token");
    secrets.text("a cookie", "customer-secret-cookie");
    secrets.text("an address", "203.0.113.77");
    secrets.text("an address", "127.0.0.1:");
}

async fn hostile(scene: &mut Scene, secrets: &mut Secrets) {
    let (attacker, client) = (scene.attacker(), scene.client());
    let prepared = attacker.prepare(None).await;
    secrets.token("a challenge", &prepared.claims.challenge);
    secrets.bytes("a device key", &attacker.key.public_point());
    let request = attacker.evidence(&prepared);
    secrets.token("evidence", &request.evidence);
    let reply = attacker.call("enroll", &request).await;
    secrets.text("a response", String::from_utf8_lossy(&reply.body).into_owned());
    let mut spoilt = request.clone();
    spoilt.evidence = flipped(&request.evidence, 2);
    secrets.token("spoilt evidence", &spoilt.evidence);
    attacker.call("enroll", &spoilt).await;
    attacker.call("renew", &request).await;
    let session = attacker.open(prepared, &request, &reply);
    secrets.token("a ticket", session.ticket.reveal());
    secrets.token("an attestation", session.attestation.reveal());
    secrets.bytes("a device id", session.device.as_bytes());
    for request in [Request::login(), Request::payment(), Request::onboarding()] {
        let claims = attacker.claims(&request, START_S);
        for good in [
            attacker.session_token(&session, &claims),
            attacker.proof_token(&session, &claims),
        ] {
            secrets.tokens(&good);
            for part in 0..3 {
                let spoilt: Headers = good
                    .iter()
                    .map(|(name, token)| (name.clone(), flipped(token, part)))
                    .collect();
                secrets.tokens(&spoilt);
                request.send(&client, &spoilt).await;
            }
            request.send(&client, &good).await;
            request.send(&client, &good).await;
            request.send(&client, &[good.clone(), good].concat()).await;
        }
        secrets.text("a token's id", claims.jti);
    }
    for raw in [
        "GET /secret-path-8472?code=secret-query-8472 HTTP/1.1\r\nhost: {host}\r\nattest_token: secret-field-8472\r\n\r\n",
        "GET /secret-path-8472\0 HTTP/1.1\r\nhost: {host}\r\nattest-token: secret-field-8472\r\n\r\n",
        "POST /v1/login HTTP/1.1\r\nhost: {host}\r\nsecret-field-8472\r\n\r\n",
    ] {
        scene.raw(raw).await;
    }
    for secret in ["secret-path-8472", "secret-query-8472", "secret-field-8472"] {
        secrets.text("what a stranger sent", secret);
    }
    let ban = Ban {
        scope: BanScope::Device(session.device.to_text()),
        kind: BanKind::Banned,
        reason: "reported lost".to_owned(),
        at_s: START_S,
        until_s: None,
    };
    scene.gateway().bans().ban(ban).await.unwrap();
    let login = Request::login();
    let token = attacker.session_token(&session, &attacker.claims(&login, START_S));
    secrets.tokens(&token);
    assert_eq!(login.send(&client, &token).await.status, 403);
    scene.backend.goes_down().await;
    assert_eq!(
        Request::new("GET", "/health", "", &[])
            .send(&client, &Headers::new())
            .await
            .status,
        502
    );
    scene.world.publish_text("garbage: [").unwrap();
    let _polled = scene.gateway().policies().poll();
}
