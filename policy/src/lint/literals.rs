//! One clause about a fact, or its opposite, in one form; and what several of them leave possible for one fact.
//!
//! Only what is certain counts: variables, unknown lists, patterns and versions exclude nothing.

use std::collections::{BTreeMap, BTreeSet};

use attest_core::{
    facts::{FactRef, Kind, Value},
    policy::FactTest,
};

/// The lists of a policy by name.
pub(super) type Lists = BTreeMap<String, Vec<String>>;

/// A clause about a fact, or its opposite.
#[derive(Debug, Clone, Copy)]
pub(super) struct Literal<'a> {
    pub(super) test: &'a FactTest,
    /// `any`, `count` or nothing: `none` and `all` are opposites of `any`.
    pub(super) quantifier: &'a str,
    /// Whether each item is compared by the opposite of the operator.
    items_negated: bool,
    pub(super) base: &'a str,
    ignore_case: bool,
    /// Whether the clause must not hold.
    pub(super) negated: bool,
}

impl<'a> Literal<'a> {
    pub(super) fn of(test: &'a FactTest, negated: bool) -> Self {
        let op = test.op.as_str();
        let (quantifier, rest) = ["any", "all", "none", "count"]
            .into_iter()
            .find_map(|word| Some((word, op.strip_prefix(word)?.strip_prefix('_')?)))
            .unwrap_or(("", op));
        let (inner, rest) = rest
            .strip_prefix("not_")
            .map_or((false, rest), |rest| (true, rest));
        let (ignore_case, base) = rest
            .strip_suffix("_ci")
            .map_or((false, rest), |rest| (true, rest));
        let (inner, base) = if base == "ne" {
            (!inner, "eq")
        } else {
            (inner, base)
        };
        let (quantifier, items_negated, outer) = match quantifier {
            "any" => ("any", inner, false),
            "none" => ("any", inner, true),
            "all" => ("any", !inner, true),
            "count" => ("count", false, inner),
            _ => ("", false, inner),
        };
        Self {
            test,
            quantifier,
            items_negated,
            base,
            ignore_case,
            negated: negated != outer,
        }
    }

    /// What the clause asks, without whether it must hold.
    pub(super) fn key(&self) -> String {
        let mut value = self.test.value.clone();
        let mut base = self.base;
        if let Some(Value::List(items)) = &mut value
            && base == "in"
        {
            items.sort_unstable();
            items.dedup();
            if let [item] = items.as_slice() {
                (base, value) = ("eq", Some(Value::Text(item.clone())));
            }
        }
        if self.is_integer()
            && let Some(Value::Integer(number)) = value
        {
            value = Some(Value::Text(number.to_string()));
        }
        format!(
            "{}|{}|{}|{base}|{}|{value:?}|{:?}|{:?}|{:?}",
            self.fact(),
            self.quantifier,
            self.items_negated,
            self.ignore_case,
            self.test.from,
            self.test.columns,
            self.test.except,
        )
    }

    /// What it is about: the clauses of one subject can exclude each other.
    fn subject(&self) -> Option<String> {
        match self.quantifier {
            "" => Some(self.fact()),
            "count" => Some(format!(
                "the number of items in {}|{:?}|{:?}",
                self.fact(),
                self.test.columns,
                self.test.except
            )),
            _ => None,
        }
    }

    fn fact(&self) -> String {
        self.test
            .fact
            .parse::<FactRef>()
            .map_or_else(|_| self.test.fact.clone(), |fact| fact.to_string())
    }

    fn is_integer(&self) -> bool {
        self.quantifier == "count"
            || self
                .test
                .fact
                .parse::<FactRef>()
                .is_ok_and(|fact| fact.fact().entry().kind == Kind::Integer)
    }
}

