//! The gateway's own verified copy, in `policy/` beside the store. Two things live there: each role as it was last verified,
//! which guards against going back, and under `metadata/` and `targets/` the repository whose policy was last in force.
//!
//! Every file is written whole or not at all, and nothing in it is trusted when it is read: it is verified like any other
//! source, from the root that the configuration names.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use attest_core::tuf::{Bounds, RoleName};
use attest_policy::repository::Repository;

use super::directory::{Directory, read};
use super::source::Source;

/// The mirror's folder beside the store.
pub const MIRROR_FOLDER: &str = "policy";

/// The mirror cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {reason}")]
pub struct MirrorError {
    /// The file.
    pub file: String,
    /// The system's reason.
    pub reason: String,
}

/// The mirror.
#[derive(Debug, Clone)]
pub(super) struct Mirror {
    folder: PathBuf,
}

impl Mirror {
    /// The mirror of this state folder. Nothing is made yet.
    pub(super) fn beside(state_folder: &Path) -> Self {
        Self {
            folder: state_folder.join(MIRROR_FOLDER),
        }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The repository in it.
    pub(super) fn source(&self) -> Source {
        Source::Directory(Directory::new(self.folder.clone()))
    }

    /// Whether a policy was ever kept here.
    pub(super) fn is_there(&self) -> bool {
        self.folder.join("metadata/timestamp.json").exists()
    }

    /// The copy of a role that was verified last. One that cannot be read is fetched again.
    pub(super) fn kept(&self, role: &RoleName) -> Option<Vec<u8>> {
        read(&self.folder.join(role.file_name()), Bounds::HOST.targets_bytes)
            .ok()
            .flatten()
    }

    /// A root that was verified earlier.
    pub(super) fn root(&self, version: u64) -> Option<Vec<u8>> {
        let file = self.folder.join(format!("metadata/{version}.root.json"));
        read(&file, Bounds::HOST.root_bytes).ok().flatten()
    }

    /// A target that may be there already.
    pub(super) fn target(&self, path: &str, max_bytes: u64) -> Option<Vec<u8>> {
        read(&self.folder.join(path), max_bytes).ok().flatten()
    }

    /// Keeps a role that was verified; of a root every version.
    pub(super) fn keep(&self, role: &RoleName, file_name: &str, bytes: &[u8]) -> Result<(), MirrorError> {
        if *role == RoleName::Root {
            place(&self.folder.join("metadata").join(file_name), bytes)?;
        }
        place(&self.folder.join(role.file_name()), bytes)
    }

    /// Drops every root that was kept: they do not follow on the one that the configuration names.
    pub(super) fn forget_roots(&self) {
        for name in names(&self.folder.join("metadata")) {
            if name.ends_with(".root.json") {
                let _left = fs::remove_file(self.folder.join("metadata").join(name)).is_err();
            }
        }
    }

    /// Keeps a repository as the one in force: a crash leaves the one of before or this one. What only others named goes.
    pub(super) fn replace(&self, repository: &Repository) -> Result<(), MirrorError> {
        fs::create_dir_all(&self.folder).map_err(|error| failed(&self.folder, &error))?;
        repository.write_to(&self.folder).map_err(|error| MirrorError {
            file: self.folder.display().to_string(),
            reason: error.to_string(),
        })?;
        self.sweep(repository);
        Ok(())
    }

    /// A file too many does no harm, so that one which cannot be removed stays.
    fn sweep(&self, repository: &Repository) {
        let Ok(files) = repository.files() else { return };
        let named: BTreeSet<String> = files.into_iter().map(|(path, _)| path).collect();
        for folder in ["metadata", "targets"] {
            for name in names(&self.folder.join(folder)) {
                if !named.contains(&format!("{folder}/{name}")) && !name.ends_with(".root.json") {
                    let _left = fs::remove_file(self.folder.join(folder).join(name)).is_err();
                }
            }
        }
    }
}

/// The names of a folder's files; none if it cannot be read.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

/// Puts a file in its place, whole and durably.
fn place(file: &Path, bytes: &[u8]) -> Result<(), MirrorError> {
    let folder = file.parent().unwrap_or_else(|| Path::new("."));
    let next = file.with_extension("json.next");
    let placed = fs::create_dir_all(folder)
        .and_then(|()| fs::write(&next, bytes))
        .and_then(|()| fs::File::open(&next)?.sync_all())
        .and_then(|()| fs::rename(&next, file))
        .and_then(|()| fs::File::open(folder)?.sync_all());
    placed.map_err(|error| {
        // A half-written file would only take room that is wanted elsewhere.
        let _left = fs::remove_file(&next).is_err();
        failed(file, &error)
    })
}

fn failed(file: &Path, error: &io::Error) -> MirrorError {
    MirrorError {
        file: file.display().to_string(),
        reason: error.to_string(),
    }
}
