//! Every mismatch of a tree in one go: what does not fit is reported, cut out of the tree, and the rest is read again.
//!
//! What follows from a cut alone is never reported. A tree of n nodes is read at most n + 1 times; [`MAX_FAULTS`] ends
//! it earlier.

use std::{collections::BTreeSet, fmt};

use serde::Deserialize;

use super::{
    Key, Kind, Node, Step,
    de::{NodeError, from_node},
};
use crate::problem::Position;

/// The most mismatches of one file that are reported.
pub(crate) const MAX_FAULTS: usize = 100;

/// One mismatch.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) position: Position,
    pub(crate) path: String,
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

/// The value of what fits, and everything that does not. `None` if nothing is left, or too much is wrong. A missing
/// field of the root that has a stand-in is reported and stood in for, so that the rest can be looked at.
pub(crate) fn decode<T: for<'de> Deserialize<'de>>(
    root: &mut Node,
    stand_ins: &[(&str, &str)],
) -> (Option<T>, Vec<Fault>) {
    let mut faults = Vec::new();
    let mut cuts = Cuts::default();
    loop {
        let error = match from_node::<T>(root) {
            Ok(value) => return (Some(value), faults),
            Err(error) => error,
        };
        let path = error.path();
        if !cuts.explain(&error, &path) {
            let position = error.position.unwrap_or(root.at);
            if faults.len() == MAX_FAULTS {
                faults.push(Fault {
                    position,
                    path: String::new(),
                    code: "too-many-problems",
                    message: format!("more than {MAX_FAULTS} problems; what follows was not looked at"),
                });
                return (None, faults);
            }
            faults.push(Fault {
                position,
                path: Path(&path).to_string(),
                code: error.code,
                message: error.message.clone(),
            });
        }
        if error.code == "missing-field" && path.is_empty() {
            let stand_in = stand_ins.iter().find(|(field, _)| Some(*field) == error.field);
            let Some((field, text)) = stand_in else {
                return (None, faults);
            };
            root.stand_in(field, text);
            continue;
        }
        if !cuts.cut(root, &error, path) {
            return (None, faults);
        }
    }
}

/// What was cut, and the fields that unknown ones are probably meant to be.
#[derive(Default)]
struct Cuts(BTreeSet<Vec<Step>>);

impl Cuts {
    /// True if the error only follows from a cut.
    fn explain(&self, error: &NodeError, path: &[Step]) -> bool {
        match (error.code, error.field) {
            ("missing-field", Some(field)) => self.0.contains(&below(path, field)),
            ("unknown-field", _) => false,
            _ => self
                .0
                .range(path.to_vec()..)
                .take_while(|cut| cut.starts_with(path))
                .any(|cut| cut.len() == path.len() + 1),
        }
    }

    /// Cuts the culprit, or what it is part of where it is gone already; false if that would be everything.
    fn cut(&mut self, root: &mut Node, error: &NodeError, mut path: Vec<Step>) -> bool {
        if let ("unknown-field", Some(field), Some((_, parent))) =
            (error.code, error.field, path.split_last())
        {
            self.0.insert(below(parent, field));
        }
        while !path.is_empty() {
            if let Some(node) = root.at_mut(&path) {
                node.kind = Kind::Cut;
                self.0.insert(path);
                return true;
            }
            path.pop();
        }
        false
    }
}

fn below(path: &[Step], field: &str) -> Vec<Step> {
    let mut path = path.to_vec();
    path.push(Step::Key(field.to_owned()));
    path
}

impl Node {
    /// Puts a value, as YAML would read this plain text, where a field of a map is missing or was cut.
    fn stand_in(&mut self, field: &str, text: &str) {
        let Kind::Map(entries) = &mut self.kind else {
            return;
        };
        let kind = match (text, text.parse()) {
            ("[]", _) => Kind::List(Vec::new()),
            (_, Ok(number)) => Kind::Integer(number),
            (_, Err(_)) => Kind::Text(text.to_owned()),
        };
        let at = self.at;
        match entries.iter_mut().find(|(key, _)| key.text == field) {
            Some((_, value)) => value.kind = kind,
            None => entries.push((
                Key {
                    at,
                    text: field.to_owned(),
                },
                Self { at, kind },
            )),
        }
    }
}

/// Prints as `detectors[1].when`.
struct Path<'a>(&'a [Step]);

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if index == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}
