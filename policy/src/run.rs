//! Runs the tests that a policy carries, on the compiled policy itself.
//!
//! Roll-outs count as complete, detectors that are off are run too, and so is what the kill switch names: a test shows
//! what a rule or detector does, not for whom it is switched on.

mod embedded;
mod facts;
mod request;

use std::{collections::BTreeMap, fmt};

use attest_core::{
    facts::{FactMap, FactRef, Observation, Platform},
    policy::{
        APP_LISTS, App, Clause, CompiledGateway, Decided, Decision, Detection, Detector, DetectorSet,
        DevicePolicy, GatewayPolicy, Mode, Scope, Side, StepUpKind, Variables,
    },
};

pub use self::embedded::{EmbeddedTests, EmbeddedTestsError, MAX_TESTS_BYTES, run_tests};
use self::facts::read_facts;
pub(crate) use self::{
    facts::{fits, strange_column},
    request::{Asked, Put, for_everyone, put},
};
use crate::{
    TestOutcome, TestSubject,
    report::Report,
    source::{DecisionTest, DetectorTest, Expected, ExpectedDecision, PolicySource, TestCase, TestRequest},
};

/// What every test shows; a failing one is an error at its place.
pub(crate) fn run(source: &PolicySource, report: &mut Report) -> Vec<TestOutcome> {
    let mut revived = source.clone();
    revived.kill_switch.clear();
    // Errors of the policy itself are reported before tests are run.
    let (device, gateway) = (revived.device(), revived.gateway());
    let Some(bench) = Bench::new(&device, &gateway) else {
        return Vec::new();
    };
    let tests = source.tests.iter().enumerate();
    tests
        .filter_map(|(index, test)| bench.run(index, test, !report.is_test_of_a_pack(index), report))
        .collect()
}

/// The policies that tests are run on.
struct Bench<'a> {
    device: &'a DevicePolicy,
    gateway: CompiledGateway,
}

impl<'a> Bench<'a> {
    /// `None` if the policy does not compile.
    fn new(device: &'a DevicePolicy, gateway: &GatewayPolicy) -> Option<Self> {
        let gateway = for_everyone(gateway).compile().ok()?;
        Some(Self { device, gateway })
    }

    /// What a test shows; `None` if it is neither of a decision nor of a detector. `own` is false for tests of packs.
    fn run(&self, index: usize, test: &TestCase, own: bool, report: &mut Report) -> Option<TestOutcome> {
        let path = format!("tests[{index}]");
        let before = report.errors();
        let (subject, shown) = match (&test.decision, &test.detector) {
            (Some(test), None) => (
                TestSubject::Decision(test.request.method.clone(), test.request.path.clone()),
                decision(test, &self.gateway, &format!("{path}.decision"), report),
            ),
            (None, Some(test)) => {
                let shown = detector(test, self, own, &format!("{path}.detector"), report);
                (TestSubject::Detector(test.id.clone()), shown)
            }
            _ => {
                let message = "a test has exactly one of `decision` and `detector`";
                report.error(&path, "test-shape", message);
                return None;
            }
        };
        let passed = report.errors() == before;
        let (file, position) = report.place(&path);
        Some(TestOutcome {
            name: test.name.clone(),
            subject,
            passed,
            position,
            file,
            because: if passed { shown } else { report.newest().to_owned() },
        })
    }
}

