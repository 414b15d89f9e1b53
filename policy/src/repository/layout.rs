//! A repository as files: `metadata/` and `targets/`, with versions and hashes in the names.
//!
//! Files are added, never changed, and the timestamp is renamed over the old one last: who reads at any moment reads the old repository
//! or the new one. What is read is bounded; whether it is trustworthy is the client's question, not this file's.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use attest_core::{
    encoding::{hex, sha256},
    tuf::RoleName,
};

use super::{Metadata, RepositoryError, Signed, Snapshot, Targets, Timestamp};

/// The largest file of a repository that is read.
pub const MAX_FILE_BYTES: u64 = 8 * 1024 * 1024;

/// The most versions of the root that are read.
const MAX_ROOTS: u64 = 1024;

/// What is published at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repository {
    /// All versions of the root.
    pub roots: BTreeMap<u64, Vec<u8>>,
    /// The timestamp.
    pub timestamp: Vec<u8>,
    /// The snapshot that it names.
    pub snapshot: Vec<u8>,
    /// The targets roles that the snapshot names, by role.
    pub metadata: BTreeMap<String, Vec<u8>>,
    /// The targets that they describe, by target name.
    pub artifacts: BTreeMap<String, Vec<u8>>,
}

impl Repository {
    /// Every file by its path: artifacts first, then metadata, the timestamp last.
    ///
    /// # Errors
    /// [`RepositoryError::Malformed`] if metadata has no version, [`RepositoryError::Name`] if a target's name is no path within.
    pub fn files(&self) -> Result<Vec<(String, &[u8])>, RepositoryError> {
        let mut files = Vec::new();
        for (name, bytes) in &self.artifacts {
            files.push((
                format!("targets/{}", published_target(name, bytes)?),
                bytes.as_slice(),
            ));
        }
        for (version, bytes) in &self.roots {
            files.push((format!("metadata/{version}.root.json"), bytes.as_slice()));
        }
        for (role, bytes) in &self.metadata {
            let version = version_of::<Targets>(bytes)?;
            let file = RoleName::named(role).file_name();
            files.push((format!("metadata/{version}.{file}"), bytes.as_slice()));
        }
        let version = version_of::<Snapshot>(&self.snapshot)?;
        files.push((
            format!("metadata/{version}.snapshot.json"),
            self.snapshot.as_slice(),
        ));
        files.push(("metadata/timestamp.json".to_owned(), self.timestamp.as_slice()));
        Ok(files)
    }

    /// The repository whose files `read` knows by their paths, as [`files`](Self::files) names them; `None` is a file that is not there.
    ///
    /// # Errors
    /// What `read` says, [`RepositoryError::Missing`] and [`RepositoryError::Malformed`].
    pub fn from_files(
        mut read: impl FnMut(&str) -> Result<Option<Vec<u8>>, RepositoryError>,
    ) -> Result<Self, RepositoryError> {
        let mut needed = |path: String| -> Result<Vec<u8>, RepositoryError> {
            read(&path)?.ok_or_else(|| RepositoryError::Missing(PathBuf::from(path)))
        };
        let timestamp = needed("metadata/timestamp.json".to_owned())?;
        let named = Metadata::<Timestamp>::from_bytes(&timestamp)?.signed;
        let version = named.meta.get("snapshot.json").map_or(0, |file| file.version);
        let snapshot = needed(format!("metadata/{version}.snapshot.json"))?;
        let mut metadata = BTreeMap::new();
        let mut artifacts = BTreeMap::new();
        for (entry, file) in Metadata::<Snapshot>::from_bytes(&snapshot)?.signed.meta {
            let role = entry.strip_suffix(".json").unwrap_or(&entry);
            let name = RoleName::named(role).file_name();
            let bytes = needed(format!("metadata/{}.{name}", file.version))?;
            for (target, described) in Metadata::<Targets>::from_bytes(&bytes)?.signed.targets {
                let hash = described.hashes.get("sha256").map_or("", String::as_str);
                let artifact = needed(format!("targets/{}", prefixed(&target, hash)?))?;
                if !described.is(&artifact) {
                    return Err(RepositoryError::Target(target));
                }
                artifacts.insert(target, artifact);
            }
            metadata.insert(role.to_owned(), bytes);
        }
        let mut roots = BTreeMap::new();
        for version in 1..=MAX_ROOTS {
            let Some(root) = read(&format!("metadata/{version}.root.json"))? else {
                break;
            };
            roots.insert(version, root);
        }
        if roots.is_empty() {
            return Err(RepositoryError::Missing(PathBuf::from("metadata/1.root.json")));
        }
        Ok(Self {
            roots,
            timestamp,
            snapshot,
            metadata,
            artifacts,
        })
    }

