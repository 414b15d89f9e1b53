//! What the app's side does for the library, as Kotlin and Swift implement it: plain calls that may block, each on a thread of the
//! library's own, never on the app's.

use std::sync::{Arc, Mutex, PoisonError};

use attest_core::challenge::Purpose as Asked;
use attest_core::problem::StepUpRequest;
use attest_mobile::foreign::{
    self as host, BoxFuture, KeyError, StepUpOutcome, StorageError, TransportError,
};
use attest_mobile::host::BootClock;
use attest_mobile::{HttpReply, HttpRequest};

use super::failure::HostFailure;
use super::records::{Purpose, Reply, ServiceRequest, StepUp, Vouched};
use super::threads::Threads;

/// Sends requests to the attestation service. Called on threads of the library's own.
#[uniffi::export(callback_interface)]
pub trait Transport: Send + Sync {
    /// The reply. It follows no redirect, and reads at most `reply_bytes_max` of the body.
    ///
    /// # Errors
    /// [`HostFailure`]: `Oversized` beyond that bound, `TimedOut`, otherwise `Failed`.
    fn send(&self, request: ServiceRequest) -> Result<Reply, HostFailure>;
}

/// The P-256 key that never leaves the phone's hardware. There is at most one. Called on threads of the library's own.
#[uniffi::export(callback_interface)]
pub trait DeviceKey: Send + Sync {
    /// Makes a new key in place of any other; its uncompressed SEC1 point, 65 bytes. Platforms that attest at generation bind
    /// `challenge` (32 bytes) into that attestation.
    ///
    /// # Errors
    /// [`HostFailure`].
    fn generate(&self, challenge: Vec<u8>) -> Result<Vec<u8>, HostFailure>;

    /// The key's uncompressed SEC1 point, 65 bytes.
    ///
    /// # Errors
    /// `Gone` if there is no key.
    fn public_key(&self) -> Result<Vec<u8>, HostFailure>;

    /// The ES256 signature over `signing_input`: r ‖ s, 64 bytes.
    ///
    /// # Errors
    /// `Gone` if the key can never be used again.
    fn sign(&self, signing_input: Vec<u8>) -> Result<Vec<u8>, HostFailure>;

    /// What the platform says about the key and the app, for evidence with this client data hash (32 bytes).
    ///
    /// # Errors
    /// `Gone` if it can never vouch for this key again.
    fn vouch(&self, purpose: Purpose, client_data_hash: Vec<u8>) -> Result<Vouched, HostFailure>;

    /// Removes the key, if there is one.
    ///
    /// # Errors
    /// [`HostFailure`].
    fn delete(&self) -> Result<(), HostFailure>;
}

/// Small named blobs that outlive the process. Called on threads of the library's own.
#[uniffi::export(callback_interface)]
pub trait Storage: Send + Sync {
    /// The blob, nothing if there is none.
    ///
    /// # Errors
    /// [`HostFailure`].
    fn get(&self, name: String) -> Result<Option<Vec<u8>>, HostFailure>;

    /// Writes a blob: a reader sees the old or the new one, never a mixture.
    ///
    /// # Errors
    /// [`HostFailure`].
    fn put(&self, name: String, blob: Vec<u8>) -> Result<(), HostFailure>;

    /// Removes a blob, if there is one.
    ///
    /// # Errors
    /// [`HostFailure`].
    fn delete(&self, name: String) -> Result<(), HostFailure>;
}

/// The phone's clocks, for apps and tests with others than the system's. Called on any thread; it must not wait.
#[uniffi::export(callback_interface)]
pub trait Clock: Send + Sync {
    /// The wall clock, Unix seconds. It may be wrong.
    ///
    /// # Errors
    /// None is expected; the last reading counts on.
    fn wall_s(&self) -> Result<u64, HostFailure>;

    /// Microseconds by a clock that never goes back and counts while the phone sleeps.
    ///
    /// # Errors
    /// None is expected; the last reading counts on.
    fn monotonic_us(&self) -> Result<u64, HostFailure>;
}

/// Hears what the library does, for a debug log. Called on any thread.
#[uniffi::export(callback_interface)]
pub trait Observer: Send + Sync {
    /// One thing that happened: a stable code, and a sentence without any secret.
    ///
    /// # Errors
    /// None matters.
    fn notice(&self, code: String, text: String) -> Result<(), HostFailure>;
}

/// Lets the user confirm a request with the issuer that the policy names. Called on threads of the library's own.
#[uniffi::export(callback_interface)]
pub trait StepUpPrompt: Send + Sync {
    /// Asks the user, for as long as it takes: the JWS that the issuer signed, nothing if the user declined.
    ///
    /// # Errors
    /// Any counts as declined.
    fn complete(&self, step_up: StepUp) -> Result<Option<String>, HostFailure>;
}

/// A trait of the app's side, and the threads that it is called on.
struct Called<T: ?Sized> {
    callee: Arc<T>,
    threads: Arc<Threads>,
}

