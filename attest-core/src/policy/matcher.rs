//! Compiled conditions: a flat tree in preorder, walked without lookups, allocation or unbounded recursion.
//!
//! Three outcomes, by Kleene's rules. An error, an absent or an unobserved fact makes a clause inconclusive, never
//! clean; only `exists` turns an absent fact into a false one. The tree is at most [`MAX_DEPTH`] deep.

mod build;

use std::{collections::BTreeMap, sync::Arc};

use self::build::Builder;
use super::{
    Condition, PolicyError, Variables,
    error::Errors,
    operator::Quantifier,
    predicate::{Predicate, TextTest},
};
use crate::facts::{Answer, FactRef, FactSource, Platform, TextList};

/// The deepest nesting of conditions.
pub const MAX_DEPTH: usize = 16;

/// The most clauses of one condition.
pub const MAX_NODES: usize = 512;

/// The longest value text in an explanation, in characters.
const MAX_SHOWN: usize = 120;

/// Whether a condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// The facts do not say.
    Inconclusive,
}

impl Outcome {
    const fn of(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }

    const fn negated(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Inconclusive => Self::Inconclusive,
        }
    }

    const fn negated_if(self, negate: bool) -> Self {
        if negate { self.negated() } else { self }
    }
}

/// An outcome and the fact clause that decided it.
///
/// Of several clauses that all had to hold, the last one is named; of several of which one sufficed, the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the condition holds.
    pub outcome: Outcome,
    /// The deciding clause: its position in preorder, the whole condition being 0.
    pub clause: u16,
}

/// An explained clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clause {
    /// Its position in preorder.
    pub ordinal: u16,
    /// Its path within the condition, such as `all[1].any[0]`; empty for the whole condition.
    pub path: String,
    /// The question it asks, if its variables have values.
    pub fact: Option<String>,
    /// The answer, cut to a bounded length; of a list the first item that matters.
    pub value: String,
}

/// Where a condition is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// On a phone of this platform, over probes.
    Device(Platform),
    /// At the gateway, over evidence, findings, request and counters.
    Gateway,
}

/// What a condition may refer to.
#[derive(Debug, Clone)]
pub struct Scope<'a> {
    side: Side,
    lists: BTreeMap<&'a str, Arc<[String]>>,
    variables: Variables,
}

impl<'a> Scope<'a> {
    /// A scope with these lists and variables.
    #[must_use]
    pub fn new(side: Side, lists: &'a BTreeMap<String, Vec<String>>, variables: Variables) -> Self {
        let sorted = |items: &[String]| {
            let mut items = items.to_vec();
            items.sort_unstable();
            items.into()
        };
        Self {
            side,
            lists: lists
                .iter()
                .map(|(name, items)| (name.as_str(), sorted(items)))
                .collect(),
            variables,
        }
    }
}

/// A compiled condition.
#[derive(Debug, Clone)]
pub struct Matcher {
    nodes: Box<[Node]>,
}

#[derive(Debug, Clone)]
struct Node {
    kind: NodeKind,
    /// The position after the last descendant.
    end: usize,
}

#[derive(Debug, Clone)]
enum NodeKind {
    All,
    Any,
    Not,
    AtLeast(u16),
    Test(Box<Test>),
    /// A variable of this clause has no value here.
    Unfilled,
}

#[derive(Debug, Clone)]
struct Test {
    fact: FactRef,
    quantifier: Option<Quantifier>,
    negated: bool,
    predicate: Predicate,
    except: Option<(TextTest, bool)>,
}

impl Matcher {
    /// The compiled form of a condition.
    ///
    /// # Errors
    /// Every problem of the condition, with paths relative to it (`when.all[0].value`).
    pub fn compile(condition: &Condition, scope: &Scope<'_>) -> Result<Self, Vec<PolicyError>> {
        let mut errors = Errors::default();
        let matcher = Self::compile_at(condition, scope, "when", &mut errors);
        errors.into_result(matcher)
    }

    pub(super) fn compile_at(
        condition: &Condition,
        scope: &Scope<'_>,
        path: &str,
        errors: &mut Errors,
    ) -> Option<Self> {
        Builder::new(scope, errors)
            .finish(condition, path)
            .map(|nodes| Self { nodes: nodes.into() })
    }

