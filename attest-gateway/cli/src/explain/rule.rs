//! A rule and one of its clauses in words. Clauses are numbered in preorder, the whole condition being 0, as the evaluator
//! numbers them.

use attest_core::facts::Value;
use attest_core::policy::{Condition, FactTest, GatewayPolicy};
use attest_core::support_code::NameHash;

/// What decided.
pub(super) enum Deciding<'p> {
    /// A rule of the policy.
    Rule(RuleWords<'p>),
    /// The gateway itself, for this inner reason.
    Reason(&'static str),
    /// Nothing, or a name that is not known here.
    Unknown,
}

/// A rule in words.
pub(super) struct RuleWords<'p> {
    pub(super) id: &'p str,
    pub(super) mode: &'static str,
    pub(super) why: &'p str,
    pub(super) clause: Option<ClauseWords>,
}

/// A clause in words.
pub(super) struct ClauseWords {
    /// Such as `rules[2].when.all[0]`.
    pub(super) path: String,
    /// Such as `findings.category any_eq "cloner"`.
    pub(super) text: String,
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
    if let Some(except) = &test.except {
        text.push_str(&format!(" except {} {}", except.op, value_words(&except.value)));
    }
    text
}

fn value_words(value: &Value) -> String {
    match value {
        Value::Text(text) => format!("{text:?}"),
        Value::Integer(number) => number.to_string(),
        Value::Boolean(flag) => flag.to_string(),
        Value::List(items) => format!("{items:?}"),
    }
}
