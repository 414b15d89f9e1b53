//! The two policies as they are published: plain data with one canonical JSON text.
//!
//! Reading tells a policy for a newer engine apart from bytes that are no policy; neither is ever used in part.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value as Json;

use super::{
    Anchor, App, Detector, DetectorEntry, DeviceLimits, ENGINE_VERSION, Limits, Requirement, Revocation,
    Route, Rule, detector::first_engine,
};
use crate::environment::Environment;
use crate::sorted::Sorted;

/// The largest policy text that is read, in bytes.
pub const MAX_POLICY_BYTES: usize = 1024 * 1024;

/// The most detectors of a policy.
pub const MAX_DETECTORS: usize = 500;

/// The most rules of a policy.
pub const MAX_RULES: usize = 200;

/// The most routes, and requirements, of a policy.
pub const MAX_ROUTES: usize = 500;

pub(super) const MAX_LISTS: usize = 100;
pub(super) const MAX_KEYS: usize = 16;

/// What phones get: how to detect, and what each request needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DevicePolicy {
    /// Rises with every change.
    pub version: u64,
    /// The environment it is made for.
    pub environment: Environment,
    /// The oldest engine that understands it.
    #[serde(default = "first_engine")]
    pub engine_min: u32,
    /// When it was issued, in Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_at: Option<u64>,
    /// When it becomes stale, in Unix seconds; a stale policy is reported and stays in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
    /// What to look for.
    #[serde(default, deserialize_with = "super::newer::detectors")]
    pub detectors: Vec<Detector>,
    /// What each request needs.
    #[serde(default)]
    pub requirements: Vec<Requirement>,
    /// The public keys (JWK) that sign the attestation service's responses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub response_keys: Vec<Json>,
    /// Bounds.
    #[serde(default)]
    pub limits: DeviceLimits,
    /// The lists that detectors name.
    #[serde(default, skip_serializing_if = "Sorted::is_empty")]
    pub lists: Sorted<String, Vec<String>>,
    /// The values of `${policy.NAME}`.
    #[serde(default, skip_serializing_if = "Sorted::is_empty")]
    pub values: Sorted<String, String>,
}

/// What gateways get: apps, rules and routes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GatewayPolicy {
    /// Rises with every change.
    pub version: u64,
    /// The environment it is made for.
    pub environment: Environment,
    /// The oldest engine that understands it.
    #[serde(default = "first_engine")]
    pub engine_min: u32,
    /// When it was issued, in Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_at: Option<u64>,
    /// When it becomes stale, in Unix seconds; a stale policy is alarmed about and stays in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
    /// The public origins of routes that name none.
    #[serde(default)]
    pub origins: Vec<String>,
    /// The apps.
    #[serde(default)]
    pub apps: Vec<App>,
    /// The detectors that findings may name.
    #[serde(default)]
    pub detectors: BTreeMap<String, DetectorEntry>,
    /// The rules, the first that fires decides.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// The routes.
    #[serde(default)]
    pub routes: Vec<Route>,
    /// Bounds.
    #[serde(default)]
    pub limits: Limits,
    /// Lists that rules name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lists: BTreeMap<String, Vec<String>>,
    /// Who may confirm a step-up of kind `user`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub step_up_issuers: BTreeMap<String, StepUpIssuer>,
    /// Where the list of revoked attestation keys is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation: Option<Revocation>,
    /// Trust anchors beside those that ship with a release.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub anchors: Vec<Anchor>,
    /// The detectors and rules that were switched off in haste; their modes say so already.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kill_switch: Vec<String>,
    /// The rules that the brake may relax.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub brake_rules: Vec<String>,
}

/// Who may confirm a step-up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StepUpIssuer {
    /// The `iss` of its tokens.
    pub issuer: String,
    /// Its public keys.
    pub jwks: KeySet,
}

/// A JWK set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct KeySet {
    /// The keys, each a JWK.
    pub keys: Vec<Json>,
}

/// Why bytes are not a policy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyReadError {
    /// Larger than [`MAX_POLICY_BYTES`].
    #[error("a policy has at most {MAX_POLICY_BYTES} bytes")]
    TooLarge,
    /// Not JSON of the expected form.
    #[error("not a policy: {0}")]
    Malformed(#[source] serde_json::Error),
    /// The same, where phones read it: what is wrong with it is not told.
    #[error("not a policy")]
    Unreadable,
    /// Made for a newer engine.
    #[error("needs engine {needed}, this is engine {ENGINE_VERSION}")]
    Unsupported {
        /// The version it asks for.
        needed: u32,
    },
}

impl PolicyReadError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => "policy-too-large",
            Self::Malformed(_) | Self::Unreadable => "policy-malformed",
            Self::Unsupported { .. } => "engine-unsupported",
        }
    }
}

/// Reads the engine first: a newer policy may have fields this engine cannot read, and must be told apart from rubbish.
pub(super) fn read<T: DeserializeOwned>(json: &[u8]) -> Result<T, PolicyReadError> {
    #[derive(Deserialize)]
    struct Engine {
        #[serde(default = "first_engine")]
        engine_min: u32,
    }
    if json.len() > MAX_POLICY_BYTES {
        return Err(PolicyReadError::TooLarge);
    }
    let Engine { engine_min: needed } = serde_json::from_slice(json).map_err(PolicyReadError::Malformed)?;
    if needed > ENGINE_VERSION {
        return Err(PolicyReadError::Unsupported { needed });
    }
    serde_json::from_slice(json).map_err(PolicyReadError::Malformed)
}
