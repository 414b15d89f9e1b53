//! Collects the problems of a policy and its packs, and knows in which file and where each of their fields stands.
//!
//! Problems of one kind are bounded; an error is never lost to warnings. While parts could not be read, only what is
//! wrong by itself is taken: nothing is reported that may follow from what is missing.

use std::{collections::BTreeSet, fmt};

use serde::Deserialize;

use crate::{
    node::{self, Located, Node},
    problem::{Level, Position, Problem},
};

/// The most errors, and the most warnings, of one report.
pub const MAX_PROBLEMS: usize = 1_000;

/// The codes of problems that depend on their place alone, so that they stand whatever else cannot be read.
const BY_ITSELF: [&str; 41] = [
    "engine-unsupported",
    "except-unexpected",
    "fact-malformed",
    "fact-origin",
    "fact-param-missing",
    "fact-param-unexpected",
    "fact-param-unfit",
    "fact-platform",
    "fact-unknown",
    "fact-view-unfit",
    "jwk",
    "loopback-in-production",
    "method",
    "name",
    "operator-kind",
    "operator-unknown",
    "origin",
    "out-of-range",
    "pack-name",
    "pack-path",
    "pack-platform",
    "pack-twice",
    "pack-unknown",
    "pack-unreadable",
    "packs-too-large",
    "packs-too-many",
    "path-not-absolute",
    "path-partial-wildcard",
    "path-rest-not-last",
    "path-segment",
    "path-too-long",
    "quantifier-missing",
    "quantifier-unexpected",
    "regex",
    "text-too-long",
    "too-deep",
    "too-many",
    "too-many-clauses",
    "value-kind",
    "value-missing",
    "value-unexpected",
];

#[derive(Debug)]
struct Document {
    file: String,
    root: Node,
}

/// Where the parts of a policy that was joined with its packs stand: the document, and the index there.
#[derive(Debug, Default)]
pub(crate) struct Places {
    pub(crate) detectors: Vec<(usize, usize)>,
    pub(crate) tests: Vec<(usize, usize)>,
    pub(crate) lists: Vec<(String, usize)>,
}

#[derive(Debug, Default)]
pub(crate) struct Report {
    documents: Vec<Document>,
    places: Places,
    problems: Vec<(usize, Problem)>,
    seen: BTreeSet<(usize, Position, String, &'static str, String)>,
    errors: usize,
    warnings: usize,
    newest: String,
    partial: bool,
}

impl Report {
    /// A report on what has no source; every problem stands at its start.
    pub(crate) fn of_no_file(file: &str) -> Self {
        let root = node::read_document(file, "{}").ok();
        Self {
            documents: root
                .map(|root| Document {
                    file: file.to_owned(),
                    root,
                })
                .into_iter()
                .collect(),
            ..Self::default()
        }
    }

    /// The value of a document that is now part of this report, and its number; problems of its shape are taken.
    pub(crate) fn read<T: for<'de> Deserialize<'de>>(
        &mut self,
        file: &str,
        mut root: Node,
        stand_ins: &[(&str, &str)],
    ) -> (usize, Option<T>) {
        let document = self.documents.len();
        let (value, faults) = node::decode(&mut root, stand_ins);
        self.partial |= !faults.is_empty();
        for fault in faults {
            self.take(
                document,
                Problem {
                    file: file.to_owned(),
                    position: fault.position,
                    path: fault.path,
                    code: fault.code,
                    level: Level::Error,
                    message: fault.message,
                },
            );
        }
        self.documents.push(Document {
            file: file.to_owned(),
            root,
        });
        (document, value)
    }

    /// A document that could not even be read as a tree.
    pub(crate) fn unread(&mut self, problem: Problem) {
        self.partial = true;
        self.take(self.documents.len(), problem);
    }

    /// From now on, parts are missing that others may refer to.
    pub(crate) const fn parts_are_missing(&mut self) {
        self.partial = true;
    }

    /// True if parts could not be read.
    pub(crate) const fn is_partial(&self) -> bool {
        self.partial
    }

    /// From now on, paths are those of the joined policy.
    pub(crate) fn joined(&mut self, places: Places) {
        self.places = places;
    }

