//! Why a command over a policy repository stops: a sentence with its place, often with what mends it, and how the command ends.

use std::{io, path::Path};

use attest_policy::repository::RepositoryError;

use crate::out::{Exit, Out, printable};

/// Why a command stops.
#[derive(Debug)]
pub(crate) struct Stop {
    exit: Exit,
    text: String,
}

impl Stop {
    /// Refused: what was asked for would be wrong.
    pub(crate) fn refused(text: impl Into<String>) -> Self {
        Self {
            exit: Exit::Refused,
            text: text.into(),
        }
    }

    /// Arguments or files that cannot be used.
    pub(crate) fn unusable(text: impl Into<String>) -> Self {
        Self {
            exit: Exit::Unusable,
            text: text.into(),
        }
    }

    /// A file that cannot be used, and why.
    pub(crate) fn file(path: &Path, reason: impl std::fmt::Display) -> Self {
        Self::unusable(format!("{}: {reason}", path.display()))
    }

    /// Says it.
    pub(crate) fn show(&self, out: &mut Out<'_>) -> io::Result<Exit> {
        writeln!(out.err, "attest: {}", printable(&self.text))?;
        Ok(self.exit)
    }
}

impl From<RepositoryError> for Stop {
    fn from(error: RepositoryError) -> Self {
        Self::unusable(error.to_string())
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::unusable(format!("the output cannot be written: {error}"))
    }
}
