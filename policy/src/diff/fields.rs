//! Two JSON values, field by field. Lists are sets here: where order matters, the caller compares it.

use std::collections::BTreeSet;

use attest_core::policy::canonical_json;
use serde::Serialize;
use serde_json::{Map, Value as Json};

/// A field that differs.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    /// Its path within the value, such as `limits.per_device_per_minute`; empty for the value itself.
    pub(super) path: String,
    pub(super) before: Option<Json>,
    pub(super) after: Option<Json>,
}

impl Field {
    pub(super) const fn values(&self) -> (Option<&Json>, Option<&Json>) {
        (self.before.as_ref(), self.after.as_ref())
    }

    /// Items that came and went, of a field that is a list on either side.
    pub(super) fn items(&self) -> Option<(Vec<String>, Vec<String>)> {
        let listed = |value: &Option<Json>| match value {
            None => Some(Vec::new()),
            Some(Json::Array(items)) => Some(items.iter().map(shown).collect::<Vec<_>>()),
            Some(Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_)) => None,
        };
        let (before, after) = (listed(&self.before)?, listed(&self.after)?);
        let without = |these: &[String], those: &[String]| {
            these
                .iter()
                .filter(|item| !those.contains(item))
                .cloned()
                .collect()
        };
        Some((without(&after, &before), without(&before, &after)))
    }

    /// `+ a, b; − c` for lists, `before → after` for the rest.
    pub(super) fn change(&self) -> String {
        if let Some((came, went)) = self.items()
            && !(came.is_empty() && went.is_empty())
        {
            return signed(&came, &went);
        }
        format!(
            "{} → {}",
            or_none(self.before.as_ref()),
            or_none(self.after.as_ref())
        )
    }
}

/// `+ a, b; − c`
pub(super) fn signed(came: &[String], went: &[String]) -> String {
    let part = |sign: &str, items: &[String]| {
        (!items.is_empty()).then(|| format!("{sign} {}", super::some_of(items)))
    };
    [part("+", came), part("−", went)]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join("; ")
}

pub(super) fn json<T: Serialize>(value: &T) -> Json {
    serde_json::to_value(value).unwrap_or(Json::Null)
}

/// The fields that differ, maps entered, in the order of their names.
pub(super) fn compare(before: &Json, after: &Json) -> Vec<Field> {
    let mut fields = Vec::new();
    walk(String::new(), Some(before), Some(after), &mut fields);
    fields
}

fn walk(path: String, before: Option<&Json>, after: Option<&Json>, fields: &mut Vec<Field>) {
    let nothing = Map::new();
    let entered = match (before, after) {
        (Some(Json::Object(before)), Some(Json::Object(after))) => Some((before, after)),
        (Some(Json::Object(before)), None) if !path.is_empty() => Some((before, &nothing)),
        (None, Some(Json::Object(after))) if !path.is_empty() => Some((&nothing, after)),
        _ => None,
    };
    if let Some((before, after)) = entered {
        let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for name in names {
            let path = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            walk(path, before.get(name), after.get(name), fields);
        }
    } else if before.map(as_set) != after.map(as_set) {
        fields.push(Field {
            path,
            before: before.cloned(),
            after: after.cloned(),
        });
    }
}

/// The value with the items of every list in one order, each once.
fn as_set(value: &Json) -> Json {
    match value {
        Json::Array(items) => {
            let mut items: Vec<_> = items
                .iter()
                .map(as_set)
                .map(|item| (canonical_json(&item).unwrap_or_default(), item))
                .collect();
            items.sort_by(|left, right| left.0.cmp(&right.0));
            items.dedup_by(|left, right| left.0 == right.0);
            Json::Array(items.into_iter().map(|(_, item)| item).collect())
        }
        Json::Object(members) => Json::Object(
            members
                .iter()
                .map(|(name, value)| (name.clone(), as_set(value)))
                .collect(),
        ),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => value.clone(),
    }
}

pub(super) fn or_none(value: Option<&Json>) -> String {
    value.map_or_else(|| "none".to_owned(), shown)
}

/// A value as people write it in YAML, cut to a length that a line takes.
pub(super) fn shown(value: &Json) -> String {
    const LONGEST: usize = 100;
    let text = flow(value);
    if text.chars().count() <= LONGEST {
        return text;
    }
    let head: String = text.chars().take(LONGEST - 1).collect();
    format!("{head}…")
}

/// A value as YAML's flow style, without quotes.
pub(super) fn flow(value: &Json) -> String {
    match value {
        Json::Null => "null".to_owned(),
        Json::Bool(flag) => flag.to_string(),
        Json::Number(number) => number.to_string(),
        Json::String(text) => text.clone(),
        Json::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Json::Object(members) => {
            let members = members
                .iter()
                .map(|(name, value)| format!("{name}: {}", flow(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
    }
}
