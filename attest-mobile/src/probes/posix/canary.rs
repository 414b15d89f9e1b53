//! The canary: a file that is made where the app's data lies, through the C library as the app makes its own, and then looked for
//! by the descriptor's own link: `fd.canary`, `fd.canary_parent_access`.
//!
//! The file is empty, has a name of its own and is removed at once.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use attest_core::facts::{FactId, FactRef, Observation};

use super::super::answers::{integer, text};
use super::super::sys::{Errno, Files};
use super::super::{Answers, Lifetime, Probe, Scope};
use super::by_view;
use super::fresh_name::fresh_name;

/// Below the app's data directory.
#[cfg(not(target_vendor = "apple"))]
const FOLDER: &str = "cache";
#[cfg(target_vendor = "apple")]
const FOLDER: &str = "Library/Caches";

#[derive(Debug)]
pub(in crate::probes) struct Canary;

impl Probe for Canary {
    fn name(&self) -> &'static str {
        "canary"
    }

    fn facts(&self) -> &'static [FactId] {
        &[FactId::FD_CANARY, FactId::FD_CANARY_PARENT_ACCESS]
    }

    fn cost_us(&self) -> u32 {
        60
    }

    fn lifetime(&self) -> Lifetime {
        Lifetime::Scan
    }

    fn answer(&self, questions: &[&FactRef], scope: &Scope<'_>, answers: &mut Answers) {
        let Some(home) = scope.variables.value("data_dir") else {
            return;
        };
        let made = Made::below(Path::new(home));
        by_view::answer(questions, scope, answers, &|files, questions| {
            let path = made
                .as_ref()
                .map_err(|errno| *errno)
                .and_then(|made| made.path(files));
            let one = |question: &&FactRef| match &path {
                Ok(path) => observation(question.fact(), files, path),
                // That there is none tells nothing about where it would be.
                Err(errno) => Observation::Error(errno.number()),
            };
            questions.iter().map(one).collect()
        });
    }
}

fn observation(fact: FactId, files: &Files<'_>, canary: &[u8]) -> Observation {
    if fact == FactId::FD_CANARY {
        return text(String::from_utf8_lossy(canary));
    }
    // Above the file are its folder, the data directory, and what is asked about.
    match Path::new(OsStr::from_bytes(canary)).ancestors().nth(3) {
        Some(parent) => match files.access(parent.as_os_str().as_bytes()) {
            Ok(bits) => integer(bits),
            Err(errno) => errno.into(),
        },
        None => Errno::SENSELESS.into(),
    }
}

/// A canary that is there; removed when this goes.
struct Made {
    file: File,
    at: PathBuf,
}

impl Made {
    fn below(home: &Path) -> Result<Self, Errno> {
        let at = home.join(FOLDER).join(fresh_name());
        let made = OpenOptions::new().write(true).create_new(true).open(&at);
        made.map(|file| Self { file, at })
            .map_err(|error| error.raw_os_error().map_or(Errno::SENSELESS, Errno::new))
    }

    fn path(&self, files: &Files<'_>) -> Result<Vec<u8>, Errno> {
        files.descriptor_path(self.file.as_raw_fd())
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        // What cannot be removed is an empty file in a cache, which the system empties.
        drop(fs::remove_file(&self.at));
    }
}
