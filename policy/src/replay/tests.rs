//! Lines that were written by hand, under candidates that change one thing each.

use serde_json::{Value as Json, json};

use super::*;

/// A policy with these rules; `banned` is a list.
fn policy(rules: Json) -> GatewayPolicy {
    serde_json::from_value(json!({
        "version": 7,
        "environment": "development",
        "origins": ["https://a.example"],
        "apps": [{"id": "bank", "platform": "ios", "team": "T", "bundle": "b", "evidence": ["app_attest"]}],
        "detectors": {
            "clone.dir": {"platform": "ios", "category": "cloner", "severity": "high", "mode": "enforce"},
            "root.su": {"platform": "ios", "category": "root", "severity": "low", "mode": "shadow"},
        },
        "lists": {"banned": ["d1"]},
        "rules": rules,
        "routes": [
            {"id": "pay", "methods": ["POST"], "path": "/pay", "upstream": "u", "require": "enforce", "apps": ["bank"]},
            {"id": "look", "methods": ["GET"], "path": "/look", "upstream": "u", "require": "observe", "apps": ["bank"]},
            {"id": "open", "methods": ["GET"], "path": "/open", "upstream": "u", "require": "none"},
        ],
    }))
    .unwrap()
}

fn rule(id: &str, when: Json, then: &str) -> Json {
    json!({"id": id, "why": "w", "when": when, "then": if then == "step_up" { json!({"step_up": {"kind": "proof"}}) } else { json!(then) }})
}

fn with(mut one: Json, key: &str, value: Json) -> Json {
    one[key] = value;
    one
}

fn cloner() -> Json {
    json!({"fact": "findings.category", "op": "any_eq", "value": "cloner"})
}

/// An allowed payment of a device with these hits.
fn payment(hit: Json) -> Json {
    json!({
        "v": 1, "at_s": 1_000, "policy": 6, "route": "pay", "method": "POST", "require": "enforce",
        "standing": "attested", "decision": "allow", "share": 1.0, "app": "bank", "app_version": "1.2",
        "device": "00000000000000ff",
        "facts": {
            "token.kind": "session", "key.level": "app-bound", "boot.state": null, "device.age_s": 172_800,
            "findings.hit@ticket": hit, "findings.hit@token": [],
            "findings.inconclusive@ticket": [], "findings.inconclusive@token": [],
        },
        "by_the_day": ["device.age_s"],
    })
}

fn replay(rules: Json, lines: &[Json], if_enforced: bool) -> Report {
    let options = Options {
        if_enforced,
        examples: 2,
    };
    let mut replay = Replay::new(policy(rules), options).unwrap();
    for (number, line) in (1..).zip(lines) {
        replay.line("log", number, line.to_string().as_bytes());
    }
    replay.finish()
}

/// Each change in short: `change name requests [missing]`.
fn told(report: &Report) -> String {
    assert_eq!(report.bad_lines, []);
    let groups = report.groups.iter().map(|group| {
        let missing: Vec<_> = group.missing.iter().map(|(fact, _)| fact.as_str()).collect();
        let change = serde_json::to_value(group.change).unwrap();
        format!(
            "{} {} {} [{}]",
            change.as_str().unwrap(),
            group.name,
            group.requests,
            missing.join(",")
        )
    });
    groups.collect::<Vec<_>>().join("; ")
}

#[test]
fn a_rule_newly_refuses_who_has_what_it_asks() {
    let check = |rules: Json, line: Json, expect: &str| {
        let report = replay(rules.clone(), &[line], false);
        assert_eq!(told(&report), expect, "{rules}");
        let sum = report.newly_denied
            + report.newly_stepped_up
            + report.newly_allowed
            + report.eased
            + report.same
            + report.undecided;
        assert!(
            (sum - report.requests).abs() < 1e-9,
            "nothing is lost: {report:?}"
        );
    };
    let deny = || rule("r", cloner(), "deny");
    let hit = || payment(json!(["clone.dir"]));
    check(json!([deny()]), hit(), "denied r 1 []; if_enforced r 1 []");
    check(json!([deny()]), payment(json!([])), "");
    check(
        json!([rule("r", cloner(), "step_up")]),
        hit(),
        "stepped_up r 1 []; if_enforced r 1 []",
    );
    check(
        json!([with(deny(), "mode", json!("shadow"))]),
        hit(),
        "if_enforced r 1 []",
    );
    check(json!([with(deny(), "mode", json!("off"))]), hit(), "");
    check(
        json!([with(deny(), "rollout_percent", json!(25))]),
        hit(),
        "denied r 0.25 []; if_enforced r 1 []",
    );
    check(
        json!([
            rule(
                "a",
                json!({"fact": "app.id", "op": "eq", "value": "bank"}),
                "allow"
            ),
            deny()
        ]),
        hit(),
        "",
    );
    // A detector in shadow is known by its id alone.
    check(
        json!([rule(
            "r",
            json!({"fact": "findings.category", "op": "any_eq", "value": "root"}),
            "deny"
        )]),
        payment(json!(["root.su"])),
        "",
    );
    check(
        json!([rule(
            "r",
            json!({"fact": "findings.hit", "op": "any_eq", "value": "root.su"}),
            "deny"
        )]),
        payment(json!(["root.su"])),
        "denied r 1 []; if_enforced r 1 []",
    );
    // A line of a sampled log stands for several requests.
    check(
        json!([deny()]),
        with(hit(), "share", json!(0.25)),
        "denied r 4 []; if_enforced r 4 []",
    );
    // What was refused before.
    let refused = || with(with(hit(), "decision", json!("deny")), "rule", json!("old"));
    check(json!([deny()]), refused(), "");
    check(json!([]), refused(), "allowed old 1 []");
    check(json!([rule("r", cloner(), "step_up")]), refused(), "eased r 1 []");
    // On a route that observes nothing follows.
    let looked = with(
        with(with(hit(), "route", json!("look")), "method", json!("GET")),
        "require",
        json!("observe"),
    );
    check(json!([with(deny(), "routes", json!(["look"]))]), looked, "");
}

