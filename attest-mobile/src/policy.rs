//! Device policy on the phone: taken only if the chain of roots that begins with the configured one vouches for it, for this
//! environment, and never older than the one that was active before. A policy that has expired stays in force.

use std::sync::Arc;

use attest_core::bundle::{self, BundleError, Kept, Offered, Vouched};
use attest_core::jose::{Jwk, JwkSet};
use attest_core::json::{FromJson as _, Json};
use attest_core::policy::{
    CompiledDevice, DevicePolicy, ENGINE_VERSION, PolicyReadError, Requirement, Variables,
};
use attest_core::service::PolicyBundle;

use crate::config::Settings;
use crate::request::Target;

/// Why a device policy is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyFault {
    /// The repository's roles do not vouch for it.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The roles vouch for something that is no device policy.
    #[error("what is signed is no device policy ({code})")]
    NoPolicy {
        /// What is wrong with it.
        code: &'static str,
    },
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
            Self::Bundle(error) => error.code(),
            Self::NoPolicy { code } | Self::Invalid { code, .. } => code,
            Self::Environment => "policy-environment",
            Self::Older { .. } => "policy-older",
            Self::Engine { .. } => "engine-unsupported",
            Self::NoResponseKey => "policy-response-keys",
        }
    }

    /// Whether it is only older than what is held, as from a gateway that lags behind.
    pub(crate) const fn is_older(&self) -> bool {
        match self {
            Self::Bundle(error) => error.is_older(),
            Self::Older { .. } => true,
            Self::NoPolicy { .. }
            | Self::Environment
            | Self::Engine { .. }
            | Self::Invalid { .. }
            | Self::NoResponseKey => false,
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
    /// When the first of what vouches for it expires, Unix seconds.
    pub(crate) expires_s: u64,
    origins: Vec<String>,
}

impl ActivePolicy {
    pub(crate) fn version(&self) -> u64 {
        self.age.version
    }

    /// Whether any requirement is about this origin: no other origin ever sees a token.
    pub(crate) fn names(&self, origin: &str) -> bool {
        self.origins.iter().any(|known| known == origin)
    }

    pub(crate) fn requirement(&self, method: &str, target: &Target<'_>) -> Option<&Requirement> {
        self.compiled
            .requirements()
            .find(&target.origin, method, target.path)
    }

    /// Whether it, or what vouches for it, has expired at a time.
    pub(crate) fn is_stale(&self, now_s: u64) -> bool {
        let ends_s = self.compiled.policy().expires_at.unwrap_or(u64::MAX);
        self.expires_s.min(ends_s) <= now_s
    }
}

/// Where an [`Offer`] comes from.
#[derive(Debug)]
pub(crate) enum Source {
    /// An earlier process kept it.
    Kept(Kept),
    /// The service answered it.
    Fetched {
        bundle: Box<PolicyBundle>,
        kept: Kept,
        /// What is certain about time; zero if nothing is.
        now_s: u64,
    },
}

/// A policy that nobody looked at yet. Looking takes milliseconds: no lock that minting needs is to be held meanwhile.
#[derive(Debug)]
pub struct Offer {
    pub(crate) source: Source,
    pub(crate) etag: Option<String>,
    /// The newest that was ever active.
    pub(crate) held: PolicyAge,
    pub(crate) settings: Arc<Settings>,
    pub(crate) variables: Variables,
}

/// What became of an [`Offer`].
#[derive(Debug)]
pub struct Accepted {
    /// What is to be kept, whatever the outcome.
    pub(crate) kept: Kept,
    /// The entity tag of what is in force now; none if that is not what was offered.
    pub(crate) etag: Option<String>,
    /// Whether a new root came.
    pub(crate) rotated: bool,
    pub(crate) outcome: Result<Outcome, PolicyFault>,
}

/// What an [`Offer`] holds.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// No policy at all.
    Nothing,
    /// Roots only; the rest has to be asked for.
    More,
    /// The policy in force, vouched for until then.
    Same { expires_s: u64 },
    /// Another policy.
    Policy(Box<ActivePolicy>),
}

