//! A pack as its author writes it, and how a policy takes one.

use std::collections::BTreeMap;

use attest_core::policy::{Mode, Severity};
use serde::{Deserialize, Serialize};

use crate::source::{DetectorSource, DetectorTest};

/// A pack: what to look for on one platform, with the tests that show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PackSource {
    /// Its name: `android/NAME` or `ios/NAME`.
    pub pack: String,
    /// What it is for, in one sentence.
    pub about: String,
    /// What phones look for.
    pub detectors: Vec<DetectorSource>,
    /// Lists that its detectors name; they are the pack's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lists: BTreeMap<String, Vec<String>>,
    /// Tests that must pass before the pack is used.
    #[serde(default)]
    pub tests: Vec<PackTest>,
}

/// A test of a pack. It runs with a made-up app, so that it does not depend on the policy that takes the pack: unless it
/// says otherwise `${package}` and `${bundle}` are `com.example.bank`, as are the entries of `apps.packages` and
/// `apps.bundles`; that of `apps.signers` is 64 times `a`, that of `apps.teams` `TEAM123456`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PackTest {
    /// What it shows.
    pub name: String,
    /// Observations and what a detector concludes.
    pub detector: DetectorTest,
}

/// How a policy takes a pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PackUse {
    /// The name of a pack that ships, or the path of a file beside the policy: `./mine.yaml`.
    #[serde(rename = "use")]
    pub pack: String,
    /// Replaces the mode of its detectors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Detectors of it that are off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub off: Vec<String>,
    /// Detectors of it whose severity is another here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub severity: BTreeMap<String, Severity>,
}
