//! The mount table: `mounts.line`, `mounts.rows`.

use attest_core::facts::{FactId, FactRef, Observation, Row};

use super::super::answers::{list, rows};
use super::super::parse::Parsed;
use super::super::parse::mounts::{Mount, mounts};
use super::super::sys::{Errno, Files};
use super::super::{Answers, Lifetime, Probe, Scope};
use super::by_view;

/// Bytes that are read; phones have some ten kilobytes.
const MAX_BYTES: usize = 1 << 20;

#[derive(Debug)]
pub(super) struct Mounts;

impl Probe for Mounts {
    fn name(&self) -> &'static str {
        "mounts"
    }

    fn facts(&self) -> &'static [FactId] {
        &[FactId::MOUNTS_LINE, FactId::MOUNTS_ROWS]
    }

    fn cost_us(&self) -> u32 {
        110
    }

    fn lifetime(&self) -> Lifetime {
        Lifetime::Seconds(60)
    }

    fn takes(&self, question: &FactRef) -> bool {
        by_view::native(question).is_some()
    }

    fn answer(&self, questions: &[&FactRef], scope: &Scope<'_>, answers: &mut Answers) {
        by_view::answer(questions, scope, answers, &|files, questions| {
            read(files, questions).unwrap_or_else(|errno| vec![errno.into(); questions.len()])
        });
    }
}

fn read(files: &Files<'_>, questions: &[&FactRef]) -> Result<Vec<Observation>, Errno> {
    let read = files.read(b"/proc/self/mounts", MAX_BYTES)?;
    let mut table = mounts(&read.value);
    table.truncated |= read.truncated;
    let one = |question: &&FactRef| observation(question.fact(), &table);
    Ok(questions.iter().map(one).collect())
}

fn observation(fact: FactId, table: &Parsed<Vec<Mount<'_>>>) -> Observation {
    let all = table.value.iter();
    if fact == FactId::MOUNTS_ROWS {
        rows(all.map(row).collect(), table.truncated)
    } else {
        list(all.map(|mount| mount.line.to_string()).collect(), table.truncated)
    }
}

fn row(mount: &Mount<'_>) -> Row {
    let cells = [
        ("source", &mount.source),
        ("target", &mount.target),
        ("type", &mount.kind),
        ("options", &mount.options),
    ];
    cells
        .map(|(column, cell)| (column.to_owned(), cell.to_string()))
        .into()
}
