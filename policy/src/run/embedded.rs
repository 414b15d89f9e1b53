//! The tests of a policy as they are published beside it, and how a gateway runs them on exactly what it is about to activate.

use std::collections::BTreeMap;

use attest_core::policy::{DevicePolicy, GatewayPolicy, Mode};
use serde::{Deserialize, Serialize};

use super::Bench;
use crate::{TestCase, TestOutcome, report::Report, source::PolicySource};

/// The most bytes of published tests: those of a policy and its packs fit many times.
pub const MAX_TESTS_BYTES: usize = 4 * 1024 * 1024;

/// The tests of a policy and its packs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmbeddedTests {
    /// The version of the policy they belong to.
    pub version: u64,
    /// The policy's own.
    pub tests: Vec<TestCase>,
    /// Those of its packs, which are run for an app that is nobody's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pack_tests: Vec<TestCase>,
    /// The modes of detectors that the kill switch names: tests show what they do, not that they are off.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub killed_detectors: BTreeMap<String, Mode>,
    /// The modes of rules that the kill switch names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub killed_rules: BTreeMap<String, Mode>,
}

/// Why the tests of a policy could not be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EmbeddedTestsError {
    /// More than [`MAX_TESTS_BYTES`].
    #[error("the tests have more than {MAX_TESTS_BYTES} bytes")]
    TooLarge,
    /// Not what published tests look like.
    #[error("the tests cannot be read: {0}")]
    Malformed(String),
    /// They belong to another policy.
    #[error("the tests are of policy {tests}, phones get {device} and gateways {gateway}")]
    VersionMismatch {
        /// The version of the tests.
        tests: u64,
        /// The version of what phones get.
        device: u64,
        /// The version of what gateways get.
        gateway: u64,
    },
    /// The policy itself does not compile.
    #[error("the policy that the tests are of does not compile")]
    Policy,
    /// A test of neither a decision nor a detector, or of both.
    #[error("test `{0}` is not of exactly one decision or detector")]
    Shape(String),
}

impl EmbeddedTestsError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => "policy-tests-too-large",
            Self::Malformed(_) => "policy-tests-malformed",
            Self::VersionMismatch { .. } => "policy-version-mismatch",
            Self::Policy => "policy-tests-uncompiled",
            Self::Shape(_) => "policy-tests-shape",
        }
    }
}

impl EmbeddedTests {
    /// The tests of a source that was joined with its packs.
    pub(crate) fn of(source: &PolicySource, report: &Report) -> Self {
        let mut embedded = Self {
            version: source.version,
            ..Self::default()
        };
        for (index, test) in source.tests.iter().enumerate() {
            if report.is_test_of_a_pack(index) {
                embedded.pack_tests.push(test.clone());
            } else {
                embedded.tests.push(test.clone());
            }
        }
        let killed = |id: &String| source.kill_switch.contains(id);
        for detector in source.detectors.iter().filter(|detector| killed(&detector.id)) {
            embedded
                .killed_detectors
                .insert(detector.id.clone(), detector.mode);
        }
        for rule in source.rules.iter().filter(|rule| killed(&rule.id)) {
            embedded.killed_rules.insert(rule.id.clone(), rule.mode);
        }
        embedded
    }

    /// Both policies as they would be without the kill switch.
    fn revive(&self, device: &mut DevicePolicy, gateway: &mut GatewayPolicy) {
        for id in std::mem::take(&mut gateway.kill_switch) {
            if let Some(mode) = self.killed_detectors.get(&id) {
                let own = device.detectors.iter_mut().filter(|detector| detector.id == id);
                own.for_each(|detector| detector.mode = *mode);
                if let Some(entry) = gateway.detectors.get_mut(&id) {
                    entry.mode = *mode;
                }
            }
            if let Some(mode) = self.killed_rules.get(&id) {
                let own = gateway.rules.iter_mut().filter(|rule| rule.id == id);
                own.for_each(|rule| rule.mode = *mode);
            }
        }
    }
}

