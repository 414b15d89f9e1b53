//! The processor: `cpuinfo.line`.

use attest_core::facts::{FactId, FactRef, Observation};

use super::super::answers::list;
use super::super::parse::cpuinfo::cpu_lines;
use super::super::sys::{Errno, Files};
use super::super::{Answers, Lifetime, Probe, Scope};
use super::by_view;

/// Bytes that are read; a phone has some kilobytes.
const MAX_BYTES: usize = 1 << 20;

#[derive(Debug)]
pub(super) struct Processors;

impl Probe for Processors {
    fn name(&self) -> &'static str {
        "cpuinfo"
    }

    fn facts(&self) -> &'static [FactId] {
        &[FactId::CPUINFO_LINE]
    }

    fn cost_us(&self) -> u32 {
        90
    }

    fn lifetime(&self) -> Lifetime {
        Lifetime::Process
    }

    fn answer(&self, questions: &[&FactRef], scope: &Scope<'_>, answers: &mut Answers) {
        by_view::answer(questions, scope, answers, &|files, questions| {
            let observation = read(files).unwrap_or_else(Observation::from);
            vec![observation; questions.len()]
        });
    }
}

/// Without the empty lines and those that change from reading to reading: the clock of each core.
fn read(files: &Files<'_>) -> Result<Observation, Errno> {
    let read = files.read(b"/proc/cpuinfo", MAX_BYTES)?;
    let lines = cpu_lines(&read.value);
    let kept = lines
        .value
        .iter()
        .filter(|line| !line.text.is_empty() && line.key != "cpu MHz");
    Ok(list(
        kept.map(|line| line.text.to_string()).collect(),
        lines.truncated || read.truncated,
    ))
}
