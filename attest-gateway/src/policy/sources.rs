//! The texts that a policy is made of: its own file, and the packs beside it that it takes by path.
//!
//! What is read is bounded and is a regular file. The last good texts are kept together: packs first, under a name that
//! follows from the policy they belong to, so that no crash in between pairs a policy with packs of another.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use attest_core::encoding::{hex, sha256};
use attest_policy::{Analysis, Compiled, MAX_SOURCE_BYTES, PackFiles, Problem, analyse};

/// The file beside the store that keeps the last good policy.
pub const LAST_GOOD_FILE: &str = "policy.last-good.yaml";

/// Why a policy's file cannot be taken as text.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// It cannot be opened or read.
    #[error("{}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It is a folder or something else that is not a file.
    #[error("{}: not a file", path.display())]
    NotAFile {
        /// Its path.
        path: PathBuf,
    },
    /// It is too large, empty or not UTF-8.
    #[error("{0}")]
    Text(Box<Problem>),
}

impl SourceError {
    /// Stable kebab-case code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "policy-unreadable",
            Self::NotAFile { .. } => "policy-not-a-file",
            Self::Text(problem) => problem.code,
        }
    }
}

/// The text of a policy's or pack's file.
///
/// # Errors
/// [`SourceError`].
pub fn read_source(path: &Path) -> Result<String, SourceError> {
    let unreadable = |error| SourceError::Unreadable {
        path: path.to_owned(),
        error,
    };
    // Asked before it is opened: opening a pipe would wait for its other end.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(SourceError::NotAFile {
            path: path.to_owned(),
        });
    }
    let limit = u64::try_from(MAX_SOURCE_BYTES)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(limit).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    attest_policy::source_text(&path.to_string_lossy(), &bytes)
        .map(str::to_owned)
        .map_err(SourceError::Text)
}

/// The packs beside a policy file.
#[derive(Debug, Clone)]
pub struct PackFolder(PathBuf);

impl PackFolder {
    /// The packs in the folder of `policy`.
    #[must_use]
    pub fn beside(policy: &Path) -> Self {
        Self(policy.parent().unwrap_or_else(|| Path::new(".")).to_owned())
    }
}

impl PackFiles for PackFolder {
    fn read(&self, path: &str) -> Result<String, String> {
        read_source(&self.0.join(path.trim_start_matches("./"))).map_err(|error| error.to_string())
    }
}

/// Texts of packs by the paths that a policy takes them by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Packs(pub(super) BTreeMap<String, String>);

impl PackFiles for Packs {
    fn read(&self, path: &str) -> Result<String, String> {
        self.0
            .get(path)
            .cloned()
            .ok_or_else(|| format!("{path}: was not kept with the policy"))
    }
}

/// Asks another for packs and remembers what was asked and answered.
pub(super) struct Recorded<'a> {
    files: &'a dyn PackFiles,
    read: RefCell<BTreeMap<String, Option<String>>>,
}

impl<'a> Recorded<'a> {
    pub(super) fn new(files: &'a dyn PackFiles) -> Self {
        Self {
            files,
            read: RefCell::default(),
        }
    }

    /// What was asked, with the texts that there were.
    pub(super) fn finish(self) -> BTreeMap<String, Option<String>> {
        self.read.into_inner()
    }
}

impl PackFiles for Recorded<'_> {
    fn read(&self, path: &str) -> Result<String, String> {
        let read = self.files.read(path);
        self.read.borrow_mut().insert(path.to_owned(), read.clone().ok());
        read
    }
}

/// A policy's text and those of the packs beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sources {
    pub(super) policy: String,
    pub(super) packs: Packs,
}

impl Sources {
    /// SHA-256 of the policy's text, followed by its packs' where there are any.
    pub(super) fn digest(&self) -> [u8; 32] {
        let packs = self.packs.0.iter();
        let packs: Vec<_> = packs
            .map(|(path, text)| (path, sha256(&[text.as_bytes()])))
            .collect();
        let mut parts = vec![self.policy.as_bytes()];
        for (path, digest) in &packs {
            parts.extend([path.as_bytes(), digest]);
        }
        sha256(&parts)
    }

    /// The last good texts; `None` if they cannot be read as a whole.
    pub(super) fn kept(last_good: &Path) -> Option<Self> {
        let policy = read_source(last_good).ok()?;
        let packs = match fs::read(packs_file(last_good, &policy)) {
            Ok(json) => Packs(serde_json::from_slice(&json).ok()?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Packs::default(),
            Err(_) => return None,
        };
        Some(Self { policy, packs })
    }

    /// Replaces the last good texts, which were `before`. Where that fails, the old ones are untouched and nothing is
    /// left beside them.
    pub(super) fn keep(&self, last_good: &Path, before: Option<&Self>) -> Result<(), String> {
        let packs = packs_file(last_good, &self.policy);
        if !self.packs.0.is_empty() {
            let json = serde_json::to_vec(&self.packs.0).map_err(|error| error.to_string())?;
            replace(&packs, &json)?;
        }
        replace(last_good, self.policy.as_bytes())?;
        if let Some(before) = before.filter(|before| !before.packs.0.is_empty()) {
            let old = packs_file(last_good, &before.policy);
            // A file too many does no harm.
            let _left = old != packs && fs::remove_file(&old).is_err();
        }
        Ok(())
    }
}

/// Where the packs of a kept policy are.
fn packs_file(last_good: &Path, policy: &str) -> PathBuf {
    let digest = hex(sha256(&[policy.as_bytes()]));
    last_good.with_extension(format!("packs.{}.json", digest.get(..16).unwrap_or_default()))
}

fn replace(file: &Path, content: &[u8]) -> Result<(), String> {
    let next = file.with_extension("next");
    let kept = fs::write(&next, content)
        .and_then(|()| fs::File::open(&next)?.sync_all())
        .and_then(|()| fs::rename(&next, file));
    kept.map_err(|error| {
        // A half-written file would only take room that is wanted elsewhere.
        let _left = fs::remove_file(&next).is_err();
        format!("{}: {error}", file.display())
    })
}

/// A policy file and everything about it; problems name it by `path` as it is.
///
/// # Errors
/// [`SourceError`] if the file cannot be taken as text.
pub fn analyse_file(path: &Path) -> Result<(String, Analysis), SourceError> {
    let source = read_source(path)?;
    let analysis = analyse(&path.to_string_lossy(), &source, &PackFolder::beside(path));
    Ok((source, analysis))
}

/// The policies of a file; `None` if it cannot be read or has an error.
#[must_use]
pub fn compile_file(path: &Path) -> Option<Compiled> {
    let (_, analysis) = analyse_file(path).ok()?;
    analysis.compiled
}

/// The last good policy of this state folder and everything about it; `None` if none was kept.
#[must_use]
pub fn analyse_kept(state_folder: &Path) -> Option<(String, Analysis)> {
    let path = state_folder.join(LAST_GOOD_FILE);
    let Sources { policy, packs } = Sources::kept(&path)?;
    let analysis = analyse(&path.to_string_lossy(), &policy, &packs);
    Some((policy, analysis))
}
