use std::collections::BTreeMap;

use attest_core::{
    facts::{Observation, Value},
    policy::{Detection, Outcome, TokenKind},
};
use proptest::prelude::*;

use super::*;
use crate::{Analysis, NoPackFiles, TestRequest, analyse, source::ExpectedDecision};

/// A policy with every section but packs.
const EXAMPLE: &str = include_str!("../../tests/policies/without-packs.yaml");

fn example() -> Analysis {
    analyse("policy.yaml", EXAMPLE, &NoPackFiles)
}

fn facts(text: &str) -> Facts {
    Facts::read("facts", text).unwrap()
}

fn request(method: &str, path: &str, app: &str) -> TestRequest {
    TestRequest {
        method: method.to_owned(),
        path: path.to_owned(),
        app: app.to_owned(),
        token: None,
        step_up: None,
    }
}

/// What became of each rule that is not elsewhere: `id effect`.
fn effects(trace: &DecisionTrace) -> Vec<String> {
    let asked = trace.rules.iter().filter(|rule| rule.effect != Effect::Elsewhere);
    asked
        .map(|rule| format!("{} {}", rule.id, rule.effect.as_str()))
        .collect()
}

#[test]
fn each_rule_of_a_decision() {
    let policy = example().compiled.unwrap().gateway;
    let check = |request: &TestRequest, stated: &str, decision: ExpectedDecision, expect: &[&str]| {
        let trace = decision_of(&policy, request, &facts(stated));
        assert_eq!(trace.decision, decision, "{stated}");
        assert_eq!(effects(&trace), expect, "{stated}");
    };
    let login = request("POST", "/v1/login", "bank-ios");
    check(
        &login,
        "{policy.version: 4, findings.hit: [debug.tracer], device.id: phone-1}",
        ExpectedDecision::Deny,
        &[
            "trusted-testers does-not-fire",
            "hooked-or-traced decides",
            "leaked-attestation-key not-asked",
            "emulators not-asked",
            "old-findings-need-proof not-asked",
        ],
    );
    let quiet = [
        "trusted-testers undecided",
        "hooked-or-traced does-not-fire",
        "leaked-attestation-key undecided",
        "emulators would-decide",
    ];
    let with = |last: &'static str| [quiet.as_slice(), &[last]].concat();
    let old = "{policy.version: 4, findings.category: [simulator]}";
    check(
        &login,
        old,
        ExpectedDecision::StepUp,
        &with("old-findings-need-proof decides"),
    );
    let proof = TestRequest {
        token: Some(TokenKind::Proof),
        ..login
    };
    check(
        &proof,
        old,
        ExpectedDecision::Allow,
        &with("old-findings-need-proof completed"),
    );

    let mut switched = policy.clone();
    for rule in &mut switched.rules {
        match rule.id.as_str() {
            "emulators" => rule.mode = attest_core::policy::Mode::Off,
            "old-findings-need-proof" => rule.rollout_percent = 0,
            _ => {}
        }
    }
    let trace = decision_of(&switched, &proof, &facts(old));
    assert_eq!(
        effects(&trace)[3..],
        ["emulators off", "old-findings-need-proof not-rolled-out"]
    );
}

fn decision_of(
    policy: &attest_core::policy::GatewayPolicy,
    request: &TestRequest,
    facts: &Facts,
) -> DecisionTrace {
    decision(policy, request, facts).unwrap()
}

#[test]
fn why_a_route_does_not_answer() {
    let policy = example().compiled.unwrap().gateway;
    let check = |method: &str, path: &str, because: Option<&str>, expect: &[(&str, RouteFit)]| {
        let trace = decision_of(&policy, &request(method, path, "bank-ios"), &Facts::default());
        assert_eq!(trace.before_rules, because);
        let fits = trace
            .routes
            .iter()
            .filter(|route| route.fit != RouteFit::OtherPath);
        let fits: Vec<_> = fits.map(|route| (route.id.as_str(), route.fit)).collect();
        assert_eq!(fits, expect, "{method} {path}");
        assert_eq!(trace.rules.is_empty(), because.is_some());
    };
    check("POST", "/v1/payments", None, &[("payments", RouteFit::Chosen)]);
    check(
        "GET",
        "/v1/payments/a",
        Some("no route matches"),
        &[("payments", RouteFit::OtherMethod)],
    );
    check(
        "GET",
        "/health",
        Some("the route is public"),
        &[("health", RouteFit::Chosen)],
    );
    check("GET", "/", Some("no route matches"), &[]);
    let mut overlapping = policy.clone();
    let mut wide = overlapping.routes[3].clone();
    (wide.id, wide.path) = ("wide".to_owned(), "/v1/**".to_owned());
    overlapping.routes.insert(0, wide);
    let trace = decision_of(
        &overlapping,
        &request("GET", "/v1/balance", "bank-ios"),
        &Facts::default(),
    );
    assert_eq!(trace.routes[0].fit, RouteFit::Matches);
}

