//! Rules, roll-outs, detectors and whole policies.

use ring::hmac;
use serde_json::json;

use super::*;
use crate::facts::{FactMap, Observation, Platform, Value};

/// Three routes that ask for tokens, one public, and these rules; a rule `b` is added if there is none.
fn gateway(mut rules: serde_json::Value) -> CompiledGateway {
    let all = rules.as_array_mut().unwrap();
    if !all.iter().any(|rule| rule["id"] == "b") {
        all.push(rule("b", "off", "x", json!("deny")));
    }
    let policy: GatewayPolicy = serde_json::from_value(json!({
        "version": 3,
        "environment": "development",
        "origins": ["https://a.example"],
        "apps": [{
            "id": "app", "platform": "ios", "team": "T", "bundle": "b", "evidence": ["app_attest"], "min_version": "1.2",
        }],
        "rules": rules,
        "step_up_issuers": {"otp": {"issuer": "x", "jwks": {"keys": [{}]}}, "desk": {"issuer": "y", "jwks": {"keys": [{}]}}},
        "routes": [
            {"id": "pay", "methods": ["POST"], "path": "/pay", "upstream": "u", "require": "enforce", "apps": ["app"]},
            {"id": "look", "methods": ["GET"], "path": "/look", "upstream": "u", "require": "observe", "apps": ["app"]},
            {"id": "some", "methods": ["GET"], "path": "/some", "upstream": "u", "require": "enforce", "apps": ["app"],
             "rules": ["b"]},
            {"id": "rest", "methods": ["GET"], "path": "/**", "upstream": "u", "require": "none"},
        ],
    }))
    .unwrap();
    policy.compile().unwrap()
}

fn known(facts: &[(&str, Observation)]) -> FactMap {
    facts
        .iter()
        .map(|(fact, observation)| (fact.parse().unwrap(), observation.clone()))
        .collect()
}

fn is_app(text: &str) -> FactMap {
    known(&[("app.id", Value::Text(text.into()).into())])
}

fn rule(id: &str, mode: &str, app: &str, then: serde_json::Value) -> serde_json::Value {
    let when = json!({"fact": "app.id", "op": "eq", "value": app});
    json!({"id": id, "mode": mode, "why": "w", "when": when, "then": then})
}

fn key() -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, &[7; 32])
}

/// `method path` with these facts: the decision, the rule, the rules in shadow.
fn decide(policy: &CompiledGateway, path: &str, facts: &FactMap, completed: Completed<'_>) -> String {
    let method = if path == "/pay" { "POST" } else { "GET" };
    let route = policy.routes().find(method, path).unwrap();
    let key = key();
    let decided = policy.decide(
        route,
        facts,
        &Subject {
            device: b"d",
            rollout_key: &key,
            completed,
        },
    );
    let rule = decided.cause.as_ref().map_or("-", |cause| cause.rule);
    let shadows: Vec<&str> = decided.shadows.iter().map(|shadow| shadow.rule).collect();
    let spared: Vec<String> = decided
        .spared
        .iter()
        .map(|spared| format!(" {}:{:?}", spared.rule, spared.because))
        .collect();
    format!(
        "{} {rule} [{}] {}{}",
        decided.decision.as_str(),
        shadows.join(","),
        decided.inconclusive,
        spared.concat()
    )
}

#[test]
fn the_first_enforced_rule_that_holds_decides() {
    let policy = gateway(json!([
        rule("off", "off", "x", json!("deny")),
        rule("s", "shadow", "x", json!("deny")),
        rule("a", "enforce", "y", json!("allow")),
        rule("b", "enforce", "x", json!({"step_up": {"kind": "proof"}})),
        rule("t", "shadow", "x", json!("allow")),
        rule("c", "enforce", "x", json!("deny")),
    ]));
    let check = |path: &str, facts: &FactMap, completed: Completed<'_>, expect: &str| {
        assert_eq!(
            decide(&policy, path, facts, completed),
            expect,
            "{path} {facts:?}"
        );
    };
    let none = Completed::default();
    let proof = Completed {
        proof: true,
        user: None,
    };
    check("/pay", &is_app("x"), none, "step_up b [s] 0");
    check("/pay", &is_app("x"), proof, "deny c [s,t] 0 b:StepUp");
    check("/pay", &is_app("y"), none, "allow a [] 0");
    check("/pay", &is_app("z"), none, "allow - [] 0");
    check("/pay", &known(&[]), none, "allow - [] 3");
    // Without rules of its own an observed route has none; a route may pick its rules.
    check("/look", &is_app("x"), none, "allow - [] 0");
    check("/some", &is_app("x"), none, "step_up b [] 0");
    check("/some", &is_app("x"), proof, "allow - [] 0 b:StepUp");
}

