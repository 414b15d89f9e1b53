//! A YAML document as a tree that knows where everything stands.
//!
//! Read once under a budget; aliases count as often as they are used and there are no merge keys, so that what is
//! written bounds what is built. Nothing here knows what a policy is.

mod de;
mod decode;

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_saphyr::{
    Spanned,
    options::{DuplicateKeyPolicy, MergeKeyPolicy},
};

pub(crate) use self::decode::decode;
use crate::{
    problem::{Level, Position, Problem},
    text::source_text,
};

/// The largest source, in bytes.
pub const MAX_SOURCE_BYTES: usize = 256 * 1024;

/// The deepest nesting of a source.
pub const MAX_SOURCE_DEPTH: usize = 16;

/// The most nodes of a source: scalars, lists and maps.
pub const MAX_SOURCE_NODES: usize = 4_096;

/// The longest list or map of a source.
pub const MAX_SOURCE_ITEMS: usize = 1_000;

/// The longest text of a source, in bytes.
pub const MAX_SOURCE_TEXT_BYTES: usize = 4_096;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) at: Position,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Null,
    Boolean(bool),
    Integer(i64),
    Fraction(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
    /// Taken out: not there for what is made of the tree, yet what follows it keeps its index.
    Cut,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) at: Position,
    pub(crate) text: String,
}

/// Where a field path leads.
#[derive(Debug)]
pub(crate) struct Located {
    pub(crate) position: Position,
    /// The path as it is written.
    pub(crate) path: String,
    /// Whether what stands there, or something directly in it, was cut.
    pub(crate) is_cut: bool,
}

/// One step of a field path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    Key(String),
    Index(usize),
}

/// The tree of a source.
///
/// # Errors
/// The first problem: too large, empty, not YAML, too deep, too many nodes, a duplicate key.
pub(crate) fn read(file: &str, source: &str) -> Result<Node, Box<Problem>> {
    source_text(file, source.as_bytes())?;
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_SOURCE_DEPTH,
            flow_nesting_limit: 2 * MAX_SOURCE_DEPTH,
            max_nodes: MAX_SOURCE_NODES,
            max_events: 4 * MAX_SOURCE_NODES,
            max_documents: 1,
            max_aliases: 256,
            max_anchors: 64,
            max_recorded_anchor_events: MAX_SOURCE_NODES,
            max_merge_keys: 0,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MAX_SOURCE_NODES,
            max_replay_stack_depth: 4,
        },
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options::<Node>(source, options).map_err(|error| {
        let position = error.location().map_or(Position::START, position_of);
        let (code, message) = words(&error);
        at(file, position, code, message)
    })
}

/// The tree of a source that says something.
///
/// # Errors
/// As [`read`], and for comments alone.
pub(crate) fn read_document(file: &str, source: &str) -> Result<Node, Box<Problem>> {
    let root = read(file, source)?;
    if root.kind == Kind::Null {
        let message = "there is nothing but comments in this file".to_owned();
        return Err(at(file, Position::START, "source-empty", message));
    }
    Ok(root)
}

fn at(file: &str, position: Position, code: &'static str, message: String) -> Box<Problem> {
    Box::new(Problem {
        file: file.to_owned(),
        position,
        path: String::new(),
        code,
        level: Level::Error,
        message,
    })
}

fn position_of(location: serde_saphyr::Location) -> Position {
    Position {
        line: location.line().max(1),
        column: location.column().max(1),
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the parser's errors are many and open; what is not named is syntax"
)]
fn words(error: &serde_saphyr::Error) -> (&'static str, String) {
    use serde_saphyr::{Error, budget::BudgetBreach};
    match error {
        Error::AliasError { error, .. } | Error::WithSnippet { error, .. } => words(error),
        Error::Budget {
            breach: BudgetBreach::Depth { .. },
            ..
        } => (
            "source-too-deep",
            format!("nested deeper than {MAX_SOURCE_DEPTH}"),
        ),
        Error::Budget {
            breach: BudgetBreach::Nodes { .. } | BudgetBreach::Events { .. },
            ..
        } => (
            "source-too-many-nodes",
            format!("more than {MAX_SOURCE_NODES} values"),
        ),
        Error::MultipleDocuments { .. }
        | Error::Budget {
            breach: BudgetBreach::Documents { .. },
            ..
        } => ("source-syntax", "a policy source is one document".to_owned()),
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. } => (
            "source-too-many-aliases",
            "aliases expand to more than this format allows".to_owned(),
        ),
        Error::RecursiveReferencesRequireWeakTypes { .. } => (
            "source-too-many-aliases",
            "an alias refers to what it is part of".to_owned(),
        ),
        Error::MergeKeyNotAllowed { .. } => (
            "source-merge-key",
            "merge keys (`<<`) are not part of this format".to_owned(),
        ),
        Error::DuplicateMappingKey { key, .. } => (
            "source-duplicate-key",
            format!("`{}` stands here twice", key.as_deref().unwrap_or("this key")),
        ),
        other => match plain(&other.to_string()) {
            // The scanner gives up before the budget does.
            message if message == "recursion limit exceeded" => (
                "source-too-deep",
                format!("nested deeper than {MAX_SOURCE_DEPTH}"),
            ),
            message => ("source-syntax", message),
        },
    }
}

/// The parser's message without the place, which is printed before it.
fn plain(message: &str) -> String {
    let message = message.lines().next().unwrap_or_default();
    message
        .split(" at line ")
        .next()
        .unwrap_or(message)
        .trim_end_matches(&[' ', ','][..])
        .to_owned()
}

