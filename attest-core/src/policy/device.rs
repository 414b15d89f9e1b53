//! A device policy, compiled for one phone as a whole or not at all; every problem is reported with its field path.

use super::{
    DetectorSet, DevicePolicy, MAX_DETECTORS, MAX_ROUTES, PolicyError, PolicyReadError, RequirementTable,
    Scope, Side, Variables,
    document::{MAX_KEYS, read},
    error::Errors,
    verify::{bounded, engine, lists, methods, origin, pattern, reason, unique, values},
};
use crate::facts::Platform;

/// A device policy, compiled for one phone.
#[derive(Debug, Clone)]
pub struct CompiledDevice {
    policy: DevicePolicy,
    detectors: DetectorSet,
    requirements: RequirementTable,
}

impl DevicePolicy {
    /// The policy of a JSON text.
    ///
    /// # Errors
    /// [`PolicyReadError`] if it is too large, malformed or made for a newer engine. Single detectors for a newer engine are
    /// no error: their conditions are not kept, and they are `unsupported`.
    pub fn from_json(json: &[u8]) -> Result<Self, PolicyReadError> {
        read(json)
    }

    /// This policy, ready for a phone of `platform` with these variables.
    ///
    /// # Errors
    /// Every problem; a detector that only a newer engine understands is none, it is reported as `unsupported`.
    pub fn compile(
        self,
        platform: Platform,
        variables: Variables,
    ) -> Result<CompiledDevice, Vec<PolicyError>> {
        let mut errors = Errors::default();
        let (detectors, requirements) = self.build(platform, variables, false, &mut errors);
        errors.into_result(Some(CompiledDevice {
            policy: self,
            detectors,
            requirements,
        }))
    }

    /// Every problem of this policy on any platform, with what this engine does not understand among them.
    ///
    /// # Errors
    /// The problems.
    pub fn lint(&self) -> Result<(), Vec<PolicyError>> {
        let mut errors = Errors::default();
        for platform in [Platform::Android, Platform::Ios] {
            let variables = Variables::NAMES
                .iter()
                .fold(Variables::default(), |all, name| all.with(name, "x"));
            let mut own = Errors::default();
            drop(self.build(platform, variables, true, &mut own));
            errors.append_new(own);
        }
        errors.into_result(Some(()))
    }

    /// These variables, and those that this policy gives.
    #[must_use]
    pub fn variables(&self, variables: Variables) -> Variables {
        let own = self.values.iter();
        own.fold(variables, |all, (name, value)| all.with_policy(name, value))
            .with_policy("version", self.version.to_string())
            .with_policy("environment", self.environment.as_str())
    }

    fn build(
        &self,
        platform: Platform,
        variables: Variables,
        strict: bool,
        errors: &mut Errors,
    ) -> (DetectorSet, RequirementTable) {
        engine(self.engine_min, errors);
        lists(self.lists.len(), self.lists.iter(), errors);
        values(&self.values, errors);
        self.limits.verify(errors);
        bounded("detectors", self.detectors.len(), MAX_DETECTORS, errors);
        bounded("requirements", self.requirements.len(), MAX_ROUTES, errors);
        bounded("response_keys", self.response_keys.len(), MAX_KEYS, errors);
        unique(
            self.detectors.iter().map(|detector| detector.id.as_str()),
            "detectors",
            errors,
        );
        for (index, detector) in self.detectors.iter().enumerate() {
            reason(&detector.why, &format!("detectors[{index}].why"), errors);
        }
        let scope = Scope::new(
            Side::Device(platform),
            self.lists.iter(),
            self.variables(variables),
        );
        let detectors = DetectorSet::compile_at(&self.detectors, platform, &scope, strict, errors);
        let mut requirements = Vec::new();
        for (index, requirement) in self.requirements.iter().enumerate() {
            let path = format!("requirements[{index}]");
            origin(
                &requirement.origin,
                self.environment,
                &format!("{path}.origin"),
                errors,
            );
            methods(&requirement.methods, &path, errors);
            if let Some(pattern) = pattern(&requirement.path, &path, errors) {
                requirements.push((pattern, requirement.clone()));
            }
        }
        (detectors, RequirementTable::new(requirements))
    }
}

impl CompiledDevice {
    /// The policy as published.
    #[must_use]
    pub const fn policy(&self) -> &DevicePolicy {
        &self.policy
    }

    /// The detectors of this phone.
    #[must_use]
    pub const fn detectors(&self) -> &DetectorSet {
        &self.detectors
    }

    /// What each request needs.
    #[must_use]
    pub const fn requirements(&self) -> &RequirementTable {
        &self.requirements
    }
}