    pub(crate) fn error(&mut self, path: impl fmt::Display, code: &'static str, message: impl fmt::Display) {
        let (document, path) = self.places.of(&path.to_string());
        self.add(document, Level::Error, &path, code, message.to_string());
    }

    pub(crate) fn warning(
        &mut self,
        path: impl fmt::Display,
        code: &'static str,
        message: impl fmt::Display,
    ) {
        let (document, path) = self.places.of(&path.to_string());
        self.add(document, Level::Warning, &path, code, message.to_string());
    }

    /// An error at a path of one document as it is written, whatever it is joined with.
    pub(crate) fn error_in(
        &mut self,
        document: usize,
        path: impl fmt::Display,
        code: &'static str,
        message: impl fmt::Display,
    ) {
        self.add(
            document,
            Level::Error,
            &path.to_string(),
            code,
            message.to_string(),
        );
    }

    fn add(&mut self, document: usize, level: Level, path: &str, code: &'static str, message: String) {
        if self.partial && !BY_ITSELF.contains(&code) {
            return;
        }
        let Some(Document { file, root }) = self.documents.get(document) else {
            return;
        };
        let Located {
            position,
            path,
            is_cut,
        } = root.locate(path);
        if is_cut {
            return;
        }
        let problem = Problem {
            file: file.clone(),
            position,
            path,
            code,
            level,
            message,
        };
        self.take(document, problem);
    }

    fn take(&mut self, document: usize, problem: Problem) {
        let count = match problem.level {
            Level::Error => {
                self.newest.clone_from(&problem.message);
                &mut self.errors
            }
            Level::Warning => &mut self.warnings,
        };
        let key = (
            document,
            problem.position,
            problem.path.clone(),
            problem.code,
            problem.message.clone(),
        );
        if *count <= MAX_PROBLEMS && self.seen.insert(key) {
            *count += 1;
            let last = *count > MAX_PROBLEMS;
            self.problems.push((
                document,
                if last {
                    self.too_many(problem.level)
                } else {
                    problem
                },
            ));
        }
    }

    fn too_many(&self, level: Level) -> Problem {
        Problem {
            file: self
                .documents
                .first()
                .map_or_else(String::new, |first| first.file.clone()),
            position: Position::START,
            path: String::new(),
            code: "too-many-problems",
            level,
            message: format!("more than {MAX_PROBLEMS} problems; the others are not listed"),
        }
    }

    /// The number of errors up to now.
    pub(crate) const fn errors(&self) -> usize {
        self.errors
    }

    /// The words of the newest error.
    pub(crate) fn newest(&self) -> &str {
        &self.newest
    }

    /// The file and place of a path of the joined policy.
    pub(crate) fn place(&self, path: &str) -> (String, Position) {
        let (document, path) = self.places.of(path);
        self.documents.get(document).map_or_else(
            || (String::new(), Position::START),
            |document| (document.file.clone(), document.root.locate(&path).position),
        )
    }

    /// True if this test of the joined policy is a pack's.
    pub(crate) fn is_test_of_a_pack(&self, index: usize) -> bool {
        self.places
            .tests
            .get(index)
            .is_some_and(|(document, _)| *document != 0)
    }

    /// The problems, file by file, each in its order.
    pub(crate) fn finish(mut self) -> Vec<Problem> {
        self.problems
            .sort_by_key(|(document, problem)| (*document, problem.position));
        self.problems.into_iter().map(|(_, problem)| problem).collect()
    }
}

impl Places {
    /// The document and the path there of a path of the joined policy.
    fn of(&self, path: &str) -> (usize, String) {
        let indexed = |section: &str, places: &[(usize, usize)]| {
            let (index, rest) = path.strip_prefix(section)?.strip_prefix('[')?.split_once(']')?;
            let (document, own) = places.get(index.parse::<usize>().ok()?)?;
            Some((*document, format!("{section}[{own}]{rest}")))
        };
        let listed = || {
            let name = path.strip_prefix("lists.")?;
            let (_, document) = self
                .lists
                .iter()
                .filter(|(known, _)| name.starts_with(known.as_str()))
                .max_by_key(|(known, _)| known.len())?;
            Some((*document, path.to_owned()))
        };
        indexed("detectors", &self.detectors)
            .or_else(|| indexed("tests", &self.tests))
            .or_else(listed)
            .unwrap_or_else(|| (0, path.to_owned()))
    }
}