#[test]
fn what_the_log_does_not_tell_is_never_guessed() {
    let check = |rules: Json, line: Json, expect: &str| {
        assert_eq!(told(&replay(rules.clone(), &[line], false)), expect, "{rules}");
    };
    let asks = |fact: &str, op: &str, value: Json| json!({"fact": fact, "op": op, "value": value});
    let old = |limit: i64| json!([rule("r", asks("device.age_s", "lt", json!(limit)), "deny")]);
    check(old(86_400), payment(json!([])), "");
    check(
        old(300_000),
        payment(json!([])),
        "denied r 1 []; if_enforced r 1 []",
    );
    check(old(200_000), payment(json!([])), "undecided r 1 [device.age_s]");
    check(
        json!([rule("r", asks("device.age_s", "eq", json!(200_000)), "deny")]),
        payment(json!([])),
        "undecided r 1 [device.age_s]",
    );
    // The exact bound of the day.
    check(old(172_800), payment(json!([])), "");
    check(
        old(259_200),
        payment(json!([])),
        "denied r 1 []; if_enforced r 1 []",
    );
    // Not written at all; and absent, which is known.
    check(
        json!([rule("r", asks("patch.age_days", "gt", json!(9)), "deny")]),
        payment(json!([])),
        "undecided r 1 [patch.age_days]",
    );
    check(
        json!([rule("r", asks("boot.state", "ne", json!("verified")), "deny")]),
        payment(json!([])),
        "",
    );
    // Whatever the first rule does, the second one comes to the same.
    let both = |second: &str| {
        json!([
            rule("r", asks("patch.age_days", "gt", json!(9)), "deny"),
            rule("s", asks("app.id", "eq", json!("bank")), second),
        ])
    };
    check(both("deny"), payment(json!([])), "denied s 1 []");
    check(
        both("step_up"),
        payment(json!([])),
        "undecided r 1 [patch.age_days]",
    );
}

#[test]
fn what_detectors_and_routes_change_is_told() {
    let check = |rules: Json, line: Json, expect: &str| {
        assert_eq!(told(&replay(rules.clone(), &[line], false)), expect, "{rules}");
    };
    let asks = |fact: &str, op: &str, value: Json| json!({"fact": fact, "op": op, "value": value});
    // A detector that the gateway did not know.
    check(
        json!([rule("r", cloner(), "deny")]),
        payment(json!(["?"])),
        "undecided r 1 [findings.category]",
    );
    check(
        json!([rule(
            "r",
            asks("findings.hit", "any_eq", json!("clone.dir")),
            "deny"
        )]),
        payment(json!(["clone.dir", "?"])),
        "denied r 1 []; if_enforced r 1 []",
    );
    // Routes.
    let moved = |change: &[(&str, &str)]| {
        change.iter().fold(payment(json!([])), |line, (key, value)| {
            with(line, key, json!(value))
        })
    };
    check(
        json!([]),
        moved(&[("route", "gone")]),
        "undecided route-gone gone 1 [the route]",
    );
    check(
        json!([]),
        moved(&[("method", "GET")]),
        "undecided route-method pay 1 [the route]",
    );
    check(
        json!([]),
        moved(&[("app", "other")]),
        "denied app-refused pay 1 []",
    );
    check(
        json!([]),
        moved(&[
            ("standing", "unattested"),
            ("decision", "none"),
            ("require", "observe"),
        ]),
        "denied require-enforce pay 1 []",
    );
    check(
        json!([]),
        moved(&[("standing", "public"), ("decision", "none"), ("require", "none")]),
        "undecided require-enforce pay 1 [whether there was a token]",
    );
}

