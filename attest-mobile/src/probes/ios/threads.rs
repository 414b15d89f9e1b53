//! The names of this process's threads: `proc.threads`, as the kernel tells them of itself.

use attest_core::facts::{FactId, FactRef, Observation};

use super::super::answers::list;
use super::super::posix::by_view::native;
use super::super::sys::{Capped, Errno, View};
use super::super::{Answers, Lifetime, Probe, Scope};
use super::foreign;

/// The names that the platform tells.
pub(super) type Named = Result<Capped<Vec<Vec<u8>>>, Errno>;

/// Asks by this function.
#[derive(Debug)]
pub(super) struct Threads(pub(super) fn() -> Named);

impl Default for Threads {
    fn default() -> Self {
        Self(foreign::threads)
    }
}

impl Probe for Threads {
    fn name(&self) -> &'static str {
        "ios.threads"
    }

    fn facts(&self) -> &'static [FactId] {
        &[FactId::PROC_THREADS]
    }

    fn cost_us(&self) -> u32 {
        100
    }

    fn lifetime(&self) -> Lifetime {
        Lifetime::Scan
    }

    fn takes(&self, question: &FactRef) -> bool {
        native(question) == Some(View::Libc)
    }

    fn answer(&self, questions: &[&FactRef], _: &Scope<'_>, answers: &mut Answers) {
        for question in questions {
            let observation = (self.0)().map_or_else(Observation::from, |names| {
                let shown = names
                    .value
                    .iter()
                    .map(|name| String::from_utf8_lossy(name).into_owned());
                let mut shown: Vec<String> = shown.collect();
                shown.sort_unstable();
                list(shown, names.truncated)
            });
            answers.put(question, observation);
        }
    }
}
