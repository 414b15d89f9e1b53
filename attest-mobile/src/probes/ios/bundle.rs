//! What lies in the app's bundle: `bundle.entry_exists`, such as `embedded.mobileprovision`, which the App Store's packages lack.
//!
//! The bundle is the folder that the running program lies in, whatever the platform's API says of it.

use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use attest_core::facts::{FactId, FactRef, Observation};

use super::super::answers::boolean;
use super::super::sys::{Errno, Files};
use super::super::{Answers, Lifetime, Probe, Scope};
use super::native;

/// Finds the program by this function.
#[derive(Debug)]
pub(super) struct Bundle(pub(super) fn() -> io::Result<PathBuf>);

impl Default for Bundle {
    fn default() -> Self {
        Self(std::env::current_exe)
    }
}

impl Probe for Bundle {
    fn name(&self) -> &'static str {
        "ios.bundle"
    }

    fn facts(&self) -> &'static [FactId] {
        &[FactId::BUNDLE_ENTRY_EXISTS]
    }

    fn cost_us(&self) -> u32 {
        30
    }

    fn lifetime(&self) -> Lifetime {
        Lifetime::Scan
    }

    fn takes(&self, question: &FactRef) -> bool {
        native(question).is_some()
    }

    fn answer(&self, questions: &[&FactRef], scope: &Scope<'_>, answers: &mut Answers) {
        for question in questions {
            let Some(view) = native(question) else { continue };
            let files = Files::through(view, scope.deadline);
            let exists = files.and_then(|files| self.exists(&files, question.param().unwrap_or_default()));
            answers.put(question, exists.map_or_else(Observation::from, boolean));
        }
    }
}

impl Bundle {
    fn exists(&self, files: &Files<'_>, name: &str) -> Result<bool, Errno> {
        match files.stat_link(&entry(self.0, name)?) {
            Ok(_) => Ok(true),
            Err(errno) if errno.is_absent() => Ok(false),
            Err(errno) => Err(errno),
        }
    }
}

/// Where something of this name lies in the bundle of the program that `find` finds.
pub(super) fn entry(find: fn() -> io::Result<PathBuf>, name: &str) -> Result<Vec<u8>, Errno> {
    let program = find().map_err(|error| Errno::new(error.raw_os_error().unwrap_or(libc::EIO)))?;
    let folder = program.parent().ok_or(Errno::UNFIT)?;
    // It is asked about the bundle, not about the phone.
    let leaves = |part: &str| part.is_empty() || part == "..";
    if name.split('/').any(leaves) {
        return Err(Errno::UNFIT);
    }
    Ok(folder.join(name).into_os_string().into_vec())
}
