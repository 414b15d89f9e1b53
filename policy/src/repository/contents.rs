//! What a gateway asks of the policy in a repository before it activates it, so that whoever publishes learns it first.

use attest_core::policy::{Brake, DevicePolicy, GatewayPolicy};

use super::{BRAKE_TARGET, Flaw, Repository};
use crate::run_tests;

/// What phones get.
pub const DEVICE_TARGET: &str = "device.json";

/// What gateways get.
pub const GATEWAY_TARGET: &str = "gateway.json";

/// The tests that gateways run on both.
pub const TESTS_TARGET: &str = "tests.json";

/// Both sides of a policy as they are published.
#[derive(Debug, Clone)]
pub struct PublishedPolicy {
    /// What phones get.
    pub device: DevicePolicy,
    /// What gateways get.
    pub gateway: GatewayPolicy,
}

impl Repository {
    /// The policy in it.
    ///
    /// # Errors
    /// Where it is not one.
    pub fn policy(&self) -> Result<PublishedPolicy, Flaw> {
        Ok(PublishedPolicy {
            device: DevicePolicy::from_json(self.artifact(DEVICE_TARGET)?)
                .map_err(|error| flaw(DEVICE_TARGET, error.code(), &error))?,
            gateway: GatewayPolicy::from_json(self.artifact(GATEWAY_TARGET)?)
                .map_err(|error| flaw(GATEWAY_TARGET, error.code(), &error))?,
        })
    }

    /// The newest brake in it, whether its time is over or not.
    ///
    /// # Errors
    /// If it is none.
    pub fn brake(&self) -> Result<Option<Brake>, Flaw> {
        let Some(bytes) = self.artifacts.get(BRAKE_TARGET) else {
            return Ok(None);
        };
        Brake::from_json(bytes)
            .map(Some)
            .map_err(|error| flaw(BRAKE_TARGET, error.code(), &error))
    }

    /// Everything for which gateways and phones would refuse the policy, whatever it was signed by.
    #[must_use]
    pub fn flaws_of_policy(&self) -> Vec<Flaw> {
        let policy = match self.policy() {
            Ok(policy) => policy,
            Err(flaw) => return vec![flaw],
        };
        let mut flaws = Vec::new();
        let PublishedPolicy { device, gateway } = policy;
        let mut all = |place: &str, errors: Vec<attest_core::policy::PolicyError>| {
            flaws.extend(errors.iter().map(|error| flaw(place, error.code(), error)));
        };
        all(DEVICE_TARGET, device.lint().err().unwrap_or_default());
        all(
            GATEWAY_TARGET,
            gateway.clone().compile().err().unwrap_or_default(),
        );
        if device.environment != gateway.environment {
            let message = "phones and gateways would get policies of different environments";
            flaws.push(flaw(DEVICE_TARGET, "policy-environment", &message));
        }
        match self
            .artifact(TESTS_TARGET)
            .map(|tests| run_tests(tests, &device, &gateway))
        {
            Err(missing) => flaws.push(missing),
            Ok(Err(error)) => flaws.push(flaw(TESTS_TARGET, error.code(), &error)),
            Ok(Ok(outcomes)) => {
                for outcome in outcomes.iter().filter(|outcome| !outcome.passed) {
                    let message = format!("test `{}`: {}", outcome.name, outcome.because);
                    flaws.push(flaw(TESTS_TARGET, "policy-tests-failed", &message));
                }
            }
        }
        flaws
    }

    /// Why gateways would refuse the brake over this policy. One whose time is over has no effect, and no flaw.
    #[must_use]
    pub fn flaw_of_brake(&self, now_s: u64) -> Option<Flaw> {
        let brake = match self.brake() {
            Ok(brake) => brake.filter(|brake| brake.expires_at > now_s)?,
            Err(flaw) => return Some(flaw),
        };
        // A policy that does not compile has flaws of its own.
        let compiled = self.policy().ok()?.gateway.compile().ok()?;
        let refused = brake
            .verify_at(now_s)
            .and_then(|()| compiled.with_brake(&brake).map(drop));
        refused
            .err()
            .map(|error| flaw(BRAKE_TARGET, error.code(), &error))
    }

    fn artifact(&self, name: &str) -> Result<&[u8], Flaw> {
        let missing = || {
            flaw(
                name,
                "policy-target-missing",
                &"the repository has no such target",
            )
        };
        self.artifacts.get(name).map(Vec::as_slice).ok_or_else(missing)
    }
}

fn flaw(place: &str, code: &'static str, message: &dyn std::fmt::Display) -> Flaw {
    Flaw {
        place: place.to_owned(),
        code,
        message: message.to_string(),
    }
}
