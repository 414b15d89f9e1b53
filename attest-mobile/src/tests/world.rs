//! A phone, its service, and the time between them. Nothing sleeps: when every future waits, the clock is moved to the next
//! moment for which one waits; if none waits for a moment, the test has found a deadlock.

use std::collections::BTreeMap;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use attest_core::challenge::Purpose;
use attest_core::device::Platform;
use attest_core::environment::Environment;
use attest_core::facts::FactMap;
use attest_core::policy::Variables;
use attest_core::problem::StepUpRequest;
use ring::rand::SystemRandom;

use super::service::{Service, ServiceHandle};
use crate::foreign::{
    BoxFuture, Clock, DeviceKey, KeyError, Observer, StepUpOutcome, StepUpPrompt, Storage, StorageError,
    Timer, Vouched,
};
use crate::host::{FixedObservations, MemoryStorage, SoftwareKey};
use crate::{AppRequest, AttestConfig, Attestor, Host, Notice};

/// The service's time when the world begins.
pub(super) const BEGIN_S: u64 = 1_800_000_000;
pub(super) const ORIGIN: &str = "https://api.bank.example";

/// Both clocks and everything that waits for them.
#[derive(Default)]
pub(super) struct Time {
    monotonic_ms: AtomicU64,
    /// How far the phone's wall clock is off.
    pub(super) wall_off_s: AtomicI64,
    next_id: AtomicU64,
    sleepers: Mutex<BTreeMap<u64, (u64, Waker)>>,
}

impl Time {
    pub(super) fn server_s(&self) -> u64 {
        BEGIN_S + self.monotonic_ms() / 1000
    }

    pub(super) fn advance_ms(&self, ms: u64) {
        self.monotonic_ms.fetch_add(ms, Ordering::SeqCst);
        let now_ms = self.monotonic_ms();
        for (deadline_ms, waker) in self.sleepers.lock().unwrap().values() {
            if *deadline_ms <= now_ms {
                waker.wake_by_ref();
            }
        }
    }

    fn next_deadline_ms(&self) -> Option<u64> {
        self.sleepers
            .lock()
            .unwrap()
            .values()
            .map(|(deadline_ms, _)| *deadline_ms)
            .min()
    }

    pub(super) fn sleep(self: &Arc<Self>, until_ms: u64) -> Sleep {
        Sleep {
            time: Arc::clone(self),
            until_ms,
            id: self.next_id.fetch_add(1, Ordering::SeqCst),
        }
    }
}

impl Clock for Time {
    fn wall_s(&self) -> u64 {
        self.server_s()
            .saturating_add_signed(self.wall_off_s.load(Ordering::SeqCst))
    }

    fn monotonic_ms(&self) -> u64 {
        self.monotonic_ms.load(Ordering::SeqCst)
    }
}

struct TimerOf(Arc<Time>);

impl Timer for TimerOf {
    fn sleep_until(&self, monotonic_ms: u64) -> BoxFuture<'_, ()> {
        Box::pin(self.0.sleep(monotonic_ms))
    }
}

pub(super) struct Sleep {
    time: Arc<Time>,
    until_ms: u64,
    id: u64,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.time.monotonic_ms() >= self.until_ms {
            return Poll::Ready(());
        }
        let mut sleepers = self.time.sleepers.lock().unwrap();
        sleepers.insert(self.id, (self.until_ms, context.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.time.sleepers.lock().unwrap().remove(&self.id);
    }
}

/// A software key that can be told to fail.
#[derive(Default)]
pub(super) struct MoodyKey {
    key: SoftwareKey,
    pub(super) fails: AtomicBool,
    pub(super) made: AtomicU64,
    pub(super) signed: AtomicU64,
}

impl MoodyKey {
    fn or_fail<'a, T: Send + 'a>(
        &self,
        call: BoxFuture<'a, Result<T, KeyError>>,
    ) -> BoxFuture<'a, Result<T, KeyError>> {
        if self.fails.load(Ordering::SeqCst) {
            return Box::pin(std::future::ready(Err(KeyError::Failed)));
        }
        call
    }

