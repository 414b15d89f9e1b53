//! The loaded libraries: `images.path`. The C library tells what its loader loaded; by system call it is the files of which code
//! is mapped, also those that no loader knows.
//!
//! The two lists are not the same on any phone: compiled apps (`.odex`, `.oat`) are code without being libraries, and a library
//! inside an APK is mapped as the APK.

use attest_core::facts::{FactId, FactRef, Observation};

use super::super::answers::list;
use super::super::parse::maps::Backing;
use super::super::sys::{Errno, Files, View, images};
use super::super::{Answers, Lifetime, Probe, Scope};
use super::{by_view, maps};

#[derive(Debug)]
pub(super) struct Images;

impl Probe for Images {
    fn name(&self) -> &'static str {
        "images"
    }

    fn facts(&self) -> &'static [FactId] {
        &[FactId::IMAGES_PATH]
    }

    fn cost_us(&self) -> u32 {
        50
    }

    fn lifetime(&self) -> Lifetime {
        Lifetime::Scan
    }

    fn answer(&self, questions: &[&FactRef], scope: &Scope<'_>, answers: &mut Answers) {
        for question in questions {
            let observation = match by_view::native(question) {
                Some(View::Libc) => loaded(),
                Some(View::Syscall) => Files::through(View::Syscall, scope.deadline)
                    .and_then(|files| mapped(&files))
                    .unwrap_or_else(Observation::from),
                None => Errno::NO_SUCH_VIEW.into(),
            };
            answers.put(question, observation);
        }
    }
}

fn loaded() -> Observation {
    let all = images();
    let mut paths: Vec<String> = all
        .value
        .iter()
        .filter(|image| !image.path.is_empty())
        .map(|image| String::from_utf8_lossy(&image.path).into_owned())
        .collect();
    paths.sort_unstable();
    paths.dedup();
    list(paths, all.truncated)
}

fn mapped(files: &Files<'_>) -> Result<Observation, Errno> {
    maps::with_regions(files, |map| {
        let code = map
            .value
            .iter()
            .filter(|region| region.is_executable() && region.backing() == Backing::File);
        let mut paths: Vec<String> = code.map(|region| region.path.to_string()).collect();
        paths.sort_unstable();
        paths.dedup();
        list(paths, map.truncated)
    })
}
