//! Device policy on the phone: taken only if a configured root signed it, for this environment, and never older than the
//! one that was active before.

use std::collections::BTreeSet;
use std::sync::Arc;

use attest_core::bundle;
use attest_core::jose::{Jwk, JwkSet, JwsError};
use attest_core::policy::{
    CompiledDevice, DevicePolicy, ENGINE_VERSION, PolicyReadError, Requirement, Variables,
};

use crate::config::Settings;
use crate::request::Target;

/// Why a device policy is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyFault {
    /// No configured root signed it, or it is not a policy.
    #[error(transparent)]
    Jws(#[from] JwsError),
    /// Made for another environment.
    #[error("made for another environment")]
    Environment,
    /// Older than the one that was active.
    #[error("version {offered} is older than {held}")]
    Older {
        /// The version that was offered.
        offered: u64,
        /// The version that was active.
        held: u64,
    },
    /// Made for a newer engine.
    #[error("needs engine {needed}, this is engine {ENGINE_VERSION}")]
    Engine {
        /// The engine it needs.
        needed: u32,
    },
    /// It does not compile.
    #[error("{path}: {code}")]
    Invalid {
        /// The first field that is wrong.
        path: String,
        /// What is wrong with it.
        code: &'static str,
    },
    /// It names no usable response key, so that no session could ever begin.
    #[error("it names no usable response key")]
    NoResponseKey,
}

impl PolicyFault {
    /// Stable kebab-case code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Jws(error) => error.code(),
            Self::Environment => "policy-environment",
            Self::Older { .. } => "policy-older",
            Self::Engine { .. } => "engine-unsupported",
            Self::Invalid { code, .. } => code,
            Self::NoResponseKey => "policy-response-keys",
        }
    }
}

/// The order of policies: by version, then by issue time. It never goes back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PolicyAge {
    pub(crate) version: u64,
    pub(crate) issued_at_s: u64,
}

/// A policy in force.
#[derive(Debug)]
pub(crate) struct ActivePolicy {
    pub(crate) compiled: Arc<CompiledDevice>,
    pub(crate) response_keys: JwkSet,
    pub(crate) age: PolicyAge,
    /// As signed, to be verified again whenever it is read from storage.
    pub(crate) bundle: String,
    pub(crate) etag: Option<String>,
    origins: BTreeSet<String>,
}

impl ActivePolicy {
    pub(crate) fn version(&self) -> u64 {
        self.age.version
    }

    /// Whether any requirement is about this origin: no other origin ever sees a token.
    pub(crate) fn names(&self, origin: &str) -> bool {
        self.origins.contains(origin)
    }

    pub(crate) fn requirement(&self, method: &str, target: &Target<'_>) -> Option<&Requirement> {
        self.compiled
            .requirements()
            .find(&target.origin, method, target.path)
    }
}

/// A bundle that nobody looked at yet. Looking takes milliseconds: no lock that minting needs is to be held meanwhile.
#[derive(Debug)]
pub struct Offer {
    pub(crate) bundle: String,
    pub(crate) etag: Option<String>,
    /// The newest that was ever active.
    pub(crate) held: PolicyAge,
    pub(crate) settings: Arc<Settings>,
    pub(crate) variables: Variables,
}

/// What became of an [`Offer`].
#[derive(Debug)]
pub struct Accepted(pub(crate) Result<ActivePolicy, PolicyFault>);

impl Offer {
    /// Verifies and compiles the policy.
    #[must_use]
    pub fn accept(self) -> Accepted {
        Accepted(self.read())
    }

    fn read(self) -> Result<ActivePolicy, PolicyFault> {
        let Self {
            bundle,
            etag,
            held,
            settings,
            variables,
        } = self;
        let policy = bundle::open(&bundle, &settings.config.policy_roots)?;
        let policy = DevicePolicy::from_json(&policy).map_err(|error| {
            if let PolicyReadError::Unsupported { needed } = error {
                PolicyFault::Engine { needed }
            } else {
                // What a root signed is a policy, or the root is misused: told apart no further.
                PolicyFault::Jws(JwsError::Json)
            }
        })?;
        if policy.environment != settings.config.environment {
            return Err(PolicyFault::Environment);
        }
        let age = PolicyAge {
            version: policy.version,
            issued_at_s: policy.issued_at.unwrap_or(0),
        };
        if age < held {
            return Err(PolicyFault::Older {
                offered: age.version,
                held: held.version,
            });
        }
        if policy.engine_min > ENGINE_VERSION {
            return Err(PolicyFault::Engine {
                needed: policy.engine_min,
            });
        }
        let response_keys = response_keys(&policy)?;
        let origins = policy
            .requirements
            .iter()
            .map(|requirement| requirement.origin.clone())
            .collect();
        let compiled = policy
            .compile(settings.config.platform, variables)
            .map_err(|problems| {
                problems
                    .into_iter()
                    .next()
                    .map_or(PolicyFault::Jws(JwsError::Json), |problem| PolicyFault::Invalid {
                        code: problem.code(),
                        path: problem.path,
                    })
            })?;
        Ok(ActivePolicy {
            compiled: Arc::new(compiled),
            response_keys,
            age,
            bundle,
            etag,
            origins,
        })
    }
}

/// Keys of kinds that this version does not know are left out; a symmetric one is never taken.
fn response_keys(policy: &DevicePolicy) -> Result<JwkSet, PolicyFault> {
    let usable = |key: &serde_json::Value| {
        let jwk: Jwk = serde_json::from_value(key.clone()).ok()?;
        (jwk.kid.is_some() && jwk.point().is_ok() && jwk.verifying_key().is_ok()).then_some(jwk)
    };
    let keys: Vec<Jwk> = policy.response_keys.iter().filter_map(usable).collect();
    if keys.is_empty() {
        Err(PolicyFault::NoResponseKey)
    } else {
        Ok(JwkSet { keys })
    }
}