#[test]
fn what_is_not_in_the_policy_is_named() {
    let analysis = example();
    let (policy, source) = (analysis.compiled.unwrap().gateway, analysis.source.unwrap());
    let told = |error: ExplainError| (error.code(), error.to_string());
    let unknown = |text: &str| ("unknown-reference", format!("the policy has no {text}"));
    let none = BTreeMap::new();
    let app = decision(&policy, &request("GET", "/", "bank-io"), &Facts::default());
    assert_eq!(
        told(app.unwrap_err()),
        unknown("app `bank-io` (did you mean `bank-ios`?)")
    );
    let mut confirmed = request("GET", "/", "bank-ios");
    confirmed.step_up = Some("nobody".to_owned());
    let issuer = decision(&policy, &confirmed, &Facts::default());
    assert_eq!(told(issuer.unwrap_err()), unknown("step-up issuer `nobody`"));
    let id = detector(&source, "debug.trace", &none, &Facts::default());
    assert_eq!(
        told(id.unwrap_err()),
        unknown("detector `debug.trace` (did you mean `debug.tracer`?)")
    );
    let variables = BTreeMap::from([("userid".to_owned(), "1".to_owned())]);
    let variable = detector(&source, "debug.tracer", &variables, &Facts::default());
    assert_eq!(
        told(variable.unwrap_err()),
        unknown("variable `userid` (did you mean `user_id`?)")
    );
}

#[test]
fn facts_are_stated_as_in_tests() {
    let check = |name: &str, text: &str, expect: Result<Observation, &str>| {
        let mut facts = Facts::default();
        let stated = facts.state(name, text).map_err(|problem| problem.code);
        let stated = stated.map(|()| facts.0.into_values().next().unwrap());
        assert_eq!(stated, expect, "{name}={text}");
    };
    let value = |value| Ok(Observation::Value(value));
    check("app.version", "2.4", value(Value::Text("2.4".to_owned())));
    check("device.id", "null", Ok(Observation::Absent));
    check("device.id", "{error: 13}", Ok(Observation::Error(13)));
    check("device.age_s", "60", value(Value::Integer(60)));
    check("device.age_s", "soon", Err("value-kind"));
    check("device.age", "60", Err("fact-unknown"));
    check("boot.locked", "true", value(Value::Boolean(true)));
    check(
        "findings.hit@token",
        "[a, b]",
        value(Value::List(vec!["a".to_owned(), "b".to_owned()])),
    );
    check("findings.hit", "[a, b", Err("source-syntax"));
    check("maps.rows@libc", "[{path: /x, size: 1}]", Err("column-unknown"));
    let problems = Facts::read("f.yaml", "device.age_s: x\nboot.locked: true\nnope: 1\n").unwrap_err();
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "f.yaml:1:15: device.age_s: `device.age_s` is integer, null or {error: number}",
            "f.yaml:3:7: nope: unknown fact `nope`",
        ]
    );
}

#[test]
fn a_detector_clause_by_clause() {
    let plain = include_str!("../../tests/policies/without-packs.yaml");
    let source = analyse("policy.yaml", plain, &NoPackFiles).source.unwrap();
    let none = BTreeMap::new();
    let trace = detector(
        &source,
        "emulator.qemu_properties",
        &none,
        &facts("{prop(ro.hardware): ranchu}"),
    );
    let trace = trace.unwrap();
    assert_eq!(trace.detection, Detection::Hit);
    let clauses = trace.clauses.unwrap();
    assert_eq!(deciding(&clauses), ["any[2].all[1]"]);
    let last = &clauses.within[2].within[1];
    assert_eq!(last.text, "prop(ro.hardware) in_list emulator-hardware");
    assert_eq!(
        last.found,
        Some(("prop(ro.hardware)".to_owned(), "ranchu".to_owned()))
    );
    let first = &clauses.within[0].within[0];
    assert_eq!(first.found.as_ref().unwrap().1, "not observed");
    // The second user's own directory, as the phone that is explained says.
    let stated = facts("{app.data_dir@libc: /data/user/999/com.example.bank}");
    let variables = BTreeMap::from([("user_id".to_owned(), "999".to_owned())]);
    for (variables, expect) in [(&none, Detection::Hit), (&variables, Detection::Clear)] {
        let trace = detector(&source, "clone.data_dir", variables, &stated).unwrap();
        assert_eq!(trace.detection, expect);
    }
}