/// What was decided and why, in words.
fn decision(test: &DecisionTest, policy: &CompiledGateway, path: &str, report: &mut Report) -> String {
    let Some(app) = policy.app(&test.request.app) else {
        let message = format!("unknown app `{}`", test.request.app);
        report.error(format_args!("{path}.request.app"), "unknown-reference", message);
        return String::new();
    };
    let Some(stated) = read_facts(&test.facts, path, report) else {
        return String::new();
    };
    let mut known = true;
    let rules = &policy.policy().rules;
    let shadows = test.expect.shadow.iter().flatten().enumerate();
    let places = shadows.map(|(index, rule)| (format!("shadow[{index}]"), rule));
    for (place, rule) in test
        .expect
        .rule
        .iter()
        .map(|rule| ("rule".to_owned(), rule))
        .chain(places)
    {
        if !rules.iter().any(|known| known.id == *rule) {
            known = false;
            let message = format!("unknown rule `{rule}`");
            report.error(
                format_args!("{path}.expect.{place}"),
                "unknown-reference",
                message,
            );
        }
    }
    if !known {
        return String::new();
    }
    let actual = outcome(&test.request, app, stated, policy);
    compare(&test.expect, &actual, path, report);
    actual.to_string()
}

/// What a gateway would answer.
fn outcome(
    request: &TestRequest,
    app: &App,
    stated: BTreeMap<FactRef, Observation>,
    policy: &CompiledGateway,
) -> Outcome {
    match put(request, app, stated, policy) {
        Put::Answered(decision, because) => Outcome::plain(decision, because),
        Put::Asked(asked) => Outcome::of(asked.decide(policy)),
    }
}

struct Outcome {
    decision: ExpectedDecision,
    step_up: Option<StepUpKind>,
    rule: Option<String>,
    shadow: Vec<String>,
    because: String,
}

impl Outcome {
    fn of(decided: Decided<'_>) -> Self {
        let (decision, step_up) = match decided.decision {
            Decision::Allow => (ExpectedDecision::Allow, None),
            Decision::StepUp { kind, .. } => (ExpectedDecision::StepUp, Some(kind)),
            Decision::Deny => (ExpectedDecision::Deny, None),
        };
        let because = match (&decided.cause, decided.inconclusive) {
            (Some(cause), _) => found(&cause.clause),
            (None, 0) => "no rule fired".to_owned(),
            (None, count) => format!("no rule fired, {count} could not be decided"),
        };
        Self {
            decision,
            step_up,
            rule: decided.cause.map(|cause| cause.rule.to_owned()),
            shadow: decided
                .shadows
                .iter()
                .map(|shadow| shadow.rule.to_owned())
                .collect(),
            because,
        }
    }

