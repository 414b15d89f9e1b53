//! A simulated phone: the SDK's own Attestor over real HTTP, with facts of a profile and a key in memory, which nothing or simulated
//! hardware vouches for.

use std::sync::Arc;
use std::time::Duration;

use attest_core::device::Platform;
use attest_core::environment::Environment;
use attest_mobile::foreign::{
    BoxFuture, Clock, DeclineStepUps, DeviceKey, StepUpPrompt, Storage, Timer, TransportError, Unobserved,
};
use attest_mobile::host::{MemoryStorage, SoftwareKey, SystemClock};
use attest_mobile::{
    AppRequest, AttestConfig, AttestError, Attestor, ConfigError, Headers, Host, SendError, Sent,
};
use ring::rand::SystemRandom;

use crate::MARKER;
use crate::client::HttpClient;
use crate::evidence::simulated::{Chip, Hardware};
use crate::evidence::{BuildError, TestRoots};
use crate::hardware_key::HardwareKey;
use crate::profile::Profile;
use crate::surroundings::Surroundings;

/// Timers on tokio, by the clock of the phone.
#[derive(Debug, Clone, Copy)]
pub struct TokioTimer(SystemClock);

impl Timer for TokioTimer {
    fn sleep_until(&self, monotonic_ms: u64) -> BoxFuture<'_, ()> {
        let wait_ms = monotonic_ms.saturating_sub(self.0.monotonic_ms());
        Box::pin(tokio::time::sleep(Duration::from_millis(wait_ms)))
    }
}

/// What vouches for a simulated phone's device key.
#[derive(Debug, Clone)]
pub enum Evidence {
    /// Nothing.
    Software,
    /// Its hardware, under these roots.
    Hardware {
        /// The roots.
        roots: Arc<TestRoots>,
        /// Where an Android phone keeps its keys.
        chip: Chip,
    },
}

/// What a simulated phone is made from.
#[derive(Clone)]
pub struct PhoneOptions {
    /// `http://host:port` of the gateway.
    pub gateway: String,
    /// Path of the attestation service.
    pub base_path: String,
    /// Public origins of the API; the gateway's own address if empty.
    pub origins: Vec<String>,
    /// The app's id in policy.
    pub app: String,
    /// The app's version.
    pub app_version: String,
    /// The operating system.
    pub platform: Platform,
    /// What detectors see.
    pub profile: Profile,
    /// What vouches for its key.
    pub evidence: Evidence,
    /// The first root of the policy repository.
    pub root: Vec<u8>,
    /// Completes step-ups.
    pub step_up: Arc<dyn StepUpPrompt>,
    /// Survives a restart of the phone.
    pub storage: Arc<dyn Storage>,
}

impl std::fmt::Debug for PhoneOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PhoneOptions")
            .field("app", &self.app)
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}

impl PhoneOptions {
    /// A genuine Android phone that declines step-ups and forgets everything at its end.
    #[must_use]
    pub fn new(gateway: impl Into<String>, app: impl Into<String>, root: Vec<u8>) -> Self {
        Self {
            gateway: gateway.into(),
            base_path: "/.attest/v1".to_owned(),
            origins: Vec::new(),
            app: app.into(),
            app_version: "4.2.0".to_owned(),
            platform: Platform::Android,
            profile: Profile::Genuine,
            evidence: Evidence::Software,
            root,
            step_up: Arc::new(DeclineStepUps),
            storage: Arc::new(MemoryStorage::default()),
        }
    }
}

