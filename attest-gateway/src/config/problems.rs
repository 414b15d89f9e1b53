//! Reads a configuration and reports every problem with its place, not only the first.
//!
//! The text is parsed once with positions. Whatever fails to become a [`Config`] is reported, taken out of the tree, and
//! the rest is tried again, so each round finds another problem; what is left is then judged for sense. A configuration
//! with any problem is never returned.

use std::fmt;
use std::ops::Range;
use std::path::Path;

use serde::Deserialize as _;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer, Error};

use super::{Config, semantics};

/// Larger than any sane configuration; smaller than what would hurt to read.
const FILE_MAX_BYTES: u64 = 1 << 20;

/// One thing wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigProblem {
    /// Line of the key, or of the table it is missing from, counted from 1.
    pub line: usize,
    /// Column of the same, in characters, counted from 1.
    pub column: usize,
    /// The key's path, such as `upstreams[1].url`; empty for the whole file.
    pub key: String,
    /// A stable code: `syntax`, `unknown-key`, `wrong-value`, `missing`, `out-of-bounds`, `duplicate`, `unsupported`,
    /// `unsafe`, `no-such-file` or `unreadable`.
    pub code: &'static str,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.line, self.column)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{} [{}]", self.message, self.code)
    }
}

/// Collects problems and finds their places.
pub(super) struct Report<'t> {
    text: &'t str,
    tree: Spanned<DeTable<'t>>,
    problems: Vec<(usize, ConfigProblem)>,
}

pub(super) fn read_text(path: &Path) -> Result<String, Vec<ConfigProblem>> {
    let unreadable = |reason: String| {
        let message = format!("{} cannot be read: {reason}", path.display());
        vec![ConfigProblem {
            line: 1,
            column: 1,
            key: String::new(),
            code: "unreadable",
            message,
        }]
    };
    let size = std::fs::metadata(path)
        .map_err(|error| unreadable(error.to_string()))?
        .len();
    if size > FILE_MAX_BYTES {
        return Err(unreadable(format!("it is larger than {FILE_MAX_BYTES} bytes")));
    }
    std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))
}

/// The configuration in `text`, after `finish` had its say about it.
pub(super) fn read(
    text: &str,
    finish: impl FnOnce(&mut Config, &mut Report<'_>),
) -> Result<Config, Vec<ConfigProblem>> {
    let (tree, syntax) = DeTable::parse_recoverable(text);
    let mut report = Report {
        text,
        tree,
        problems: Vec::new(),
    };
    for error in &syntax {
        report.at_offset(
            error.span().map_or(0, |span| span.start),
            String::new(),
            "syntax",
            error.message(),
        );
    }
    // After a syntax error the tree is a guess, and judging a guess would only confuse.
    if syntax.is_empty()
        && let Some(mut config) = report.deserialize()
    {
        semantics::all(&config, &mut report);
        finish(&mut config, &mut report);
        if report.problems.is_empty() {
            return Ok(config);
        }
    }
    report.problems.sort_by_key(|(offset, _)| *offset);
    Err(report.problems.into_iter().map(|(_, problem)| problem).collect())
}

impl Report<'_> {
    /// Reports a problem of the value at `key`, unless that key was reported already.
    pub(super) fn at(&mut self, key: &str, code: &'static str, message: &str) {
        if self.problems.iter().all(|(_, problem)| problem.key != key) {
            let offset = locate(&self.tree, key);
            self.at_offset(offset, key.to_owned(), code, message);
        }
    }

    /// Whether the text gives a value for `key`, or did before that value was reported.
    pub(super) fn has(&self, key: &str) -> bool {
        self.problems.iter().any(|(_, problem)| problem.key == key) || find(&self.tree, key).is_some()
    }

    fn at_offset(&mut self, offset: usize, key: String, code: &'static str, message: &str) {
        let (line, column) = place(self.text, offset);
        self.problems.push((
            offset,
            ConfigProblem {
                line,
                column,
                key,
                code,
                message: message.to_owned(),
            },
        ));
    }

    /// What is left after every entry that does not fit was reported and taken out; `None` if nothing can be saved.
    fn deserialize(&mut self) -> Option<Config> {
        loop {
            let error = match Config::deserialize(Deserializer::from(self.tree.clone())) {
                Ok(config) => return Some(config),
                Err(error) => error,
            };
            let (code, message) = explain(&error);
            let span = error.span().unwrap_or(0..0);
            // Each round takes an entry out, so there are no more rounds than entries.
            match take_out(self.tree.get_mut(), "", &span) {
                Some((offset, key)) => self.at_offset(offset, key, code, &message),
                None => {
                    self.at_offset(span.start, String::new(), code, &message);
                    return None;
                }
            }
        }
    }
}

