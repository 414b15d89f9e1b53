//! The reference of every setting, made from the types, their documentation, defaults and bounds: nothing is written twice.

use std::fmt::Write as _;

use serde_json::Value;

use super::effect::{is_live, schema};
use super::{Config, Upstream, bounds};

const INTRODUCTION: &str = "# Configuration\n\n\
    One TOML file, `attest.toml`. A key that is not listed here is refused, never ignored; `attest gateway check` reports\n\
    every problem with its line. Paths are relative to the file. The unit of a number is the end of its name: `_ms`\n\
    milliseconds, `_s` seconds, `_bytes` bytes; the others are counts. **live** settings take effect at a reload (SIGHUP,\n\
    `systemctl reload attest`), the others at the next start, and a reload names those that changed.\n\n\
    Made by `attest gateway reference`; do not edit.\n";

impl Config {
    /// A Markdown document with each key's type, default, range, when a change takes effect, and meaning.
    #[must_use]
    pub fn reference() -> String {
        let sample = Self {
            upstreams: vec![Upstream::default()],
            ..Self::default()
        };
        let ranges: Vec<_> = bounds::all(&sample)
            .into_iter()
            .map(|(key, _, range)| (key.replace("[0]", ""), range))
            .collect();
        let reference = Reference {
            defaults: serde_json::to_value(&sample).unwrap_or_default(),
            ranges,
        };
        let mut out = INTRODUCTION.to_owned();
        reference.section(&schema(), "", false, &mut out);
        out
    }
}

struct Reference {
    defaults: Value,
    ranges: Vec<(String, std::ops::RangeInclusive<u64>)>,
}

impl Reference {
    /// The settings of a table, and the tables in it after them.
    fn section(&self, schema: &Value, path: &str, live: bool, out: &mut String) {
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
            return;
        };
        let (tables, settings): (Vec<_>, Vec<_>) = properties
            .iter()
            .partition(|(_, schema)| members(schema).is_some());
        if !settings.is_empty() {
            out.push_str(
                "\n| key | type | default | range | change | meaning |\n|---|---|---|---|---|---|\n",
            );
        }
        for (name, schema) in settings {
            let key = join(path, name);
            let range = self.ranges.iter().find(|(known, _)| *known == key);
            let range = range.map_or_else(String::new, |(_, range)| {
                format!("{} to {}", range.start(), range.end())
            });
            // Writing into a String cannot fail.
            let _infallible = writeln!(
                out,
                "| `{name}` | {} | {} | {range} | {} | {} |",
                kind(schema),
                self.default(&key),
                if live || is_live(schema) {
                    "live"
                } else {
                    "restart"
                },
                meaning(schema).replace('|', "\\|"),
            );
        }
        for (name, schema) in tables {
            let key = join(path, name);
            let list = schema.get("items").is_some();
            let heading = if list {
                format!("[[{key}]]")
            } else {
                format!("[{key}]")
            };
            let _infallible = write!(out, "\n## `{heading}`\n\n{}\n", meaning(schema));
            self.section(
                members(schema).unwrap_or(schema),
                &key,
                live || is_live(schema),
                out,
            );
        }
    }

    fn default(&self, key: &str) -> String {
        if key == "environment" {
            return "required".to_owned();
        }
        let mut at = &self.defaults;
        for name in key.split('.') {
            // Of a list of tables, the sample's only one.
            let table = at
                .as_array()
                .map_or(at, |tables| tables.first().unwrap_or(&Value::Null));
            at = table.get(name).unwrap_or(&Value::Null);
        }
        if at.is_null() {
            String::new()
        } else if at.as_str() == Some("") {
            "required".to_owned()
        } else {
            format!("`{at}`")
        }
    }
}

/// The table behind a setting, or behind each member of a list.
fn members(schema: &Value) -> Option<&Value> {
    if let Some(variants) = schema.get("anyOf").and_then(Value::as_array) {
        return variants.iter().find_map(members);
    }
    let own = schema.get("items").unwrap_or(schema);
    own.get("properties").map(|_| own)
}

fn kind(schema: &Value) -> String {
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        return words
            .iter()
            .map(|word| format!("`{word}`"))
            .collect::<Vec<_>>()
            .join(" ");
    }
    let variants = schema.get("oneOf").or_else(|| schema.get("anyOf"));
    if let Some(variants) = variants.and_then(Value::as_array) {
        let words = variants.iter().filter_map(|variant| {
            let word = variant.get("const").map(|word| format!("`{word}`"));
            word.or_else(|| Some(kind(variant)).filter(|kind| kind != "null"))
        });
        return words.collect::<Vec<_>>().join(" ");
    }
    if let Some(items) = schema.get("items") {
        return format!("list of {}", kind(items));
    }
    match schema.get("type") {
        Some(Value::String(name)) => name.clone(),
        Some(Value::Array(names)) => {
            let names = names.iter().filter_map(Value::as_str);
            names
                .filter(|name| *name != "null")
                .collect::<Vec<_>>()
                .join(" or ")
        }
        _ => "any".to_owned(),
    }
}

/// The documentation in one line.
fn meaning(schema: &Value) -> String {
    let text = schema
        .get("description")
        .and_then(Value::as_str)
        .unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bound_has_its_row_and_every_row_a_meaning() {
        let reference = Config::reference();
        let sample = Config {
            upstreams: vec![Upstream::default()],
            ..Config::default()
        };
        for (key, value, range) in bounds::all(&sample) {
            let name = key.rsplit('.').next().unwrap();
            let row = format!("| `{value}` | {} to {} |", range.start(), range.end());
            let shown = reference
                .lines()
                .any(|line| line.starts_with(&format!("| `{name}` |")) && line.contains(&row));
            assert!(shown, "{key}: {row}");
        }
        for row in reference.lines().filter(|line| line.starts_with("| `")) {
            assert!(!row.ends_with("|  |") && !row.contains("| any |"), "{row}");
        }
    }

    #[test]
    fn a_default_is_shown_whole() {
        let reference = Config::reference();
        let check = |row: &str| assert!(reference.contains(row), "{row}");
        let protocols = serde_json::to_string(&Config::default().listen.protocols).unwrap();
        assert!(protocols.contains(','), "{protocols} is a list of several");
        check(&format!(" | `{protocols}` |"));
        check("| `trusted_proxies` | list of string | `[]` |");
        // Of a list of tables.
        let connect_ms = Upstream::default().connect_timeout_ms;
        check(&format!("| `connect_timeout_ms` | integer | `{connect_ms}` |"));
    }

    /// `ATTEST_BLESS=1` writes it anew.
    #[test]
    fn the_published_reference_is_this_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md");
        let reference = Config::reference();
        if std::env::var_os("ATTEST_BLESS").is_some() {
            std::fs::write(path, &reference).unwrap();
        }
        let published = std::fs::read_to_string(path).unwrap_or_default();
        let differs = published
            .lines()
            .zip(reference.lines())
            .find(|(published, now)| published != now);
        assert!(
            published == reference,
            "run this test with ATTEST_BLESS=1 to write docs/configuration.md: {differs:?}"
        );
    }
}
