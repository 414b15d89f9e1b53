//! A policy repository as this gateway serves it: the bundle that a phone asks for in one request, and the standard TUF files.
//!
//! All is made once, when a policy is put into force: a request costs a look-up and at most the copy of some roots. The rules of
//! gateways, their tests and brakes are in the repository and are never served here: phones, and whoever asks like one, do not see them.

use std::collections::BTreeMap;

use attest_core::bundle::{DEVICE_TARGET, MAX_BUNDLE_BYTES, MAX_BUNDLE_ROOTS};
use attest_core::encoding::{base64url, sha256};
use attest_core::service::PolicyBundle;
use attest_core::sorted::Sorted;
use attest_policy::repository::{Repository, RepositoryError};
use bytes::Bytes;

/// Roots in one bundle, as JSON: with them a bundle stays within what phones read.
const ROOTS_BYTES_MAX: usize = 256 * 1024;

/// Why a repository cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// It is not whole.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// It has no device policy, or none of its roles names one.
    #[error("the repository has no {name}")]
    Missing {
        /// The role or target.
        name: &'static str,
    },
    /// Its roots are not numbered without a gap.
    #[error("root {version} is missing")]
    RootMissing {
        /// Its version.
        version: u64,
    },
    /// JSON is UTF-8.
    #[error("{name} is not UTF-8")]
    NotText {
        /// The role or target.
        name: &'static str,
    },
    /// No phone would read it.
    #[error("what phones are sent has {bytes} bytes; they read {MAX_BUNDLE_BYTES}")]
    TooLarge {
        /// Its size with all that it can hold.
        bytes: usize,
    },
}

impl PublishError {
    /// Stable kebab-case code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Repository(error) => error.code(),
            Self::Missing { .. } => "publish-missing",
            Self::RootMissing { .. } => "publish-root-missing",
            Self::NotText { .. } => "publish-not-text",
            Self::TooLarge { .. } => "publish-too-large",
        }
    }
}

/// A file as it is served.
#[derive(Debug, Clone)]
pub struct PublishedFile {
    /// Its content.
    pub bytes: Bytes,
    /// Its entity tag.
    pub etag: String,
    /// Whether a file of this name never has another content.
    pub immutable: bool,
}

/// A policy repository as it is served.
#[derive(Debug)]
pub struct Published {
    files: BTreeMap<String, PublishedFile>,
    /// The first root's version, and every root as a JSON string.
    first_root: u64,
    roots: Vec<String>,
    root: Bytes,
    /// The bundle behind its roots.
    rest: String,
    /// For phones that have every root, which is nearly all of them.
    current: Bytes,
    digest: String,
}

impl Published {
    /// What phones are served of `repository`. Nothing is verified here.
    ///
    /// # Errors
    /// [`PublishError`] if it is not whole, or larger than phones read.
    pub fn new(repository: &Repository) -> Result<Self, PublishError> {
        let first = repository.roots.first_key_value();
        let (first_root, root) = first.ok_or(PublishError::Missing { name: "root" })?;
        let mut roots = Vec::with_capacity(repository.roots.len());
        for (version, (found, root)) in (*first_root..).zip(&repository.roots) {
            if version != *found {
                return Err(PublishError::RootMissing { version });
            }
            roots.push(serde_json::Value::String(text("root", Some(root))?).to_string());
        }
        let device = text(DEVICE_TARGET, repository.artifacts.get(DEVICE_TARGET))?;
        let behind = PolicyBundle {
            roots: Vec::new(),
            more: false,
            timestamp: text("timestamp", Some(&repository.timestamp))?,
            snapshot: text("snapshot", Some(&repository.snapshot))?,
            targets: text("targets", repository.metadata.get("targets"))?,
            delegated: Sorted::default(),
            artifacts: Sorted::from([(DEVICE_TARGET.to_owned(), device)]),
        };
        let rest = serde_json::to_string(&behind).unwrap_or_default();
        let rest = rest
            .strip_prefix(r#"{"roots":[],"more":false,"#)
            .unwrap_or_default();
        let bytes = rest.len().saturating_add(ROOTS_BYTES_MAX);
        if bytes > MAX_BUNDLE_BYTES {
            return Err(PublishError::TooLarge { bytes });
        }
        let mut files = BTreeMap::new();
        for (path, bytes) in repository.files()? {
            if path.starts_with("targets/") && !path.ends_with(&format!(".{DEVICE_TARGET}")) {
                continue;
            }
            let file = PublishedFile {
                immutable: path != TIMESTAMP_PATH,
                etag: format!("\"{}\"", digest(&[bytes])),
                bytes: Bytes::copy_from_slice(bytes),
            };
            files.insert(path, file);
        }
        let covered: Vec<&[u8]> = roots
            .iter()
            .map(String::as_bytes)
            .chain([rest.as_bytes()])
            .collect();
        let mut published = Self {
            files,
            first_root: *first_root,
            root: Bytes::copy_from_slice(root),
            digest: digest(&covered),
            rest: rest.to_owned(),
            current: Bytes::new(),
            roots,
        };
        published.current = published.bundle_after(published.newest_root());
        Ok(published)
    }

    /// The version of the newest root.
    #[must_use]
    pub fn newest_root(&self) -> u64 {
        let follow = u64::try_from(self.roots.len()).unwrap_or(u64::MAX);
        self.first_root.saturating_add(follow).saturating_sub(1)
    }

    /// The first root: what an app can be built with.
    #[must_use]
    pub fn root(&self) -> Bytes {
        self.root.clone()
    }

    /// What a phone that trusts root `root` is answered, 0 if it trusts none, and its entity tag.
    #[must_use]
    pub fn bundle(&self, root: u64) -> (Bytes, String) {
        let body = if root >= self.newest_root() {
            self.current.clone()
        } else {
            self.bundle_after(root)
        };
        (body, self.bundle_etag(root))
    }

    /// The entity tag of [`Self::bundle`].
    #[must_use]
    pub fn bundle_etag(&self, root: u64) -> String {
        format!("\"{}-{}\"", self.digest, root.min(self.newest_root()))
    }

    /// A file of the repository by its path below it, such as `metadata/timestamp.json`.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<&PublishedFile> {
        self.files.get(path)
    }

    fn bundle_after(&self, root: u64) -> Bytes {
        let known = root.saturating_add(1).saturating_sub(self.first_root);
        let known = usize::try_from(known).unwrap_or(usize::MAX);
        let mut body = String::from("{\"roots\":[");
        let mut told = 0_usize;
        let missing = self.roots.iter().skip(known);
        for root in missing.take(MAX_BUNDLE_ROOTS) {
            // One root always fits: phones read no larger one.
            if told > 0 && body.len().saturating_add(root.len()) > ROOTS_BYTES_MAX {
                break;
            }
            if told > 0 {
                body.push(',');
            }
            body.push_str(root);
            told += 1;
        }
        let more = known.saturating_add(told) < self.roots.len();
        body.push_str(if more {
            "],\"more\":true,"
        } else {
            "],\"more\":false,"
        });
        body.push_str(&self.rest);
        Bytes::from(body)
    }
}

/// The one file whose content changes under its name.
const TIMESTAMP_PATH: &str = "metadata/timestamp.json";

fn digest(parts: &[&[u8]]) -> String {
    base64url(sha256(parts).split_at(16).0)
}

fn text(name: &'static str, bytes: Option<&Vec<u8>>) -> Result<String, PublishError> {
    let bytes = bytes.ok_or(PublishError::Missing { name })?;
    String::from_utf8(bytes.clone()).map_err(|_| PublishError::NotText { name })
}

#[cfg(test)]
mod tests;