#[test]
fn a_user_step_up_counts_only_from_its_issuer() {
    let step_up = |issuer: serde_json::Value| json!({"step_up": issuer});
    let named = gateway(json!([rule(
        "n",
        "enforce",
        "x",
        step_up(json!({"kind": "user", "issuer": "otp"}))
    )]));
    let any = gateway(json!([rule(
        "n",
        "enforce",
        "x",
        step_up(json!({"kind": "user"}))
    )]));
    let check = |policy: &CompiledGateway, user: Option<&str>, expect: &str| {
        let completed = Completed { proof: true, user };
        assert_eq!(decide(policy, "/pay", &is_app("x"), completed), expect);
    };
    check(&named, None, "step_up n [] 0");
    check(&named, Some("desk"), "step_up n [] 0");
    check(&named, Some("otp"), "allow - [] 0 n:StepUp");
    check(&any, None, "step_up n [] 0");
    check(&any, Some("desk"), "allow - [] 0 n:StepUp");
}

#[test]
fn a_decision_explains_itself() {
    let policy = gateway(json!([{
        "id": "r", "why": "because", "then": "deny",
        "when": {"all": [{"fact": "app.id", "op": "exists"}, {"fact": "app.id", "op": "prefix", "value": "x"}]},
    }]));
    let key = key();
    let subject = Subject {
        device: b"d",
        rollout_key: &key,
        completed: Completed::default(),
    };
    let facts = is_app("xyz");
    let decided = policy.decide(policy.routes().by_id("pay").unwrap(), &facts, &subject);
    let cause = decided.cause.unwrap();
    assert_eq!((cause.rule, cause.why), ("r", "because"));
    let expect = Clause {
        ordinal: 2,
        path: "all[1]".into(),
        fact: Some("app.id".into()),
        value: "xyz".into(),
    };
    assert_eq!(cause.clause, expect);
}

#[test]
fn a_roll_out_is_sticky_grows_and_reaches_its_share() {
    let at = |percent: u8, id: &str| {
        let mut one = rule(id, "enforce", "x", json!("deny"));
        one["rollout_percent"] = json!(percent);
        gateway(json!([one]))
    };
    let key = key();
    let facts = is_app("x");
    let denied = |policy: &CompiledGateway| -> Vec<bool> {
        let route = policy.routes().by_id("pay").unwrap();
        (0u16..2_000)
            .map(|device| {
                let device = device.to_be_bytes();
                let subject = Subject {
                    device: &device,
                    rollout_key: &key,
                    completed: Completed::default(),
                };
                let decided = policy.decide(route, &facts, &subject);
                let spared: Vec<_> = decided
                    .spared
                    .iter()
                    .map(|spared| (spared.rule, spared.because))
                    .collect();
                let denied = decided.decision == Decision::Deny;
                let expect = [(policy.policy().rules[0].id.as_str(), SparedBy::RollOut)];
                assert_eq!(spared, &expect[..usize::from(!denied)]);
                denied
            })
            .collect()
    };
    let count = |all: &[bool]| all.iter().filter(|denied| **denied).count();
    let (quarter, half) = (denied(&at(25, "r")), denied(&at(50, "r")));
    assert_eq!(count(&denied(&at(0, "r"))), 0);
    assert_eq!(count(&denied(&at(100, "r"))), 2_000);
    assert!((400..600).contains(&count(&quarter)), "{}", count(&quarter));
    assert!((900..1_100).contains(&count(&half)), "{}", count(&half));
    assert!(
        quarter.iter().zip(&half).all(|(early, late)| !early || *late),
        "a device fell out as the roll-out grew"
    );
    assert_eq!(quarter, denied(&at(25, "r")));
    assert_ne!(quarter, denied(&at(25, "other")));
}

fn detectors(json: serde_json::Value) -> DevicePolicy {
    serde_json::from_value(json!({"version": 1, "environment": "production", "detectors": json})).unwrap()
}

