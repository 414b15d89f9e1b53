//! The open file descriptors: `fd.path`, `fd.rows`. Those that were closed while they were looked at are left out, and on iOS those of
//! what is no file.

use attest_core::facts::{FactId, FactRef, Observation, Row};

use super::super::answers::{list, rows};
use super::super::sys::{Capped, Errno, Files};
use super::super::{Answers, Lifetime, Probe, Scope};
use super::by_view;

/// Descriptors that are read; apps have some hundred, and 32,768 at most.
const MAX_FDS: usize = 4_096;

#[derive(Debug)]
pub(in crate::probes) struct Fds;

impl Probe for Fds {
    fn name(&self) -> &'static str {
        "fds"
    }

    fn facts(&self) -> &'static [FactId] {
        &[FactId::FD_PATH, FactId::FD_ROWS]
    }

    fn cost_us(&self) -> u32 {
        60
    }

    fn lifetime(&self) -> Lifetime {
        Lifetime::Scan
    }

    fn takes(&self, question: &FactRef) -> bool {
        by_view::native(question).is_some()
    }

    fn answer(&self, questions: &[&FactRef], scope: &Scope<'_>, answers: &mut Answers) {
        by_view::answer(
            questions,
            scope,
            answers,
            &|files, questions| match targets(files) {
                Ok(targets) => questions
                    .iter()
                    .map(|question| observation(question.fact(), &targets))
                    .collect(),
                Err(errno) => vec![errno.into(); questions.len()],
            },
        );
    }
}

/// Numbers and targets, in the order of the numbers.
fn targets(files: &Files<'_>) -> Result<Capped<Vec<(i32, String)>>, Errno> {
    let open = files.descriptors(MAX_FDS)?;
    let mut targets = Vec::new();
    for number in open.value {
        match files.descriptor_path(number) {
            Ok(target) => targets.push((number, String::from_utf8_lossy(&target).into_owned())),
            Err(errno) if errno.is_absent() => {}
            Err(errno) => return Err(errno),
        }
    }
    targets.sort_unstable();
    Ok(Capped {
        value: targets,
        truncated: open.truncated,
    })
}

fn observation(fact: FactId, targets: &Capped<Vec<(i32, String)>>) -> Observation {
    let all = targets.value.iter();
    if fact == FactId::FD_ROWS {
        let row = |(fd, path): &(i32, String)| {
            Row::from([
                ("fd".to_owned(), fd.to_string()),
                ("path".to_owned(), path.clone()),
            ])
        };
        rows(all.map(row).collect(), targets.truncated)
    } else {
        list(all.map(|(_, path)| path.clone()).collect(), targets.truncated)
    }
}
