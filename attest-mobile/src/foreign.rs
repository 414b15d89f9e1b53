//! What the Attestor asks of its surroundings, as object-safe traits that a host implements: network, hardware key,
//! storage, clock, timer, observer, step-up and probes.
//!
//! Nothing here does anything by itself. Implementations may be slow and may fail; the driver bounds every wait.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use attest_core::challenge::Purpose;
use attest_core::facts::{FactMap, FactRef};
use attest_core::policy::Variables;
use attest_core::problem::StepUpRequest;
use attest_core::service::PlatformEvidence;

use crate::http::{HttpReply, HttpRequest};
use crate::notice::Notice;

/// A boxed future that may move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Why a request got no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// No connection, or it broke before the whole reply was there.
    #[error("no connection, or it broke")]
    Unreachable,
    /// No whole reply in time.
    #[error("no whole reply in time")]
    TimedOut,
    /// The reply is longer than [`HttpRequest::reply_bytes_max`].
    #[error("the reply is longer than its bound")]
    Oversized,
}

impl TransportError {
    /// Stable kebab-case code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unreachable => "transport-unreachable",
            Self::TimedOut => "transport-timed-out",
            Self::Oversized => "transport-oversized",
        }
    }
}

/// Sends requests to the attestation service.
pub trait Transport: Send + Sync {
    /// The reply to `request`. It follows no redirect and reads at most [`HttpRequest::reply_bytes_max`] of the body.
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpReply, TransportError>>;
}

/// Why a device key did not do what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// There is no key, or it can never be used again. The Attestor enrols a new one.
    #[error("there is no key any more")]
    Gone,
    /// It failed this time.
    #[error("the key failed this time")]
    Failed,
}

impl KeyError {
    /// Stable kebab-case code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Gone => "key-gone",
            Self::Failed => "key-failed",
        }
    }
}

/// What the platform says beside the evidence; nothing where it has nothing to say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vouched {
    /// Its proof about the key and the app.
    pub platform: Option<PlatformEvidence>,
    /// A Play Integrity token for the client data hash in base64url, where the app asks for them.
    pub play_integrity: Option<String>,
}

/// The P-256 key that never leaves the phone's hardware. There is at most one.
pub trait DeviceKey: Send + Sync {
    /// Makes a new key in place of any other and returns its uncompressed SEC1 point. Platforms that attest at generation
    /// bind `challenge` into that attestation.
    fn generate<'a>(&'a self, challenge: &'a [u8; 32]) -> BoxFuture<'a, Result<[u8; 65], KeyError>>;

    /// The uncompressed SEC1 point of the key; [`KeyError::Gone`] if there is none.
    fn public_key(&self) -> BoxFuture<'_, Result<[u8; 65], KeyError>>;

    /// The ES256 signature (r ‖ s) over `signing_input`.
    fn sign<'a>(&'a self, signing_input: &'a [u8]) -> BoxFuture<'a, Result<[u8; 64], KeyError>>;

    /// What the platform says about the key and the app, for evidence whose client data hash
    /// ([`attest_core::evidence::client_data_hash`]) is this; [`KeyError::Gone`] if it can never vouch for this key again.
    fn vouch<'a>(
        &'a self,
        purpose: Purpose,
        client_data_hash: &'a [u8; 32],
    ) -> BoxFuture<'a, Result<Vouched, KeyError>>;

    /// Removes the key, if there is one.
    fn delete(&self) -> BoxFuture<'_, Result<(), KeyError>>;
}

/// Storage could not read or write just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("storage could not read or write")]
pub struct StorageError;

/// Small named blobs that outlive the process. Each write is atomic: a reader sees the old or the new blob, never a mixture.
pub trait Storage: Send + Sync {
    /// The blob, `None` if there is none.
    fn get(&self, name: &'static str) -> BoxFuture<'_, Result<Option<Vec<u8>>, StorageError>>;
    /// Writes a blob.
    fn put(&self, name: &'static str, blob: Vec<u8>) -> BoxFuture<'_, Result<(), StorageError>>;
    /// Removes a blob, if there is one.
    fn delete(&self, name: &'static str) -> BoxFuture<'_, Result<(), StorageError>>;
}

/// The phone's clocks.
pub trait Clock: Send + Sync {
    /// The wall clock, Unix seconds. It may be wrong: tokens do not depend on it.
    fn wall_s(&self) -> u64;
    /// A clock that never goes back and counts while the phone sleeps.
    fn monotonic_ms(&self) -> u64;
    /// The same in microseconds, as fine as it is known: probes are measured by it.
    fn monotonic_us(&self) -> u64 {
        self.monotonic_ms().saturating_mul(1000)
    }
}

/// Wakes futures.
pub trait Timer: Send + Sync {
    /// Completes once [`Clock::monotonic_ms`] has reached `monotonic_ms`.
    fn sleep_until(&self, monotonic_ms: u64) -> BoxFuture<'_, ()>;
}

/// Hears what the Attestor does, for a debug log. Notices hold no secret.
pub trait Observer: Send + Sync {
    /// One thing that happened.
    fn notice(&self, notice: &Notice) {
        let _: &Notice = notice;
    }
}

/// How the user's part of a step-up ended.
#[derive(Clone, PartialEq, Eq)]
pub enum StepUpOutcome {
    /// The issuer signed this JWS.
    Completed(String),
    /// The user or the app declined.
    Declined,
}

impl fmt::Debug for StepUpOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Completed(_) => "Completed([redacted])",
            Self::Declined => "Declined",
        })
    }
}

/// Lets the user confirm a request with the issuer that the policy names.
pub trait StepUpPrompt: Send + Sync {
    /// Asks the user. The time this takes is not bounded by the Attestor.
    fn complete(&self, step_up: StepUpRequest) -> BoxFuture<'_, StepUpOutcome>;
}

/// Answers the questions that detectors ask about the phone.
pub trait Observations: Send + Sync {
    /// Values of the policy's variables on this phone, asked once.
    fn variables(&self) -> Variables {
        Variables::default()
    }

    /// Answers as many of `questions` as the phone can; what is missing makes detectors inconclusive, never clear.
    fn observe(&self, questions: Vec<FactRef>) -> BoxFuture<'_, FactMap>;
}

/// An observer that hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl Observer for Unobserved {}

/// A prompt that declines every step-up, for apps that offer none.
#[derive(Debug, Clone, Copy, Default)]
pub struct DeclineStepUps;

impl StepUpPrompt for DeclineStepUps {
    fn complete(&self, _: StepUpRequest) -> BoxFuture<'_, StepUpOutcome> {
        Box::pin(std::future::ready(StepUpOutcome::Declined))
    }
}
