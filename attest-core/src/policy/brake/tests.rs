//! How far a brake reaches, how long it holds, and what it does to decisions.

use std::collections::BTreeSet;

use ring::hmac;
use serde_json::{Value as Json, json};

use super::*;
use crate::{
    facts::{FactMap, Kind, Observation, Origin, Value},
    policy::{Completed, Subject},
};

fn policy(rules: Json, brake_rules: Json) -> GatewayPolicy {
    serde_json::from_value(json!({
        "version": 3,
        "environment": "development",
        "origins": ["https://a.example"],
        "apps": [{"id": "app", "platform": "ios", "team": "T", "bundle": "b", "evidence": ["app_attest"], "min_version": "1.2"}],
        "rules": rules,
        "brake_rules": brake_rules,
        "routes": [
            {"id": "pay", "methods": ["POST"], "path": "/pay", "upstream": "u", "require": "enforce", "apps": ["app"]},
        ],
    }))
    .unwrap()
}

fn asking(id: &str, mode: &str, fact: &str, then: Json) -> Json {
    json!({"id": id, "mode": mode, "why": "w", "then": then, "when": {"fact": fact, "op": "exists"}})
}

/// `a` is enforced, `s` in shadow, `o` off, `u` enforced and not listed.
fn compiled() -> CompiledGateway {
    let rule = |id: &str, mode: &str| asking(id, mode, "app.id", json!("deny"));
    let rules = json!([
        rule("s", "shadow"),
        rule("o", "off"),
        rule("a", "enforce"),
        rule("u", "enforce")
    ]);
    policy(rules, json!(["a", "s", "o"])).compile().unwrap()
}

fn brake(rules: &[(&str, Mode)]) -> Brake {
    Brake {
        version: 1,
        issued_at: 1_000,
        expires_at: 4_600,
        rules: rules.iter().map(|(id, mode)| ((*id).to_owned(), *mode)).collect(),
    }
}

fn decided(policy: &CompiledGateway) -> String {
    let facts: FactMap = [(
        "app.id".parse().unwrap(),
        Observation::from(Value::Text("app".into())),
    )]
    .into_iter()
    .collect();
    let subject = Subject {
        device: b"d",
        rollout_key: &hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]),
        completed: Completed::default(),
    };
    let decided = policy.decide(policy.routes().find("POST", "/pay").unwrap(), &facts, &subject);
    let shadows: Vec<_> = decided.shadows.iter().map(|shadow| shadow.rule).collect();
    format!(
        "{} {} [{}]",
        decided.decision.as_str(),
        decided.cause.map_or("-", |cause| cause.rule),
        shadows.join(",")
    )
}

#[test]
fn it_relaxes_what_is_listed_and_nothing_else() {
    let policy = compiled();
    assert_eq!(decided(&policy), "deny a [s]");
    let check = |rules: &[(&str, Mode)], expect: Result<&str, &str>| {
        let braked = policy.with_brake(&brake(rules));
        match (&braked, expect) {
            (Ok(braked), Ok(expect)) => {
                assert_eq!(decided(braked), expect, "{rules:?}");
                for (id, mode) in rules {
                    let rule = braked.policy().rules.iter().find(|rule| rule.id == *id);
                    assert_eq!(rule.unwrap().mode, *mode, "explanations read the mode here");
                }
            }
            (Err(error), Err(code)) => assert_eq!(error.code(), code, "{rules:?}"),
            _ => panic!("{rules:?}: {braked:?}"),
        }
    };
    check(&[], Ok("deny a [s]"));
    check(&[("a", Mode::Shadow)], Ok("deny u [s,a]"));
    check(&[("a", Mode::Off)], Ok("deny u [s]"));
    check(&[("a", Mode::Off), ("s", Mode::Off)], Ok("deny u []"));
    check(&[("s", Mode::Shadow), ("o", Mode::Off)], Ok("deny a [s]"));
    check(&[("o", Mode::Shadow)], Err("brake-raises"));
    check(&[("a", Mode::Enforce)], Err("brake-raises"));
    check(&[("a", Mode::Off), ("u", Mode::Off)], Err("brake-unlisted"));
    check(&[("a", Mode::Off), ("x", Mode::Off)], Err("brake-unknown-rule"));
    let mut endless = brake(&[("a", Mode::Off)]);
    endless.expires_at = u64::MAX;
    assert_eq!(policy.with_brake(&endless).unwrap_err().code(), "brake-too-long");
    assert_eq!(decided(&policy), "deny a [s]", "the policy itself is untouched");
}

#[test]
fn a_policy_lists_only_rules_within_reach() {
    let check = |rules: Json, listed: Json, expect: &[&str]| {
        let problems = policy(rules, listed.clone()).compile().map_or_else(
            |errors| {
                let told = errors
                    .iter()
                    .map(|error| format!("{} {}", error.path, error.code()));
                told.collect()
            },
            |_| Vec::new(),
        );
        assert_eq!(problems, expect, "{listed}");
    };
    let one = |fact: &str, then: Json| json!([asking("r", "enforce", fact, then)]);
    check(one("findings.hit", json!("deny")), json!(["r"]), &[]);
    check(
        one("findings.hit", json!({"step_up": {"kind": "proof"}})),
        json!(["r"]),
        &[],
    );
    check(
        one("findings.hit", json!("allow")),
        json!(["r"]),
        &["brake_rules[0] brake-allow"],
    );
    check(
        one("findings.hit", json!("deny")),
        json!(["x"]),
        &["brake_rules[0] unknown-reference"],
    );
    check(
        one("findings.hit", json!("deny")),
        json!(["r", "r"]),
        &["brake_rules[1] duplicate-id"],
    );
    // A forbidden question counts wherever it hides.
    let hidden = json!([{"id": "r", "why": "w", "then": "deny", "when": {"any": [
        {"fact": "findings.hit", "op": "exists"},
        {"not": {"at_least": {"n": 1, "of": [{"all": [{"fact": "key.level", "op": "eq", "value": "software"}]}]}}},
    ]}}]);
    check(hidden, json!(["r"]), &["brake_rules[0] beyond-brake"]);
    let compared = json!([{"id": "r", "why": "w", "then": "deny", "when":
        {"fact": "app.version", "op": "differs", "from": "os.attested_version"}}]);
    check(compared, json!(["r"]), &["brake_rules[0] beyond-brake"]);
}