    fn plain(decision: ExpectedDecision, because: &str) -> Self {
        Self {
            decision,
            step_up: None,
            rule: None,
            shadow: Vec::new(),
            because: because.to_owned(),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = by(self.rule.as_deref());
        write!(f, "{}{by} ({})", self.decision.as_str(), self.because)
    }
}

/// Which clause found what.
fn found(clause: &Clause) -> String {
    let place = if clause.path.is_empty() {
        "the condition"
    } else {
        &clause.path
    };
    match &clause.fact {
        Some(fact) => format!("{place} found {fact} = {}", clause.value),
        None => format!("{place} has a variable without a value"),
    }
}

fn by(rule: Option<&str>) -> String {
    rule.map(|rule| format!(" by `{rule}`")).unwrap_or_default()
}

fn compare(expected: &Expected, actual: &Outcome, path: &str, report: &mut Report) {
    let wrong_rule = expected.rule.is_some() && expected.rule != actual.rule;
    let wrong_kind = expected.step_up.is_some() && expected.step_up != actual.step_up;
    if expected.decision != actual.decision || wrong_rule || wrong_kind {
        let message = format!(
            "expected {}{}, got {actual}",
            expected.decision.as_str(),
            by(expected.rule.as_deref()),
        );
        report.error(format_args!("{path}.expect"), "test-failed", message);
    }
    if let Some(shadow) = &expected.shadow
        && *shadow != actual.shadow
    {
        let list = |rules: &[String]| {
            if rules.is_empty() {
                "none".to_owned()
            } else {
                rules.join(", ")
            }
        };
        let message = format!(
            "expected rules in shadow: {}, got: {}",
            list(shadow),
            list(&actual.shadow)
        );
        report.error(format_args!("{path}.expect.shadow"), "test-failed", message);
    }
}

/// What was concluded and why, in words.
fn detector(test: &DetectorTest, bench: &Bench<'_>, own: bool, path: &str, report: &mut Report) -> String {
    let device = bench.device;
    let Some(detector) = device.detectors.iter().find(|detector| detector.id == test.id) else {
        let message = format!("unknown detector `{}`", test.id);
        report.error(format_args!("{path}.id"), "unknown-reference", message);
        return String::new();
    };
    let Some(stated) = read_facts(&test.facts, path, report) else {
        return String::new();
    };
    let apps = if own {
        bench.gateway.policy().apps.as_slice()
    } else {
        &[]
    };
    let mut variables = sample(apps, detector.platform);
    for (name, value) in &test.variables {
        if !Variables::NAMES.contains(&name.as_str()) {
            let message = format!("unknown variable `{name}`");
            report.error(
                format_args!("{path}.variables.{name}"),
                "variable-unknown",
                message,
            );
        }
        variables = variables.with(name, value);
    }
    let mut running = detector.clone();
    running.mode = Mode::Enforce;
    let lists = lists(test, device, own, &running, path, report);
    let scope = Scope::new(
        Side::Device(running.platform),
        &lists,
        device.variables(variables),
    );
    let Ok(set) = DetectorSet::compile(std::slice::from_ref(&running), running.platform, &scope) else {
        return String::new();
    };
    let stated: FactMap = stated.into_iter().collect();
    let actual = set
        .scan(&stated)
        .next()
        .map_or(Detection::Unsupported, |scanned| scanned.detection);
    let because = set
        .explain(&test.id, &stated)
        .map_or_else(String::new, |clause| found(&clause));
    let shown = format!("{} ({because})", actual.as_str());
    if actual.as_str() != test.expect.as_str() {
        let message = format!("expected {}, got {shown}", test.expect.as_str());
        report.error(format_args!("{path}.expect"), "test-failed", message);
    }
    shown
}

/// The lists of the policy, those of a made-up app for a pack, and those of the test.
fn lists(
    test: &DetectorTest,
    device: &DevicePolicy,
    own: bool,
    detector: &Detector,
    path: &str,
    report: &mut Report,
) -> BTreeMap<String, Vec<String>> {
    let mut lists: BTreeMap<_, _> = device.lists.clone().into_entries().into_iter().collect();
    if !own {
        let made_up = [SIGNER, MADE_UP, "TEAM123456", MADE_UP];
        let of_app = APP_LISTS.into_iter().zip(made_up);
        lists.extend(of_app.map(|(name, entry)| (name.to_owned(), vec![entry.to_owned()])));
    }
    for (name, entries) in &test.lists {
        if !detector.when.names_list(name) {
            let message = format!("detector `{}` names no list `{name}`", detector.id);
            report.error(format_args!("{path}.lists.{name}"), "list-unknown", message);
        }
        lists.insert(name.clone(), entries.clone());
    }
    lists
}

/// The variables of a phone that runs the first of these apps on the platform; without one, of a made-up app.
pub(crate) fn sample(apps: &[App], platform: Platform) -> Variables {
    let app = apps.iter().find(|app| app.platform == platform);
    let mut variables = Variables::default().with("user_id", "0").with("uid", "10123");
    let package = app.map_or(Some(MADE_UP), |app| app.package.as_deref());
    if let Some(package) = package.filter(|_| platform == Platform::Android) {
        variables = variables
            .with("package", package)
            .with("data_dir", format!("/data/user/0/{package}"));
    }
    let bundle = app.map_or(Some(MADE_UP), |app| app.bundle.as_deref());
    if let Some(bundle) = bundle.filter(|_| platform == Platform::Ios) {
        variables = variables.with("bundle", bundle);
    }
    variables
}

/// The package and bundle of an app that is nobody's.
const MADE_UP: &str = "com.example.bank";

/// The signing certificate of that app.
const SIGNER: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
