//! A rolling restart of two gateways that share keys and policy, behind a balancer, under load: no request fails, and none
//! has to be sent again.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test's own failure is a panic, in its supporting functions too"
)]

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use attest_mobile::Headers;
use attest_testkit::phone::Phone;
use attest_tests::balancer::Balancer;
use attest_tests::deployment::Deployment;
use attest_tests::keep_alive::KeepAlive;
use attest_tests::origin::{Act, Origin};
use attest_tests::request::header;
use tokio::sync::Notify;
use tokio::task::JoinSet;

const CLIENTS: usize = 8;
const ROUNDS: usize = 3;
/// Requests between two steps of a restart.
const BETWEEN: u64 = 100;

#[derive(Debug, Default)]
struct Load {
    answered: AtomicU64,
    progress: Notify,
    over: AtomicBool,
}

impl Load {
    /// Waits for further answers.
    async fn goes_on(&self, more: u64) {
        let goal = self.answered.load(Ordering::SeqCst) + more;
        loop {
            let progress = self.progress.notified();
            if self.answered.load(Ordering::SeqCst) >= goal {
                return;
            }
            progress.await;
        }
    }
}

/// How often the upstream got each login, by its body.
type Logins = Arc<Mutex<HashMap<String, u64>>>;

/// One phone's requests on a kept connection, in turns one that may be repeated and one that may not; how often the gateway ended
/// its connection.
async fn work(number: usize, phone: Phone, authority: String, load: Arc<Load>, logins: Logins) -> u64 {
    let mut client = KeepAlive::new(authority);
    let headers: Headers = vec![header("authorization", "Bearer customer-1")];
    let mut ended = 0;
    for turn in 0_u64.. {
        if load.over.load(Ordering::SeqCst) {
            break;
        }
        let login = format!("{{\"user\":\"{number}-{turn}\"}}");
        let (method, target, body) = if turn % 2 == 0 {
            ("GET", "/v1/balance?currency=EUR", "")
        } else {
            ("POST", "/v1/login", login.as_str())
        };
        let token = phone
            .token_headers(method, target, &headers, body.as_bytes())
            .await;
        let all: Headers = headers.iter().cloned().chain(token.unwrap()).collect();
        let reply = client.send(method, target, &all, body).await;
        let reply = reply.unwrap_or_else(|error| panic!("{method} failed: {error}"));
        assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
        if method == "POST" {
            assert_eq!(logins.lock().unwrap().get(body), Some(&1), "{body}");
        }
        ended += u64::from(reply.header("connection") == Some("close"));
        load.answered.fetch_add(1, Ordering::SeqCst);
        load.progress.notify_waiters();
    }
    assert_eq!(
        client.repeated, 0,
        "a request met a connection that was being closed"
    );
    ended
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_fails_no_request() {
    let logins = Logins::default();
    let origin = Origin::open({
        let logins = Arc::clone(&logins);
        move |request| {
            if request.start.starts_with("POST ") {
                let body = String::from_utf8_lossy(&request.body).into_owned();
                *logins.lock().unwrap().entry(body).or_default() += 1;
            }
            Act::json("{}")
        }
    })
    .await;
    let deployment = Deployment::new(|_| ());
    let nodes = ["a", "b"].map(|name| deployment.node(name, &origin.url(), "", ""));
    let mut instances = nodes.each_ref().map(|node| Some(node.start()));
    let balancer = Balancer::open(nodes.iter().map(|node| node.address).collect()).await;
    let load = Arc::new(Load::default());
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        // A registration lives in one store; its tokens are good everywhere.
        let phone = deployment.phone(nodes[client % nodes.len()].address);
        phone.attestor().ready().await.unwrap();
        let at = balancer.address.to_string();
        clients.spawn(work(client, phone, at, Arc::clone(&load), Arc::clone(&logins)));
    }
    let watched = async {
        load.goes_on(BETWEEN).await;
        for round in 0..ROUNDS {
            for (node, instance) in nodes.iter().zip(&mut instances) {
                let (code, log) = instance.take().unwrap().ends().await;
                assert_eq!(code, Some(0), "round {round}: {log}");
                assert!(log.contains("aborted=0"), "round {round}: {log}");
                load.goes_on(BETWEEN).await;
                *instance = Some(node.start());
                load.goes_on(BETWEEN).await;
            }
        }
        load.over.store(true, Ordering::SeqCst);
    };
    let mut ended = 0;
    let clients = async {
        while let Some(client) = clients.join_next().await {
            ended += client.unwrap();
        }
    };
    tokio::join!(watched, clients);
    assert!(ended > 0, "nobody noticed the restarts");
}
