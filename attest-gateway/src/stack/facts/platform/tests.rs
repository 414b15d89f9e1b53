//! Each fact of the proof as a rule meets it, and rules over them decided by the shared evaluator.

use attest_core::appraisal::AttestedPackages;
use attest_core::device::{BootState, KeyProvisioning};
use attest_core::facts::{FactRef, FactSource, NOT_OBSERVED, Origin};
use attest_core::policy::{CompiledGateway, Completed, GatewayPolicy, Subject};
use ring::hmac;
use serde_json::json;

use super::*;

/// 2027-01-15, 08:00 UTC.
const NOW_S: u64 = 1_800_000_000;

impl FactSource for PlatformFacts<'_> {
    fn answer(&self, fact: &FactRef) -> Answer<'_> {
        self.answer(fact.fact()).unwrap_or(Answer::Error(NOT_OBSERVED))
    }
}

fn android() -> PlatformClaims {
    PlatformClaims {
        attested_packages: AttestedPackages::new(["com.example.bank", "com.host", "a", "b", "c"]),
        app_version_code: Some(u64::MAX),
        provisioning: Some(KeyProvisioning::Rkp),
        boot_state: Some(BootState::SelfSigned),
        boot_locked: Some(false),
        os_version: Some(160_001),
        os_patch: PatchLevel::parse("2026-01-15"),
        vendor_patch: PatchLevel::parse("2027-01-05"),
        boot_patch: PatchLevel::parse("2027-02-01"),
        certificate_devices: Some(4),
        play: Some(Box::new(PlayClaims {
            device: Verdicts::default(),
            app: Some(Verdict::new("PLAY_RECOGNIZED")),
            licensing: None,
            protect: Some(Verdict::new("SOMETHING_NEW")),
            apps_detected: Verdicts::new(["KNOWN_INSTALLED", "UNKNOWN_CAPTURING"]),
        })),
        apple: None,
    }
}

fn ios() -> PlatformClaims {
    PlatformClaims {
        apple: Some(Box::new(AppleClaims::new(Some(4), Some("420")))),
        ..PlatformClaims::default()
    }
}

fn shown(answer: Option<Answer<'_>>) -> String {
    match answer {
        None => "other".to_owned(),
        Some(Answer::Text(text)) => format!("{text:?}"),
        Some(Answer::Integer(number)) => number.to_string(),
        Some(Answer::Boolean(flag)) => flag.to_string(),
        Some(Answer::List(list)) => {
            let items: Vec<_> = (0..list.len()).filter_map(|at| list.item(at)).collect();
            format!("[{}]", items.join(","))
        }
        Some(Answer::Rows(rows)) => format!("{} rows", rows.len()),
        Some(Answer::Absent) => "absent".to_owned(),
        Some(Answer::Error(errno)) => format!("error {errno}"),
    }
}

#[test]
fn each_fact_of_the_proof() {
    let (android, ios, software) = (android(), ios(), PlatformClaims::default());
    let check = |name: &str, expect: [&str; 3]| {
        let fact = FactId::named(name).unwrap();
        let answers = [&android, &ios, &software].map(|claims| {
            let facts = PlatformFacts::new(claims, NOW_S);
            shown(facts.answer(fact))
        });
        assert_eq!(answers, expect, "{name}");
    };
    let android = |name: &str, expect: &str| check(name, [expect, "absent", "absent"]);
    android("app.attested_package", "[com.example.bank,com.host,a,b]");
    android("app.attested_package_count", "5");
    android("app.attested_version_code", &i64::MAX.to_string());
    android("key.provisioning", "\"rkp\"");
    android("certificate.devices", "4");
    android("boot.state", "\"self_signed\"");
    android("boot.locked", "false");
    android("patch.age_days", "365");
    android("patch.vendor_age_days", "10");
    android("patch.boot_age_days", "0");
    android("os.attested_version", "\"16.0.1\"");
    android("play.device_verdict", "[]");
    android("play.app_verdict", "\"PLAY_RECOGNIZED\"");
    android("play.licensing_verdict", "absent");
    android("play.protect_verdict", "\"SOMETHING_NEW\"");
    android("play.apps_detected", "[KNOWN_INSTALLED,UNKNOWN_CAPTURING]");
    check("apple.validation_category", ["absent", "4", "absent"]);
    check("apple.bundle_version", ["absent", "\"420\"", "absent"]);
    check("app.version", ["other"; 3]);
}

/// A fact that nobody answers would make each rule over it undecidable, silently.
#[test]
fn every_fact_that_gateways_know_is_answered_somewhere() {
    let answered = [include_str!("../mod.rs"), include_str!("../platform.rs")].concat();
    for fact in FactId::all().filter(|fact| fact.entry().origin != Origin::Device) {
        let constant = format!("FactId::{} ", fact.name().to_uppercase().replace('.', "_"));
        assert!(answered.contains(&constant), "nobody answers {fact}");
    }
}

fn policy(when: serde_json::Value) -> CompiledGateway {
    let policy: GatewayPolicy = serde_json::from_value(json!({
        "version": 1, "environment": "development", "origins": ["https://a.example"],
        "apps": [{"id": "app", "platform": "ios", "team": "T", "bundle": "b", "evidence": ["app_attest"]}],
        "rules": [{"id": "rule", "mode": "enforce", "why": "w", "when": when, "then": "deny"}],
        "routes": [{"id": "pay", "methods": ["POST"], "path": "/pay", "upstream": "u", "require": "enforce", "apps": ["app"]}],
    }))
    .unwrap();
    policy.compile().unwrap()
}

#[test]
fn rules_over_the_proof() {
    let (android, ios) = (android(), ios());
    let check = |when: serde_json::Value, expect: [&str; 2]| {
        let policy = policy(when.clone());
        let route = policy.routes().find("POST", "/pay").unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
        let decided = [&android, &ios].map(|claims| {
            let facts = PlatformFacts::new(claims, NOW_S);
            let subject = Subject {
                device: b"d",
                rollout_key: &key,
                completed: Completed::default(),
            };
            let decided = policy.decide(route, &facts, &subject);
            match decided.inconclusive {
                0 => decided.decision.as_str(),
                _ => "inconclusive",
            }
        });
        assert_eq!(decided, expect, "{when}");
    };
    let fact =
        |fact: &str, op: &str, value: serde_json::Value| json!({"fact": fact, "op": op, "value": value});
    let unsaid = "inconclusive";
    check(fact("patch.age_days", "gt", json!(364)), ["deny", unsaid]);
    check(fact("patch.age_days", "gt", json!(365)), ["allow", unsaid]);
    check(fact("boot.state", "ne", json!("verified")), ["deny", unsaid]);
    check(fact("boot.locked", "eq", json!(false)), ["deny", unsaid]);
    check(
        fact("os.attested_version", "version_lt", json!("16.1")),
        ["deny", unsaid],
    );
    check(
        fact("app.attested_package", "any_ne", json!("com.example.bank")),
        ["deny", unsaid],
    );
    check(
        fact("play.device_verdict", "none_eq", json!("MEETS_DEVICE_INTEGRITY")),
        ["deny", unsaid],
    );
    check(
        fact("apple.validation_category", "ne", json!(4)),
        [unsaid, "allow"],
    );
    let leaked = json!({"all": [
        fact("key.provisioning", "eq", json!("rkp")),
        fact("certificate.devices", "gt", json!(3)),
    ]});
    check(leaked, ["deny", unsaid]);
    check(
        json!({"not": {"fact": "boot.state", "op": "exists"}}),
        ["allow", "deny"],
    );
}
