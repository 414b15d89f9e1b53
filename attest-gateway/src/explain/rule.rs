//! A rule and one of its clauses in words. Clauses are numbered in preorder, the whole condition being 0, as the evaluator
//! numbers them.

use attest_core::facts::Value;
use attest_core::policy::{Condition, FactTest, GatewayPolicy};
use attest_core::support_code::NameHash;

/// What decided.
#[derive(Debug)]
pub enum Deciding<'p> {
    /// A rule of the policy.
    Rule(RuleWords<'p>),
    /// The gateway itself, for this inner reason.
    Reason(&'static str),
    /// Nothing, or a name that is not known here.
    Unknown,
}

/// A rule in words.
#[derive(Debug)]
pub struct RuleWords<'p> {
    /// Its id.
    pub id: &'p str,
    /// `off`, `shadow` or `enforce`.
    pub mode: &'static str,
    /// Why it exists, in the policy's words.
    pub why: &'p str,
    /// The clause that decided, if the rule has it here.
    pub clause: Option<ClauseWords>,
}

/// A clause in words.
#[derive(Debug)]
pub struct ClauseWords {
    /// Such as `rules[2].when.all[0]`.
    pub path: String,
    /// Such as `findings.category any_eq "cloner"`.
    pub text: String,
}

/// The rule of a hash, with one of its clauses.
pub(super) fn find(policy: &GatewayPolicy, hash: NameHash, clause: u16) -> Option<RuleWords<'_>> {
    let (index, rule) = policy
        .rules
        .iter()
        .enumerate()
        .find(|(_, rule)| NameHash::of(&rule.id) == hash)?;
    let clause = nth(
        &rule.when,
        &format!("rules[{index}].when"),
        &mut usize::from(clause),
    );
    Some(RuleWords {
        id: &rule.id,
        mode: rule.mode.as_str(),
        why: &rule.why,
        clause,
    })
}

/// The clause that is `left` further on in preorder.
fn nth(condition: &Condition, path: &str, left: &mut usize) -> Option<ClauseWords> {
    if *left == 0 {
        return Some(ClauseWords {
            path: path.to_owned(),
            text: words(condition),
        });
    }
    *left -= 1;
    let mut among = |children: &[Condition], word: &str| {
        children
            .iter()
            .enumerate()
            .find_map(|(at, child)| nth(child, &format!("{path}.{word}[{at}]"), left))
    };
    match condition {
        Condition::Fact(_) => None,
        Condition::All(children) => among(children, "all"),
        Condition::Any(children) => among(children, "any"),
        Condition::AtLeast(at_least) => among(&at_least.of, "at_least.of"),
        Condition::Not(child) => nth(child, &format!("{path}.not"), left),
    }
}

fn words(condition: &Condition) -> String {
    match condition {
        Condition::Fact(test) => test_words(test),
        Condition::All(children) => format!("all of {} clauses", children.len()),
        Condition::Any(children) => format!("any of {} clauses", children.len()),
        Condition::AtLeast(at_least) => format!("at least {} of {} clauses", at_least.n, at_least.of.len()),
        Condition::Not(_) => "not the clause in it".to_owned(),
    }
}

fn test_words(test: &FactTest) -> String {
    let mut text = format!("{} {}", test.fact, test.op);
    if let Some(value) = &test.value {
        text.push_str(&format!(" {}", value_words(value)));
    }
    if let Some(from) = &test.from {
        text.push_str(&format!(" from {from}"));
    }
    for (index, column) in test.columns.iter().flatten().enumerate() {
        let joint = if index == 0 { "where" } else { "and" };
        let value = value_words(&column.value);
        text.push_str(&format!(" {joint} {} {} {value}", column.column, column.op));
    }
    if let Some(except) = &test.except {
        let column = except
            .column
            .as_ref()
            .map(|column| format!("{column} "))
            .unwrap_or_default();
        text.push_str(&format!(
            " except {column}{} {}",
            except.op,
            value_words(&except.value)
        ));
    }
    text
}

fn value_words(value: &Value) -> String {
    match value {
        Value::Text(text) => format!("{text:?}"),
        Value::Integer(number) => number.to_string(),
        Value::Boolean(flag) => flag.to_string(),
        Value::List(items) => format!("{items:?}"),
        Value::Rows(rows) => format!("{} rows", rows.len()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use attest_core::facts::{Answer, FactRef, FactSource};
    use attest_core::policy::{Matcher, Scope, Side, Variables};

    use super::*;

    struct Nothing;

    impl FactSource for Nothing {
        fn answer(&self, _: &FactRef) -> Answer<'_> {
            Answer::Absent
        }
    }

    #[test]
    fn clauses_are_numbered_as_the_evaluator_numbers_them() {
        let condition: Condition = serde_json::from_value(serde_json::json!({
            "all": [
                {"any": [{"fact": "app.id", "op": "eq", "value": "a"}, {"not": {"fact": "app.id", "op": "exists"}}]},
                {"at_least": {"n": 1, "of": [
                    {"fact": "route.id", "op": "in", "value": ["a", "b"]},
                    {"fact": "findings.hit@ticket", "op": "any_prefix", "value": "c.", "except": {"op": "eq", "value": "c.d"}},
                ]}},
                {"fact": "device.age_s", "op": "lt", "value": 5},
            ]
        }))
        .unwrap();
        let lists = BTreeMap::new();
        let scope = Scope::new(Side::Gateway, &lists, Variables::default());
        let matcher = Matcher::compile(&condition, &scope).unwrap();
        assert_eq!(matcher.clauses(), 9);
        for clause in 0..9 {
            let ours = nth(&condition, "when", &mut usize::from(clause)).unwrap();
            let theirs = matcher.explain(clause, &Nothing);
            let path = if theirs.path.is_empty() {
                "when".to_owned()
            } else {
                format!("when.{}", theirs.path)
            };
            assert_eq!(ours.path, path);
            if let Some(fact) = theirs.fact {
                assert!(ours.text.starts_with(&fact), "{} {fact}", ours.text);
            }
        }
        assert!(nth(&condition, "when", &mut 9).is_none());
        let text = |clause: usize| nth(&condition, "when", &mut { clause }).unwrap().text;
        assert_eq!(text(7), "findings.hit@ticket any_prefix \"c.\" except eq \"c.d\"");
        assert_eq!(text(6), "route.id in [\"a\", \"b\"]");
        assert_eq!(text(5), "at least 1 of 2 clauses");
    }
}
