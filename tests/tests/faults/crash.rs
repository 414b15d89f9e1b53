//! The gateway is killed under load, again and again.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use attest_gateway::clock::SystemClock;
use attest_gateway::store::{EmbeddedStore, Store as _, StoreOptions};
use attest_mobile::Headers;
use attest_testkit::phone::Phone;
use attest_tests::crowd::Crowd;
use attest_tests::deployment::Deployment;
use attest_tests::keep_alive::KeepAlive;
use attest_tests::origin::Origin;
use attest_tests::request::header;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::assert_closed;

const KILLS: usize = 4;
/// Phones that enrol at the same time.
const ENROLLING: usize = 4;
/// Enrolments that are acknowledged before each death.
const ACKNOWLEDGED: usize = 12;

/// Phones that enrol one after the other, each noted once the gateway has answered it.
#[derive(Debug, Default)]
struct Enrolments {
    devices: Mutex<Vec<String>>,
    progress: Notify,
    over: AtomicBool,
}

impl Enrolments {
    fn count(&self) -> usize {
        self.devices.lock().unwrap().len()
    }

    async fn reach(&self, goal: usize) {
        loop {
            let progress = self.progress.notified();
            if self.count() >= goal {
                return;
            }
            progress.await;
        }
    }
}

async fn enrol(deployment: Arc<Deployment>, authority: String, noted: Arc<Enrolments>) {
    while !noted.over.load(Ordering::SeqCst) {
        let phone = deployment.phone(&authority);
        // One that waits for a dead gateway is forgotten with its back-off.
        let ready = tokio::time::timeout(Duration::from_secs(5), phone.attestor().ready()).await;
        if let (Ok(Ok(())), Some(device)) = (ready, phone.attestor().device()) {
            noted.devices.lock().unwrap().push(device.to_text());
            noted.progress.notify_waiters();
        }
    }
}

const PAYMENT: &str = "/v1/payments?to=DE02";

/// Pays once; the headers that did it.
async fn paid(phone: &Phone, authority: impl Display) -> Headers {
    let mut headers: Headers = vec![header("authorization", "Bearer customer-1")];
    let token = phone.token_headers("POST", PAYMENT, &headers, b"{}").await;
    headers.extend(token.unwrap());
    let reply = KeepAlive::new(authority)
        .send("POST", PAYMENT, &headers, "{}")
        .await
        .unwrap();
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    headers
}

/// What was paid with before the end is refused after it, though its memory is gone.
async fn assert_spent(authority: impl Display, headers: &Headers) {
    let reply = KeepAlive::new(authority)
        .send("POST", PAYMENT, headers, "{}")
        .await
        .unwrap();
    assert_eq!(reply.status, 401, "{}", String::from_utf8_lossy(&reply.body));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_gateway_keeps_what_it_acknowledged_and_phones_recover_by_themselves() {
    let origin = Origin::sound().await;
    let deployment = Arc::new(Deployment::new(|_| ()));
    let node = deployment.node("a", &origin.url(), "", "");
    let store_file = node.config.with_file_name("attest.redb");
    let mut instance = node.start();
    let phones = (0..4).map(|_| deployment.phone(node.address)).collect();
    let crowd = Crowd::start(phones, Duration::ZERO);
    crowd.answered(20).await;
    crowd.take().assert_unharmed();
    let enrolments = Arc::new(Enrolments::default());
    let mut enrolling = JoinSet::new();
    for _ in 0..ENROLLING {
        let noted = Arc::clone(&enrolments);
        enrolling.spawn(enrol(Arc::clone(&deployment), node.address.to_string(), noted));
    }
    for kill in 0..KILLS {
        enrolments.reach(enrolments.count() + ACKNOWLEDGED).await;
        let spent = paid(&deployment.phone(node.address), node.address).await;
        instance.dies();
        let acknowledged = enrolments.devices.lock().unwrap().clone();
        {
            let clock = Arc::new(SystemClock::new());
            let store = EmbeddedStore::open(&store_file, StoreOptions::default(), clock).unwrap();
            for device in &acknowledged {
                let kept = store.device(device).await.unwrap();
                assert!(
                    kept.is_some(),
                    "{device} was acknowledged and is gone after kill {kill}"
                );
            }
        }
        instance = node.start();
        // What was sent while nobody was there may have failed; from here on nobody's user sees anything.
        let restarted = Instant::now();
        assert_closed(node.address).await;
        assert_spent(node.address, &spent).await;
        crowd.answered(80).await;
        let tally = crowd.take();
        tally.assert_unharmed_since(restarted);
        assert!(tally.followed > 0, "no payment met an empty memory: {tally:?}");
    }
    enrolments.over.store(true, Ordering::SeqCst);
    enrolling.join_all().await;
    crowd.rests().await.assert_unharmed();
    let (code, log) = instance.ends().await;
    assert_eq!(code, Some(0), "{log}");
}
