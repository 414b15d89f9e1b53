//! One clause: a question, and what its answer is compared with.
//!
//! An error, and an answer of another type than the table of facts says, is never a conclusion. Allocates only to explain.

use super::{
    Outcome,
    differs::{differs, one_sided},
    items::{Each, ItemTest, Items},
    rows::{RowTest, RowsOver},
};
use crate::{
    facts::{Answer, FactRef, FactSource, RowList},
    policy::predicate::{IntegerTest, TextTest},
};

/// The longest value text in an explanation, in characters.
const MAX_SHOWN: usize = 120;

#[derive(Debug, Clone)]
pub(super) struct Comparison {
    pub(super) fact: FactRef,
    pub(super) negated: bool,
    pub(super) asks: Asks,
}

/// What is asked of the answer.
#[derive(Debug, Clone)]
pub(super) enum Asks {
    Exists,
    Text(TextTest),
    Integer(IntegerTest),
    Boolean(bool),
    Items {
        each: Each,
        test: TextTest,
        except: Option<ItemTest>,
    },
    Count {
        test: IntegerTest,
        except: Option<ItemTest>,
    },
    Differs {
        from: FactRef,
        except: Option<ItemTest>,
    },
    Rows {
        over: RowsOver,
        test: RowTest,
    },
}

impl Comparison {
    pub(super) fn outcome(&self, source: &dyn FactSource) -> Outcome {
        let answer = source.answer(&self.fact);
        let outcome = match (&self.asks, answer) {
            (Asks::Differs { from, except }, answer) => differs(answer, source.answer(from), except.as_ref()),
            (_, Answer::Error(_)) => Outcome::Inconclusive,
            (Asks::Exists, Answer::Absent) => Outcome::False,
            (Asks::Exists, _) => Outcome::True,
            (Asks::Items { each, test, except }, Answer::List(list)) => {
                // Which items must fail depends on the negation, so it is not applied to the outcome.
                return Items::new(list, except.as_ref()).quantified(*each, test, self.negated);
            }
            (Asks::Count { test, except }, Answer::List(list)) => {
                Outcome::known(Items::new(list, except.as_ref()).counted(test))
            }
            (Asks::Rows { over, test }, answer) => {
                rows_of(answer).map_or(Outcome::Inconclusive, |rows| over.outcome(rows, test))
            }
            (Asks::Text(test), Answer::Text(text)) => Outcome::known(test.holds(text)),
            (Asks::Integer(test), Answer::Integer(number)) => Outcome::of(test.holds(number)),
            (Asks::Boolean(expected), Answer::Boolean(flag)) => Outcome::of(flag == *expected),
            // Absent, or an answer of another type than the table says.
            _ => Outcome::Inconclusive,
        };
        outcome.negated_if(self.negated)
    }

    /// The questions.
    pub(super) fn facts(&self) -> impl Iterator<Item = &FactRef> {
        let from = match &self.asks {
            Asks::Differs { from, .. } => Some(from),
            Asks::Exists
            | Asks::Text(_)
            | Asks::Integer(_)
            | Asks::Boolean(_)
            | Asks::Items { .. }
            | Asks::Count { .. }
            | Asks::Rows { .. } => None,
        };
        std::iter::once(&self.fact).chain(from)
    }

    /// The most that is read where no answer has more than `items` items or rows.
    pub(super) fn cost_bound(&self, items: u64) -> u64 {
        match &self.asks {
            Asks::Exists | Asks::Text(_) | Asks::Integer(_) | Asks::Boolean(_) => 1,
            Asks::Items { .. } | Asks::Count { .. } => 1 + items,
            Asks::Differs { .. } => 2 + 2 * items,
            Asks::Rows { test, .. } => 1 + items * test.cells(),
        }
    }

    /// The answer as text, for an explanation.
    pub(super) fn shown(&self, source: &dyn FactSource) -> String {
        let answer = source.answer(&self.fact);
        let shown = match (&self.asks, answer) {
            (Asks::Differs { from, except }, answer) => {
                let other = source.answer(from);
                match (answer, other) {
                    (Answer::List(left), Answer::List(right)) => {
                        let sides = (
                            Items::new(left, except.as_ref()),
                            Items::new(right, except.as_ref()),
                        );
                        one_sided(&sides.0, &sides.1).map(|item| format!("only in one: {item}"))
                    }
                    _ => None,
                }
                .unwrap_or_else(|| format!("{}; {from}: {}", plain(answer), plain(other)))
            }
            (Asks::Items { each, test, except }, Answer::List(list)) => {
                let items = Items::new(list, except.as_ref());
                let wanted = self.negated == (*each == Each::All);
                let telling = items.known().find(|item| test.holds(item) == Some(wanted));
                telling.map_or_else(|| format!("{} items", items.iter().count()), str::to_owned)
            }
            (Asks::Count { except, .. }, Answer::List(list)) => {
                format!("{} items", Items::new(list, except.as_ref()).iter().count())
            }
            (Asks::Rows { over, test }, answer) => match rows_of(answer) {
                Some(rows) => over.shown(rows, test, self.fact.fact().entry().columns),
                None => plain(answer),
            },
            _ => plain(answer),
        };
        shown.chars().take(MAX_SHOWN).collect()
    }
}

/// Rows; an empty list is no rows, because written down both look the same.
fn rows_of(answer: Answer<'_>) -> Option<&dyn RowList> {
    static NONE: Vec<crate::facts::Row> = Vec::new();
    match answer {
        Answer::Rows(rows) => Some(rows),
        Answer::List(items) if items.is_empty() && items.is_whole() => Some(&NONE),
        Answer::Text(_)
        | Answer::Integer(_)
        | Answer::Boolean(_)
        | Answer::List(_)
        | Answer::Absent
        | Answer::Error(_) => None,
    }
}

fn plain(answer: Answer<'_>) -> String {
    match answer {
        Answer::Text(text) => text.chars().take(MAX_SHOWN).collect(),
        Answer::Integer(number) => number.to_string(),
        Answer::Boolean(flag) => flag.to_string(),
        Answer::Absent => "absent".to_owned(),
        Answer::Error(errno) => format!("error {errno}"),
        Answer::List(items) => format!("{} items", items.len()),
        Answer::Rows(rows) => format!("{} rows", rows.len()),
    }
}
