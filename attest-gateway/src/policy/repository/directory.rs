//! A repository in a folder of this machine. Only regular files are read, and never more of one than was asked for.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::source::{FetchError, Found};

/// Longer than any timestamp that is taken.
const LOOK_BYTES: u64 = 64 * 1024;

/// A folder with `metadata/` and `targets/`.
#[derive(Debug, Clone)]
pub(crate) struct Directory {
    folder: PathBuf,
}

/// What changes whenever something is published in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Look {
    timestamp: Option<Vec<u8>>,
    folders: [Option<SystemTime>; 2],
}

impl Directory {
    pub(super) const fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    pub(super) fn fetch(&self, path: &str, max_bytes: u64) -> Result<Found, FetchError> {
        let file = self.folder.join(path);
        match read(&file, max_bytes) {
            Ok(Some(bytes)) => Ok(Found::Bytes(bytes)),
            // A folder that is not there at all, such as one that is not mounted, says nothing about its files.
            Ok(None) if file.parent().is_some_and(Path::is_dir) => Ok(Found::Missing),
            Ok(None) => Err(unreadable(&file, "its folder is not there")),
            Err(error) => Err(unreadable(&file, &error.to_string())),
        }
    }

    /// Costs microseconds: one small file and the times of two folders.
    pub(super) fn look(&self) -> Look {
        let changed = |name| fs::metadata(self.folder.join(name)).ok()?.modified().ok();
        Look {
            timestamp: read(&self.folder.join("metadata/timestamp.json"), LOOK_BYTES)
                .ok()
                .flatten(),
            folders: [changed("metadata"), changed("targets")],
        }
    }
}

fn unreadable(file: &Path, reason: &str) -> FetchError {
    FetchError::Unreadable {
        file: file.display().to_string(),
        reason: reason.to_owned(),
    }
}

/// A regular file, at most one byte more than `max_bytes` of it; `None` if there is none.
pub(super) fn read(file: &Path, max_bytes: u64) -> io::Result<Option<Vec<u8>>> {
    // Asked before it is opened: opening a pipe would wait for its other end.
    match fs::metadata(file) {
        Ok(found) if found.is_file() => {}
        Ok(_) => return Err(io::Error::other("not a file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    }
    let mut bytes = Vec::new();
    fs::File::open(file)?
        .take(max_bytes.saturating_add(1))
        .read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}
