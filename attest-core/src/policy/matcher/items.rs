//! Clauses over the items of a list: which of them must match, and which do not count.
//!
//! Reads each item at most once and never more than the cap; what was not read can still decide nothing.

use super::{MAX_ITEMS_READ, Outcome};
use crate::{
    facts::TextList,
    policy::predicate::{IntegerTest, TextTest},
};

/// Which items must match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Each {
    Any,
    All,
    None,
}

/// A test of one text, as `except` and `where` have it.
#[derive(Debug, Clone)]
pub(super) struct ItemTest {
    pub(super) test: TextTest,
    pub(super) negated: bool,
}

impl ItemTest {
    /// `None` if the text cannot be compared so.
    pub(super) fn holds(&self, text: &str) -> Option<bool> {
        self.test.holds(text).map(|holds| holds != self.negated)
    }
}

/// The items that count, as far as they are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Items<'a> {
    list: &'a dyn TextList,
    except: Option<&'a ItemTest>,
}

impl<'a> Items<'a> {
    pub(super) const fn new(list: &'a dyn TextList, except: Option<&'a ItemTest>) -> Self {
        Self { list, except }
    }

    /// An item counts unless it is certain that `except` leaves it out; `None` is one that is not known.
    pub(super) fn iter(&self) -> impl Iterator<Item = Option<&'a str>> + use<'a> {
        let Self { list, except } = *self;
        let left_out = move |item: &str| except.is_some_and(|except| except.holds(item) == Some(true));
        (0..list.len().min(MAX_ITEMS_READ))
            .map(|index| list.item(index))
            .filter(move |item| !item.is_some_and(left_out))
    }

    /// The items that are known, for an explanation.
    pub(super) fn known(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.iter().flatten()
    }

    /// How many items there are, also those that do not count.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// How many items are not read at most.
    pub(super) fn unread(&self) -> usize {
        if self.list.is_whole() {
            self.list.len().saturating_sub(MAX_ITEMS_READ)
        } else {
            usize::MAX
        }
    }

    /// True if no item follows those that the list has.
    pub(super) fn is_whole(&self) -> bool {
        self.list.is_whole()
    }

    pub(super) fn quantified(&self, each: Each, test: &TextTest, negated: bool) -> Outcome {
        match each {
            Each::Any => self.any(test, negated),
            Each::None => self.any(test, negated).negated(),
            // All items hold if none fails.
            Each::All => self.any(test, !negated).negated(),
        }
    }

    fn any(&self, test: &TextTest, negated: bool) -> Outcome {
        let mut open = self.unread() > 0;
        for item in self.iter() {
            match item.and_then(|item| test.holds(item)) {
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

    /// Whether the number of items holds; `None` if that depends on what was not read.
    pub(super) fn counted(&self, test: &IntegerTest) -> Option<bool> {
        let (mut certain, mut open) = (0, self.unread());
        for item in self.iter() {
            if item.is_some() || self.except.is_none() {
                certain += 1;
            } else {
                open = open.saturating_add(1);
            }
        }
        holds_for(test, certain, open)
    }
}

/// Whether a number holds that is at least `certain` and at most `open` more.
pub(super) fn holds_for(test: &IntegerTest, certain: usize, open: usize) -> Option<bool> {
    let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    test.holds_between(number(certain), number(certain.saturating_add(open)))
}
