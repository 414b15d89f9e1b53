//! Values that cross, and what they are made of.

use attest_core::challenge::Purpose as Asked;
use attest_core::device::{DeviceId, Platform as DevicePlatform};
use attest_core::encoding::base64url;
use attest_core::environment::Environment as Bound;
use attest_core::policy::Variables;
use attest_core::problem::Problem;
use attest_core::service::PlatformEvidence;
use attest_mobile::foreign as host;
use attest_mobile::{AppRequest, AttestConfig, Headers, HttpReply, HttpRequest, Status as Known};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A name and its value: a header, or a variable of policies.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Named {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
}

/// The operating system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Platform {
    /// Android.
    Android,
    /// iOS and iPadOS.
    Ios,
}

/// The environment that the app is built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Environment {
    /// Genuine phones only.
    Production,
    /// Software keys may be accepted, and plain http.
    Development,
}

/// An app's configuration.
#[derive(Debug, Clone, uniffi::Record)]
pub struct Config {
    /// URL of the attestation service, such as `https://api.bank.example/.attest/v1`.
    pub service_url: String,
    /// The app's id in policy.
    pub app: String,
    /// The app's version.
    pub app_version: String,
    /// The operating system.
    pub platform: Platform,
    /// The environment that the app is built for.
    pub environment: Environment,
    /// The first root of the policy repository, byte for byte.
    pub policy_root: Vec<u8>,
    /// Origins of the protected API. Requests to others pass without a token. Empty: those that the policy names.
    #[uniffi(default = [])]
    pub origins: Vec<String>,
    /// Mint a session token also where the policy names the origin but no requirement matches.
    #[uniffi(default = false)]
    pub token_by_default: bool,
    /// How long one call of the app's side may take, milliseconds.
    #[uniffi(default = 15000)]
    pub call_timeout_ms: u64,
    /// How long a request waits for a session, milliseconds.
    #[uniffi(default = 30000)]
    pub patience_ms: u64,
    /// A request waits out failures that pass within this time, milliseconds.
    #[uniffi(default = 2000)]
    pub ride_out_ms: u64,
    /// The phone's values of the policy's variables, such as `package` and `data_dir`; others than the known ones change nothing.
    #[uniffi(default = [])]
    pub variables: Vec<Named>,
}

impl Config {
    pub(super) fn variables(&self) -> Variables {
        let mut variables = Variables::default();
        for variable in &self.variables {
            variables = variables.with(&variable.name, variable.value.clone());
        }
        variables
    }
}

impl From<Config> for AttestConfig {
    fn from(config: Config) -> Self {
        let platform = match config.platform {
            Platform::Android => DevicePlatform::Android,
            Platform::Ios => DevicePlatform::Ios,
        };
        let environment = match config.environment {
            Environment::Production => Bound::Production,
            Environment::Development => Bound::Development,
        };
        Self {
            policy_root: config.policy_root,
            origins: config.origins,
            token_by_default: config.token_by_default,
            call_timeout_ms: config.call_timeout_ms,
            patience_ms: config.patience_ms,
            ride_out_ms: config.ride_out_ms,
            ..Self::new(
                config.service_url,
                config.app,
                config.app_version,
                platform,
                environment,
            )
        }
    }
}

/// A request to the attestation service.
#[derive(Clone, uniffi::Record)]
pub struct ServiceRequest {
    /// `GET` or `POST`.
    pub method: String,
    /// Absolute URL.
    pub url: String,
    /// Headers beyond those that every client sets.
    pub headers: Vec<Named>,
    /// The whole body.
    pub body: Vec<u8>,
    /// A longer reply is not read but refused.
    pub reply_bytes_max: u64,
}

impl From<HttpRequest> for ServiceRequest {
    fn from(request: HttpRequest) -> Self {
        Self {
            method: request.method.to_owned(),
            url: request.url,
            headers: named(request.headers),
            body: request.body,
            reply_bytes_max: u64::try_from(request.reply_bytes_max).unwrap_or(u64::MAX),
        }
    }
}

/// A whole reply.
#[derive(Clone, uniffi::Record)]
pub struct Reply {
    /// Status code.
    pub status: u16,
    /// Headers as received.
    pub headers: Vec<Named>,
    /// The body.
    pub body: Vec<u8>,
}

impl From<Reply> for HttpReply {
    fn from(reply: Reply) -> Self {
        Self {
            status: reply.status,
            headers: reply
                .headers
                .into_iter()
                .map(|header| (header.name, header.value))
                .collect(),
            body: reply.body,
        }
    }
}

/// A request that the app is about to send.
#[derive(Clone, uniffi::Record)]
pub struct Request {
    /// HTTP method in the spelling that is sent.
    pub method: String,
    /// Absolute URL exactly as it is sent.
    pub url: String,
    /// The whole body; empty if there is none.
    pub body: Vec<u8>,
    /// The value of `Authorization`, if the request carries one.
    #[uniffi(default = None)]
    pub authorization: Option<String>,
}

impl Request {
    pub(super) fn borrowed(&self) -> AppRequest<'_> {
        AppRequest {
            method: &self.method,
            url: &self.url,
            body: &self.body,
            authorization: self.authorization.as_deref(),
        }
    }
}

/// The headers that a request has to carry.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
pub struct Authorization {
    /// Names in lower case, and values; none where the policy asks for no token.
    pub headers: Vec<Named>,
    /// Which attempt it is, for [`follow`](super::Attest::follow).
    pub attempt: u64,
}