fn detector(id: &str, change: serde_json::Value) -> serde_json::Value {
    let mut one = json!({
        "id": id, "platform": "android", "category": "root", "severity": "low", "why": "w",
        "when": {"fact": "proc.tracer_pid", "op": "gt", "value": 0},
    });
    one.as_object_mut()
        .unwrap()
        .extend(change.as_object().unwrap().clone());
    one
}

#[test]
fn what_an_engine_does_not_know_is_unsupported_and_never_clear() {
    let policy = detectors(json!([
        detector("plain", json!({})),
        detector("newer", json!({"engine_min": 2})),
        detector(
            "fact",
            json!({"when": {"fact": "quantum.state", "op": "eq", "value": 1}})
        ),
        detector(
            "op",
            json!({"when": {"not": {"fact": "proc.tracer_pid", "op": "resembles", "value": 1}}})
        ),
        detector("off", json!({"mode": "off"})),
        detector("shadow", json!({"mode": "shadow"})),
        detector(
            "ios",
            json!({"platform": "ios", "when": {"fact": "macho.cryptid", "op": "eq", "value": 0}})
        ),
    ]));
    let strict = policy.lint().unwrap_err();
    let places: Vec<&str> = strict.iter().map(|error| error.path.as_str()).collect();
    assert_eq!(
        places,
        [
            "detectors[1].engine_min",
            "detectors[2].when.fact",
            "detectors[3].when.not.op"
        ]
    );
    let device = policy.compile(Platform::Android, Variables::default()).unwrap();
    let facts = known(&[("proc.tracer_pid", Value::Integer(1).into())]);
    let scanned: Vec<(&str, Detection)> = device
        .detectors()
        .scan(&facts)
        .map(|scanned| (scanned.id, scanned.detection))
        .collect();
    let (hit, unsupported) = (Detection::Hit, Detection::Unsupported);
    let expect = [
        ("plain", hit),
        ("newer", unsupported),
        ("fact", unsupported),
        ("op", unsupported),
        ("shadow", hit),
    ];
    assert_eq!(scanned, expect);
    let asked: Vec<String> = device
        .detectors()
        .facts()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(asked, ["proc.tracer_pid"]);
}

#[test]
fn a_detector_in_words_of_a_newer_engine_leaves_the_others_as_they_are() {
    let check = |detector: serde_json::Value, expect: Result<&[&str], &str>| {
        let good = self::detector("good", json!({}));
        let policy = json!({"version": 1, "environment": "production", "detectors": [good, detector]});
        let read = DevicePolicy::from_json(policy.to_string().as_bytes());
        let read = read.map_err(|error| error.code()).map(|policy| {
            let again = serde_json::to_vec(&policy).unwrap();
            assert_eq!(DevicePolicy::from_json(&again).unwrap(), policy);
            let device = policy.compile(Platform::Android, Variables::default()).unwrap();
            let facts = known(&[("proc.tracer_pid", Value::Integer(1).into())]);
            let detections: Vec<Detection> = device
                .detectors()
                .scan(&facts)
                .map(|scanned| scanned.detection)
                .collect();
            assert_eq!(detections, [Detection::Hit, Detection::Unsupported]);
            device
                .detectors()
                .unsupported()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        });
        let expect = expect.map(|ids| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>());
        assert_eq!(read, expect, "{detector}");
    };
    let strange =
        json!({"fact": "maps.rows", "op": "first_row", "order_by": "ino", "given": [{"column": "x"}]});
    let newer = |change: serde_json::Value| {
        with(
            detector("newer", json!({"engine_min": 2, "when": strange})),
            change,
        )
    };
    check(newer(json!({})), Ok(&["newer"]));
    check(newer(json!({"when": 7, "expires": "soon"})), Ok(&["newer"]));
    check(newer(json!({"engine_min": 1})), Err("policy-malformed"));
    check(newer(json!({"id": 5})), Err("policy-malformed"));
    check(newer(json!({"category": "gremlin"})), Err("policy-malformed"));
    check(newer(json!({"engine_min": -1})), Err("policy-malformed"));
}

#[test]
fn a_broken_detector_breaks_the_policy() {
    let policy = detectors(json!([detector(
        "bad",
        json!({"when": {"fact": "prop(a)", "op": "matches", "value": "("}})
    )]));
    let errors = policy
        .compile(Platform::Android, Variables::default())
        .unwrap_err();
    assert_eq!(
        errors.iter().map(PolicyError::code).collect::<Vec<_>>(),
        ["regex"]
    );
}