    /// Somebody removed the key behind the Attestor's back.
    pub(super) fn lose(&self) {
        drop(self.key.delete());
    }
}

impl DeviceKey for MoodyKey {
    fn generate<'a>(&'a self, challenge: &'a [u8; 32]) -> BoxFuture<'a, Result<[u8; 65], KeyError>> {
        self.made.fetch_add(1, Ordering::SeqCst);
        self.or_fail(self.key.generate(challenge))
    }

    fn public_key(&self) -> BoxFuture<'_, Result<[u8; 65], KeyError>> {
        self.or_fail(self.key.public_key())
    }

    fn sign<'a>(&'a self, signing_input: &'a [u8]) -> BoxFuture<'a, Result<[u8; 64], KeyError>> {
        self.signed.fetch_add(1, Ordering::SeqCst);
        self.or_fail(self.key.sign(signing_input))
    }

    fn vouch<'a>(
        &'a self,
        purpose: Purpose,
        client_data_hash: &'a [u8; 32],
    ) -> BoxFuture<'a, Result<Vouched, KeyError>> {
        self.or_fail(self.key.vouch(purpose, client_data_hash))
    }

    fn delete(&self) -> BoxFuture<'_, Result<(), KeyError>> {
        self.key.delete()
    }
}

/// Memory that takes its time to write.
pub(super) struct SlowStorage {
    memory: MemoryStorage,
    time: Arc<Time>,
}

