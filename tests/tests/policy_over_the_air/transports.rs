//! The same repository over HTTP, HTTPS and as a push, and servers that mean no good.

use std::sync::Arc;
use std::time::Instant;

use attest_gateway::policy::Polled;
use attest_tests::shelf::{Misdeed, Shelf};
use attest_tests::station::{Station, pushed};
use attest_tests::tls::Authority;
use attest_tests::wire::until;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;
use tokio_rustls::TlsAcceptor;

/// A station that follows a shelf, with one policy in force that lets logins through.
async fn over(waits: bool, more: &str) -> (Station, Shelf) {
    let mut station = Station::new().await;
    let first = station.publisher.draft(false);
    station.publish(&station.publisher.sign(&first));
    let shelf = Shelf::open(station.published(), waits, None).await;
    let policy = format!("url = 'http://{}/'\n{more}\n", shelf.address());
    station.open_with(&policy).await.unwrap();
    (station, shelf)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_server_is_followed_by_polling_and_by_waiting() {
    for waits in [false, true] {
        let (mut station, shelf) = over(waits, "poll_ms = 100").await;
        let caller = station.caller().await;
        assert_eq!(station.login(&caller).await, 200);
        let mut delays = Vec::new();
        for round in 0..6 {
            let stopped = round % 2 == 0;
            let draft = station.publisher.draft(stopped);
            let repository = station.publisher.sign(&draft);
            station.publish(&repository);
            let published = Instant::now();
            let expected = if stopped { 403 } else { 200 };
            while station.login(&caller).await != expected {
                assert!(published.elapsed().as_secs() < 20, "round {round} never acted");
            }
            delays.push(published.elapsed().as_millis());
        }
        delays.sort_unstable();
        let (requests, unchanged) = shelf.counted();
        println!(
            "publication to enforcement, HTTP, waiting {waits}, ms: {delays:?}; {requests} requests, {unchanged} of them 304"
        );
        station.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn https_is_verified() {
    let mut station = Station::new().await;
    let first = station.publisher.draft(true);
    station.publish(&station.publisher.sign(&first));
    let authority = Authority::new();
    let identity = authority.certify(&["localhost"]);
    let certificate = CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let shelf = Shelf::open(station.published(), false, Some(acceptor)).await;
    let url = format!("https://localhost:{}", shelf.address().port());
    std::fs::write(station.folder.path().join("ca.pem"), authority.pem()).unwrap();
    std::fs::write(station.folder.path().join("other.pem"), Authority::new().pem()).unwrap();
    let error = station
        .open_with(&format!("url = '{url}'\nca_file = 'other.pem'\n"))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("policy-source-unreachable"), "{error}");
    station
        .open_with(&format!("url = '{url}'\nca_file = 'ca.pem'\n"))
        .await
        .unwrap();
    assert_eq!(station.version(), 1);
    station.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_server_makes_the_gateway_wait_or_give_in() {
    let misdeeds: [(&str, &'static str, Misdeed); 10] = [
        ("tuf-too-large", "timestamp.json", Misdeed::Endless),
        ("tuf-length-mismatch", ".snapshot.json", Misdeed::Endless),
        ("tuf-too-large", ".root.json", Misdeed::Endless),
        ("tuf-target-length", ".gateway.json", Misdeed::Endless),
        ("policy-source-slow", "timestamp.json", Misdeed::Drips),
        ("policy-source-slow", ".targets.json", Misdeed::Drips),
        ("policy-source-slow", ".device.json", Misdeed::Drips),
        ("policy-source-unreachable", ".targets.json", Misdeed::Breaks),
        ("policy-source-status", "timestamp.json", Misdeed::Status(500)),
        // An error is not the answer that there is no newer root.
        ("policy-source-status", ".root.json", Misdeed::Status(403)),
    ];
    for (code, file, misdeed) in misdeeds {
        let (mut station, shelf) = over(false, "poll_ms = 60000\nfetch_timeout_ms = 1000").await;
        let caller = station.caller().await;
        shelf.misbehave(Some((file, misdeed)));
        let next = station.publisher.draft(true);
        station.publish(&station.publisher.sign(&next));
        assert!(
            matches!(station.look().await, Polled::Refused(_)),
            "{file} {misdeed:?}"
        );
        assert_eq!(station.nack().unwrap().code, code, "{file} {misdeed:?}");
        assert_eq!((station.version(), station.login(&caller).await), (1, 200));
        shelf.misbehave(None);
        assert_eq!(station.look().await, Polled::Activated(2), "{file} {misdeed:?}");
        assert_eq!(station.login(&caller).await, 403);
        station.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_fails_in_ever_new_ways_is_told_of_once_a_minute() {
    let (mut station, shelf) = over(false, "poll_ms = 60000\nfetch_timeout_ms = 1000").await;
    let told = async |station: &Station| {
        let events = String::from_utf8(station.admin("GET", "/events", b"").await.body).unwrap();
        events.matches("policy-nack").count()
    };
    let ways = [
        ("policy-source-status", Misdeed::Status(500)),
        ("policy-source-unreachable", Misdeed::Breaks),
        ("policy-source-status", Misdeed::Status(403)),
        ("policy-source-unreachable", Misdeed::Breaks),
    ];
    for minute in 1..=2 {
        for (code, misdeed) in ways {
            shelf.misbehave(Some(("timestamp.json", misdeed)));
            assert!(matches!(station.look().await, Polled::Refused(_)), "{misdeed:?}");
            // Who asks sees what is wrong now.
            assert_eq!(station.nack().unwrap().code, code, "{misdeed:?}");
            assert_eq!(told(&station).await, minute, "{misdeed:?}");
        }
        // Coming back in between is no way to be heard more often.
        shelf.misbehave(None);
        assert_eq!(station.look().await, Polled::Unchanged);
        assert_eq!(station.gateway().policies().status().problem, None);
        station.clock.advance_s(60);
    }
    // What somebody signed is heard at once.
    let mut bad = station.publisher.draft(true);
    bad.artifacts.insert("tests.json".to_owned(), b"{".to_vec());
    station.publish(&station.publisher.sign(&bad));
    assert!(matches!(station.look().await, Polled::Refused(_)));
    assert_eq!(told(&station).await, 3);
    let mut bad = station.publisher.draft(true);
    bad.artifacts.insert("tests.json".to_owned(), b"[".to_vec());
    station.publish(&station.publisher.sign(&bad));
    assert!(matches!(station.look().await, Polled::Refused(_)));
    assert_eq!(told(&station).await, 4);
    station.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_gone_leaves_the_last_good_policy() {
    let (mut station, shelf) = over(false, "poll_ms = 60000").await;
    drop(shelf);
    assert!(matches!(station.look().await, Polled::Refused(_)));
    assert_eq!(station.nack().unwrap().code, "policy-source-unreachable");
    let text = std::fs::read_to_string(station.folder.path().join("attest.toml")).unwrap();
    let url = text
        .lines()
        .find(|line| line.starts_with("url = 'http://"))
        .unwrap()
        .to_owned();
    station.close().await;
    station.open_with(&url).await.unwrap();
    assert_eq!(station.version(), 1);
    station.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_pushes_and_is_told_what_became_of_it() {
    let mut station = Station::new().await;
    let first = station.publisher.draft(false);
    let older = station.publisher.sign(&first);
    station.publish(&older);
    station.open().await.unwrap();
    let caller = station.caller().await;
    let second = station.publisher.draft(true);
    let second = station.publisher.sign(&second);
    let push = |body: Vec<u8>| {
        let station = &station;
        async move {
            let reply = station.admin("POST", "/policy/repository", &body).await;
            let text = String::from_utf8(reply.body).unwrap();
            (reply.status, serde_json::from_str::<Value>(&text).unwrap())
        }
    };
    let (status, verdict) = push(pushed(&second)).await;
    assert_eq!(status, 200, "{verdict}");
    let told = |verdict: &Value| {
        let word = |name: &str| verdict[name].as_str().unwrap_or_default().to_owned();
        (
            word("verdict"),
            word("code"),
            word("source"),
            verdict["version"].as_u64(),
        )
    };
    let word = str::to_owned;
    assert_eq!(
        told(&verdict),
        (word("ack"), word("activated"), word("push"), Some(2)),
        "{verdict}"
    );
    assert_eq!(
        (verdict["active_version"].as_u64(), station.login(&caller).await),
        (Some(2), 403)
    );
    // The same once more, and what is behind it.
    let (_, verdict) = push(pushed(&second)).await;
    assert_eq!(
        told(&verdict),
        (word("ack"), word("unchanged"), word("push"), Some(2)),
        "{verdict}"
    );
    let (_, verdict) = push(pushed(&older)).await;
    assert_eq!(
        told(&verdict),
        (word("nack"), word("tuf-rollback"), word("push"), None),
        "{verdict}"
    );
    assert_eq!(verdict["active_version"], 2);
    // The folder is behind now, which is told and changes nothing, also at the next start.
    assert!(matches!(station.look().await, Polled::Refused(_)));
    let shown = station.admin("GET", "/policy", b"").await.body;
    let shown: Value = serde_json::from_slice(&shown).unwrap();
    assert_eq!(shown["repository"]["last_nack"]["code"], "tuf-rollback");
    assert_eq!(shown["repository"]["last_nack"]["source"], "repository");
    assert_eq!(shown["repository"]["last_ack"]["version"], 2);
    assert_eq!(shown["repository"]["metadata"]["targets"], 2);
    for (body, detail) in [
        (&b"{}"[..], "metadata"),
        (b"{\"metadata\":{},\"surprise\":1}", "surprise"),
        (b"[", "body"),
    ] {
        let (status, problem) = push(body.to_vec()).await;
        assert_eq!(status, 400, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(detail), "{problem}");
    }
    let (_, verdict) = push(b"{\"metadata\":{}}".to_vec()).await;
    assert_eq!(told(&verdict).1, "tuf-unavailable");
    station.close().await;
    station.open().await.unwrap();
    assert_eq!(station.version(), 2);
    let events = String::from_utf8(station.admin("GET", "/events", b"").await.body).unwrap();
    assert!(
        events.contains("admin-policy-push") && events.contains("policy-ack"),
        "{events}"
    );
    until("it follows on", || station.followed().last_nack.is_some()).await;
    station.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_does_not_wait_for_a_server_that_drips() {
    let (mut station, shelf) = over(false, "poll_ms = 20\nfetch_timeout_ms = 600000").await;
    let caller = station.caller().await;
    shelf.misbehave(Some((".snapshot.json", Misdeed::Drips)));
    let next = station.publisher.draft(true);
    let next = station.publisher.sign(&next);
    station.publish(&next);
    let (before, _) = shelf.counted();
    until("the server was asked", || shelf.counted().0 > before + 3).await;
    let reply = station.admin("POST", "/policy/repository", &pushed(&next)).await;
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    assert_eq!((station.version(), station.login(&caller).await), (2, 403));
    station.close().await;
}
