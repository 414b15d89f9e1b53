//! The process and what the kernel thinks of its code: `proc.traced`, `proc.can_fork`, `macho.csops_flags`, `id.uid`, `id.ppid`.

use attest_core::facts::{FactId, FactRef, Observation};

use super::super::answers::{boolean, integer};
use super::super::parse::kinfo;
use super::super::sys::{Errno, View};
use super::super::{Answers, Lifetime, Probe, Scope};
use super::{foreign, native};

/// Asks by these functions.
#[derive(Debug)]
pub(super) struct Process {
    /// `struct kinfo_proc` of this process.
    pub(super) process: fn(View) -> Result<Vec<u8>, Errno>,
    pub(super) can_fork: fn() -> Result<bool, Errno>,
    /// The flags of the code signature.
    pub(super) code_signing: fn(View) -> Result<u32, Errno>,
}

impl Default for Process {
    fn default() -> Self {
        Self {
            process: foreign::process,
            can_fork: foreign::can_fork,
            code_signing: foreign::code_signing,
        }
    }
}

impl Probe for Process {
    fn name(&self) -> &'static str {
        "ios.process"
    }

    fn facts(&self) -> &'static [FactId] {
        &[
            FactId::PROC_TRACED,
            FactId::PROC_CAN_FORK,
            FactId::MACHO_CSOPS_FLAGS,
            FactId::ID_UID,
            FactId::ID_PPID,
        ]
    }

    fn cost_us(&self) -> u32 {
        200
    }

    fn lifetime(&self) -> Lifetime {
        Lifetime::Scan
    }

    fn takes(&self, question: &FactRef) -> bool {
        match (question.fact(), native(question)) {
            // No public header has a function for it.
            (FactId::MACHO_CSOPS_FLAGS, view) => view == Some(View::Syscall),
            (_, view) => view.is_some(),
        }
    }

    fn answer(&self, questions: &[&FactRef], _: &Scope<'_>, answers: &mut Answers) {
        for question in questions {
            let Some(view) = native(question) else { continue };
            answers.put(question, self.observe(question.fact(), view));
        }
    }
}

impl Process {
    fn observe(&self, fact: FactId, view: View) -> Observation {
        let ask = || match (fact, view) {
            (FactId::ID_UID, view) => view.uid().map(integer),
            (FactId::ID_PPID, view) => view.parent_pid().map(integer),
            (FactId::PROC_TRACED, view) => self.is_traced(view).map(boolean),
            (FactId::PROC_CAN_FORK, _) => (self.can_fork)().map(boolean),
            (FactId::MACHO_CSOPS_FLAGS, view) => (self.code_signing)(view).map(integer),
            _ => Err(Errno::UNFIT),
        };
        ask().unwrap_or_else(Observation::from)
    }

    fn is_traced(&self, view: View) -> Result<bool, Errno> {
        let told = (self.process)(view)?;
        let process = kinfo::process(&told).map_err(|_| Errno::SENSELESS)?;
        // Of another process nothing is said.
        if u32::try_from(process.pid) == Ok(std::process::id()) {
            Ok(process.is_traced())
        } else {
            Err(Errno::SENSELESS)
        }
    }
}