    /// Whether the condition holds.
    #[must_use]
    pub fn evaluate(&self, source: &dyn FactSource) -> Outcome {
        self.verdict(source).outcome
    }

    /// Whether the condition holds, and which clause decided. Allocates nothing.
    #[must_use]
    pub fn verdict(&self, source: &dyn FactSource) -> Verdict {
        self.walk(0, source)
    }

    /// What a clause asked and what it got: for people, after a verdict.
    #[must_use]
    pub fn explain(&self, clause: u16, source: &dyn FactSource) -> Clause {
        let node = self.nodes.get(usize::from(clause));
        let (fact, value) = match node.map(|node| &node.kind) {
            Some(NodeKind::Test(test)) => (Some(test.fact.to_string()), test.shown(source)),
            _ => (None, String::new()),
        };
        Clause {
            ordinal: clause,
            path: self.path_of(usize::from(clause)),
            fact,
            value,
        }
    }

    /// The questions this condition asks, in the order of its clauses.
    pub fn facts(&self) -> impl Iterator<Item = &FactRef> {
        self.nodes.iter().filter_map(|node| match &node.kind {
            NodeKind::Test(test) => Some(&test.fact),
            NodeKind::All | NodeKind::Any | NodeKind::Not | NodeKind::AtLeast(_) | NodeKind::Unfilled => None,
        })
    }

    /// The number of clauses.
    #[must_use]
    pub fn clauses(&self) -> usize {
        self.nodes.len()
    }

    fn walk(&self, at: usize, source: &dyn FactSource) -> Verdict {
        let here = |outcome| Verdict {
            outcome,
            clause: u16::try_from(at).unwrap_or(u16::MAX),
        };
        let Some(node) = self.nodes.get(at) else {
            return here(Outcome::Inconclusive);
        };
        match &node.kind {
            NodeKind::Test(test) => here(test.outcome(source)),
            NodeKind::Unfilled => here(Outcome::Inconclusive),
            NodeKind::Not => {
                let inner = self.walk(at + 1, source);
                Verdict {
                    outcome: inner.outcome.negated(),
                    ..inner
                }
            }
            NodeKind::All => self.until(at, node.end, Outcome::False, source),
            NodeKind::Any => self.until(at, node.end, Outcome::True, source),
            NodeKind::AtLeast(needed) => self.counted(at, node.end, *needed, source),
        }
    }

    /// The first child with the deciding outcome, else the first inconclusive one, else the last.
    fn until(&self, at: usize, end: usize, deciding: Outcome, source: &dyn FactSource) -> Verdict {
        let mut last = Verdict {
            outcome: deciding.negated(),
            clause: u16::try_from(at).unwrap_or(u16::MAX),
        };
        let mut open = None;
        for child in self.children(at, end) {
            last = self.walk(child, source);
            if last.outcome == deciding {
                return last;
            }
            if last.outcome == Outcome::Inconclusive && open.is_none() {
                open = Some(last);
            }
        }
        open.unwrap_or(last)
    }

    fn counted(&self, at: usize, end: usize, needed: u16, source: &dyn FactSource) -> Verdict {
        let (mut held, mut open) = (0u16, None);
        let mut undecided = 0u16;
        let mut last = Verdict {
            outcome: Outcome::False,
            clause: u16::try_from(at).unwrap_or(u16::MAX),
        };
        for child in self.children(at, end) {
            last = self.walk(child, source);
            match last.outcome {
                Outcome::True => held += 1,
                Outcome::Inconclusive => {
                    undecided += 1;
                    open = open.or(Some(last));
                }
                Outcome::False => {}
            }
            if held >= needed {
                return last;
            }
        }
        match open {
            Some(open) if held + undecided >= needed => open,
            _ => Verdict {
                outcome: Outcome::False,
                ..last
            },
        }
    }