/// Why a phone could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PhoneError {
    /// The gateway's address is not `http://host:port`.
    #[error("`{0}` is not http://host:port")]
    Gateway(String),
    /// The SDK refuses the configuration.
    #[error("the SDK refuses its configuration: {0}")]
    Config(#[from] ConfigError),
    /// Its hardware could not be made.
    #[error("the phone's hardware: {0}")]
    Hardware(#[from] BuildError),
}

/// A simulated phone.
#[derive(Debug, Clone)]
pub struct Phone {
    attestor: Attestor,
    client: Arc<HttpClient>,
    surroundings: Arc<Surroundings>,
    hardware: Option<Arc<HardwareKey>>,
    /// What the app calls the API by: tokens are bound to it.
    origin: String,
}

impl Phone {
    /// A phone that has not done anything yet.
    ///
    /// # Errors
    /// [`PhoneError`].
    pub fn new(options: PhoneOptions) -> Result<Self, PhoneError> {
        let PhoneOptions {
            gateway,
            base_path,
            origins,
            app,
            app_version,
            platform,
            profile,
            evidence,
            root,
            step_up,
            storage,
        } = options;
        let client = HttpClient::new(&gateway, MARKER).ok_or_else(|| PhoneError::Gateway(gateway.clone()))?;
        let client = Arc::new(client);
        let origin = format!("http://{}", client.authority());
        let mut config = AttestConfig::new(
            format!("{origin}{base_path}"),
            app,
            app_version,
            platform,
            Environment::Development,
        );
        config.policy_root = root;
        config.origins = if origins.is_empty() { vec![origin] } else { origins };
        let origin = config.origins.first().cloned().unwrap_or_default();
        config.token_by_default = true;
        let clock = SystemClock::default();
        let hardware = match evidence {
            Evidence::Software => None,
            Evidence::Hardware { roots, chip } => {
                let hardware = Hardware::new(platform, profile, chip, &roots, clock.wall_s())?;
                Some(Arc::new(HardwareKey::new(hardware)))
            }
        };
        let key: Arc<dyn DeviceKey> = match &hardware {
            Some(key) => Arc::clone(key) as _,
            None => Arc::new(SoftwareKey::default()),
        };
        let surroundings = Arc::new(Surroundings::new(platform, profile));
        let attestor = Attestor::new(
            config,
            Host {
                transport: Arc::clone(&client) as _,
                key,
                storage,
                clock: Arc::new(clock),
                timer: Arc::new(TokioTimer(clock)),
                observer: Arc::new(Unobserved),
                step_up,
                observations: Arc::clone(&surroundings) as _,
                random: Arc::new(SystemRandom::new()),
            },
        )?;
        Ok(Self {
            attestor,
            client,
            surroundings,
            hardware,
            origin,
        })
    }

    /// The SDK's Attestor.
    #[must_use]
    pub const fn attestor(&self) -> &Attestor {
        &self.attestor
    }

    /// The phone's network.
    #[must_use]
    pub const fn client(&self) -> &Arc<HttpClient> {
        &self.client
    }

    /// Puts the app into other surroundings.
    pub fn move_to(&self, profile: Profile) {
        self.surroundings.become_one(profile);
        if let Some(key) = &self.hardware {
            key.hardware().move_to(profile);
        }
    }

    /// Shows detectors a genuine phone, whatever the hardware says.
    pub fn hide(&self) {
        self.surroundings.become_one(Profile::Genuine);
    }

    /// The hardware that vouches for the key, if any does.
    #[must_use]
    pub fn hardware(&self) -> Option<&Hardware> {
        self.hardware.as_deref().map(HardwareKey::hardware)
    }

    /// Keeps session and policy fresh until dropped.
    #[must_use]
    pub fn keep_fresh(&self) -> KeptFresh {
        let attestor = self.attestor.clone();
        KeptFresh(tokio::spawn(async move { attestor.run().await }))
    }

    /// Sends a request of the app and follows refusals as the SDK does.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn send(
        &self,
        method: &str,
        target: &str,
        headers: &Headers,
        body: &[u8],
    ) -> Result<Sent, SendError<TransportError>> {
        let url = format!("{}{target}", self.origin);
        let request = self.request(method, &url, headers, body);
        self.attestor
            .send_with(&request, |authorization| {
                let mut headers = headers.clone();
                headers.extend(authorization.headers);
                async move { self.client.app(method, target, &headers, body).await }
            })
            .await
    }

    /// The token headers that the SDK would send with this request, for those who want to misuse them.
    ///
    /// # Errors
    /// [`AttestError`].
    pub async fn token_headers(
        &self,
        method: &str,
        target: &str,
        headers: &Headers,
        body: &[u8],
    ) -> Result<Headers, AttestError> {
        let url = format!("{}{target}", self.origin);
        let request = self.request(method, &url, headers, body);
        self.attestor
            .authorize(&request)
            .await
            .map(|authorization| authorization.headers)
    }

    fn request<'a>(
        &self,
        method: &'a str,
        url: &'a str,
        headers: &'a Headers,
        body: &'a [u8],
    ) -> AppRequest<'a> {
        let authorization = headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        AppRequest {
            method,
            url,
            body,
            authorization: authorization.map(|(_, value)| value.as_str()),
        }
    }
}

/// A phone's background work; dropping it stops it.
#[derive(Debug)]
pub struct KeptFresh(tokio::task::JoinHandle<()>);

impl Drop for KeptFresh {
    fn drop(&mut self) {
        self.0.abort();
    }
}
