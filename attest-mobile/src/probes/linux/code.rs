//! Whether a library's code in memory is what its file has: `code.text_memory`, `code.text_disk`, `code.text_intact`.
//!
//! A library is asked for by its file's name, such as `libc.so`, or by its whole path; `libattest.so` is always the one that this code
//! lies in, also inside an APK. Two of one name are not chosen between. Code is what the file's own headers call executable and
//! not writable: a loader changes none of it, so that any difference is somebody's, a debugger's breakpoint included.
//!
//! Memory is copied out by the kernel, so that nothing here can fault. **Not seen:** calls that are diverted through tables of
//! addresses instead of code; code that is changed and changed back between two scans; what a changed kernel or a hook in the
//! same view makes of the copy; memory that may be run but not read, of which nothing is said.

use attest_core::facts::{FactId, FactRef, Observation};

use super::super::answers::{boolean, text};
use super::super::sys::{Errno, Files};
use super::super::{Answers, Lifetime, Probe, Scope};
use super::apk::hex;
use super::{by_view, maps, own};

mod compare;
mod placed;

use self::compare::{Digests, digests};

/// The name under which this code itself is asked for.
const OWN: &str = "libattest.so";

/// Code of libraries.
#[derive(Debug)]
pub(super) struct Code;

impl Probe for Code {
    fn name(&self) -> &'static str {
        "code"
    }

    fn facts(&self) -> &'static [FactId] {
        &[
            FactId::CODE_TEXT_MEMORY,
            FactId::CODE_TEXT_DISK,
            FactId::CODE_TEXT_INTACT,
        ]
    }

    fn cost_us(&self) -> u32 {
        6_000
    }

    fn lifetime(&self) -> Lifetime {
        Lifetime::Scan
    }

    fn answer(&self, questions: &[&FactRef], scope: &Scope<'_>, answers: &mut Answers) {
        by_view::answer(questions, scope, answers, &|files, questions| {
            let mut known: Vec<(&str, Result<Digests, Errno>)> = Vec::new();
            let mut observations = Vec::new();
            for question in questions {
                let library = question.param().unwrap_or_default();
                if !known.iter().any(|(read, _)| *read == library) {
                    known.push((library, of(files, library)));
                }
                let read = known.iter().find(|(read, _)| *read == library);
                observations.push(match read {
                    Some((_, Ok(digests))) => observe(question.fact(), digests),
                    Some((_, Err(errno))) => (*errno).into(),
                    None => Errno::UNFIT.into(),
                });
            }
            observations
        });
    }
}

fn of(files: &Files<'_>, library: &str) -> Result<Digests, Errno> {
    maps::with_regions(files, |map| {
        let wanted = if library == OWN {
            placed::Wanted::Around(own::address())
        } else {
            placed::Wanted::Named(library)
        };
        let places = placed::find(files, &map.value, wanted).map_err(|errno| {
            // What was not read may be there.
            if map.truncated && errno.is_absent() {
                Errno::CUT
            } else {
                errno
            }
        })?;
        digests(files, &places)
    })?
}

fn observe(fact: FactId, digests: &Digests) -> Observation {
    match fact {
        FactId::CODE_TEXT_MEMORY => text(hex(&digests.memory)),
        FactId::CODE_TEXT_DISK => text(hex(&digests.disk)),
        FactId::CODE_TEXT_INTACT => boolean(digests.memory == digests.disk),
        _ => Errno::UNFIT.into(),
    }
}

#[cfg(test)]
pub(super) mod tests;
