//! One policy, ready to decide and to be served: the compiled gateway side, and the repository that phones read the device side from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use attest_core::environment::Environment;
use attest_core::jose::{Jwk, JwkSet};
use attest_core::policy::{CompiledGateway, GatewayPolicy, PolicyError};
use attest_core::token::binding::normal_origin;
use attest_policy::Compiled;
use attest_policy::repository::RepositoryError;
use ring::rand::SecureRandom;

use super::{PublishError, Published, TrustAnchors, development};
use crate::keys::Keys;

/// Why a policy that compiles is not put into force.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ActivationError {
    /// It was made for another environment than the gateway's.
    #[error("the policy is for environment `{policy}`, this gateway is `{gateway}`")]
    Environment {
        /// What the policy says.
        policy: Environment,
        /// What the gateway is.
        gateway: Environment,
    },
    /// Its version is not above the one in force.
    #[error(
        "the policy has version {offered}, version {active} is in force; a change needs a higher version"
    )]
    NotNewer {
        /// The version offered.
        offered: u64,
        /// The version in force.
        active: u64,
    },
    /// A route names an upstream that the configuration does not have.
    #[error("a route names upstream `{name}`, which attest.toml does not define")]
    Upstream {
        /// The name.
        name: String,
    },
    /// It does not compile.
    #[error("{}", join(.0))]
    Compile(Vec<PolicyError>),
    /// A step-up issuer's or response key is not a usable JWK.
    #[error("{place}: {reason}")]
    Key {
        /// Where it stands.
        place: String,
        /// Why it is not usable.
        reason: attest_core::jose::JwkError,
    },
    /// The first entry of `origins` is missing or not an origin; it is the audience of tokens.
    #[error("origins[0] must be an http or https origin; it is the audience of tokens")]
    Audience,
    /// A production gateway takes signed policy only.
    #[error(
        "a production gateway takes only policy that its repository's keys signed: name it by `policy.repository` or `policy.url`, \
         and its first root by `policy.root`"
    )]
    Unsigned,
    /// The key directory has no development policy root.
    #[error("the key directory has no policy-root.pem to sign the device policy with")]
    NoRoot,
    /// A trust anchor cannot be used.
    #[error("anchors.{name}: {reason}")]
    Anchor {
        /// Its name.
        name: String,
        /// Why not.
        reason: String,
    },
    /// Signing failed.
    #[error("the device policy could not be signed")]
    Signing,
    /// The development repository could not be made.
    #[error("the policy could not be signed: {0}")]
    NotSigned(#[from] RepositoryError),
    /// Phones could not be served.
    #[error(transparent)]
    Publish(#[from] PublishError),
}

fn join(errors: &[PolicyError]) -> String {
    errors
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

impl ActivationError {
    /// Stable kebab-case code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Environment { .. } => "policy-environment",
            Self::NotNewer { .. } => "policy-not-newer",
            Self::Upstream { .. } => "policy-upstream",
            Self::Compile(_) => "policy-compile",
            Self::Key { .. } => "policy-key",
            Self::Audience => "policy-audience",
            Self::Unsigned => "policy-unsigned",
            Self::NoRoot => "policy-root-missing",
            Self::Anchor { .. } => "policy-anchor",
            Self::Signing => "policy-signing",
            Self::NotSigned(error) => error.code(),
            Self::Publish(error) => error.code(),
        }
    }
}

/// Who may confirm a step-up, with keys ready to verify.
#[derive(Debug, Clone)]
pub struct StepUpKeys {
    /// The `iss` of its tokens.
    pub issuer: String,
    /// Its keys.
    pub keys: JwkSet,
}

/// A policy in force.
pub struct ActivePolicy {
    compiled: CompiledGateway,
    audience: String,
    issuers: BTreeMap<String, StepUpKeys>,
    anchors: TrustAnchors,
    published: Arc<Published>,
}

impl fmt::Debug for ActivePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActivePolicy")
            .field("version", &self.version())
            .finish_non_exhaustive()
    }
}

impl ActivePolicy {
    /// Compiles a policy of a YAML source for this gateway and signs it by the development root. `version` is that of the metadata.
    ///
    /// # Errors
    /// [`ActivationError`]; nothing was changed.
    pub fn of_source(
        compiled: Compiled,
        environment: Environment,
        upstreams: &[String],
        keys: &Keys,
        version: u64,
        rng: &dyn SecureRandom,
    ) -> Result<Self, ActivationError> {
        if environment == Environment::Production {
            return Err(ActivationError::Unsigned);
        }
        let published = development::publish(&compiled, keys, version, rng)?;
        Self::build(compiled.gateway, published, environment, upstreams)
    }