/// What every test shows on these two policies, as [`Compiled::tests_json`](crate::Compiled::tests_json) has them. The policy is good
/// only if every outcome has passed.
///
/// # Errors
/// [`EmbeddedTestsError`] if they could not be run, all of them.
pub fn run_tests(
    tests_json: &[u8],
    device: &DevicePolicy,
    gateway: &GatewayPolicy,
) -> Result<Vec<TestOutcome>, EmbeddedTestsError> {
    if tests_json.len() > MAX_TESTS_BYTES {
        return Err(EmbeddedTestsError::TooLarge);
    }
    let embedded: EmbeddedTests = serde_json::from_slice(tests_json)
        .map_err(|error| EmbeddedTestsError::Malformed(error.to_string()))?;
    if device.version != embedded.version || gateway.version != embedded.version {
        return Err(EmbeddedTestsError::VersionMismatch {
            tests: embedded.version,
            device: device.version,
            gateway: gateway.version,
        });
    }
    let (mut device, mut gateway) = (device.clone(), gateway.clone());
    embedded.revive(&mut device, &mut gateway);
    device.lint().map_err(|_| EmbeddedTestsError::Policy)?;
    let bench = Bench::new(&device, &gateway).ok_or(EmbeddedTestsError::Policy)?;
    let own = embedded.tests.iter().map(|test| (test, true));
    own.chain(embedded.pack_tests.iter().map(|test| (test, false)))
        .enumerate()
        .map(|(index, (test, own))| {
            // A report of its own, so that no failure is taken for a repetition of another.
            let mut report = Report::of_no_file("tests.json");
            bench
                .run(index, test, own, &mut report)
                .ok_or_else(|| EmbeddedTestsError::Shape(test.name.clone()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Compiled, compile};

    fn bank() -> Compiled {
        compile("bank.yaml", crate::EXAMPLE).unwrap()
    }

    #[test]
    fn a_policy_passes_its_own_tests_where_they_are_run_again() {
        let bank = bank();
        let analysis = crate::analyse("bank.yaml", crate::EXAMPLE, &crate::NoPackFiles);
        let outcomes = run_tests(bank.tests_json().unwrap().as_bytes(), &bank.device, &bank.gateway).unwrap();
        assert!(outcomes.iter().all(|outcome| outcome.passed), "{outcomes:?}");
        let names = |outcomes: &[TestOutcome]| -> Vec<(String, String)> {
            let one = |outcome: &TestOutcome| (outcome.name.clone(), outcome.because.clone());
            outcomes.iter().map(one).collect()
        };
        assert_eq!(names(&outcomes), names(&analysis.tests));
        assert!(bank.tests.tests.len() > 2 && !bank.tests.pack_tests.is_empty());
    }

    #[test]
    fn each_failing_test_is_one() {
        let mut bank = bank();
        for rule in &mut bank.gateway.rules {
            rule.mode = Mode::Off;
        }
        for test in &mut bank.tests.tests {
            "same".clone_into(&mut test.name);
        }
        let outcomes = run_tests(bank.tests_json().unwrap().as_bytes(), &bank.device, &bank.gateway).unwrap();
        let failed: Vec<_> = outcomes.iter().filter(|outcome| !outcome.passed).collect();
        assert!(failed.len() > 1, "{outcomes:?}");
        assert!(failed.iter().all(|outcome| outcome.because.contains("expected")));
    }

    #[test]
    fn what_the_kill_switch_names_is_still_tested() {
        let first = bank();
        let rule = first
            .gateway
            .rules
            .iter()
            .find(|rule| rule.mode == Mode::Enforce)
            .unwrap();
        let source = format!("{}\nkill_switch: [{}]\n", crate::EXAMPLE, rule.id);
        let killed = compile("bank.yaml", &source).unwrap();
        assert_eq!(killed.tests.killed_rules.get(&rule.id), Some(&Mode::Enforce));
        let tests = killed.tests_json().unwrap();
        let outcomes = run_tests(tests.as_bytes(), &killed.device, &killed.gateway).unwrap();
        assert!(outcomes.iter().all(|outcome| outcome.passed), "{outcomes:?}");
    }

    #[test]
    fn what_is_no_test_of_this_policy_is_refused() {
        let bank = bank();
        let check = |tests: &str, expect: &str| {
            let error = run_tests(tests.as_bytes(), &bank.device, &bank.gateway).unwrap_err();
            assert_eq!(error.code(), expect, "{tests}");
        };
        let version = bank.device.version;
        check("", "policy-tests-malformed");
        check("{}", "policy-tests-malformed");
        check(r#"{"version":1,"tests":[],"more":1}"#, "policy-tests-malformed");
        check(r#"{"version":999,"tests":[]}"#, "policy-version-mismatch");
        check(
            &format!(r#"{{"version":{version},"tests":[{{"name":"neither"}}]}}"#),
            "policy-tests-shape",
        );
        check(&" ".repeat(MAX_TESTS_BYTES + 1), "policy-tests-too-large");
    }
}