    fn children(&self, at: usize, end: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(at + 1), |child| self.nodes.get(*child).map(|node| node.end))
            .take_while(move |child| *child < end)
    }

    fn path_of(&self, ordinal: usize) -> String {
        let mut path = String::new();
        let mut at = 0;
        while at < ordinal {
            let Some(node) = self.nodes.get(at) else { break };
            let found = self
                .children(at, node.end)
                .enumerate()
                .find(|(_, child)| self.nodes.get(*child).is_some_and(|node| ordinal < node.end));
            let Some((index, child)) = found else { break };
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(node.kind.word());
            if !matches!(node.kind, NodeKind::Not) {
                path.push_str(&format!("[{index}]"));
            }
            at = child;
        }
        path
    }
}

impl NodeKind {
    const fn word(&self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Any => "any",
            Self::Not => "not",
            Self::AtLeast(_) => "at_least.of",
            Self::Test(_) | Self::Unfilled => "fact",
        }
    }
}

impl Test {
    fn outcome(&self, source: &dyn FactSource) -> Outcome {
        let answer = source.answer(&self.fact);
        let outcome = match (&self.predicate, answer, self.quantifier) {
            (_, Answer::Error(_), _) => Outcome::Inconclusive,
            (Predicate::Exists, Answer::Absent, _) => Outcome::False,
            (Predicate::Exists, _, _) => Outcome::True,
            (_, Answer::List(items), Some(quantifier)) => return self.over_list(items, quantifier),
            (Predicate::Text(test), Answer::Text(text), None) => {
                test.holds(text).map_or(Outcome::Inconclusive, Outcome::of)
            }
            (Predicate::Integer(test), Answer::Integer(number), None) => Outcome::of(test.holds(number)),
            (Predicate::Boolean(expected), Answer::Boolean(flag), None) => Outcome::of(flag == *expected),
            // Absent, or an answer of another type than the table says.
            _ => Outcome::Inconclusive,
        };
        outcome.negated_if(self.negated)
    }

    fn over_list(&self, items: &dyn TextList, quantifier: Quantifier) -> Outcome {
        let counted = self.items(items);
        match (quantifier, &self.predicate) {
            (Quantifier::Count, Predicate::Integer(test)) => {
                let count = i64::try_from(counted.count()).unwrap_or(i64::MAX);
                Outcome::of(test.holds(count)).negated_if(self.negated)
            }
            (Quantifier::Any, Predicate::Text(test)) => any_of(counted, test, self.negated),
            (Quantifier::None, Predicate::Text(test)) => any_of(counted, test, self.negated).negated(),
            // All items hold if none fails.
            (Quantifier::All, Predicate::Text(test)) => any_of(counted, test, !self.negated).negated(),
            _ => Outcome::Inconclusive,
        }
    }

    /// The items that `except` leaves.
    fn items<'a>(&'a self, items: &'a dyn TextList) -> impl Iterator<Item = &'a str> {
        (0..items.len())
            .filter_map(|index| items.item(index))
            .filter(|item| match &self.except {
                Some((test, negated)) => test.holds(item).is_none_or(|holds| holds == *negated),
                None => true,
            })
    }

    /// The answer as text, for an explanation.
    fn shown(&self, source: &dyn FactSource) -> String {
        let cut = |text: &str| text.chars().take(MAX_SHOWN).collect();
        match source.answer(&self.fact) {
            Answer::Text(text) => cut(text),
            Answer::Integer(number) => number.to_string(),
            Answer::Boolean(flag) => flag.to_string(),
            Answer::Absent => "absent".to_owned(),
            Answer::Error(errno) => format!("error {errno}"),
            Answer::List(items) => {
                let wanted = self.negated == matches!(self.quantifier, Some(Quantifier::All));
                let telling = match &self.predicate {
                    Predicate::Text(test) => self
                        .items(items)
                        .find(|item| test.holds(item).is_some_and(|holds| holds == wanted)),
                    Predicate::Exists | Predicate::Integer(_) | Predicate::Boolean(_) => None,
                };
                telling.map_or_else(|| format!("{} items", self.items(items).count()), cut)
            }
        }
    }
}

fn any_of<'a>(items: impl Iterator<Item = &'a str>, test: &TextTest, negated: bool) -> Outcome {
    let mut open = false;
    for item in items {
        match test.holds(item) {
            Some(holds) if holds != negated => return Outcome::True,
            Some(_) => {}
            None => open = true,
        }
    }
    if open {
        Outcome::Inconclusive
    } else {
        Outcome::False
    }
}

#[cfg(test)]
mod tests;