/// The subject on which these clauses cannot all hold, if there is one.
pub(super) fn excluded(literals: &[Literal<'_>], lists: &Lists) -> Option<String> {
    let mut signs: BTreeMap<String, bool> = BTreeMap::new();
    let mut subjects: BTreeMap<String, Possible> = BTreeMap::new();
    for literal in literals {
        let fact = || literal.test.fact.clone();
        if *signs.entry(literal.key()).or_insert(literal.negated) != literal.negated {
            return Some(fact());
        }
        let Some(subject) = literal.subject() else {
            continue;
        };
        let possible = subjects
            .entry(subject)
            .or_insert_with(|| Possible::at_first(literal.is_integer(), literal.quantifier == "count"));
        possible.narrow(literal, lists);
        if possible.is_nothing() {
            return Some(fact());
        }
    }
    None
}

/// The values of a fact that are left.
#[derive(Debug)]
struct Possible {
    integer: bool,
    low: i64,
    high: i64,
    one_of: Option<BTreeSet<String>>,
    none_of: BTreeSet<String>,
    prefix: String,
    suffix: String,
    /// Whether it must have a value, or must have none.
    present: Option<bool>,
    nothing: bool,
}

impl Possible {
    const fn at_first(integer: bool, count: bool) -> Self {
        Self {
            integer,
            low: if count { 0 } else { i64::MIN },
            high: i64::MAX,
            one_of: None,
            none_of: BTreeSet::new(),
            prefix: String::new(),
            suffix: String::new(),
            present: None,
            nothing: false,
        }
    }

    fn narrow(&mut self, literal: &Literal<'_>, lists: &Lists) {
        let needed = literal.base != "exists" || !literal.negated;
        self.nothing |= *self.present.get_or_insert(needed) != needed;
        if literal.ignore_case {
            return;
        }
        match &literal.test.value {
            Some(Value::Integer(number)) => self.integer(literal.base, literal.negated, *number),
            Some(Value::Boolean(flag)) if literal.base == "eq" => {
                self.only([(*flag != literal.negated).to_string()].into());
            }
            Some(Value::Text(text)) if literal.base == "in_list" => {
                if let Some(items) = lists.get(text) {
                    self.set(items.iter().cloned(), literal.negated);
                }
            }
            Some(Value::Text(text)) if !text.contains("${") => self.text(literal, text),
            Some(Value::List(items)) if !items.iter().any(|item| item.contains("${")) => {
                self.items(literal, items);
            }
            Some(Value::Text(_) | Value::List(_) | Value::Boolean(_) | Value::Rows(_)) | None => {}
        }
    }

    fn integer(&mut self, base: &str, negated: bool, number: i64) {
        match (base, negated) {
            ("lt", false) | ("ge", true) => match number.checked_sub(1) {
                Some(high) => self.high = self.high.min(high),
                None => self.nothing = true,
            },
            ("gt", false) | ("le", true) => match number.checked_add(1) {
                Some(low) => self.low = self.low.max(low),
                None => self.nothing = true,
            },
            ("le", false) | ("gt", true) => self.high = self.high.min(number),
            ("ge", false) | ("lt", true) => self.low = self.low.max(number),
            ("eq", negated) => self.set([number.to_string()].into_iter(), negated),
            _ => {}
        }
    }

    fn text(&mut self, literal: &Literal<'_>, text: &str) {
        match (literal.base, literal.negated) {
            ("eq", negated) => self.set([text.to_owned()].into_iter(), negated),
            ("prefix", false) if text.starts_with(&self.prefix) => text.clone_into(&mut self.prefix),
            ("prefix", false) => self.nothing |= !self.prefix.starts_with(text),
            ("suffix", false) if text.ends_with(&self.suffix) => text.clone_into(&mut self.suffix),
            ("suffix", false) => self.nothing |= !self.suffix.ends_with(text),
            _ => {}
        }
    }

    fn items(&mut self, literal: &Literal<'_>, items: &[String]) {
        match (literal.base, literal.negated, items) {
            ("in", negated, _) => self.set(items.iter().cloned(), negated),
            ("between", false, [low, high]) => {
                if let (Ok(low), Ok(high)) = (low.parse(), high.parse()) {
                    self.low = self.low.max(low);
                    self.high = self.high.min(high);
                }
            }
            _ => {}
        }
    }

    fn set(&mut self, items: impl Iterator<Item = String>, negated: bool) {
        let integer = self.integer;
        let plain = |item: String| match item.parse::<i64>() {
            Ok(number) if integer => number.to_string(),
            _ => item,
        };
        let items: BTreeSet<String> = items.map(plain).collect();
        if negated {
            self.none_of.extend(items);
        } else {
            self.only(items);
        }
    }

    fn only(&mut self, items: BTreeSet<String>) {
        self.one_of = Some(match self.one_of.take() {
            None => items,
            Some(before) => before.intersection(&items).cloned().collect(),
        });
    }

    fn is_nothing(&self) -> bool {
        let fits = |item: &&String| {
            let within = match item.parse::<i64>() {
                Ok(number) if self.integer => (self.low..=self.high).contains(&number),
                _ => true,
            };
            within
                && !self.none_of.contains(*item)
                && item.starts_with(&self.prefix)
                && item.ends_with(&self.suffix)
        };
        let none_left = || match &self.one_of {
            Some(items) => !items.iter().any(|item| fits(&item)),
            None => self.integer && self.integers_are_gone(),
        };
        self.nothing || self.low > self.high || none_left()
    }

    /// True if every integer of a small range is excluded by itself.
    fn integers_are_gone(&self) -> bool {
        let most = i64::try_from(self.none_of.len()).unwrap_or(i64::MAX);
        let few = self.high.checked_sub(self.low).is_some_and(|width| width < most);
        few && (self.low..=self.high).all(|number| self.none_of.contains(&number.to_string()))
    }
}
