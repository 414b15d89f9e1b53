//! A rolling restart of two gateways that share keys and policy, behind a balancer, under load: no request fails.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test's own failure is a panic, in its supporting functions too"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use attest_mobile::Headers;
use attest_testkit::phone::Phone;
use attest_tests::balancer::Balancer;
use attest_tests::deployment::Deployment;
use attest_tests::keep_alive::KeepAlive;
use attest_tests::origin::Origin;
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

/// One phone's requests on a kept connection; how many had to be repeated.
async fn work(phone: Phone, authority: String, load: Arc<Load>) -> u64 {
    let mut client = KeepAlive::new(authority);
    let headers: Headers = vec![header("authorization", "Bearer customer-1")];
    let target = "/v1/balance?currency=EUR";
    while !load.over.load(Ordering::SeqCst) {
        let token = phone.token_headers("GET", target, &headers, b"").await.unwrap();
        let all: Headers = headers.iter().chain(&token).cloned().collect();
        let reply = client.send("GET", target, &all, "").await;
        let reply = reply.unwrap_or_else(|error| panic!("a request failed: {error}"));
        assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
        load.answered.fetch_add(1, Ordering::SeqCst);
        load.progress.notify_waiters();
    }
    client.repeated
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_fails_no_request() {
    let origin = Origin::sound().await;
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
        clients.spawn(work(phone, balancer.address.to_string(), Arc::clone(&load)));
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
    let mut repeated = 0;
    let clients = async {
        while let Some(ended) = clients.join_next().await {
            repeated += ended.unwrap();
        }
    };
    tokio::join!(watched, clients);
    // Each client lost its kept connection now and then, or the restarts were not seen at all.
    assert!(repeated > 0, "nobody noticed the restarts");
}
