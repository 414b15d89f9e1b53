//! What an app of a policy may say, by platform and environment.

use serde_json::json;

use super::*;
use crate::policy::tests::{errors_of, with};

fn android() -> serde_json::Value {
    let signers = ["0".repeat(64)];
    json!({"id": "a", "platform": "android", "package": "p", "signers": signers, "evidence": ["android_key"]})
}

fn ios() -> serde_json::Value {
    json!({"id": "i", "platform": "ios", "team": "T", "bundle": "b", "evidence": ["app_attest"]})
}

/// Everything that an android app can ask for.
fn strict() -> serde_json::Value {
    json!({
        "min_version_code": 7, "key_level_min": "strongbox", "boot": {"keys": ["0".repeat(64)]},
        "patch_min": {"os": "2024-01-01"}, "android": {"unknown_tags": "skip", "name_mismatch": "accept"},
        "evidence": ["android_key", "play_integrity"], "play_integrity": "required",
    })
}

/// The policy with the app, changed so, has these errors.
fn check(environment: &str, app: serde_json::Value, more: serde_json::Value, expect: &[&str]) {
    let app = with(app, more.clone());
    let policy = json!({"version": 1, "environment": environment, "apps": [app]});
    let errors = errors_of(serde_json::from_value(policy).unwrap());
    assert_eq!(errors, expect, "{environment} {more}");
}

#[test]
fn an_app_asks_only_what_its_platform_can_say() {
    let hex = "0".repeat(64);
    for environment in ["production", "development"] {
        let android = |more: serde_json::Value, expect: &[&str]| check(environment, android(), more, expect);
        android(json!({}), &[]);
        android(strict(), &[]);
        android(
            json!({"key_level_min": "app-bound"}),
            &["apps[0].key_level_min: shape"],
        );
        android(
            json!({"app_attest_environment": "production"}),
            &["apps[0].app_attest_environment: shape"],
        );
        android(
            json!({"boot": {"require": "any", "keys": [hex, "AB"]}}),
            &[
                "apps[0].boot.keys[1]: shape",
                "apps[0].boot.keys: boot-keys-unused",
            ],
        );
        android(
            json!({"boot": {"keys": vec![hex.clone(); 101]}}),
            &["apps[0].boot.keys: too-many"],
        );
        android(
            json!({"play_integrity": "optional"}),
            &["apps[0].play_integrity: play-integrity-not-listed"],
        );
        android(
            json!({"evidence": ["play_integrity"]}),
            &["apps[0].evidence: play-integrity-alone"],
        );
        check(
            environment,
            ios(),
            json!({"app_attest_environment": "production"}),
            &[],
        );
    }
    let foreign = [
        "apps[0].min_version_code: shape",
        "apps[0].key_level_min: shape",
        "apps[0].boot: shape",
        "apps[0].patch_min: shape",
        "apps[0].android: shape",
        "apps[0].play_integrity: shape",
        "apps[0].evidence[0]: evidence-platform",
        "apps[0].evidence[1]: evidence-platform",
    ];
    check("development", ios(), strict(), &foreign);
}

#[test]
fn production_asks_for_more() {
    let development = json!({"app_attest_environment": "development"});
    let software = json!({"key_level_min": "software"});
    check("development", ios(), development.clone(), &[]);
    check("development", android(), software.clone(), &[]);
    check(
        "production",
        ios(),
        development,
        &["apps[0].app_attest_environment: app-attest-development-in-production"],
    );
    check(
        "production",
        android(),
        software,
        &["apps[0].key_level_min: software-key-in-production"],
    );
}

#[test]
fn what_an_app_does_not_say_has_its_default() {
    let app: App =
        serde_json::from_value(json!({"id": "a", "platform": "android", "evidence": ["android_key"]}))
            .unwrap();
    assert_eq!(app.key_level_floor(Environment::Production), KeyLevel::Hardware);
    assert_eq!(app.key_level_floor(Environment::Development), KeyLevel::Software);
    assert_eq!(app.app_attest_environment(), Environment::Production);
    assert_eq!(
        (app.boot.require, app.play_integrity()),
        (BootRequire::Verified, None)
    );
    assert_eq!(app.android, AndroidReading::default());
    let written = serde_json::to_value(&app).unwrap();
    assert_eq!(written.as_object().unwrap().len(), 3, "{written}");
    let app = App {
        evidence: vec![EvidenceKind::PlayIntegrity],
        min_version_code: Some(7),
        key_level_min: Some(KeyLevel::StrongBox),
        ..app
    };
    assert_eq!(app.play_integrity(), Some(PlayIntegrity::Optional));
    assert_eq!(app.key_level_floor(Environment::Development), KeyLevel::StrongBox);
    let codes = [Some(8), Some(7), Some(6), None].map(|code| app.accepts_version_code(code));
    assert_eq!(codes, [true, true, false, false]);
}
