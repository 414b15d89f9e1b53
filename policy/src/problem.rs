//! A problem of a policy source: where it is, what it is called and what a person should read.

use std::fmt;

/// Where something stands in a file. Lines and columns count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line.
    pub line: u64,
    /// The column, in characters.
    pub column: u64,
}

impl Position {
    /// The start of a file.
    pub const START: Self = Self { line: 1, column: 1 };
}

/// Whether a problem keeps the policy from being used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// It does.
    Error,
    /// It does not, but is probably not meant.
    Warning,
}

/// A problem of a policy source. Prints as `policy.yaml:12:7: rules[2].when.fact: unknown fact …`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problem {
    /// The file as the caller named it.
    pub file: String,
    /// The place.
    pub position: Position,
    /// The field, such as `rules[2].when.all[0].value`; empty for the whole file.
    pub path: String,
    /// The stable kebab-case code.
    pub code: &'static str,
    /// Whether it keeps the policy from being used.
    pub level: Level,
    /// What is wrong, for people.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{}: ",
            self.file, self.position.line, self.position.column
        )?;
        if self.level == Level::Warning {
            f.write_str("warning: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}
