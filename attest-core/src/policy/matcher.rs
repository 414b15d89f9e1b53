//! Compiled conditions: a flat tree in preorder, walked without lookups, allocation or unbounded recursion.
//!
//! Three outcomes, by Kleene's rules. An error, an absent or an unobserved fact makes a clause inconclusive, never
//! clean; only `exists` and `differs` make something of an absent fact. The tree is at most [`MAX_DEPTH`] deep.
//!
//! What an evaluation costs is known beforehand ([`Matcher::cost_bound`]): every clause is visited at most once, asks its
//! one question (`differs`: its two), and reads each item of a list, or each cell that its `where` names of each row, at
//! most once; of a list or of rows no more than [`MAX_ITEMS_READ`]. What lies beyond may still decide nothing: the clause
//! is inconclusive unless what was read decides it. A read compares one text with what the clause names, in time linear
//! in both; `differs` of two lists sorts the shorter one, of at most [`MAX_DIFFERING_ITEMS`], without allocating.

mod build;
mod comparison;
mod differs;
mod items;
mod rows;

use std::sync::Arc;

pub use self::differs::MAX_DIFFERING_ITEMS;
use self::{build::Builder, comparison::Comparison};
use super::{Condition, PolicyError, Variables, error::Errors};
use crate::facts::{FactRef, FactSource, Platform};
use crate::sorted::Sorted;

/// The deepest nesting of conditions.
pub const MAX_DEPTH: usize = 16;

/// The most clauses of one condition.
pub const MAX_NODES: usize = 512;

/// The most items of a list, or rows, that a clause reads. Linux maps no more into one process (`vm.max_map_count` is
/// 65,530), so no genuine phone reaches it.
pub const MAX_ITEMS_READ: usize = 65_536;

/// The most columns that `where` names.
pub const MAX_COLUMN_TESTS: usize = 8;

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

    fn known(holds: Option<bool>) -> Self {
        holds.map_or(Self::Inconclusive, Self::of)
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
    lists: Sorted<&'a str, Arc<[String]>>,
    variables: Variables,
}

impl<'a> Scope<'a> {
    /// A scope with these lists and variables.
    #[must_use]
    pub fn new(
        side: Side,
        lists: impl IntoIterator<Item = (&'a String, &'a Vec<String>)>,
        variables: Variables,
    ) -> Self {
        let sorted = |items: &[String]| {
            let mut items = items.to_vec();
            items.sort_unstable();
            items.into()
        };
        Self {
            side,
            // A map has each of its names once.
            lists: Sorted::distinct(
                lists
                    .into_iter()
                    .map(|(name, items)| (name.as_str(), sorted(items)))
                    .collect(),
            )
            .unwrap_or_default(),
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
    Test(Box<Comparison>),
    /// A variable of this clause has no value here.
    Unfilled,
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

    /// Whether the condition holds, and which clause decided. Allocates for patterns alone.
    #[must_use]
    pub fn verdict(&self, source: &dyn FactSource) -> Verdict {
        self.walk(0, source)
    }

    /// Whether one clause holds by itself, by its position in preorder; inconclusive if there is none.
    #[must_use]
    pub fn outcome_of(&self, clause: u16, source: &dyn FactSource) -> Outcome {
        self.walk(usize::from(clause), source).outcome
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
        self.nodes
            .iter()
            .filter_map(|node| match &node.kind {
                NodeKind::Test(test) => Some(test.facts()),
                NodeKind::All | NodeKind::Any | NodeKind::Not | NodeKind::AtLeast(_) | NodeKind::Unfilled => {
                    None
                }
            })
            .flatten()
    }

    /// The most that one evaluation reads where no fact has more than `items` items or rows: a question counts as one,
    /// and so does each item or cell.
    #[must_use]
    pub fn cost_bound(&self, items: usize) -> u64 {
        let items = u64::try_from(items.min(MAX_ITEMS_READ)).unwrap_or(u64::MAX);
        let reads = self.nodes.iter().map(|node| match &node.kind {
            NodeKind::Test(test) => test.cost_bound(items),
            NodeKind::All | NodeKind::Any | NodeKind::Not | NodeKind::AtLeast(_) | NodeKind::Unfilled => 0,
        });
        reads.fold(0, u64::saturating_add)
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

#[cfg(test)]
mod tests;
