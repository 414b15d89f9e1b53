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

    /// The detectors, ready for a phone with these variables.
    ///
    /// # Errors
    /// What is wrong with the policy; nothing if it was compiled before.
    pub fn detectors(&mut self, variables: &Variables) -> Result<&DetectorSet, Vec<PolicyError>> {
        compiled(&mut self.compiled, &self.policy, self.platform, variables)
    }

    /// Every conclusion about a record, clear ones too, in the policy's order.
    ///
    /// # Errors
    /// What is wrong with the policy; nothing if it was compiled before.
    pub fn scan<'a>(&'a mut self, record: &'a Record) -> Result<Vec<Finding<'a>>, Vec<PolicyError>> {
        let set = compiled(&mut self.compiled, &self.policy, self.platform, &record.variables)?;
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

/// The detectors for these variables, compiled anew only if they are others than before.
fn compiled<'a>(
    kept: &'a mut Option<(Variables, DetectorSet)>,
    policy: &DevicePolicy,
    platform: Platform,
    variables: &Variables,
) -> Result<&'a DetectorSet, Vec<PolicyError>> {
    let fresh = match kept.take() {
        Some((of, set)) if of == *variables => (of, set),
        _ => {
            let policy = policy.clone().compile(platform, variables.clone())?;
            (variables.clone(), policy.detectors().clone())
        }
    };
    Ok(&kept.insert(fresh).1)
}