impl Offer {
    /// Verifies and compiles the policy.
    #[must_use]
    pub fn accept(mut self) -> Accepted {
        let root = &self.settings.config.policy_root;
        let etag = self.etag.take();
        match std::mem::replace(&mut self.source, Source::Kept(Kept::default())) {
            Source::Kept(kept) => match bundle::resume(root, kept) {
                Ok(resumed) => self.resumed(resumed, etag),
                Err(error) => Accepted {
                    kept: Kept::default(),
                    etag: None,
                    rotated: false,
                    outcome: Err(PolicyFault::Bundle(error.into())),
                },
            },
            Source::Fetched { bundle, kept, now_s } => {
                let taken = bundle::take(root, kept, &bundle, now_s);
                let mut kept = taken.kept;
                if taken.superseded {
                    self.held = PolicyAge::default();
                }
                let outcome = match taken.outcome {
                    Ok(Offered::More) => Ok(Outcome::More),
                    Ok(Offered::Policy { vouched, expires_s }) => {
                        self.offered(&mut kept, *vouched, expires_s)
                    }
                    Err(error) => Err(error.into()),
                };
                let is_whole = matches!(outcome, Ok(Outcome::Same { .. } | Outcome::Policy(_)));
                Accepted {
                    kept,
                    etag: etag.filter(|_| is_whole),
                    rotated: taken.rotated,
                    outcome,
                }
            }
        }
    }

    fn resumed(&self, resumed: bundle::Resumed, etag: Option<String>) -> Accepted {
        let bundle::Resumed {
            mut kept,
            expires_s,
            lost,
        } = resumed;
        let outcome = match (&kept.active, expires_s, lost) {
            (_, _, Some(lost)) => Err(lost.into()),
            (Some(active), Some(expires_s), None) => self
                .compile(&active.device, expires_s)
                .map(|policy| Outcome::Policy(Box::new(policy))),
            _ => Ok(Outcome::Nothing),
        };
        if outcome.is_err() {
            kept.lose_policy();
        }
        Accepted {
            kept,
            etag: etag.filter(|_| outcome.is_ok()),
            rotated: false,
            outcome,
        }
    }

    fn offered(&self, kept: &mut Kept, vouched: Vouched, expires_s: u64) -> Result<Outcome, PolicyFault> {
        let is_same = kept
            .active
            .as_ref()
            .is_some_and(|active| active.device == vouched.device);
        let outcome = if is_same {
            Outcome::Same { expires_s }
        } else {
            Outcome::Policy(Box::new(self.compile(&vouched.device, expires_s)?))
        };
        kept.activate(vouched);
        Ok(outcome)
    }

    fn compile(&self, device: &str, expires_s: u64) -> Result<ActivePolicy, PolicyFault> {
        let (policy, keys) = DevicePolicy::read(device.as_bytes()).map_err(|error| {
            if let PolicyReadError::Unsupported { needed } = error {
                PolicyFault::Engine { needed }
            } else {
                PolicyFault::NoPolicy { code: error.code() }
            }
        })?;
        if policy.environment != self.settings.config.environment {
            return Err(PolicyFault::Environment);
        }
        let age = PolicyAge {
            version: policy.version,
            issued_at_s: policy.issued_at.unwrap_or(0),
        };
        if age < self.held {
            return Err(PolicyFault::Older {
                offered: age.version,
                held: self.held.version,
            });
        }
        if policy.engine_min > ENGINE_VERSION {
            return Err(PolicyFault::Engine {
                needed: policy.engine_min,
            });
        }
        let response_keys = response_keys(keys)?;
        let origins = policy
            .requirements
            .iter()
            .map(|requirement| requirement.origin.clone())
            .collect();
        let compiled = policy
            .compile(self.settings.config.platform, self.variables.clone())
            .map_err(|problems| {
                problems.into_iter().next().map_or(
                    PolicyFault::NoPolicy {
                        code: "policy-malformed",
                    },
                    |problem| PolicyFault::Invalid {
                        code: problem.code(),
                        path: problem.path,
                    },
                )
            })?;
        Ok(ActivePolicy {
            compiled: Arc::new(compiled),
            response_keys,
            age,
            expires_s,
            origins,
        })
    }
}

/// Keys of kinds that this version does not know are left out; a symmetric one is never taken.
fn response_keys(keys: Vec<Json>) -> Result<JwkSet, PolicyFault> {
    let usable = |key| {
        let jwk = Jwk::from_json(key)?;
        (jwk.kid.is_some() && jwk.point().is_ok() && jwk.verifying_key().is_ok()).then_some(jwk)
    };
    let keys: Vec<Jwk> = keys.into_iter().filter_map(usable).collect();
    if keys.is_empty() {
        Err(PolicyFault::NoResponseKey)
    } else {
        Ok(JwkSet { keys })
    }
}
