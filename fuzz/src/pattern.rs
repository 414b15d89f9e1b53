//! Patterns of conditions, beside another implementation of their language.

use std::collections::BTreeMap;

use attest_core::facts::{FactMap, FactRef, Observation, Platform, Value};
use attest_core::policy::{Condition, Matcher, Outcome, Scope, Side, Variables};
use serde_json::json;

/// The nesting that a policy may have.
const NEST_LIMIT: u32 = 24;
/// Bytes for which both find room, and bytes for which ours does not: each counts in its own way.
const SMALL: usize = 8 * 1024;
const LARGE: usize = 1024 * 1024;

/// The first line is a pattern, with `i` before it if case does not matter and any other sign if it does; the rest is a text. Both
/// implementations take the pattern or neither does, and both find it in the text or neither does.
pub fn pattern(data: &[u8]) -> bool {
    let (pattern, text) = crate::text(data).split_once('\n').unwrap_or_default();
    let mut rest = pattern.chars();
    let ignore_case = rest.next() == Some('i');
    let pattern = rest.as_str();
    // What is filled in is no part of the language.
    if pattern.contains("${") {
        return false;
    }
    let other = |bytes| {
        let mut builder = regex_lite::RegexBuilder::new(pattern);
        builder.case_insensitive(ignore_case).nest_limit(NEST_LIMIT).size_limit(bytes).build().ok()
    };
    let Some(found) = ours(pattern, ignore_case, text) else {
        assert!(pattern.len() > 4_096 || other(SMALL).is_none(), "only another takes {pattern:?}");
        return false;
    };
    let other = other(LARGE).map(|other| other.is_match(text));
    assert_eq!(Some(found), other, "{pattern:?} in {text:?}");
    true
}

/// Whether a condition with this pattern holds for this text; `None` if it does not compile.
fn ours(pattern: &str, ignore_case: bool, text: &str) -> Option<bool> {
    let op = if ignore_case { "matches_ci" } else { "matches" };
    let when: Condition = serde_json::from_value(json!({"fact": "id.package", "op": op, "value": pattern})).ok()?;
    let lists = BTreeMap::new();
    let scope = Scope::new(Side::Device(Platform::Android), &lists, Variables::default());
    let matcher = Matcher::compile(&when, &scope).ok()?;
    let observed = Observation::Value(Value::Text(text.to_owned()));
    let facts: FactMap = [("id.package".parse::<FactRef>().ok()?, observed)].into_iter().collect();
    Some(matcher.evaluate(&facts) == Outcome::True)
}
