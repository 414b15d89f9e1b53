//! Anything at a path: `path.*`. Only absolute paths are asked for.
//!
//! Nothing is ever changed but by `path.can_create`, which tells what is allowed by doing it: the file is empty, has a name of its own
//! and is removed at once. It sees through whoever lets `access` say what is wanted, and it is asked a few times a scan only.
//!
//! `path.type` is of a symbolic link itself; all other facts but `path.link_target` are of what it leads to.

use attest_core::facts::{FactId, FactRef, Observation};

use super::super::answers::{boolean, integer, list, text};
use super::super::sys::{Errno, Files, Stat};
use super::super::{Answers, Lifetime, Probe, Scope};
use super::by_view;
use super::fresh_name::fresh_name;

/// Names of a directory, as the table says.
const MAX_ENTRIES: usize = 1_024;
/// Bytes of a text file, as the table says.
const MAX_BYTES: usize = 64 << 10;
/// Directories in which a file is made in one reading.
const MAX_CREATED: usize = 8;

#[derive(Debug)]
pub(in crate::probes) struct Paths;

impl Probe for Paths {
    fn name(&self) -> &'static str {
        "paths"
    }

    fn facts(&self) -> &'static [FactId] {
        &[
            FactId::PATH_EXISTS,
            FactId::PATH_TYPE,
            FactId::PATH_MODE,
            FactId::PATH_OWNER_UID,
            FactId::PATH_DEV,
            FactId::PATH_INO,
            FactId::PATH_ACCESS,
            FactId::PATH_LINK_TARGET,
            FactId::PATH_ENTRIES,
            FactId::PATH_LINES,
            FactId::PATH_MOUNT_FLAGS,
            FactId::PATH_CAN_CREATE,
        ]
    }

    fn cost_us(&self) -> u32 {
        200
    }

    fn lifetime(&self) -> Lifetime {
        Lifetime::Seconds(30)
    }

    fn takes(&self, question: &FactRef) -> bool {
        by_view::native(question).is_some()
    }

    fn answer(&self, questions: &[&FactRef], scope: &Scope<'_>, answers: &mut Answers) {
        by_view::answer(questions, scope, answers, &|files, questions| {
            let mut created = 0;
            let one = |question: &&FactRef| {
                let path = question.param().unwrap_or_default();
                if !path.starts_with('/') {
                    return Errno::UNFIT.into();
                }
                if question.fact() == FactId::PATH_CAN_CREATE {
                    created += 1;
                    if created > MAX_CREATED {
                        return Errno::CUT.into();
                    }
                }
                observation(question.fact(), files, path.as_bytes()).unwrap_or_else(Observation::from)
            };
            questions.iter().map(one).collect()
        });
    }
}

fn observation(fact: FactId, files: &Files<'_>, path: &[u8]) -> Result<Observation, Errno> {
    let stat = |field: fn(&Stat) -> u64| files.stat(path).map(|stat| integer(field(&stat)));
    match fact {
        FactId::PATH_EXISTS => files.exists(path).map(boolean),
        FactId::PATH_TYPE => {
            let kind = files.stat_link(path)?.kind.ok_or(Errno::SENSELESS)?;
            Ok(text(kind.as_str()))
        }
        FactId::PATH_MODE => stat(|stat| stat.mode.into()),
        FactId::PATH_OWNER_UID => stat(|stat| stat.uid.into()),
        FactId::PATH_DEV => stat(|stat| stat.dev),
        FactId::PATH_INO => stat(|stat| stat.ino),
        FactId::PATH_ACCESS => files.access(path).map(integer),
        FactId::PATH_LINK_TARGET => match files.read_link(path) {
            Ok(target) => Ok(text(String::from_utf8_lossy(&target))),
            // What is there is no link, so it has no target.
            Err(Errno::UNFIT) => Ok(Observation::Absent),
            Err(errno) => Err(errno),
        },
        FactId::PATH_ENTRIES => {
            let entries = files.list(path, MAX_ENTRIES)?;
            let mut names: Vec<String> = entries.value.iter().map(|name| shown(name)).collect();
            names.sort_unstable();
            Ok(list(names, entries.truncated))
        }
        FactId::PATH_LINES => {
            let read = files.read(path, MAX_BYTES)?;
            let whole = read.value.strip_suffix(b"\n").unwrap_or(&read.value);
            let lines = whole.split(|byte| *byte == b'\n');
            let mut lines: Vec<_> = lines.filter(|_| !read.value.is_empty()).map(shown).collect();
            if read.truncated {
                // Of the last one there is a part at most.
                lines.pop();
            }
            Ok(list(lines, read.truncated))
        }
        FactId::PATH_MOUNT_FLAGS => files.mount_flags(path).map(integer),
        FactId::PATH_CAN_CREATE => files.can_create(path, fresh_name().as_bytes()).map(boolean),
        _ => Err(Errno::UNFIT),
    }
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