impl Storage for SlowStorage {
    fn get(&self, name: &'static str) -> BoxFuture<'_, Result<Option<Vec<u8>>, StorageError>> {
        self.memory.get(name)
    }

    fn put(&self, name: &'static str, blob: Vec<u8>) -> BoxFuture<'_, Result<(), StorageError>> {
        Box::pin(async move {
            self.time.sleep(self.time.monotonic_ms() + 20).await;
            self.memory.put(name, blob).await
        })
    }

    fn delete(&self, name: &'static str) -> BoxFuture<'_, Result<(), StorageError>> {
        self.memory.delete(name)
    }
}

/// Storage whose process is killed: writes after some number of them never happen.
pub(super) struct Killed {
    pub(super) storage: Arc<SlowStorage>,
    pub(super) writes_left: AtomicU64,
}

impl Storage for Killed {
    fn get(&self, name: &'static str) -> BoxFuture<'_, Result<Option<Vec<u8>>, StorageError>> {
        self.storage.get(name)
    }

    fn put(&self, name: &'static str, blob: Vec<u8>) -> BoxFuture<'_, Result<(), StorageError>> {
        let left = self
            .writes_left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        match left {
            Ok(_) => self.storage.put(name, blob),
            Err(_) => Box::pin(std::future::ready(Ok(()))),
        }
    }

    fn delete(&self, name: &'static str) -> BoxFuture<'_, Result<(), StorageError>> {
        self.storage.delete(name)
    }
}

impl SlowStorage {
    /// What is there.
    pub(super) fn blob(&self, name: &'static str) -> Vec<u8> {
        let blob = futures_util::FutureExt::now_or_never(self.memory.get(name));
        blob.unwrap().unwrap().unwrap()
    }

    /// Somebody else wrote this.
    pub(super) fn replace(&self, name: &'static str, blob: &[u8]) {
        drop(self.memory.put(name, blob.to_vec()));
    }
}

/// Keeps what the Attestor tells.
#[derive(Default)]
pub(super) struct Diary(Mutex<Vec<Notice>>);

impl Observer for Diary {
    fn notice(&self, notice: &Notice) {
        self.0.lock().unwrap().push(notice.clone());
    }
}

impl Diary {
    pub(super) fn codes(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().iter().map(Notice::code).collect()
    }

    pub(super) fn take(&self) -> Vec<Notice> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// Answers step-ups as it was told, and counts them.
pub(super) struct User {
    pub(super) answer: Mutex<StepUpOutcome>,
    pub(super) asked: AtomicU64,
}

impl StepUpPrompt for User {
    fn complete(&self, _: StepUpRequest) -> BoxFuture<'_, StepUpOutcome> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::ready(self.answer.lock().unwrap().clone()))
    }
}

/// One phone and its service.
pub(super) struct World {
    pub(super) time: Arc<Time>,
    pub(super) service: Arc<Service>,
    pub(super) key: Arc<MoodyKey>,
    pub(super) storage: Arc<SlowStorage>,
    pub(super) diary: Arc<Diary>,
    pub(super) user: Arc<User>,
    pub(super) observations: Arc<FixedObservations>,
}

impl World {
    pub(super) fn new() -> Self {
        let time = Arc::new(Time::default());
        // A phone that was started a while ago.
        time.advance_ms(1_000_000);
        Self {
            service: Arc::new(Service::new(Arc::clone(&time))),
            storage: Arc::new(SlowStorage {
                memory: MemoryStorage::default(),
                time: Arc::clone(&time),
            }),
            time,
            key: Arc::default(),
            diary: Arc::default(),
            user: Arc::new(User {
                answer: Mutex::new(StepUpOutcome::Declined),
                asked: AtomicU64::new(0),
            }),
            observations: Arc::new(FixedObservations::new(FactMap::default(), Variables::default())),
        }
    }

    pub(super) fn config(&self) -> AttestConfig {
        let mut config = AttestConfig::new(
            format!("{ORIGIN}/.attest/v1"),
            "bank",
            "4.2.0",
            Platform::Android,
            Environment::Development,
        );
        config.policy_root = self.service.root();
        config
    }

    /// A process of the app: it remembers what storage and key remember.
    pub(super) fn attestor(&self) -> Attestor {
        self.attestor_with(self.config(), Arc::clone(&self.storage) as Arc<dyn Storage>)
    }

    pub(super) fn attestor_with(&self, config: AttestConfig, storage: Arc<dyn Storage>) -> Attestor {
        let host = Host {
            transport: Arc::new(ServiceHandle(Arc::clone(&self.service))),
            key: Arc::clone(&self.key) as Arc<dyn DeviceKey>,
            storage,
            clock: Arc::clone(&self.time) as Arc<dyn Clock>,
            timer: Arc::new(TimerOf(Arc::clone(&self.time))),
            observer: Arc::clone(&self.diary) as Arc<dyn Observer>,
            step_up: Arc::clone(&self.user) as Arc<dyn StepUpPrompt>,
            observations: Arc::clone(&self.observations) as Arc<dyn crate::foreign::Observations>,
            random: Arc::new(SystemRandom::new()),
        };
        Attestor::new(config, host).unwrap()
    }

    /// Runs `future` to its end, moving the clock whenever everything waits.
    pub(super) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        let woken = Arc::new(Woken(AtomicBool::new(false)));
        let waker = Waker::from(Arc::clone(&woken));
        for _ in 0..200_000 {
            if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return value;
            }
            if !woken.0.swap(false, Ordering::SeqCst) {
                let deadline_ms = self
                    .time
                    .next_deadline_ms()
                    .expect("everything waits for nothing");
                self.time
                    .advance_ms(deadline_ms.saturating_sub(self.time.monotonic_ms()));
            }
        }
        panic!("it never ends");
    }

    /// Runs the background work for some time.
    pub(super) fn run_for_ms(&self, attestor: &Attestor, ms: u64) {
        let end = self.time.sleep(self.time.monotonic_ms() + ms);
        self.run(futures_util::future::select(pin!(attestor.run()), end));
    }
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A request to the protected API.
pub(super) fn request<'a>(method: &'a str, url: &'a str) -> AppRequest<'a> {
    AppRequest {
        method,
        url,
        body: b"{\"amount\":1}",
        authorization: Some("Bearer user"),
    }
}

pub(super) const PAY: &str = "https://api.bank.example/v1/payments?to=x";
pub(super) const READ: &str = "https://api.bank.example/v1/balance";
