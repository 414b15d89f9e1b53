//! What one clause asks of one value, prebuilt: sets are sorted, patterns compiled, versions parsed.
//!
//! A predicate is total and runs in time linear in the value; it never panics, and allocates for patterns alone.

use std::sync::Arc;

use super::{Fault, MAX_LIST_ITEMS, MAX_TEXT_BYTES, operator::Base, regex::Regex};
use crate::facts::{Kind, Value};

const MAX_VERSION_PARTS: usize = 8;

#[derive(Debug, Clone)]
pub(super) enum Predicate {
    /// The fact has a value.
    Exists,
    Text(TextTest),
    Integer(IntegerTest),
    Boolean(bool),
}

#[derive(Debug, Clone)]
pub(super) enum TextTest {
    /// Sorted by bytes.
    OneOf(Arc<[String]>),
    OneOfFolded(Arc<[String]>),
    Prefix(Box<[String]>, Fold),
    Suffix(Box<[String]>, Fold),
    Contains(Box<[String]>, Fold),
    Matches(Regex),
    VersionLt(Version),
    VersionGe(Version),
}

#[derive(Debug, Clone)]
pub(super) enum IntegerTest {
    /// Sorted.
    OneOf(Box<[i64]>),
    Lt(i64),
    Le(i64),
    Gt(i64),
    Ge(i64),
    Between(i64, i64),
    AnyBits(i64),
    AllBits(i64),
}

/// Whether ASCII case matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fold {
    Exact,
    IgnoreCase,
}

impl Fold {
    fn same(self, left: &[u8], right: &[u8]) -> bool {
        match self {
            Self::Exact => left == right,
            Self::IgnoreCase => left.eq_ignore_ascii_case(right),
        }
    }
}

/// A dotted version, missing parts are zero; a suffix from the first `-` or `+` on does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version([u64; MAX_VERSION_PARTS]);

impl Version {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let number = text.split(['-', '+']).next()?;
        let mut parts = [0; MAX_VERSION_PARTS];
        let mut slots = parts.iter_mut();
        for part in number.split('.') {
            let plain = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            *slots.next()? = plain.then(|| part.parse().ok()).flatten()?;
        }
        Some(Self(parts))
    }
}

impl TextTest {
    /// `None` if the text cannot be compared so.
    pub(super) fn holds(&self, text: &str) -> Option<bool> {
        let bytes = text.as_bytes();
        let any =
            |items: &[String], test: &dyn Fn(&[u8]) -> bool| items.iter().any(|item| test(item.as_bytes()));
        Some(match self {
            Self::OneOf(items) => items.binary_search_by(|item| item.as_str().cmp(text)).is_ok(),
            Self::OneOfFolded(items) => any(items, &|item| item.eq_ignore_ascii_case(bytes)),
            Self::Prefix(items, fold) => any(items, &|item| {
                bytes.get(..item.len()).is_some_and(|head| fold.same(head, item))
            }),
            Self::Suffix(items, fold) => any(items, &|item| {
                let start = bytes.len().checked_sub(item.len());
                start
                    .and_then(|start| bytes.get(start..))
                    .is_some_and(|tail| fold.same(tail, item))
            }),
            Self::Contains(items, fold) => any(items, &|item| {
                bytes
                    .windows(item.len().max(1))
                    .any(|window| fold.same(window, item))
            }),
            Self::Matches(regex) if bytes.len() <= MAX_TEXT_BYTES => regex.is_match(text),
            Self::Matches(_) => return None,
            Self::VersionLt(bound) => Version::parse(text)? < *bound,
            Self::VersionGe(bound) => Version::parse(text)? >= *bound,
        })
    }
}

impl IntegerTest {
    pub(super) fn holds(&self, number: i64) -> bool {
        match self {
            Self::OneOf(items) => items.binary_search(&number).is_ok(),
            Self::Lt(bound) => number < *bound,
            Self::Le(bound) => number <= *bound,
            Self::Gt(bound) => number > *bound,
            Self::Ge(bound) => number >= *bound,
            Self::Between(low, high) => (*low..=*high).contains(&number),
            Self::AnyBits(mask) => number & mask != 0,
            Self::AllBits(mask) => number & mask == *mask,
        }
    }

    /// Whether it holds for a number of which only its bounds are known; `None` if that depends on the number.
    pub(super) fn holds_between(&self, low: i64, high: i64) -> Option<bool> {
        if low == high {
            return Some(self.holds(low));
        }
        match self {
            // From `low` to `high` these change their mind at most once.
            Self::Lt(_) | Self::Le(_) | Self::Gt(_) | Self::Ge(_) => {
                let (first, last) = (self.holds(low), self.holds(high));
                (first == last).then_some(first)
            }
            Self::Between(from, to) if *from <= low && high <= *to => Some(true),
            Self::Between(from, to) => (high < *from || *to < low).then_some(false),
            Self::OneOf(items) => {
                let next = items.partition_point(|item| *item < low);
                let reached = items.get(next).is_some_and(|item| *item <= high);
                (!reached).then_some(false)
            }
            Self::AnyBits(_) | Self::AllBits(_) => None,
        }
    }
}