impl<T: ?Sized + Send + Sync + 'static> Called<T> {
    fn new(callee: Box<T>, threads: &Arc<Threads>) -> Arc<Self> {
        Arc::new(Self {
            callee: callee.into(),
            threads: Arc::clone(threads),
        })
    }

    /// What `call` returns, made into what the Attestor takes.
    fn call<V, R, E>(
        &self,
        call: impl FnOnce(&T) -> Result<V, HostFailure> + Send + 'static,
        made: impl FnOnce(V) -> Option<R> + Send + 'static,
    ) -> BoxFuture<'static, Result<R, E>>
    where
        V: Send + 'static,
        E: From<HostFailure>,
    {
        let callee = Arc::clone(&self.callee);
        let called = self.threads.call(move || call(&callee));
        Box::pin(async move { Ok(made(called.await?).ok_or(HostFailure::Failed)?) })
    }
}

pub(super) fn transport(callee: Box<dyn Transport>, threads: &Arc<Threads>) -> Arc<dyn host::Transport> {
    Called::new(callee, threads)
}

impl host::Transport for Called<dyn Transport> {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpReply, TransportError>> {
        self.call(
            move |transport| transport.send(request.into()),
            |reply: Reply| Some(reply.into()),
        )
    }
}

pub(super) fn key(callee: Box<dyn DeviceKey>, threads: &Arc<Threads>) -> Arc<dyn host::DeviceKey> {
    Called::new(callee, threads)
}

impl host::DeviceKey for Called<dyn DeviceKey> {
    fn generate<'a>(&'a self, challenge: &'a [u8; 32]) -> BoxFuture<'a, Result<[u8; 65], KeyError>> {
        let challenge = challenge.to_vec();
        self.call(move |key| key.generate(challenge), sized)
    }

    fn public_key(&self) -> BoxFuture<'_, Result<[u8; 65], KeyError>> {
        self.call(|key| key.public_key(), sized)
    }

    fn sign<'a>(&'a self, signing_input: &'a [u8]) -> BoxFuture<'a, Result<[u8; 64], KeyError>> {
        let signing_input = signing_input.to_vec();
        self.call(move |key| key.sign(signing_input), sized)
    }

    fn vouch<'a>(
        &'a self,
        purpose: Asked,
        client_data_hash: &'a [u8; 32],
    ) -> BoxFuture<'a, Result<host::Vouched, KeyError>> {
        let (purpose, hash) = (Purpose::from(purpose), client_data_hash.to_vec());
        self.call(
            move |key| key.vouch(purpose, hash),
            |vouched: Vouched| Some(vouched.into()),
        )
    }

    fn delete(&self) -> BoxFuture<'_, Result<(), KeyError>> {
        self.call(|key| key.delete(), Some)
    }
}

fn sized<const N: usize>(bytes: Vec<u8>) -> Option<[u8; N]> {
    bytes.try_into().ok()
}

pub(super) fn storage(callee: Box<dyn Storage>, threads: &Arc<Threads>) -> Arc<dyn host::Storage> {
    Called::new(callee, threads)
}

impl host::Storage for Called<dyn Storage> {
    fn get(&self, name: &'static str) -> BoxFuture<'_, Result<Option<Vec<u8>>, StorageError>> {
        self.call(|storage| storage.get(name.to_owned()), Some)
    }

    fn put(&self, name: &'static str, blob: Vec<u8>) -> BoxFuture<'_, Result<(), StorageError>> {
        self.call(|storage| storage.put(name.to_owned(), blob), Some)
    }

    fn delete(&self, name: &'static str) -> BoxFuture<'_, Result<(), StorageError>> {
        self.call(|storage| storage.delete(name.to_owned()), Some)
    }
}

pub(super) fn step_up(callee: Box<dyn StepUpPrompt>, threads: &Arc<Threads>) -> Arc<dyn host::StepUpPrompt> {
    Called::new(callee, threads)
}

impl host::StepUpPrompt for Called<dyn StepUpPrompt> {
    fn complete(&self, step_up: StepUpRequest) -> BoxFuture<'_, StepUpOutcome> {
        let step_up = StepUp {
            id: step_up.id,
            issuer: step_up.issuer,
        };
        let asked: BoxFuture<'_, Result<Option<String>, HostFailure>> =
            self.call(move |prompt| prompt.complete(step_up), Some);
        Box::pin(async move {
            match asked.await {
                Ok(Some(completed)) => StepUpOutcome::Completed(completed),
                Ok(None) | Err(_) => StepUpOutcome::Declined,
            }
        })
    }
}

/// The app's clock, or the phone's.
pub(super) fn clock(clock: Option<Box<dyn Clock>>) -> Arc<dyn host::Clock> {
    match clock {
        Some(callee) => Arc::new(AppClock {
            callee,
            last: Mutex::default(),
        }),
        None => Arc::new(BootClock),
    }
}

/// A clock that throws stands still.
struct AppClock {
    callee: Box<dyn Clock>,
    last: Mutex<(u64, u64)>,
}

impl host::Clock for AppClock {
    fn wall_s(&self) -> u64 {
        let read = self.callee.wall_s();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.0 = read.unwrap_or(last.0);
        last.0
    }

    fn monotonic_ms(&self) -> u64 {
        self.monotonic_us() / 1000
    }

    fn monotonic_us(&self) -> u64 {
        let read = self.callee.monotonic_us();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.1 = last.1.max(read.unwrap_or(last.1));
        last.1
    }
}
