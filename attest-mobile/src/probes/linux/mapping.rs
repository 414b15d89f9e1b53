//! Maps files into this process as a loader does, and changes what is mapped as a hook does. For tests.

use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::ptr;

use attest_core::facts::{FactRef, Observation};
use attest_core::policy::Variables;

use super::super::sys::{Deadline, Unlimited};
use super::super::{Answers, Probe, Scope};

/// What a part may be used for.
#[derive(Clone, Copy)]
pub(super) enum Use {
    Read,
    Run,
    Change,
    Nothing,
}

impl Use {
    const fn bits(self) -> i32 {
        match self {
            Self::Read => libc::PROT_READ,
            Self::Run => libc::PROT_READ | libc::PROT_EXEC,
            Self::Nothing => libc::PROT_NONE,
            Self::Change => libc::PROT_READ | libc::PROT_WRITE,
        }
    }
}

/// A part of a file, and where it goes from the mapping's beginning.
pub(super) struct Part {
    pub(super) offset: usize,
    pub(super) at: usize,
    pub(super) bytes: usize,
    pub(super) is_for: Use,
}

/// Parts of one file, mapped until this goes.
pub(super) struct Mapping {
    start: *mut u8,
    bytes: usize,
}

impl Mapping {
    pub(super) fn of(path: &Path, parts: &[Part]) -> Self {
        let file = File::open(path).unwrap();
        let bytes = parts.iter().map(|part| part.at + part.bytes).max().unwrap();
        let private = libc::MAP_PRIVATE;
        // SAFETY: new memory, at a place of the kernel's choice.
        let start = unsafe {
            libc::mmap(
                ptr::null_mut(),
                bytes,
                libc::PROT_NONE,
                private | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        assert_ne!(start, libc::MAP_FAILED);
        let start = start.cast::<u8>();
        for part in parts {
            let at = start.wrapping_add(part.at).cast();
            let offset = part.offset.try_into().unwrap();
            // SAFETY: it replaces a part of the memory that was just made and that nobody uses.
            let placed = unsafe {
                libc::mmap(
                    at,
                    part.bytes,
                    part.is_for.bits(),
                    private | libc::MAP_FIXED,
                    file.as_raw_fd(),
                    offset,
                )
            };
            assert_eq!(placed, at);
        }
        Self { start, bytes }
    }

    pub(super) fn address(&self) -> u64 {
        u64::try_from(self.start.addr()).unwrap()
    }

    /// Changes a byte of code as a hook does, and makes it code again. Returns what was there.
    pub(super) fn change(&self, at: usize, byte: u8) -> u8 {
        assert!(at < self.bytes);
        let page = at & !0xffff;
        let bytes = (self.bytes - page).min(0x1_0000);
        let protect = |is_for: Use| {
            let place = self.start.wrapping_add(page).cast();
            // SAFETY: the pages are this mapping's; nothing runs in them, and nobody holds a reference into them.
            let outcome = unsafe { libc::mprotect(place, bytes, is_for.bits()) };
            assert_eq!(outcome, 0);
        };
        protect(Use::Change);
        // SAFETY: it is within the mapping and may be written now.
        let before = unsafe { self.start.add(at).replace(byte) };
        protect(Use::Run);
        before
    }

    /// Puts memory without a file, filled with zeros, in the place of a part.
    pub(super) fn replace(&self, at: usize, bytes: usize, is_for: Use) {
        assert!(at + bytes <= self.bytes);
        let place = self.start.wrapping_add(at).cast();
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
        // SAFETY: it replaces a part of this mapping, into which nobody holds a reference.
        let placed = unsafe { libc::mmap(place, bytes, is_for.bits(), flags, -1, 0) };
        assert_eq!(placed, place);
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: all of it is this mapping's, and nobody holds a reference into it.
        unsafe { libc::munmap(self.start.cast(), self.bytes) };
    }
}

/// The probe's answer to one question.
pub(super) fn ask(probe: &dyn Probe, question: &str, variables: &Variables) -> Option<Observation> {
    ask_until(probe, question, variables, &Unlimited)
}

/// The same until a deadline.
pub(super) fn ask_until(
    probe: &dyn Probe,
    question: &str,
    variables: &Variables,
    deadline: &dyn Deadline,
) -> Option<Observation> {
    let question: FactRef = question.parse().unwrap();
    let mut answers = Answers::default();
    if probe.takes(&question) {
        probe.answer(&[&question], &Scope { deadline, variables }, &mut answers);
    }
    let facts = answers.into_facts();
    facts
        .iter()
        .find(|(asked, _)| **asked == question)
        .map(|(_, observation)| observation.clone())
}
