//! Conditions, and parts of them, that can never hold or always do.
//!
//! `all` is looked at for clauses that exclude each other, `any` for clauses of which one always holds; nested ones of
//! the same kind are looked at together. A fact that is not known leaves either of them inconclusive, as always.

use std::collections::BTreeMap;

use attest_core::policy::Condition;

use super::{
    Steps,
    identity::{Identity, identity},
    literals::{Lists, Literal, excluded},
    walk::{self, children},
};
use crate::{report::Report, source::PolicySource};

pub(super) fn conditions(source: &PolicySource, steps: &mut Steps, report: &mut Report) {
    for (path, condition) in walk::conditions(source) {
        look(condition, &path, &source.lists, steps, report);
    }
}

fn look(condition: &Condition, path: &str, lists: &Lists, steps: &mut Steps, report: &mut Report) {
    if steps.are_spent() {
        return;
    }
    for (negated, code, words) in [
        (false, "condition-never", NEVER),
        (true, "condition-always", ALWAYS),
    ] {
        if !is_nest(condition, negated) {
            continue;
        }
        let mut nest = Nest::default();
        nest.gather(condition, negated, steps);
        if let Some(subject) = nest.contradiction(lists) {
            let message = format!("this {words} by what it asks of {subject}: correct it, or leave it out");
            return report.warning(path, code, message);
        }
    }
    for (end, child) in children(condition) {
        look(child, &format!("{path}{end}"), lists, steps, report);
    }
}

const NEVER: &str = "can never hold";
const ALWAYS: &str = "always holds";

/// True if the condition, or its opposite, holds only if all of its parts do.
fn is_nest(condition: &Condition, negated: bool) -> bool {
    match condition {
        Condition::Fact(_) => true,
        Condition::All(children) => !negated || children.len() == 1,
        Condition::Any(children) => negated || children.len() == 1,
        Condition::AtLeast(at_least) if negated => at_least.n == 1,
        Condition::AtLeast(at_least) => usize::from(at_least.n) == at_least.of.len(),
        Condition::Not(_) => false,
    }
}

/// What must hold together.
#[derive(Default)]
struct Nest<'a> {
    literals: Vec<Literal<'a>>,
    /// Compound parts, and whether they must not hold.
    parts: BTreeMap<Identity, bool>,
    torn: bool,
}

impl<'a> Nest<'a> {
    fn gather(&mut self, condition: &'a Condition, negated: bool, steps: &mut Steps) {
        steps.spend(1);
        match condition {
            Condition::Fact(test) => self.literals.push(Literal::of(test, negated)),
            Condition::Not(child) => self.gather(child, !negated, steps),
            Condition::All(children) | Condition::Any(children) => {
                self.part(condition, negated, steps);
                if is_nest(condition, negated) {
                    for child in children {
                        self.gather(child, negated, steps);
                    }
                }
            }
            Condition::AtLeast(at_least) => {
                self.part(condition, negated, steps);
                if is_nest(condition, negated) {
                    for child in &at_least.of {
                        self.gather(child, negated, steps);
                    }
                }
            }
        }
    }

    fn part(&mut self, condition: &Condition, negated: bool, steps: &mut Steps) {
        if steps.are_spent() {
            return;
        }
        let (identity, visited) = identity(condition, false);
        steps.spend(visited);
        self.torn |= *self.parts.entry(identity).or_insert(negated) != negated;
    }

    /// What cannot be, in words.
    fn contradiction(&self, lists: &Lists) -> Option<String> {
        let subject = excluded(&self.literals, lists).map(|fact| format!("`{fact}`"));
        subject.or_else(|| {
            self.torn
                .then(|| "one of its parts and of its opposite".to_owned())
        })
    }
}
