//! Runs the detectors of a device policy over records, as a phone runs them over what its probes answer.

use attest_core::{
    facts::Platform,
    policy::{Category, Detection, DetectorSet, DevicePolicy, PolicyError, Severity, Variables},
};

use super::Record;
use crate::{Problem, compile, packs::SHIPPED};

/// What a detector concluded about a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding<'a> {
    /// The detector.
    pub id: &'a str,
    /// What it finds.
    pub category: Category,
    /// How bad that is.
    pub severity: Severity,
    /// What it concluded.
    pub detection: Detection,
}

/// The detectors of one platform, compiled anew only when the variables differ from the last record's.
#[derive(Debug)]
pub struct Scanner {
    policy: DevicePolicy,
    platform: Platform,
    compiled: Option<(Variables, DetectorSet)>,
}

impl Scanner {
    /// A scanner with the detectors of `policy` that are for this platform and not off.
    #[must_use]
    pub const fn new(policy: DevicePolicy, platform: Platform) -> Self {
        Self {
            policy,
            platform,
            compiled: None,
        }
    }

    /// A scanner with every detector of the packs that ship for this platform.
    ///
    /// # Errors
    /// What is wrong with the packs; nothing for a release.
    pub fn shipped(platform: Platform) -> Result<Self, Vec<Problem>> {
        let mut source = "version: 1\nenvironment: production\npacks:\n".to_owned();
        for (name, _) in SHIPPED {
            if name.split('/').next() == Some(platform.as_str()) {
                source.push_str(&format!("  - use: {name}\n"));
            }
        }
        let compiled = compile("shipped packs", &source)?;
        Ok(Self::new(compiled.device, platform))
    }

    /// Every conclusion about a record, clear ones too, in the policy's order.
    ///
    /// # Errors
    /// What is wrong with the policy; nothing if it was compiled before.
    pub fn scan<'a>(&'a mut self, record: &'a Record) -> Result<Vec<Finding<'a>>, Vec<PolicyError>> {
        let fresh = match self.compiled.take() {
            Some((variables, set)) if variables == record.variables => (variables, set),
            _ => {
                let policy = self
                    .policy
                    .clone()
                    .compile(self.platform, record.variables.clone())?;
                (record.variables.clone(), policy.detectors().clone())
            }
        };
        let (_, set) = self.compiled.insert(fresh);
        let severity = |id: &str| {
            let detectors = self.policy.detectors.iter();
            detectors
                .clone()
                .find(|detector| detector.id == id)
                .map(|detector| detector.severity)
        };
        Ok(set
            .scan(&record.facts)
            .filter_map(|scanned| {
                Some(Finding {
                    id: scanned.id,
                    category: scanned.category,
                    severity: severity(scanned.id)?,
                    detection: scanned.detection,
                })
            })
            .collect())
    }
}
