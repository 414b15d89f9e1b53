//! `attest explain`: codes made with the deployment's keys open into names; others do not.
#![cfg(test)]

use std::path::Path;

use attest_core::problem::ProblemCode;
use attest_core::support_code::{Cause, NameHash, SupportCodes};
use attest_gateway::keys::Keys;
use ring::rand::SystemRandom;

use crate::support::*;

fn gateway() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(attest(&["gateway", "init", text(folder.path())]).code, Some(0));
    folder
}

fn cause() -> Cause {
    Cause {
        code: ProblemCode::Denied,
        route: NameHash::of("payments"),
        rule: NameHash::of("hooked-or-traced"),
        clause: 0,
        fact: NameHash::of("findings.rows"),
        value: NameHash::of("id=debug.tracer category=debugger severity=high"),
        policy_version: 7,
        at_s: 1_800_000_000,
    }
}

/// A code for this cause, made with the keys of the gateway in a folder.
pub(crate) fn seal(folder: &Path, cause: &Cause) -> String {
    let rng = SystemRandom::new();
    let keys = Keys::read(&folder.join("keys"), &rng).unwrap();
    SupportCodes::new(&keys.fleet, keys.support.current)
        .unwrap()
        .seal(cause, &rng)
        .unwrap()
}

fn explain(folder: &Path, code: &str, more: &[&str]) -> Ended {
    let config = folder.join("attest.toml");
    attest(&[&["explain", code, "--config", text(&config)], more].concat())
}

#[test]
fn a_rule_is_found_with_clause_fact_and_value() {
    let folder = gateway();
    let code = seal(folder.path(), &cause());
    let ended = explain(folder.path(), &code, &[]);
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    for part in [
        "Refused  denied",
        "When     2027-01-15T08:00:00Z",
        "Route    payments (POST /v1/payments/**)",
        "Rule     hooked-or-traced (enforce): A hooked",
        "Clause   rules[1].when (number 0): findings.rows any_row where category in [\"hook\", \"debugger\"",
        "Fact     findings.rows: The detectors that hit",
        "Value    id=debug.tracer category=debugger severity=high\n",
        "Policy   version 7\n",
        "was told `none`: the answer stands",
    ] {
        assert!(ended.text().contains(part), "{part} is not in:\n{}", ended.text());
    }
    let report = explain(folder.path(), &code, &["--json"]).json();
    assert_eq!(report["rule"]["id"], "hooked-or-traced");
    assert_eq!(
        (&report["same_version"], &report["unresolved"]),
        (&true.into(), &serde_json::json!([]))
    );
    // As it is read over the telephone.
    let spoken: Vec<String> = code
        .to_uppercase()
        .as_bytes()
        .chunks(5)
        .map(|five| String::from_utf8_lossy(five).into())
        .collect();
    let config = folder.path().join("attest.toml");
    let mut words = vec!["explain", "--config", text(&config)];
    words.extend(spoken.iter().map(String::as_str));
    assert_eq!(attest(&words).code, Some(0));
}

#[test]
fn numbers_and_inner_reasons_are_found_and_unknown_names_are_said() {
    let folder = gateway();
    let check = |cause: Cause, expect: &[&str]| {
        let ended = explain(folder.path(), &seal(folder.path(), &cause), &[]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        for part in expect {
            assert!(ended.text().contains(part), "{part} is not in:\n{}", ended.text());
        }
    };
    let none = NameHash::NONE;
    let young = Cause {
        code: ProblemCode::StepUpRequired,
        rule: NameHash::of("new-device-payment"),
        clause: 1,
        fact: NameHash::of("device.age_s"),
        value: NameHash::of("61"),
        ..cause()
    };
    check(
        young,
        &[
            "rules[8].when.any[0] (number 1): device.age_s lt 86400",
            "Value    61\n",
            "`step-up`",
        ],
    );
    let reason = Cause {
        code: ProblemCode::TokenReplayed,
        rule: NameHash::of("single-use"),
        fact: none,
        value: none,
        ..cause()
    };
    check(
        reason,
        &[
            "Refused  token-replayed",
            "Reason   single-use\n",
            "`fresh-token`",
        ],
    );
    let nothing = Cause {
        code: ProblemCode::RouteUnknown,
        route: none,
        rule: NameHash::of("route-unknown"),
        ..reason
    };
    check(nothing, &["Route    none", "Reason   route-unknown"]);
    let elsewhere = Cause {
        route: NameHash::of("gone"),
        rule: NameHash::of("gone-too"),
        fact: NameHash::of("future.fact"),
        value: NameHash::of("who knows"),
        policy_version: 9,
        ..cause()
    };
    check(
        elsewhere,
        &[
            "Route    a name that is not in the policy here",
            "Rule     a name that is not in the policy here",
            "Fact     a name that is not in the policy here",
            "not one of the policy's own words",
            "version 9; NOTE: the policy here has version 7",
        ],
    );
    check(
        Cause {
            clause: 400,
            ..cause()
        },
        &["Clause   number 400, which the rule does not have here"],
    );
    let report = explain(folder.path(), &seal(folder.path(), &elsewhere), &["--json"]).json();
    assert_eq!(
        report["unresolved"],
        serde_json::json!(["route", "rule", "fact", "value"])
    );
}

#[test]
fn a_broken_policy_still_lets_the_code_be_opened() {
    let folder = gateway();
    std::fs::write(folder.path().join("policy.yaml"), "version: [").unwrap();
    let ended = explain(folder.path(), &seal(folder.path(), &cause()), &[]);
    assert_eq!(ended.code, Some(0));
    assert!(
        ended.text().contains("Refused  denied") && ended.text().contains("no policy here can be read"),
        "{ended:?}"
    );
}

#[test]
fn foreign_codes_and_unreadable_configurations_are_told_apart() {
    let (folder, other) = (gateway(), gateway());
    let foreign = seal(other.path(), &cause());
    for (code, expect) in [
        (foreign.as_str(), "support-code-foreign"),
        ("nonsense", "support-code-malformed"),
        ("\u{1b}[2J", "support-code-malformed"),
    ] {
        let ended = explain(folder.path(), code, &[]);
        assert_eq!((ended.code, ended.out.len()), (Some(1), 0), "{ended:?}");
        assert!(ended.err.starts_with(&format!("{expect}: ")), "{}", ended.err);
        assert_eq!(explain(folder.path(), code, &["--json"]).json()["code"], expect);
    }
    let code = seal(folder.path(), &cause());
    assert_eq!(explain(&folder.path().join("nowhere"), &code, &[]).code, Some(2));
    std::fs::write(folder.path().join("keys/fleet.json"), "{}").unwrap();
    let ended = explain(folder.path(), &code, &[]);
    assert!(
        ended.code == Some(2) && ended.err.contains("fleet.json"),
        "{ended:?}"
    );
    assert_eq!(attest(&["explain"]).code, Some(2));
}