    /// Writes its files into a directory, which may hold an older repository.
    ///
    /// # Errors
    /// [`RepositoryError::File`], or as [`files`](Self::files).
    pub fn write_to(&self, directory: &Path) -> Result<(), RepositoryError> {
        for (name, bytes) in self.files()? {
            write_whole(&directory.join(name), bytes)?;
        }
        Ok(())
    }

    /// The repository in a directory.
    ///
    /// # Errors
    /// [`RepositoryError::Missing`], [`RepositoryError::TooLarge`], [`RepositoryError::Malformed`], [`RepositoryError::File`].
    pub fn read_from(directory: &Path) -> Result<Self, RepositoryError> {
        let read = Self::from_files(|name| read_bounded(&directory.join(name)));
        read.map_err(|error| {
            if let RepositoryError::Missing(name) = error {
                RepositoryError::Missing(directory.join(name))
            } else {
                error
            }
        })
    }
}

/// The file of a target: its hash in front of the last part of its name.
fn published_target(name: &str, bytes: &[u8]) -> Result<String, RepositoryError> {
    prefixed(name, &hex(sha256(&[bytes])))
}

fn prefixed(name: &str, hash: &str) -> Result<String, RepositoryError> {
    let plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\\', ':', '\0']);
    let whole = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !whole || !name.split('/').all(plain) {
        return Err(RepositoryError::Name(name.chars().take(80).collect()));
    }
    Ok(match name.rsplit_once('/') {
        Some((folder, file)) => format!("{folder}/{hash}.{file}"),
        None => format!("{hash}.{name}"),
    })
}

fn version_of<T: Signed>(bytes: &[u8]) -> Result<u64, RepositoryError> {
    Ok(Metadata::<T>::from_bytes(bytes)?.signed.header().version)
}

fn read_bounded(path: &Path) -> Result<Option<Vec<u8>>, RepositoryError> {
    let failed = |source| RepositoryError::File {
        path: path.to_owned(),
        source,
    };
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_FILE_BYTES {
        return Err(RepositoryError::TooLarge {
            path: path.to_owned(),
            max: MAX_FILE_BYTES,
        });
    }
    Ok(Some(bytes))
}

/// Writes a file whole or not at all, and on disk before this returns. A file that is the same already is left alone.
///
/// # Errors
/// [`RepositoryError::File`].
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), RepositoryError> {
    let failed = |source| RepositoryError::File {
        path: path.to_owned(),
        source,
    };
    if read_bounded(path).is_ok_and(|there| there.as_deref() == Some(bytes)) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let folder = if folder == Path::new("") {
        Path::new(".")
    } else {
        folder
    };
    fs::create_dir_all(folder).map_err(failed)?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let written = fs::File::create(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written
        .and_then(|()| fs::rename(&beside, path))
        .and_then(|()| fs::File::open(folder)?.sync_all())
        .map_err(|error| {
            // A half-written file would only take room that is wanted elsewhere.
            let _left = fs::remove_file(&beside).is_err();
            failed(error)
        })
}