fn deciding(clauses: &Clauses) -> Vec<&str> {
    let own = clauses.decides.then_some(clauses.path.as_str());
    own.into_iter()
        .chain(clauses.within.iter().flat_map(deciding))
        .collect()
}

/// By Kleene's rules, what the clauses within say together.
fn together(clauses: &Clauses) -> Outcome {
    let within: Vec<Outcome> = clauses.within.iter().map(|one| one.outcome).collect();
    let count = |outcome| within.iter().filter(|one| **one == outcome).count();
    let (held, open) = (count(Outcome::True), count(Outcome::Inconclusive));
    let needed = match clauses.text.as_str() {
        "all" => within.len(),
        "any" => 1,
        "not" => {
            return match within[0] {
                Outcome::True => Outcome::False,
                Outcome::False => Outcome::True,
                Outcome::Inconclusive => Outcome::Inconclusive,
            };
        }
        text => text.split(' ').nth(2).unwrap().parse().unwrap(),
    };
    if held >= needed {
        Outcome::True
    } else if held + open >= needed {
        Outcome::Inconclusive
    } else {
        Outcome::False
    }
}

fn consistent(clauses: &Clauses) {
    if !clauses.within.is_empty() {
        assert_eq!(clauses.outcome, together(clauses), "{clauses:#?}");
        clauses.within.iter().for_each(consistent);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The tree that is shown is the condition that ran, and the rules' fates are those of the decision.
    #[test]
    fn explanations_agree_with_decisions(
        age in proptest::option::of(0i64..200_000),
        count in proptest::option::of(0i64..40),
        hits in proptest::sample::subsequence(vec!["clone.data_dir", "debug.tracer", "emulator.qemu_properties", "root.su_path"], 0..4),
        provisioning in proptest::sample::select(vec!["rkp", "factory", "unknown"]),
        devices in 0i64..2_000,
        proof in any::<bool>(),
        path in proptest::sample::select(vec!["/v1/payments/x", "/v1/login", "/v1/onboarding"]),
    ) {
        thread_local!(static POLICY: attest_core::policy::GatewayPolicy = example().compiled.unwrap().gateway);
        let mut stated = Facts::default();
        for (name, value) in [("device.age_s", age), ("counter.device_requests_1m", count), ("certificate.devices", Some(devices))] {
            if let Some(value) = value {
                stated.state(name, &value.to_string()).unwrap();
            }
        }
        stated.state("key.provisioning", provisioning).unwrap();
        stated.state("findings.hit", &format!("[{}]", hits.join(", "))).unwrap();
        let mut asked = request("POST", path, "bank-android");
        asked.token = Some(if proof { TokenKind::Proof } else { TokenKind::Session });
        let trace = POLICY.with(|policy| decision_of(policy, &asked, &stated));
        for rule in &trace.rules {
            let outcome = rule.clauses.as_ref().map(|clauses| {
                consistent(clauses);
                prop_assert_eq!(deciding(clauses).len(), 1);
                Ok(clauses.outcome)
            });
            let outcome = outcome.transpose()?;
            match rule.effect {
                Effect::Decides | Effect::WouldDecide | Effect::Completed | Effect::NotRolledOut => {
                    prop_assert_eq!(outcome, Some(Outcome::True));
                }
                Effect::DoesNotFire => prop_assert_eq!(outcome, Some(Outcome::False)),
                Effect::Undecided => prop_assert_eq!(outcome, Some(Outcome::Inconclusive)),
                Effect::NotAsked | Effect::Elsewhere | Effect::Off => prop_assert_eq!(outcome, None),
            }
        }
        let decides = trace.rules.iter().filter(|rule| rule.effect == Effect::Decides);
        let decides: Vec<_> = decides.map(|rule| rule.id.as_str()).collect();
        prop_assert_eq!(decides, trace.rule.iter().map(String::as_str).collect::<Vec<_>>());
    }
}
