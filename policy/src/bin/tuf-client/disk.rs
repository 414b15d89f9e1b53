//! Verified metadata as files: written whole or not at all, named so that no role's name is a path.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use attest_core::tuf::RoleName;

use crate::Failure;

/// The metadata directory.
pub(crate) struct Disk {
    folder: PathBuf,
}

impl Disk {
    pub(crate) fn at(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// Takes `root` as it is. Whether it is one is seen by the first refresh.
    pub(crate) fn begin(&self, root: &Path) -> Result<(), Failure> {
        let bytes = read(root)?;
        folder(&self.folder)?;
        self.keep(&RoleName::Root, &bytes)
    }

    pub(crate) fn root(&self) -> Result<Vec<u8>, Failure> {
        read(&self.path(&RoleName::Root))
    }

    /// What was kept of a role. One that cannot be read is fetched again.
    pub(crate) fn kept(&self, role: &RoleName) -> Option<Vec<u8>> {
        fs::read(self.path(role)).ok()
    }

    pub(crate) fn keep(&self, role: &RoleName, bytes: &[u8]) -> Result<(), Failure> {
        place(&self.path(role), bytes)
    }

    fn path(&self, role: &RoleName) -> PathBuf {
        self.folder.join(role.file_name())
    }
}

/// Makes a folder, and those that it lies in.
pub(crate) fn folder(path: &Path) -> Result<(), Failure> {
    fs::create_dir_all(path).map_err(|error| failed(path, error))
}

/// Puts a file in its place, whole.
pub(crate) fn place(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut next = path.as_os_str().to_owned();
    next.push(".next");
    let next = PathBuf::from(next);
    let written = File::create(&next)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&next, path));
    written.map_err(|error| failed(path, error))
}

/// A target's name as a file's name.
pub(crate) fn quoted(name: &str) -> String {
    let file = RoleName::named(name).file_name();
    file.strip_suffix(".json").unwrap_or(&file).to_owned()
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| failed(path, error))
}

fn failed(path: &Path, error: std::io::Error) -> Failure {
    Failure::File {
        path: path.to_owned(),
        error,
    }
}
