//! The clauses of a condition, each with its field path.

use attest_core::policy::{Condition, FactTest};

use crate::source::PolicySource;

/// The children of a condition, each with the end of its path.
pub(super) fn children(condition: &Condition) -> Vec<(String, &Condition)> {
    let listed = |word: &str, children| {
        let children: &Vec<Condition> = children;
        let path = |(index, child)| (format!(".{word}[{index}]"), child);
        children.iter().enumerate().map(path).collect()
    };
    match condition {
        Condition::Fact(_) => Vec::new(),
        Condition::All(children) => listed("all", children),
        Condition::Any(children) => listed("any", children),
        Condition::Not(child) => vec![(".not".to_owned(), child)],
        Condition::AtLeast(at_least) => listed("at_least.of", &at_least.of),
    }
}

/// Every clause about a fact.
pub(super) fn clauses<'a>(condition: &'a Condition, path: &str, seen: &mut dyn FnMut(&'a FactTest, &str)) {
    if let Condition::Fact(test) = condition {
        seen(test, path);
    }
    for (end, child) in children(condition) {
        clauses(child, &format!("{path}{end}"), seen);
    }
}

/// The conditions of all detectors and rules.
pub(super) fn conditions(source: &PolicySource) -> impl Iterator<Item = (String, &Condition)> {
    let detectors = source.detectors.iter().enumerate();
    let detectors = detectors.map(|(index, one)| (format!("detectors[{index}].when"), &one.when));
    let rules = source.rules.iter().enumerate();
    detectors.chain(rules.map(|(index, one)| (format!("rules[{index}].when"), &one.when)))
}