/// Removes the innermost entry of `table` whose key or value holds `span`; returns where it starts and its path. Elements
/// of an array keep their number: an element that is no table is removed with its array.
fn take_out(table: &mut DeTable<'_>, path: &str, span: &Range<usize>) -> Option<(usize, String)> {
    enum Found {
        Deeper(usize, String),
        Here(usize, String),
    }
    let holds = |outer: Range<usize>| outer.start <= span.start && span.end <= outer.end;
    let found = table.iter_mut().find_map(|(key, value)| {
        let name = key.get_ref().as_ref();
        let own = if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        };
        let at_value = holds(value.span());
        let deeper = match value.get_mut() {
            DeValue::Table(inner) => take_out(inner, &own, span),
            DeValue::Array(array) => array.iter_mut().enumerate().find_map(|(index, element)| {
                let DeValue::Table(inner) = element.get_mut() else {
                    return None;
                };
                take_out(inner, &format!("{own}[{index}]"), span)
            }),
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_) => None,
        };
        match deeper {
            Some((offset, path)) => Some(Found::Deeper(offset, path)),
            None => (at_value || holds(key.span())).then(|| Found::Here(key.span().start, name.to_owned())),
        }
    })?;
    match found {
        Found::Deeper(offset, path) => Some((offset, path)),
        Found::Here(offset, name) => {
            table.remove(name.as_str());
            Some((
                offset,
                if path.is_empty() {
                    name
                } else {
                    format!("{path}.{name}")
                },
            ))
        }
    }
}

/// Where `path` starts, if the tree has it.
fn find(tree: &Spanned<DeTable<'_>>, path: &str) -> Option<usize> {
    let (offset, whole) = follow(tree, path);
    whole.then_some(offset)
}

/// Where `path` starts, or the nearest table around the place where it is missing.
fn locate(tree: &Spanned<DeTable<'_>>, path: &str) -> usize {
    follow(tree, path).0
}

/// Follows a path such as `upstreams[1].url` as far as it goes; returns where that is, and whether it went all the way.
fn follow(tree: &Spanned<DeTable<'_>>, path: &str) -> (usize, bool) {
    let mut offset = 0;
    let mut table = Some(tree.get_ref());
    for step in path.split('.') {
        let (name, index) = match step.split_once('[') {
            Some((name, rest)) => (name, rest.trim_end_matches(']').parse::<usize>().ok()),
            None => (step, None),
        };
        let Some((key, value)) = table.and_then(|table| table.get_key_value(name)) else {
            return (offset, false);
        };
        let element = index.and_then(|index| value.get_ref().as_array()?.get(index));
        offset = element.map_or(key.span().start, |element| element.span().start);
        table = element.unwrap_or(value).get_ref().as_table();
    }
    (offset, true)
}

fn explain(error: &Error) -> (&'static str, String) {
    let message = error.message();
    let Some(rest) = message.strip_prefix("unknown field ") else {
        return ("wrong-value", message.to_owned());
    };
    let mut names = rest.split('`').skip(1).step_by(2);
    let unknown = names.next().unwrap_or_default();
    let nearest = names.map(|known| (distance(unknown, known), known)).min();
    let message = match nearest {
        Some((steps, known)) if steps <= known.len() / 2 => {
            format!("there is no such key; did you mean `{known}`?")
        }
        _ => format!("there is no such key; this table has: {}", known_names(rest)),
    };
    ("unknown-key", message)
}

fn known_names(rest: &str) -> String {
    let names: Vec<_> = rest.split('`').skip(3).step_by(2).collect();
    names.join(", ")
}

/// Levenshtein distance, in bytes: key names are ASCII, and anything else is far from all of them.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (b, cell) in other.bytes().zip(row.iter_mut().skip(1)) {
            let above = *cell;
            left = (diagonal + usize::from(a != b)).min(above + 1).min(left + 1);
            diagonal = above;
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

/// Line and column, from 1, of a byte offset.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = before.get(line_start..).unwrap_or_default().chars().count();
    (before.matches('\n').count() + 1, column + 1)
}