    /// The same with another compiled side, as a brake leaves it.
    pub(super) fn with_compiled(&self, compiled: CompiledGateway) -> Self {
        Self {
            compiled,
            audience: self.audience.clone(),
            issuers: self.issuers.clone(),
            anchors: self.anchors.clone(),
            published: Arc::clone(&self.published),
        }
    }

    /// Compiles the gateway side of what is published, for this gateway.
    ///
    /// # Errors
    /// [`ActivationError`]; nothing was changed.
    ///
    /// # Security
    /// Both must come from one verified repository.
    pub fn build(
        gateway: GatewayPolicy,
        published: Published,
        environment: Environment,
        upstreams: &[String],
    ) -> Result<Self, ActivationError> {
        if gateway.environment != environment {
            return Err(ActivationError::Environment {
                policy: gateway.environment,
                gateway: environment,
            });
        }
        let audience = gateway.origins.first().and_then(|origin| normal_origin(origin));
        let audience = audience.ok_or(ActivationError::Audience)?;
        let issuers = issuers(&gateway)?;
        let anchors = TrustAnchors::with(&gateway.anchors, environment)?;
        let compiled = gateway.compile().map_err(ActivationError::Compile)?;
        if let Some(name) = compiled
            .upstreams()
            .into_iter()
            .find(|name| !upstreams.iter().any(|known| known == name))
        {
            return Err(ActivationError::Upstream {
                name: name.to_owned(),
            });
        }
        Ok(Self {
            compiled,
            audience,
            issuers,
            anchors,
            published: Arc::new(published),
        })
    }

    /// The compiled gateway side.
    #[must_use]
    pub const fn compiled(&self) -> &CompiledGateway {
        &self.compiled
    }

    /// Its version, which is also that of the device policy.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.compiled.policy().version
    }

    /// True from its `expires_at` on. It stays in force.
    #[must_use]
    pub fn is_stale(&self, now_s: u64) -> bool {
        self.expires_at_s().is_some_and(|end_s| end_s <= now_s)
    }

    /// When it becomes stale, if ever.
    #[must_use]
    pub const fn expires_at_s(&self) -> Option<u64> {
        self.compiled.policy().expires_at
    }

    /// The `aud` of tokens: the first public origin.
    #[must_use]
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// Whether tokens for `audience` are meant for this policy's routes.
    #[must_use]
    pub fn has_audience(&self, audience: &str) -> bool {
        audience == self.audience
            || self
                .compiled
                .policy()
                .origins
                .iter()
                .any(|origin| origin == audience)
    }

    /// Where chains of platform evidence may end.
    #[must_use]
    pub const fn anchors(&self) -> &TrustAnchors {
        &self.anchors
    }

    /// The revocation list's file, if policy asks for one; a relative path starts at `folder`.
    #[must_use]
    pub fn revocation_file(&self, folder: &Path) -> Option<PathBuf> {
        let revocation = self.compiled.policy().revocation.as_ref()?;
        Some(folder.join(&revocation.file))
    }

    /// The step-up issuer of a name.
    #[must_use]
    pub fn issuer(&self, name: &str) -> Option<&StepUpKeys> {
        self.issuers.get(name)
    }

    /// Every step-up issuer, by name.
    pub fn issuers(&self) -> impl Iterator<Item = (&str, &StepUpKeys)> {
        self.issuers.iter().map(|(name, keys)| (name.as_str(), keys))
    }

    /// What phones are served.
    #[must_use]
    pub const fn published(&self) -> &Arc<Published> {
        &self.published
    }
}

fn issuers(policy: &GatewayPolicy) -> Result<BTreeMap<String, StepUpKeys>, ActivationError> {
    let mut issuers = BTreeMap::new();
    for (name, issuer) in &policy.step_up_issuers {
        let keys = issuer.jwks.keys.iter().enumerate().map(|(at, key)| {
            read_key(key).map_err(|reason| ActivationError::Key {
                place: format!("step_up_issuers.{name}.jwks.keys[{at}]"),
                reason,
            })
        });
        let keys = JwkSet {
            keys: keys.collect::<Result<_, _>>()?,
        };
        issuers.insert(
            name.clone(),
            StepUpKeys {
                issuer: issuer.issuer.clone(),
                keys,
            },
        );
    }
    Ok(issuers)
}

pub(super) fn read_key(key: &serde_json::Value) -> Result<Jwk, attest_core::jose::JwkError> {
    let jwk = Jwk::parse(key.to_string().as_bytes())?;
    jwk.verifying_key()?;
    Ok(jwk)
}