/// What a reply means.
#[derive(Clone, Default, PartialEq, Eq, uniffi::Record)]
pub struct Followed {
    /// Send the request once more, with these headers in place of those before.
    pub again: Option<Authorization>,
    /// The refusal in the reply, if it is one.
    pub refusal: Option<Refusal>,
}

/// A gateway's refusal.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Refusal {
    /// Stable code; `unknown` if this version does not know it.
    pub code: String,
    /// A sentence for people.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The retry class.
    pub retry: String,
    /// Tells the operator, and nobody else, why.
    pub support: String,
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self {
            code: problem.code().map_or("unknown", |code| code.as_str()).to_owned(),
            status: problem.status,
            retry: problem.retry.as_str().to_owned(),
            title: problem.title,
            support: problem.support,
        }
    }
}

/// What the user is to confirm.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct StepUp {
    /// Identifies the request towards the issuer.
    pub id: String,
    /// Who confirms it.
    pub issuer: Option<String>,
}

/// What evidence is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Purpose {
    /// A new registration.
    Enroll,
    /// A new session of a registration.
    Renew,
}

impl From<Asked> for Purpose {
    fn from(purpose: Asked) -> Self {
        match purpose {
            Asked::Enroll => Self::Enroll,
            Asked::Renew => Self::Renew,
        }
    }
}

/// The platform's own proof about the key and the app.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum PlatformProof {
    /// Nothing vouches for the key: only gateways of environment development accept it.
    Software,
    /// Android Key Attestation.
    AndroidKey {
        /// DER certificates, leaf first.
        chain: Vec<Vec<u8>>,
    },
    /// Apple App Attest.
    AppAttest {
        /// The CBOR attestation object over the client data hash.
        object: Vec<u8>,
        /// Key id, base64, as Apple's API returns it.
        key_id: String,
    },
    /// An assertion by the App Attest key of the registration.
    AppAttestAssertion {
        /// The CBOR assertion over the client data hash.
        object: Vec<u8>,
    },
}

/// What the platform says beside the evidence; nothing where it has nothing to say.
#[derive(Debug, Clone, Default, PartialEq, Eq, uniffi::Record)]
pub struct Vouched {
    /// Its proof about the key and the app.
    #[uniffi(default = None)]
    pub platform: Option<PlatformProof>,
    /// A Play Integrity token for the client data hash in base64url, where the app asks for them.
    #[uniffi(default = None)]
    pub play_integrity: Option<String>,
}

impl From<Vouched> for host::Vouched {
    fn from(vouched: Vouched) -> Self {
        let evidence = |proof| match proof {
            PlatformProof::Software => PlatformEvidence::Software {},
            PlatformProof::AndroidKey { chain } => PlatformEvidence::AndroidKey {
                chain: chain
                    .iter()
                    .map(|certificate| STANDARD.encode(certificate))
                    .collect(),
            },
            PlatformProof::AppAttest { object, key_id } => PlatformEvidence::AppAttest {
                object: base64url(object),
                key_id,
            },
            PlatformProof::AppAttestAssertion { object } => PlatformEvidence::AppAttestAssertion {
                object: base64url(object),
            },
        };
        Self {
            platform: vouched.platform.map(evidence),
            play_integrity: vouched.play_integrity,
        }
    }
}

/// What one detector found at the last scan.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Finding {
    /// The detector's id.
    pub id: String,
    /// `hit` or `inconclusive`.
    pub outcome: String,
}

/// What the phone is now. It holds no secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, uniffi::Record)]
pub struct Status {
    /// Whether there is a registration.
    pub enrolled: bool,
    /// Version of the device policy in force.
    pub policy_version: Option<u64>,
    /// Whether it has certainly expired. It stays in force.
    pub policy_is_stale: bool,
    /// Seconds until the session ends, by the service's clock.
    pub session_ends_in_s: Option<u64>,
    /// How many sessions began in this process.
    pub sessions: u64,
    /// Outcome of the last scan, detectors that are clear left out.
    pub findings: Vec<Finding>,
    /// The service's time as the phone knows it, Unix seconds.
    pub server_time_s: u64,
    /// The registration's id, for the app's own support screens. Not for logs.
    pub device: Option<String>,
}

impl Status {
    pub(super) fn new(known: Known, device: Option<DeviceId>) -> Self {
        let finding = |outcome: &'static str| {
            move |id: String| Finding {
                id,
                outcome: outcome.to_owned(),
            }
        };
        let hits = known.findings.hit.into_iter().map(finding("hit"));
        let inconclusive = known
            .findings
            .inconclusive
            .into_iter()
            .map(finding("inconclusive"));
        Self {
            enrolled: known.enrolled,
            policy_version: known.policy_version,
            policy_is_stale: known.policy_is_stale,
            session_ends_in_s: known.session_ends_in_s,
            sessions: known.sessions,
            findings: hits.chain(inconclusive).collect(),
            server_time_s: known.server_time_s,
            device: device.map(|device| device.to_text()),
        }
    }
}

pub(super) fn named(headers: Headers) -> Vec<Named> {
    headers
        .into_iter()
        .map(|(name, value)| Named { name, value })
        .collect()
}

macro_rules! tells_its_name {
    ($($type:ident)+) => {
        $(impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(stringify!($type))
            }
        })+
    };
}

// They hold tokens, evidence and what the app sends.
tells_its_name!(ServiceRequest Reply Request Authorization Followed);