/// Every fact that a rule can ask is on one side, and a new one must be put there.
#[test]
fn each_fact_is_within_reach_or_beyond() {
    let beyond: BTreeSet<&str> = FactId::all()
        .filter(|fact| fact.entry().origin != Origin::Device && !WITHIN_REACH.contains(fact))
        .map(FactId::name)
        .collect();
    let expect: BTreeSet<&str> = [
        "app.attested_package",
        "app.attested_package_count",
        "app.attested_version_code",
        "apple.bundle_version",
        "apple.validation_category",
        "boot.locked",
        "boot.state",
        "certificate.devices",
        "device.id",
        "evidence.age_s",
        "evidence.class",
        "key.level",
        "key.provisioning",
        "os.attested_version",
        "patch.age_days",
        "patch.boot_age_days",
        "patch.vendor_age_days",
        "play.app_verdict",
        "play.apps_detected",
        "play.device_verdict",
        "play.licensing_verdict",
        "play.protect_verdict",
        "revocation.age_s",
        "token.kind",
    ]
    .into();
    assert_eq!(beyond, expect);
    for fact in FactId::all().filter(|fact| fact.entry().origin != Origin::Device) {
        let exists = if fact.entry().kind == Kind::Rows {
            json!({"fact": fact.name(), "op": "count_gt", "value": 0})
        } else {
            json!({"fact": fact.name(), "op": "exists"})
        };
        let rules = json!([{"id": "r", "why": "w", "then": "deny", "when": exists}]);
        let refused = policy(rules, json!(["r"])).compile().is_err();
        assert_eq!(refused, beyond.contains(fact.name()), "{}", fact.name());
    }
}

#[test]
fn it_holds_for_a_day_at_most() {
    let check = |issued_at: u64, expires_at: u64, now: u64, expect: &str| {
        let brake = Brake {
            issued_at,
            expires_at,
            ..brake(&[])
        };
        let code = brake.verify_at(now).map_or_else(|error| error.code(), |()| "");
        assert_eq!(code, expect, "{issued_at} {expires_at} {now}");
        assert_eq!(brake.in_force(now), expect.is_empty());
    };
    let day = MAX_BRAKE_S;
    check(1_000, 2_000, 1_000, "");
    check(1_000, 2_000, 1_999, "");
    check(1_000, 2_000, 2_000, "brake-expired");
    check(1_000, 2_000, 700, "");
    check(1_000, 2_000, 699, "brake-early");
    check(1_000, 1_000 + day, 1_000, "");
    check(1_000, 1_000 + day, 999, "brake-early");
    check(1_000, 1_001 + day, 1_000, "brake-too-long");
    check(1_000, 1_000, 1_000, "brake-backwards");
    check(2_000, 1_000, 500, "brake-backwards");
    check(0, u64::MAX, 5, "brake-too-long");
    check(u64::MAX - 1, u64::MAX, 5, "brake-early");
}

#[test]
fn it_is_read_strictly() {
    let check = |text: &str, expect: &str| {
        let code = Brake::from_json(text.as_bytes()).map_or_else(|error| error.code(), |_| "");
        assert_eq!(code, expect, "{text:.80}");
    };
    let with = |rules: &str| format!(r#"{{"version":1,"issued_at":10,"expires_at":20,"rules":{rules}}}"#);
    check(&with("{}"), "");
    check(&with(r#"{"a":"off","b":"shadow"}"#), "");
    check(&with(r#"{"a":"enforce"}"#), "brake-raises");
    check(&with(r#"{"a":"on"}"#), "brake-malformed");
    check(&with(r#"{"a":"off","a":"shadow"}"#), "brake-malformed");
    check(&with(r#"["a"]"#), "brake-malformed");
    check(&with("{}").replace("10", "20"), "brake-backwards");
    check(&with("{}").replace("20", "90000"), "brake-too-long");
    check(&with("{}").replace("10", "-10"), "brake-malformed");
    check(&with("{}").replacen('{', r#"{"more":1,"#, 1), "brake-malformed");
    check(&format!("{} x", with("{}")), "brake-malformed");
    check("", "brake-malformed");
    check(
        &with(&format!("{{{}}}", " ".repeat(MAX_BRAKE_BYTES))),
        "brake-too-large",
    );
    let many: Vec<_> = (0..=MAX_RULES).map(|at| format!(r#""r{at}":"off""#)).collect();
    check(&with(&format!("{{{}}}", many.join(","))), "brake-too-many-rules");
    let text = with(r#"{"a":"off"}"#);
    let read = Brake::from_json(text.as_bytes()).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), text);
}
