//! A detector as its author writes it: what phones evaluate, and beside it what only people read.

use attest_core::{
    facts::Platform,
    policy::{Category, Condition, Detector, Mode, Severity},
};
use serde::{Deserialize, Serialize};

use super::first_engine;

/// A named condition over what probes observe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DetectorSource {
    /// The id that findings carry.
    pub id: String,
    /// The platform on which it runs.
    pub platform: Platform,
    /// What it finds.
    pub category: Category,
    /// How bad that is.
    pub severity: Severity,
    /// Whether its findings count.
    #[serde(default)]
    pub mode: Mode,
    /// The engine it needs.
    #[serde(default = "first_engine")]
    pub engine_min: u32,
    /// Why it exists, for the person who meets its finding.
    pub why: String,
    /// Which genuine phones it may hit. For people; no phone gets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub false_positives: Option<String>,
    /// How an attacker gets around it. For people; no phone gets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evasion: Option<String>,
    /// When it hits.
    pub when: Condition,
}

impl DetectorSource {
    /// What phones get of it.
    #[must_use]
    pub fn detector(&self) -> Detector {
        Detector {
            id: self.id.clone(),
            platform: self.platform,
            category: self.category,
            severity: self.severity,
            mode: self.mode,
            engine_min: self.engine_min,
            why: self.why.clone(),
            when: self.when.clone(),
        }
    }
}
