//! Conditions for comparison and for sentences.

use std::collections::{BTreeMap, BTreeSet};

use attest_core::policy::Condition;
use serde_json::Value as Json;

use super::fields::{self, flow, json};

/// The condition with everything in one order whose order has no effect.
pub(super) fn normal(condition: &Condition) -> Json {
    let mut value = json(condition);
    order(&mut value);
    value
}

fn order(value: &mut Json) {
    match value {
        Json::Object(members) => {
            let range = members
                .get("op")
                .and_then(Json::as_str)
                .is_some_and(|op| op.contains("between"));
            for (name, value) in members.iter_mut() {
                if !(range && name == "value") {
                    order(value);
                }
            }
        }
        Json::Array(items) => {
            items.iter_mut().for_each(order);
            items.sort_by_cached_key(|item| attest_core::policy::canonical_json(item).unwrap_or_default());
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

/// The condition in one line, such as `boot.state ne verified and not key.level exists`.
pub(super) fn text(condition: &Json) -> String {
    written(condition, false)
}

fn written(condition: &Json, inner: bool) -> String {
    let joined = |items: &Json, word: &str| {
        let items = items.as_array().map(Vec::as_slice).unwrap_or_default();
        let text = items
            .iter()
            .map(|item| written(item, items.len() > 1))
            .collect::<Vec<_>>()
            .join(word);
        if inner && items.len() > 1 {
            format!("({text})")
        } else {
            text
        }
    };
    if let Some(all) = condition.get("all") {
        return joined(all, " and ");
    }
    if let Some(any) = condition.get("any") {
        return joined(any, " or ");
    }
    if let Some(not) = condition.get("not") {
        return format!("not ({})", written(not, false));
    }
    if let Some(at_least) = condition.get("at_least") {
        let n = at_least.get("n").map(flow).unwrap_or_default();
        let of = at_least.get("of").and_then(Json::as_array);
        let of: Vec<_> = of.into_iter().flatten().map(|one| written(one, false)).collect();
        return format!("at least {n} of ({})", of.join("; "));
    }
    clause(condition)
}

/// One clause: fact, operator, value, and whatever else it has by its name.
pub(crate) fn clause(test: &Json) -> String {
    let part = |name: &str| test.get(name).map(flow);
    let mut text = [part("fact"), part("op"), part("value")]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ");
    for (name, value) in test.as_object().into_iter().flatten() {
        if !["fact", "op", "value"].contains(&name.as_str()) {
            text.push_str(&format!(" {name} {}", flow(value)));
        }
    }
    text
}

/// The clauses of a condition, each once, by their text.
fn clauses(condition: &Json) -> BTreeMap<String, &Json> {
    let mut found = BTreeMap::new();
    let mut open = vec![condition];
    while let Some(next) = open.pop() {
        match next {
            Json::Object(members) if members.contains_key("fact") => drop(found.insert(clause(next), next)),
            Json::Object(members) => open.extend(members.values()),
            Json::Array(items) => open.extend(items),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
        }
    }
    found
}

/// What another condition asks that this one did not, and the other way round.
pub(super) fn change(before: &Json, after: &Json) -> String {
    let (mut old, mut new) = (clauses(before), clauses(after));
    let (was, now) = (old.clone(), new.clone());
    old.retain(|text, _| !now.contains_key(text));
    new.retain(|text, _| !was.contains_key(text));
    let mut parts = Vec::new();
    // One clause of the same fact and operator on each side is the same clause with another value.
    for (text, test) in &now {
        let same = |other: &Json| {
            ["fact", "op"]
                .iter()
                .all(|name| other.get(name) == test.get(name))
        };
        let mut others = old.iter().filter(|(_, other)| same(other));
        if let (Some((other, value)), None) = (others.next(), others.next())
            && new.values().filter(|other| same(other)).count() == 1
            && new.contains_key(text)
        {
            let fields = fields::compare(value, test);
            let changes = fields
                .iter()
                .map(|field| format!("{} {}", field.path, field.change()));
            let asked = ["fact", "op"].map(|name| test.get(name).map(flow).unwrap_or_default());
            parts.push(format!(
                "`{}`: {}",
                asked.join(" "),
                changes.collect::<Vec<_>>().join(", ")
            ));
            let other = other.clone();
            old.remove(&other);
            new.remove(text);
        }
    }
    let quoted = |clauses: &BTreeMap<String, &Json>| {
        let items: Vec<_> = clauses.keys().map(|text| format!("`{text}`")).collect();
        (!items.is_empty()).then(|| super::some_of(&items))
    };
    parts.extend(quoted(&new).map(|new| format!("now asks {new}")));
    parts.extend(quoted(&old).map(|old| format!("no longer asks {old}")));
    if parts.is_empty() {
        format!(
            "combines its clauses differently: `{}` → `{}`",
            text(before),
            text(after)
        )
    } else {
        parts.join("; ")
    }
}

/// What a rule is about, for a sentence: categories or detectors of findings, else the condition itself.
pub(super) fn about(condition: &Json) -> String {
    let mut names = BTreeSet::new();
    findings(condition, &mut names);
    if names.is_empty() {
        return format!("requests where {}", text(condition));
    }
    let names: Vec<_> = names.into_iter().collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, first)) => format!("{} or {last}", first.join(", ")),
        None => String::new(),
    }
}

fn findings(condition: &Json, names: &mut BTreeSet<String>) {
    match condition {
        Json::Object(members) => {
            let fact = members.get("fact").and_then(Json::as_str).unwrap_or_default();
            let name = fact.split('@').next().unwrap_or_default();
            let positive = ["any_eq", "any_in"];
            let asks = members
                .get("op")
                .and_then(Json::as_str)
                .is_some_and(|op| positive.contains(&op));
            if ["findings.category", "findings.hit"].contains(&name) && asks {
                match members.get("value") {
                    Some(Json::String(one)) => drop(names.insert(one.clone())),
                    Some(Json::Array(many)) => {
                        names.extend(many.iter().filter_map(Json::as_str).map(str::to_owned));
                    }
                    _ => {}
                }
            }
            let inner = members.iter().filter(|(name, _)| name.as_str() != "not");
            inner.for_each(|(_, value)| findings(value, names));
        }
        Json::Array(items) => items.iter().for_each(|item| findings(item, names)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}
