//! Everything that must not get through, over and over: no token, forged, moved and malformed ones, garbage instead of HTTP, heads
//! that never end, evidence that nobody signed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use attest_mobile::Headers;
use attest_testkit::phone::Phone;
use attest_tests::keep_alive::KeepAlive;
use attest_tests::raw_jws::flipped;
use attest_tests::wire::Wire;
use tokio::time::sleep;

const PAUSE: Duration = Duration::from_millis(4);

/// What became of hostile requests.
#[derive(Debug, Default)]
pub(crate) struct Hostility {
    pub(crate) refused: AtomicU64,
    pub(crate) passed: AtomicU64,
    pub(crate) over: AtomicBool,
}

impl Hostility {
    /// Sends what needs to be HTTP. `phone` is genuine: its tokens are what is spoiled.
    pub(crate) async fn requests(self: Arc<Self>, address: SocketAddr, phone: Phone) {
        let mut client = KeepAlive::new(address);
        let mut round = 0_usize;
        while !self.over.load(Ordering::Relaxed) {
            round += 1;
            let spoiled = spoil(&phone, round).await;
            let (method, target, headers, body) = spoiled;
            // Hanging up on it is a refusal, too.
            let passed = client
                .send(method, target, &headers, body)
                .await
                .is_ok_and(|reply| reply.status < 400);
            let counter = if passed { &self.passed } else { &self.refused };
            counter.fetch_add(1, Ordering::Relaxed);
            sleep(PAUSE).await;
        }
    }

    /// Sends what is not.
    pub(crate) async fn garbage(self: Arc<Self>, address: SocketAddr) {
        let long = format!("GET / HTTP/1.1\r\nx: {}", "a".repeat(64 * 1024));
        let many = format!("GET / HTTP/1.1\r\n{}", "a: b\r\n".repeat(2000));
        let vectors = [
            "\u{16}\u{3}\u{1}\0\u{5}hello",
            "GET / HTTP/1.1\r\n\r\n\r\n",
            "POST /v1/login HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            "POST /v1/login HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
            "GET /v1/balance HTTP/1.1\r\nhost : a\r\n\r\n",
            &long,
            &many,
        ];
        for vector in vectors.iter().cycle() {
            if self.over.load(Ordering::Relaxed) {
                return;
            }
            let mut wire = Wire::open(&address.to_string()).await;
            wire.send(vector).await;
            wire.half_close().await;
            let passed = wire.reply().await.is_some_and(|reply| reply.status < 400);
            let counter = if passed { &self.passed } else { &self.refused };
            counter.fetch_add(1, Ordering::Relaxed);
            sleep(PAUSE).await;
        }
    }
}

type Spoiled = (&'static str, &'static str, Headers, &'static str);

async fn spoil(phone: &Phone, round: usize) -> Spoiled {
    const LOGIN: (&str, &str, &str) = ("POST", "/v1/login", "{}");
    let (method, target, body) = LOGIN;
    let token = async || {
        let headers = phone
            .token_headers(method, target, &Headers::new(), body.as_bytes())
            .await;
        headers.unwrap_or_default()
    };
    match round % 6 {
        0 => (method, target, Headers::new(), body),
        1 => (
            method,
            target,
            vec![("attest-token".into(), "a.b.c".into())],
            body,
        ),
        2 => {
            let spoiled = token().await.into_iter().map(|(name, value)| {
                let value = if value.matches('.').count() == 2 {
                    flipped(&value, round % 3)
                } else {
                    value
                };
                (name, value)
            });
            (method, target, spoiled.collect(), body)
        }
        3 => (method, target, token().await, "{\"user\":\"somebody else\"}"),
        4 => ("GET", "/v1/balance", token().await, ""),
        _ => (
            "POST",
            "/.attest/v1/enroll",
            Headers::new(),
            "{\"evidence\":\"a.b.c\",\"platform\":{\"kind\":\"software\"}}",
        ),
    }
}