impl Node {
    /// Where a field path leads, or the deepest part of it that exists. Keys may contain dots. Indices of the path count
    /// what was not cut, those of the returned path count what is written.
    pub(crate) fn locate(&self, path: &str) -> Located {
        let (mut node, mut at, mut rest) = (self, self.at, path);
        let mut written = String::new();
        loop {
            let step = match &node.kind {
                Kind::Map(entries) => entries
                    .iter()
                    .filter_map(|(key, value)| {
                        let tail = rest.strip_prefix(key.text.as_str())?;
                        (tail.is_empty() || tail.starts_with(['.', '['])).then_some((key, value, tail))
                    })
                    .max_by_key(|(key, _, _)| key.text.len())
                    .map(|(key, value, tail)| {
                        let at = if matches!(value.kind, Kind::Map(_) | Kind::List(_)) {
                            key.at
                        } else {
                            value.at
                        };
                        let dot = if written.is_empty() { "" } else { "." };
                        (value, at, tail, format!("{dot}{}", key.text))
                    }),
                Kind::List(items) => rest
                    .strip_prefix('[')
                    .and_then(|rest| rest.split_once(']'))
                    .and_then(|(index, tail)| {
                        let mut kept = items
                            .iter()
                            .enumerate()
                            .filter(|(_, item)| item.kind != Kind::Cut);
                        Some((kept.nth(index.parse().ok()?)?, tail))
                    })
                    .map(|((index, item), tail)| (item, item.at, tail, format!("[{index}]"))),
                Kind::Null
                | Kind::Boolean(_)
                | Kind::Integer(_)
                | Kind::Fraction(_)
                | Kind::Text(_)
                | Kind::Cut => None,
            };
            let Some((next, place, tail, step)) = step else {
                if !rest.is_empty() {
                    let dot = if written.is_empty() || rest.starts_with('[') {
                        ""
                    } else {
                        "."
                    };
                    written.push_str(dot);
                    written.push_str(rest);
                }
                return Located {
                    position: at,
                    path: written,
                    is_cut: node.is_cut(),
                };
            };
            written.push_str(&step);
            (node, at, rest) = (next, place, tail.strip_prefix('.').unwrap_or(tail));
        }
    }

    /// True if this or something directly in it was cut.
    fn is_cut(&self) -> bool {
        match &self.kind {
            Kind::Map(entries) => entries.iter().any(|(_, value)| value.kind == Kind::Cut),
            Kind::List(items) => items.iter().any(|item| item.kind == Kind::Cut),
            Kind::Cut => true,
            Kind::Null | Kind::Boolean(_) | Kind::Integer(_) | Kind::Fraction(_) | Kind::Text(_) => false,
        }
    }

    /// The node at a path; `None` if there is none or it was cut.
    pub(super) fn at_mut(&mut self, path: &[Step]) -> Option<&mut Self> {
        let mut node = self;
        for step in path {
            node = match (&mut node.kind, step) {
                (Kind::Map(entries), Step::Key(key)) => entries
                    .iter_mut()
                    .find(|(known, _)| known.text == *key)
                    .map(|(_, value)| value)?,
                (Kind::List(items), Step::Index(index)) => items.get_mut(*index)?,
                _ => return None,
            };
        }
        (node.kind != Kind::Cut).then_some(node)
    }

    /// The number of nodes, keys not counted.
    pub(crate) fn count(&self) -> usize {
        let below: usize = match &self.kind {
            Kind::Map(entries) => entries.iter().map(|(_, value)| value.count()).sum(),
            Kind::List(items) => items.iter().map(Self::count).sum(),
            Kind::Null
            | Kind::Boolean(_)
            | Kind::Integer(_)
            | Kind::Fraction(_)
            | Kind::Text(_)
            | Kind::Cut => 0,
        };
        below + 1
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Kind>::deserialize(deserializer)?;
        Ok(Self {
            at: position_of(spanned.referenced),
            kind: spanned.value,
        })
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KindVisitor)
    }
}

struct KindVisitor;

impl<'de> Visitor<'de> for KindVisitor {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Kind, E> {
        Ok(Kind::Boolean(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Kind, E> {
        Ok(Kind::Integer(number))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Kind, E> {
        i64::try_from(number)
            .map(Kind::Integer)
            .map_err(|_| E::custom("an integer beyond 64 signed bits"))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Kind, E> {
        Ok(Kind::Fraction(number))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Kind, E> {
        bounded(text).map(Kind::Text)
    }

    fn visit_unit<E>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }

    fn visit_none<E>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Kind, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            if items.len() == MAX_SOURCE_ITEMS {
                return Err(too_long());
            }
            items.push(item);
        }
        Ok(Kind::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Kind, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            if entries.len() == MAX_SOURCE_ITEMS {
                return Err(too_long());
            }
            let key = Key {
                at: position_of(key.referenced),
                text: bounded(&key.value)?,
            };
            entries.push((key, map.next_value()?));
        }
        Ok(Kind::Map(entries))
    }
}

fn bounded<E: serde::de::Error>(text: &str) -> Result<String, E> {
    if text.len() > MAX_SOURCE_TEXT_BYTES {
        return Err(E::custom(format!(
            "a text has at most {MAX_SOURCE_TEXT_BYTES} bytes"
        )));
    }
    Ok(text.to_owned())
}

fn too_long<E: serde::de::Error>() -> E {
    E::custom(format!("a list or map has at most {MAX_SOURCE_ITEMS} entries"))
}
