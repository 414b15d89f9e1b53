//! The upstream is down, slow, or breaks every rule. Each client gets its own answer or an error, never somebody else's, and no
//! request is sent twice.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use attest_mobile::Headers;
use attest_tests::crowd::Crowd;
use attest_tests::deployment::Deployment;
use attest_tests::keep_alive::{ExchangeError, KeepAlive};
use attest_tests::origin::{Act, Origin, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::assert_closed;

const OPEN: &str = "- {id: open, methods: [GET, POST], path: /open/*, upstream: bank, require: none}";
/// Stands in every byte that an upstream sends without having been asked.
const STRAY: &str = "stray-answer";
const CLIENTS: usize = 8;
const REQUESTS: usize = 60;

/// What the upstream does with request number `n`: every other one is answered well.
fn act(n: usize) -> Act {
    let good = json(&format!("answer {n}")).into_bytes();
    let stray = json(STRAY).into_bytes();
    // Without the word, the next request may meet the end of the connection, and must not be sent twice.
    let last = json(&format!("answer {n}")).replacen("\r\n", "\r\nconnection: close\r\n", 1);
    match n % 18 {
        1 => Act::Reply([good, stray].concat()),
        3 => Act::Reset(Vec::new()),
        5 => Act::HangUp(good.split_at(good.len() - 3).0.to_vec()),
        7 => Act::HalfClose(last.into_bytes()),
        9 => Act::Reset(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf".to_vec()),
        11 => Act::HangUp(format!("{STRAY}\r\n\r\n").into_bytes()),
        13 => Act::HangUp(Vec::new()),
        15 => Act::Reply([&b"HTTP/1.1 100 Continue\r\n\r\n"[..], &good].concat()),
        17 => Act::Silence,
        _ => Act::Reply(good),
    }
}

/// Whether request number `n` must be answered well.
fn is_good(n: usize) -> bool {
    n.is_multiple_of(2) || matches!(n % 18, 1 | 7 | 15)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_client_gets_its_own_answers_in_order_whatever_the_upstream_does() {
    let seen: Arc<Mutex<BTreeMap<usize, usize>>> = Arc::default();
    let noted = Arc::clone(&seen);
    let origin = Origin::open(move |message| {
        let target = message.start.split(' ').nth(1).unwrap_or_default();
        let number = target.rsplit('/').next().and_then(|number| number.parse().ok());
        let Some(number) = number else {
            return Act::json("{}");
        };
        *noted.lock().unwrap().entry(number).or_insert(0) += 1;
        act(number)
    })
    .await;
    let deployment = Deployment::new(|policy| policy.more_routes = OPEN);
    let node = deployment.node("a", &origin.url(), "response_header_timeout_ms = 500", "");
    let instance = node.start();
    let phones = (0..2).map(|_| deployment.phone(node.address)).collect();
    let crowd = Crowd::start(phones, Duration::from_millis(5));
    crowd.answered(4).await;
    crowd.take();
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let mut connection = KeepAlive::new(node.address);
        clients.spawn(async move {
            for request in 0..REQUESTS {
                let n = request * CLIENTS + client;
                let reply = connection
                    .send("POST", &format!("/open/{n}"), &Headers::new(), "{}")
                    .await;
                let text = reply
                    .as_ref()
                    .map(|reply| String::from_utf8_lossy(&reply.body).into_owned());
                let text = text.unwrap_or_default();
                assert!(
                    !text.contains(STRAY),
                    "{n} was answered by somebody else's {text}"
                );
                match reply {
                    Ok(reply) if reply.status == 200 => assert_eq!(text, format!("answer {n}")),
                    Ok(reply) => assert!(!is_good(n) && matches!(reply.status, 502 | 504), "{n}: {text}"),
                    Err(error) => {
                        let broken = [ExchangeError::Broken, ExchangeError::Unanswered].contains(&error);
                        assert!(!is_good(n) && broken, "{n}: {error}");
                    }
                }
            }
        });
    }
    clients.join_all().await;
    let seen = seen.lock().unwrap().clone();
    assert_eq!(seen.len(), CLIENTS * REQUESTS, "some never arrived");
    assert!(seen.values().all(|times| *times == 1), "sent twice: {seen:?}");
    crowd.rests().await.assert_unharmed();
    assert_closed(node.address).await;
    instance.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upstream_that_went_down_is_used_again_as_soon_as_it_is_back() {
    let mut origin = Origin::sound().await;
    let deployment = Deployment::new(|_| ());
    let node = deployment.node("a", &origin.url(), "", "");
    let instance = node.start();
    let phones = (0..4).map(|_| deployment.phone(node.address)).collect();
    let crowd = Crowd::start(phones, Duration::from_millis(1));
    for _ in 0..5 {
        crowd.answered(20).await;
        origin.goes_down().await;
        assert_closed(node.address).await;
        let mut script = KeepAlive::new(node.address);
        let health = script.send("GET", "/health", &Headers::new(), "").await;
        assert_eq!(health.unwrap().status, 502);
        origin.comes_back().await;
        let back = Instant::now();
        crowd.answered(48).await;
        // Only requests that met the gap may have failed.
        let tally = crowd.take();
        assert!(
            tally.failures.iter().all(|failure| failure.starts_with("502")),
            "{:?}",
            tally.failures
        );
        tally.assert_unharmed_since(back);
    }
    crowd.rests().await;
    instance.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_upstream_holds_up_nobody_else() {
    let origin = Origin::open(|message| {
        if message.start.contains("/open/") {
            Act::Silence
        } else {
            Act::json("{}")
        }
    })
    .await;
    let deployment = Deployment::new(|policy| policy.more_routes = OPEN);
    let node = deployment.node("a", &origin.url(), "", "");
    let instance = node.start();
    let mut waiting = JoinSet::new();
    for client in 0..200 {
        let mut connection = KeepAlive::new(node.address);
        waiting.spawn(async move {
            connection
                .send("GET", &format!("/open/{client}"), &Headers::new(), "")
                .await
        });
    }
    while origin.served() < 200 {
        tokio::task::yield_now().await;
    }
    let phones = (0..4).map(|_| deployment.phone(node.address)).collect();
    let crowd = Crowd::start(phones, Duration::ZERO);
    crowd.answered(100).await;
    crowd.rests().await.assert_unharmed();
    assert_eq!(waiting.len(), 200);
    assert!(
        waiting.try_join_next().is_none(),
        "one of those that wait was answered"
    );
    drop(instance);
}
