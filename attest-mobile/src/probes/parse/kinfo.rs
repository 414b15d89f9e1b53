//! `struct kinfo_proc` of Apple's 64-bit systems, as `sysctl` answers it: the flags of a process.

use super::ParseError;
use super::bytes::le32;

const FLAGS_AT: usize = 32;
const PID_AT: usize = 40;
/// All of the structure: an answer of another length is of another structure.
const BYTES: usize = 648;
const TRACED: u32 = 0x800;

/// What the kernel says of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    /// Which one.
    pub pid: i32,
    /// `p_flag`.
    pub flags: u32,
}

impl Process {
    /// True if `P_TRACED` is set: a debugger is attached.
    #[must_use]
    pub const fn is_traced(&self) -> bool {
        self.flags & TRACED != 0
    }
}

/// What the kernel says of a process.
///
/// # Errors
/// `Short`; `Variant` for a structure of another length.
pub fn process(answer: &[u8]) -> Result<Process, ParseError> {
    let process = Process {
        flags: le32(answer, FLAGS_AT)?,
        pid: le32(answer, PID_AT)?.cast_signed(),
    };
    match answer.len() {
        ..BYTES => Err(ParseError::Short),
        BYTES => Ok(process),
        _ => Err(ParseError::Variant),
    }
}
