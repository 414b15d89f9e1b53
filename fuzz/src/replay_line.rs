//! A line of a decision log, as replay reads it.

use std::sync::LazyLock;

use attest_core::policy::GatewayPolicy;
use attest_policy::replay::{Budget, Line, Options, Replay, Verdict};
use serde_json::json;

/// Rules over what a log tells in part, rounds and withholds.
static CANDIDATE: LazyLock<Option<GatewayPolicy>> = LazyLock::new(|| {
    let rule = |id: &str, percent: u8, fact: &str, op: &str, value: serde_json::Value| {
        json!({"id": id, "rollout_percent": percent, "why": "w", "then": "deny", "when": {"fact": fact, "op": op, "value": value}})
    };
    let policy = json!({
        "version": 2, "environment": "development", "origins": ["https://a.example"],
        "apps": [{"id": "bank", "platform": "ios", "team": "T", "bundle": "b", "evidence": ["app_attest"]}],
        "detectors": {"clone.dir": {"platform": "ios", "category": "cloner", "severity": "high", "mode": "enforce"}},
        "rules": [
            rule("partly", 40, "device.age_s", "lt", json!(200_000)),
            rule("device", 100, "device.id", "eq", json!("d1")),
            rule("cloner", 100, "findings.category", "any_eq", json!("cloner")),
            rule("unsure", 100, "findings.inconclusive", "count_gt", json!(3)),
        ],
        "routes": [
            {"id": "pay", "methods": ["POST"], "path": "/pay", "upstream": "u", "require": "enforce", "apps": ["bank"]},
            {"id": "look", "methods": ["GET"], "path": "/look", "upstream": "u", "require": "observe", "apps": ["bank"]},
        ],
    });
    GatewayPolicy::from_json(policy.to_string().as_bytes()).ok()
});

/// Any text is one line that counts, one that is named as bad, or nothing. What counts is counted whole, and no budget is kept
/// by a line that could not be used; what was read is read again from what it is written as.
pub fn replay_line(data: &[u8]) -> bool {
    let options = Options { if_enforced: false, examples: 1 };
    let Some(Ok(mut replay)) = CANDIDATE.clone().map(|candidate| Replay::new(candidate, options)) else {
        unreachable!("the candidate compiles")
    };
    replay.line("log", 1, data);
    let report = replay.finish();
    let nothing = data.trim_ascii().is_empty();
    assert_eq!(report.lines + report.bad, u64::from(!nothing), "a line that is neither used nor named");
    let parts = [
        report.newly_denied,
        report.newly_stepped_up,
        report.newly_allowed,
        report.eased,
        report.same,
        report.undecided,
    ];
    let whole: f64 = parts.iter().sum();
    assert!((whole - report.requests).abs() <= report.requests * 1e-9, "{parts:?} are not {}", report.requests);
    if report.bad > 0 {
        assert_ne!(Budget::Requests(0.0).verdict(&report), Verdict::Kept, "a bad line keeps a budget");
        return false;
    }
    if nothing {
        return false;
    }
    let line = Line::read(data.trim_ascii());
    assert!(line.is_ok(), "replay read what is no line");
    let written = line.ok().and_then(|line| serde_json::to_vec(&line).ok()).unwrap_or_default();
    let again = Line::read(&written).ok().and_then(|line| serde_json::to_vec(&line).ok());
    assert_eq!(again.as_ref(), Some(&written), "a line changes as it is copied");
    true
}