#[test]
fn the_digest_depends_on_the_set_only() {
    let digest = |ids: &[&str]| evaluated_digest(ids.iter().copied());
    assert_eq!(digest(&["a", "b"]), digest(&["b", "a", "a"]));
    assert_ne!(digest(&["a", "b"]), digest(&["ab"]));
    assert_eq!(digest(&["a"]).len(), 22);
}

#[test]
fn bytes_that_are_no_policy_are_told_apart() {
    let check = |json: &[u8], expect: &str| {
        assert_eq!(
            DevicePolicy::from_json(json).map_err(|error| error.code()),
            Err(expect)
        );
        assert_eq!(
            GatewayPolicy::from_json(json).map_err(|error| error.code()),
            Err(expect)
        );
    };
    check(b"", "policy-malformed");
    check(b"[]", "policy-malformed");
    check(br#"{"version": 1, "environment": "staging"}"#, "policy-malformed");
    check(
        br#"{"version": 1, "environment": "production", "nonsense": 1}"#,
        "policy-malformed",
    );
    check(
        br#"{"version": 1, "engine_min": 9, "sorcery": true}"#,
        "engine-unsupported",
    );
    check(&vec![b' '; MAX_POLICY_BYTES + 1], "policy-too-large");
}

#[test]
fn an_app_older_than_its_minimum_is_not_accepted() {
    let policy = gateway(json!([]));
    let check = |version: &str, expect: bool| {
        assert_eq!(
            policy.app("app").unwrap().accepts_version(version),
            expect,
            "{version}"
        );
    };
    check("1.2", true);
    check("1.10", true);
    check("1.1.9", false);
    check("", false);
    check("two", false);
}

#[test]
fn the_most_specific_route_wins_and_ties_go_to_the_first() {
    let route = |id: &str, path: &str| json!({"id": id, "methods": ["GET"], "path": path, "upstream": "u", "require": "none"});
    let policy: GatewayPolicy = serde_json::from_value(json!({
        "version": 1, "environment": "production",
        "routes": [route("rest", "/v1/**"), route("one", "/v1/*"), route("first", "/v1/a"), route("second", "/v1/a"),
                   route("deep", "/v1/*/b"), route("v1", "/v1")],
    }))
    .unwrap();
    let policy = policy.compile().unwrap();
    let check = |path: &str, expect: Option<&str>| {
        assert_eq!(
            policy
                .routes()
                .find("GET", path)
                .map(|route| route.route().id.as_str()),
            expect,
            "{path}"
        );
    };
    check("/v1/a", Some("first"));
    check("/v1/x", Some("one"));
    check("/v1/x/b", Some("deep"));
    check("/v1/x/c", Some("rest"));
    check("/v1", Some("v1"));
    check("/v2", None);
    assert!(policy.routes().find("POST", "/v1/a").is_none());
}

/// The errors of a policy, as `path: code`.
pub(super) fn errors_of(policy: GatewayPolicy) -> Vec<String> {
    let errors = policy.compile().err().unwrap_or_default();
    errors
        .iter()
        .map(|error| format!("{}: {}", error.path, error.code()))
        .collect()
}

/// These members, and more of them.
pub(super) fn with(mut app: serde_json::Value, more: serde_json::Value) -> serde_json::Value {
    let more = more.as_object().unwrap().clone();
    app.as_object_mut().unwrap().extend(more);
    app
}

#[test]
fn production_has_no_way_around_its_rules_for_single_devices() {
    let check = |environment: &str, mode: &str, then: &str, expect: &[&str]| {
        let when = json!({"any": [{"fact": "app.id", "op": "exists"}, {"not": {"fact": "device.id", "op": "eq", "value": "d"}}]});
        let policy = json!({
            "version": 1, "environment": environment,
            "rules": [{"id": "qa", "mode": mode, "why": "w", "when": when, "then": then}],
        });
        assert_eq!(
            errors_of(serde_json::from_value(policy).unwrap()),
            expect,
            "{environment} {mode} {then}"
        );
    };
    check(
        "production",
        "enforce",
        "allow",
        &["rules[0].then: device-allow-in-production"],
    );
    check("production", "enforce", "deny", &[]);
    check("production", "shadow", "allow", &[]);
    check("development", "enforce", "allow", &[]);
}
