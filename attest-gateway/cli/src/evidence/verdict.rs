//! What a command found, for people and as JSON; and what it could not even begin with.

use std::fmt::Write as _;
use std::io;

use attest_gateway::verifier::VerdictCode;
use serde_json::{Map, Value};

use crate::out::{Exit, Out, printable};

/// Arguments or files that cannot be used.
#[derive(Debug)]
pub(super) struct Unusable {
    code: &'static str,
    problem: String,
}

impl Unusable {
    pub(super) const fn new(code: &'static str, problem: String) -> Self {
        Self { code, problem }
    }

    /// An argument, and what is wrong with it.
    pub(super) fn argument(name: &str, problem: &str) -> Self {
        Self::new("argument", format!("--{name}: {problem}"))
    }

    pub(super) fn show(&self, out: &mut Out<'_>) -> io::Result<Exit> {
        writeln!(out.err, "{}: {}", self.code, printable(&self.problem))?;
        Ok(Exit::Unusable)
    }
}

/// Evidence, judged.
#[derive(Debug)]
pub(super) struct Verdict {
    /// Why it is refused: the stable word and a sentence.
    pub(super) refused: Option<(VerdictCode, String)>,
    /// Whether signatures prove the facts. If not, anybody can have written them.
    pub(super) proven: bool,
    /// What it says, as far as it could be read.
    pub(super) facts: Value,
    /// What a gateway would not let pass although this command does.
    pub(super) warning: Option<&'static str>,
}

impl Verdict {
    pub(super) const fn accepted(facts: Value) -> Self {
        Self {
            refused: None,
            proven: true,
            facts,
            warning: None,
        }
    }

    /// Refused, with what is proven or else with what anybody can have written.
    pub(super) fn refused(
        code: VerdictCode,
        why: String,
        proven: Option<Value>,
        read: impl FnOnce() -> Value,
    ) -> Self {
        Self {
            refused: Some((code, why)),
            proven: proven.is_some(),
            facts: proven.unwrap_or_else(read),
            warning: None,
        }
    }

    pub(super) fn show(&self, kind: &str, as_json: bool, out: &mut Out<'_>) -> io::Result<Exit> {
        if let Some(warning) = self.warning {
            writeln!(out.err, "warning: {warning}")?;
        }
        let word = if self.refused.is_some() {
            "refused"
        } else {
            "accepted"
        };
        if as_json {
            let mut json = Map::new();
            json.insert("result".to_owned(), word.into());
            json.insert("kind".to_owned(), kind.into());
            if let Some((code, why)) = &self.refused {
                json.insert("code".to_owned(), code.as_str().into());
                json.insert("why".to_owned(), why.as_str().into());
            }
            json.insert("proven".to_owned(), self.proven.into());
            json.insert("facts".to_owned(), self.facts.clone());
            writeln!(out.out, "{}", Value::Object(json))?;
        } else {
            match &self.refused {
                Some((code, why)) => writeln!(out.out, "{word}: {code} ({})", printable(why))?,
                None => writeln!(out.out, "{word}")?,
            }
            let about = if self.proven {
                "proven by signatures"
            } else {
                "NOT PROVEN: anybody can write them"
            };
            writeln!(out.out, "\nFacts, {about}:")?;
            write!(out.out, "{}", printable(&outline(&self.facts)))?;
        }
        Ok(if self.refused.is_some() {
            Exit::Refused
        } else {
            Exit::Clean
        })
    }
}

/// A value as indented lines.
pub(super) fn outline(value: &Value) -> String {
    let mut text = String::new();
    lines(value, 1, &mut text);
    if text.is_empty() {
        text.push_str("  none\n");
    }
    text
}

/// Evidence nests a few levels; more are cut off here.
const MAX_DEPTH: usize = 8;
/// Longer lists get a line for each item.
const IN_ONE_LINE: usize = 4;

fn lines(value: &Value, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    // Writing into a string does not fail.
    let mut member = |name: &str, value: &Value| {
        let nested = match value {
            Value::Object(members) => !members.is_empty(),
            Value::Array(items) => items.len() > IN_ONE_LINE || items.iter().any(Value::is_object),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        };
        if nested {
            let _written = writeln!(text, "{indent}{name}:");
            if depth < MAX_DEPTH {
                lines(value, depth + 1, text);
            }
        } else {
            let _written = writeln!(text, "{indent}{name}: {}", one_line(value));
        }
    };
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| member(name, value)),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(index, value)| member(&format!("[{index}]"), value)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn one_line(value: &Value) -> String {
    match value {
        Value::Null => "not said".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => text.replace('\n', " "),
        Value::Array(items) if !items.is_empty() => items.iter().map(one_line).collect::<Vec<_>>().join(", "),
        Value::Array(_) | Value::Object(_) => "none".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn facts_are_outlined() {
        let facts =
            json!({"a": 1, "in": {"b": null, "deep": [{"c": "1\n2"}]}, "list": ["x", "y"], "none": []});
        let expect = "  a: 1\n  in:\n    b: not said\n    deep:\n      [0]:\n        c: 1 2\n  list: x, y\n  none: none\n";
        assert_eq!(outline(&facts), expect);
        assert_eq!(outline(&json!({})), "  none\n");
    }
}
