//! From a policy's text to everything that can be said about it: what is made of it, what is wrong, what its tests show.
//!
//! In this order: text to trees under their budgets, trees to types, packs joined, fields and references, lints, tests.
//! Each step looks at whatever the ones before left whole; tests run on whole policies only.

use attest_core::policy::{MAX_POLICY_BYTES, PolicyError};

use crate::{
    Compiled, lint, node,
    packs::{self, PackFiles},
    problem::{Level, Position, Problem},
    report::Report,
    run,
    source::PolicySource,
};

/// Everything that can be said about a policy.
#[derive(Debug, Clone)]
pub struct Analysis {
    /// The policies; `None` if there is an error.
    pub compiled: Option<Compiled>,
    /// Everything that is wrong or probably not meant: the policy's problems, then those of its packs, each file in its
    /// order.
    pub problems: Vec<Problem>,
    /// What the tests show, those of the policy first; none if the policy is not whole.
    pub tests: Vec<TestOutcome>,
    /// The policy with the detectors, lists and tests of its packs; `None` if some of it could not be read.
    pub source: Option<PolicySource>,
}

/// What one test shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestOutcome {
    /// The test's name.
    pub name: String,
    /// What it tests.
    pub subject: TestSubject,
    /// Whether it shows what it expects.
    pub passed: bool,
    /// Where it stands.
    pub position: Position,
    /// The file it stands in.
    pub file: String,
    /// What was concluded, and from what.
    pub because: String,
}

/// What a test tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TestSubject {
    /// The detector of this id.
    Detector(String),
    /// The decision on a request: method and path.
    Decision(String, String),
}

impl Analysis {
    /// The policies alone.
    ///
    /// # Errors
    /// Every problem, warnings among them, if there is an error.
    pub fn into_result(self) -> Result<Compiled, Vec<Problem>> {
        self.compiled.ok_or(self.problems)
    }

    fn failed(problems: Vec<Problem>) -> Self {
        Self {
            compiled: None,
            problems,
            tests: Vec::new(),
            source: None,
        }
    }
}

/// Everything about a policy and the packs it takes; those beside it are asked of `files`. `file_name` is how problems
/// name the policy; packs beside it are named in its folder.
pub fn analyse(file_name: &str, source: &str, files: &dyn PackFiles) -> Analysis {
    let root = match node::read_document(file_name, source) {
        Ok(root) => root,
        Err(problem) => return Analysis::failed(vec![*problem]),
    };
    let mut report = Report::default();
    let (_, policy) = report.read::<PolicySource>(file_name, root, STAND_INS);
    let Some(policy) = policy else {
        return Analysis::failed(report.finish());
    };
    let policy = packs::join(policy, file_name, files, &mut report);
    let (device, gateway) = (policy.device(), policy.gateway());
    let extra = policy.requirements.extra.len();
    report_all(device.lint(), extra, &mut report);
    report_all(gateway.clone().compile().map(|_| ()), extra, &mut report);
    lint::lint(&policy, &mut report);
    let compiled = Compiled {
        device,
        gateway,
        tests: run::EmbeddedTests::of(&policy, &report),
        warnings: Vec::new(),
    };
    fits(&compiled, &mut report);
    let tests = if report.errors() == 0 {
        run::run(&policy, &mut report)
    } else {
        Vec::new()
    };
    let good = report.errors() == 0;
    let whole = !report.is_partial();
    let problems = report.finish();
    let warnings = || {
        let warning = |problem: &&Problem| problem.level == Level::Warning;
        problems.iter().filter(warning).cloned().collect()
    };
    Analysis {
        compiled: good.then(|| Compiled {
            warnings: warnings(),
            ..compiled
        }),
        problems,
        tests,
        source: whole.then_some(policy),
    }
}

/// What stands for a required field that cannot be read, so that the rest is looked at.
const STAND_INS: &[(&str, &str)] = &[("version", "1"), ("environment", "development")];

/// Aliases make much of little text: what is made must still be small enough to be read.
fn fits(compiled: &Compiled, report: &mut Report) {
    for (side, json) in [
        ("phones", compiled.device_json()),
        ("gateways", compiled.gateway_json()),
    ] {
        let bytes = json.map_or(usize::MAX, |json| json.len());
        if bytes > MAX_POLICY_BYTES {
            report.error(
                "",
                "policy-too-large",
                format_args!("what {side} get has {bytes} bytes, they read at most {MAX_POLICY_BYTES}"),
            );
        }
    }
}

/// Problems by their paths in the source: requirements that were derived are reported where their route is.
fn report_all(result: Result<(), Vec<PolicyError>>, extra: usize, report: &mut Report) {
    for error in result.err().into_iter().flatten() {
        let index = error
            .path
            .strip_prefix("requirements[")
            .and_then(|rest| rest.split_once(']'));
        let path = match index.map(|(index, rest)| (index.parse::<usize>(), rest)) {
            Some((Ok(index), rest)) if index < extra => format!("requirements.extra[{index}]{rest}"),
            Some(_) => continue,
            None => error.path.clone(),
        };
        report.error(path, error.code(), &error.fault);
    }
}