#[test]
fn what_the_gateway_found_counts_where_the_condition_is_the_same() {
    let banned = || {
        json!([rule(
            "ban",
            json!({"fact": "device.id", "op": "in_list", "value": "banned"}),
            "deny"
        )])
    };
    let written = policy(banned());
    let when = condition_digest(&written, &written.rules[0]);
    let sealed = |held: bool| {
        with(
            payment(json!([])),
            "sealed",
            json!([{"rule": "ban", "when": when, "held": held}]),
        )
    };
    let told_of = |rules: Json, line: Json| told(&replay(rules, &[line], false));
    assert_eq!(
        told_of(banned(), payment(json!([]))),
        "undecided ban 1 [device.id]"
    );
    assert_eq!(told_of(banned(), sealed(false)), "");
    assert_eq!(
        told_of(banned(), sealed(true)),
        "denied ban 1 []; if_enforced ban 1 []"
    );
    // Another list is another condition.
    let mut longer = policy(banned());
    longer.lists.get_mut("banned").unwrap().push("d2".into());
    assert_ne!(condition_digest(&longer, &longer.rules[0]), when);
}

#[test]
fn a_device_keeps_its_side_of_a_roll_out() {
    let at = |percent: u8| {
        json!([with(
            rule("r", cloner(), "deny"),
            "rollout_percent",
            json!(percent)
        )])
    };
    let before = |effect: &str, mode: &str, percent: u8| {
        let held = json!([{"rule": "r", "mode": mode, "decision": "deny", "clause": 0, "effect": effect, "percent": percent}]);
        with(payment(json!(["clone.dir"])), "held", held)
    };
    let check = |to: u8, line: Json, expect: f64| {
        let report = replay(at(to), &[line], false);
        assert!((report.newly_denied - expect).abs() < 1e-9, "{to}: {report:?}");
    };
    check(10, before("rollout_outside", "enforce", 10), 0.0);
    check(5, before("rollout_outside", "enforce", 10), 0.0);
    check(55, before("rollout_outside", "enforce", 10), 0.5);
    check(100, before("rollout_outside", "enforce", 10), 1.0);
    check(10, before("shadow", "shadow", 10), 1.0);
    check(50, before("shadow", "shadow", 10), 1.0);
    check(5, before("shadow", "shadow", 10), 0.5);
    check(10, payment(json!(["clone.dir"])), 0.1);
}

#[test]
fn everything_enforced_for_everybody() {
    let careful = with(
        with(rule("r", cloner(), "deny"), "mode", json!("shadow")),
        "rollout_percent",
        json!(1),
    );
    let lines = [payment(json!(["clone.dir"]))];
    assert!(replay(json!([careful]), &lines, false).newly_denied.abs() < 1e-9);
    assert!((replay(json!([careful]), &lines, true).newly_denied - 1.0).abs() < 1e-9);
}

#[test]
fn a_step_up_that_was_given_is_not_asked_again() {
    let rules = json!([rule("r", cloner(), "step_up"), rule("s", cloner(), "deny")]);
    let mut line = payment(json!(["clone.dir"]));
    assert_eq!(
        told(&replay(rules.clone(), &[line.clone()], false)),
        "stepped_up r 1 []; if_enforced r 1 []"
    );
    line["facts"]["token.kind"] = json!("proof");
    assert_eq!(
        told(&replay(rules, &[line], false)),
        "denied s 1 []; if_enforced s 1 []"
    );
}

#[test]
fn lines_that_cannot_be_read_are_counted_and_named() {
    let mut replay = Replay::new(
        policy(json!([])),
        Options {
            if_enforced: false,
            examples: 1,
        },
    )
    .unwrap();
    let good = payment(json!([]));
    let long = format!("{{\"v\":1,\"x\":\"{}\"}}", "x".repeat(MAX_LINE_BYTES));
    let unfit = |name: &str, value: Json| {
        let mut line = good.clone();
        line["facts"][name] = value;
        line.to_string()
    };
    let lines = [
        (good.to_string(), None),
        (String::new(), None),
        ("not json".to_owned(), Some("line-malformed")),
        (r#"{"v":2,"new":"form"}"#.to_owned(), Some("line-format")),
        (
            with(good.clone(), "more", json!(1)).to_string(),
            Some("line-malformed"),
        ),
        (
            with(good.clone(), "share", json!(0.0)).to_string(),
            Some("line-share"),
        ),
        (
            with(good.clone(), "share", json!(1e-7)).to_string(),
            Some("line-share"),
        ),
        (
            with(good.clone(), "device", json!("ff")).to_string(),
            Some("line-device"),
        ),
        (unfit("no.such", json!(1)), Some("line-fact")),
        (unfit("key.level", json!(1)), Some("line-fact")),
        (unfit("device.id", json!("d1")), Some("line-fact")),
        (long, Some("line-too-long")),
    ];
    for (number, (line, _)) in (1..).zip(&lines) {
        replay.line("log", number, line.as_bytes());
    }
    let report = replay.finish();
    let expect: Vec<_> = lines.iter().filter_map(|(_, code)| *code).collect();
    let named: Vec<_> = report.bad_lines.iter().map(|bad| bad.code).collect();
    assert_eq!(named, expect);
    assert_eq!((report.lines, report.bad), (1, 10));
}
