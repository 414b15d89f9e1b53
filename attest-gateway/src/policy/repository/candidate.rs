//! From verified bytes to a policy that can be put into force here: read, compared, compiled and put through its own tests, in
//! the order of what that costs. Nothing is changed by it.

use attest_core::environment::Environment;
use attest_core::facts::Platform;
use attest_core::jose::Jwk;
use attest_core::policy::{DevicePolicy, GatewayPolicy, PolicyError, PolicyReadError, Variables};
use attest_policy::{EmbeddedTestsError, run_tests};

use super::super::{ActivationError, ActivePolicy, Published};
use super::refresh::{Offer, RefreshError};
use crate::keys::Keys;

/// Why an offered policy is not put into force.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RejectedError {
    /// The repository is not trusted, or cannot be read.
    #[error(transparent)]
    Refresh(#[from] RefreshError),
    /// A target is no policy.
    #[error("{target}: {error}")]
    Read {
        /// The target.
        target: &'static str,
        /// Why.
        error: PolicyReadError,
    },
    /// Its parts are of different versions.
    #[error("device.json has version {device}, gateway.json has version {gateway}")]
    VersionMismatch {
        /// What phones get.
        device: u64,
        /// What gateways get.
        gateway: u64,
    },
    /// Phones could not verify what this gateway signs.
    #[error(
        "device.json does not list this gateway's attestation key `{kid}`, so phones would refuse its sessions: add the keys that \
         its jwks.json shows to the policy's `response_keys` and sign it again"
    )]
    ResponseKeys {
        /// The key's id.
        kid: String,
    },
    /// The phones' side does not compile.
    #[error("device.json: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Device(Vec<PolicyError>),
    /// It cannot be put into force here.
    #[error(transparent)]
    Activation(#[from] ActivationError),
    /// Its tests cannot be run.
    #[error("tests.json: {0}")]
    Tests(#[from] EmbeddedTestsError),
    /// Its own tests fail.
    #[error("{failed} of its own tests fail, the first is `{name}`: {because}")]
    TestsFailed {
        /// How many.
        failed: usize,
        /// The first one's name.
        name: String,
        /// What it showed.
        because: String,
    },
}

impl RejectedError {
    /// Stable kebab-case code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refresh(error) => error.code(),
            Self::Read { error, .. } => error.code(),
            Self::VersionMismatch { .. } => "policy-version-mismatch",
            Self::ResponseKeys { .. } => "policy-response-keys",
            Self::Device(_) => "policy-compile",
            Self::Activation(error) => error.code(),
            Self::Tests(error) => error.code(),
            Self::TestsFailed { .. } => "policy-tests-failed",
        }
    }
}

/// What a policy is compared with.
#[derive(Debug)]
pub(super) struct Bench<'a> {
    pub(super) environment: Environment,
    pub(super) upstreams: &'a [String],
    pub(super) keys: &'a Keys,
}

impl Bench<'_> {
    /// The policy of an offer, which is newer than `active` and passes everything.
    pub(super) fn newer(&self, offer: &Offer, active: Option<u64>) -> Result<ActivePolicy, RejectedError> {
        let (device, gateway) = read(offer)?;
        if let Some(active) = active.filter(|active| gateway.version <= *active) {
            return Err(RejectedError::Activation(ActivationError::NotNewer {
                offered: gateway.version,
                active,
            }));
        }
        if let Some(kid) = self.unlisted_key(&device) {
            return Err(RejectedError::ResponseKeys { kid });
        }
        for platform in [Platform::Android, Platform::Ios] {
            let named = |variables: Variables, name: &&'static str| variables.with(name, "x");
            let variables = Variables::NAMES.iter().fold(Variables::default(), named);
            let compiled = device.clone().compile(platform, variables);
            drop(compiled.map_err(RejectedError::Device)?);
        }
        let active = self.activate(offer, &device, gateway.clone())?;
        let outcomes = run_tests(offer.target("tests.json"), &device, &gateway)?;
        let mut failed = outcomes.iter().filter(|outcome| !outcome.passed);
        match failed.next() {
            None => Ok(active),
            Some(first) => Err(RejectedError::TestsFailed {
                failed: failed.count().saturating_add(1),
                name: first.name.clone(),
                because: first.because.clone(),
            }),
        }
    }

    /// The policy of an offer that was in force before: it is not tested again, and a gateway whose key it does not list says so
    /// rather than having no policy.
    pub(super) fn again(&self, offer: &Offer) -> Result<(ActivePolicy, Vec<String>), RejectedError> {
        let (device, gateway) = read(offer)?;
        let warnings = self.unlisted_key(&device);
        let warnings = warnings.map(|kid| RejectedError::ResponseKeys { kid }.to_string());
        let active = self.activate(offer, &device, gateway)?;
        Ok((active, warnings.into_iter().collect()))
    }

    /// Whether phones with this device policy know the key that this gateway signs with.
    ///
    /// # Errors
    /// [`RejectedError::ResponseKeys`], or that it is no device policy.
    pub(super) fn knows_own_key(&self, device: &[u8]) -> Result<(), RejectedError> {
        let device = DevicePolicy::from_json(device).map_err(|error| RejectedError::Read {
            target: "device.json",
            error,
        })?;
        self.unlisted_key(&device)
            .map_or(Ok(()), |kid| Err(RejectedError::ResponseKeys { kid }))
    }

    /// The id of the key that this gateway signs with, if a phone would not know it.
    fn unlisted_key(&self, device: &DevicePolicy) -> Option<String> {
        let own = &self.keys.attestation.current;
        let listed = device.response_keys.iter().any(|key| {
            let key = Jwk::parse(key.to_string().as_bytes());
            key.is_ok_and(|key| {
                key.kid.as_deref() == Some(&own.kid)
                    && key.point().is_ok_and(|point| point == own.key.public_point())
            })
        });
        (!listed).then(|| own.kid.clone())
    }

    fn activate(
        &self,
        offer: &Offer,
        device: &DevicePolicy,
        gateway: GatewayPolicy,
    ) -> Result<ActivePolicy, RejectedError> {
        if device.environment != gateway.environment {
            return Err(RejectedError::Activation(ActivationError::Environment {
                policy: device.environment,
                gateway: self.environment,
            }));
        }
        let published = Published::new(&offer.repository).map_err(ActivationError::Publish)?;
        let active = ActivePolicy::build(gateway, published, self.environment, self.upstreams);
        Ok(active?)
    }
}

pub(super) fn read(offer: &Offer) -> Result<(DevicePolicy, GatewayPolicy), RejectedError> {
    let read = |target| move |error| RejectedError::Read { target, error };
    let device = DevicePolicy::from_json(offer.target("device.json")).map_err(read("device.json"))?;
    let gateway = GatewayPolicy::from_json(offer.target("gateway.json")).map_err(read("gateway.json"))?;
    if device.version != gateway.version {
        return Err(RejectedError::VersionMismatch {
            device: device.version,
            gateway: gateway.version,
        });
    }
    Ok((device, gateway))
}