/// What the value of a base operator must be for a kind of fact, `None` if it does not apply at all.
pub(super) fn expected(base: Base, kind: Kind) -> Option<&'static str> {
    Some(match (kind, base) {
        (_, Base::Exists) => "none",
        (Kind::Text, Base::Eq | Base::Ne) => "text (put numbers in quotes)",
        (Kind::Text, Base::In) => "a list of text",
        (Kind::Text, Base::InList) => "the name of a list",
        (Kind::Text, Base::Prefix | Base::Suffix | Base::Contains) => "text or a list of text",
        (Kind::Text, Base::Matches) => "a regular expression",
        (Kind::Text, Base::VersionLt | Base::VersionGe) => "a dotted version in quotes",
        (Kind::Integer, Base::Eq | Base::Ne | Base::Lt | Base::Le | Base::Gt | Base::Ge) => "an integer",
        (Kind::Integer, Base::In) => "a list of integers",
        (Kind::Integer, Base::Between) => "a list of two integers, the smaller first",
        (Kind::Integer, Base::AnyBits | Base::AllBits) => "an integer with at least one bit",
        (Kind::Boolean, Base::Eq | Base::Ne) => "true or false",
        _ => return None,
    })
}

/// A predicate without a named list; `value` has its variables filled in.
pub(super) fn build(base: Base, fold: Fold, kind: Kind, value: &Value) -> Result<Predicate, Fault> {
    let wrong = || Fault::ValueKind {
        expected: expected(base, kind).unwrap_or_default(),
    };
    match kind {
        Kind::Text | Kind::List | Kind::Rows => text(base, fold, value, wrong).map(Predicate::Text),
        Kind::Integer => integer(base, value).ok_or_else(wrong).map(Predicate::Integer),
        Kind::Boolean => match value {
            Value::Boolean(flag) => Ok(Predicate::Boolean(*flag)),
            Value::Text(_) | Value::Integer(_) | Value::List(_) | Value::Rows(_) => Err(wrong()),
        },
    }
}

fn text(base: Base, fold: Fold, value: &Value, wrong: impl Fn() -> Fault) -> Result<TextTest, Fault> {
    let one = || match value {
        Value::Text(text) if text.len() > MAX_TEXT_BYTES => Err(Fault::TextTooLong),
        Value::Text(text) => Ok(text.clone()),
        Value::Integer(_) | Value::Boolean(_) | Value::List(_) | Value::Rows(_) => Err(wrong()),
    };
    let many = || match value {
        Value::List(items) if items.len() > MAX_LIST_ITEMS => Err(Fault::TooMany {
            what: "items in a list",
            max: MAX_LIST_ITEMS,
        }),
        Value::List(items) if items.is_empty() => Err(Fault::Empty),
        Value::List(items) if items.iter().any(|item| item.len() > MAX_TEXT_BYTES) => Err(Fault::TextTooLong),
        Value::List(items) => Ok(items.clone()),
        Value::Text(_) | Value::Integer(_) | Value::Boolean(_) | Value::Rows(_) => Err(wrong()),
    };
    let parts = || {
        let parts = if matches!(value, Value::List(_)) {
            many()?
        } else {
            vec![one()?]
        };
        if parts.iter().any(String::is_empty) {
            Err(Fault::Empty)
        } else {
            Ok(parts.into_boxed_slice())
        }
    };
    Ok(match base {
        Base::Eq | Base::Ne => one_of(vec![one()?], fold),
        Base::In => one_of(many()?, fold),
        Base::Prefix => TextTest::Prefix(parts()?, fold),
        Base::Suffix => TextTest::Suffix(parts()?, fold),
        Base::Contains => TextTest::Contains(parts()?, fold),
        Base::Matches => TextTest::Matches(regex(&one()?, fold)?),
        Base::VersionLt => TextTest::VersionLt(Version::parse(&one()?).ok_or_else(wrong)?),
        Base::VersionGe => TextTest::VersionGe(Version::parse(&one()?).ok_or_else(wrong)?),
        Base::Exists
        | Base::InList
        | Base::Lt
        | Base::Le
        | Base::Gt
        | Base::Ge
        | Base::Between
        | Base::AnyBits
        | Base::AllBits
        | Base::Differs
        | Base::Row => return Err(wrong()),
    })
}

fn one_of(mut items: Vec<String>, fold: Fold) -> TextTest {
    items.sort_unstable();
    match fold {
        Fold::Exact => TextTest::OneOf(items.into()),
        Fold::IgnoreCase => TextTest::OneOfFolded(items.into()),
    }
}

fn regex(pattern: &str, fold: Fold) -> Result<Regex, Fault> {
    Regex::new(pattern, fold == Fold::IgnoreCase).map_err(|message| Fault::Regex {
        message: message.to_owned(),
    })
}

fn integer(base: Base, value: &Value) -> Option<IntegerTest> {
    let list = |items: &[String]| -> Option<Vec<i64>> {
        let fits = !items.is_empty() && items.len() <= MAX_LIST_ITEMS;
        fits.then(|| items.iter().map(|item| item.parse().ok()).collect())
            .flatten()
    };
    Some(match (base, value) {
        (Base::Eq | Base::Ne, Value::Integer(number)) => IntegerTest::OneOf(Box::new([*number])),
        (Base::In, Value::List(items)) => {
            let mut numbers = list(items)?;
            numbers.sort_unstable();
            IntegerTest::OneOf(numbers.into())
        }
        (Base::Lt, Value::Integer(bound)) => IntegerTest::Lt(*bound),
        (Base::Le, Value::Integer(bound)) => IntegerTest::Le(*bound),
        (Base::Gt, Value::Integer(bound)) => IntegerTest::Gt(*bound),
        (Base::Ge, Value::Integer(bound)) => IntegerTest::Ge(*bound),
        (Base::Between, Value::List(items)) => match list(items)?.as_slice() {
            [low, high] if low <= high => IntegerTest::Between(*low, *high),
            _ => return None,
        },
        (Base::AnyBits, Value::Integer(mask)) if *mask != 0 => IntegerTest::AnyBits(*mask),
        (Base::AllBits, Value::Integer(mask)) if *mask != 0 => IntegerTest::AllBits(*mask),
        _ => return None,
    })
}
