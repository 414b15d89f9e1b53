//! Where the files of a policy repository come from. Whoever carries them is not trusted: every byte is verified by who asked.
//!
//! What is read is bounded in bytes and in time, and nothing but the answer "there is no such file" counts as its absence.

use std::path::Path;

use super::directory::Directory;
use super::files::RepositoryFiles;
use super::web::{Web, WebError};

/// One of the places that a repository is read from.
#[derive(Debug)]
pub(crate) enum Source {
    /// Files on this machine.
    Directory(Directory),
    /// A web server.
    Web(Web),
    /// What an operator sent.
    Held(RepositoryFiles),
}

/// What a source has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// These bytes: all, or one more than were asked for.
    Bytes(Vec<u8>),
    /// It says that there is no such file.
    Missing,
}

/// Why a file of a repository cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// A file cannot be read.
    #[error("{file}: {reason}")]
    Unreadable {
        /// The file.
        file: String,
        /// The system's reason.
        reason: String,
    },
    /// The server cannot be reached, or the connection ended.
    #[error("{file}: {reason}")]
    Unreachable {
        /// The file that was asked for.
        file: String,
        /// Why.
        reason: String,
    },
    /// The server answered neither with the file nor that there is none.
    #[error("{file}: the server answered with status {status}")]
    Status {
        /// The file that was asked for.
        file: String,
        /// Its status.
        status: u16,
    },
    /// It did not arrive in time.
    #[error("{file}: not complete after {timeout_ms} ms (policy.fetch_timeout_ms)")]
    Slow {
        /// The file that was asked for.
        file: String,
        /// How long was waited.
        timeout_ms: u64,
    },
}

impl FetchError {
    /// Stable kebab-case code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "policy-source-unreadable",
            Self::Unreachable { .. } => "policy-source-unreachable",
            Self::Status { .. } => "policy-source-status",
            Self::Slow { .. } => "policy-source-slow",
        }
    }
}

impl Source {
    /// Files on this machine.
    pub(crate) fn directory(folder: &Path) -> Self {
        Self::Directory(Directory::new(folder.to_owned()))
    }

    /// A web server.
    ///
    /// # Errors
    /// [`WebError`].
    pub(crate) fn web(url: &str, ca_file: Option<&Path>, timeout_ms: u64) -> Result<Self, WebError> {
        Web::new(url, ca_file, timeout_ms).map(Self::Web)
    }

    /// The file at this path of the repository. Of a larger one than `max_bytes`, one byte more, to be refused by who knows why.
    pub(super) async fn fetch(&self, path: &str, max_bytes: u64) -> Result<Found, FetchError> {
        match self {
            Self::Directory(directory) => directory.fetch(path, max_bytes),
            Self::Web(web) => web.fetch(path, max_bytes).await,
            Self::Held(held) => Ok(held.fetch(path)),
        }
    }

    /// Its name in verdicts.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Directory(_) => "repository",
            Self::Web(_) => "url",
            Self::Held(_) => "push",
        }
    }
}
