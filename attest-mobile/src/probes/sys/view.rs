//! The two ways to ask the platform.

use attest_core::facts;

use super::Errno;
use super::c_library::CLibrary;
use super::calls::Calls;
use super::direct;

/// Whom to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum View {
    /// The C library, as the rest of the app does.
    Libc,
    /// The kernel, by a system call of our own.
    Syscall,
}

impl View {
    /// This view as facts name it; `None` for those that are not about the native platform.
    #[must_use]
    pub const fn of(view: facts::View) -> Option<Self> {
        match view {
            facts::View::Libc => Some(Self::Libc),
            facts::View::Syscall => Some(Self::Syscall),
            facts::View::Java | facts::View::Isolated | facts::View::Ticket | facts::View::Token => None,
        }
    }

    /// The real uid of this process.
    ///
    /// # Errors
    /// [`Errno::NO_SUCH_VIEW`].
    pub fn uid(self) -> Result<u32, Errno> {
        Ok(self.calls()?.uid())
    }

    /// The process that started this one.
    ///
    /// # Errors
    /// [`Errno::NO_SUCH_VIEW`].
    pub fn parent_pid(self) -> Result<i32, Errno> {
        Ok(self.calls()?.parent_pid())
    }

    /// What the kernel keeps of this process: `struct kinfo_proc`.
    ///
    /// # Errors
    /// As the platform says; [`Errno::NO_SUCH_VIEW`].
    #[cfg(target_vendor = "apple")]
    pub fn process(self) -> Result<Vec<u8>, Errno> {
        let mut record = vec![0; PROCESS_BYTES];
        let bytes = self.calls()?.process(&mut record)?;
        record.truncate(bytes);
        Ok(record)
    }

    /// The flags by which the kernel says what it thinks of this process's code.
    ///
    /// # Errors
    /// As the platform says; [`Errno::NO_SUCH_VIEW`] for the C library too, of which no public header has this.
    #[cfg(target_vendor = "apple")]
    pub fn code_signing(self) -> Result<u32, Errno> {
        self.calls()?.code_signing()
    }

    pub(super) fn calls(self) -> Result<&'static dyn Calls, Errno> {
        match self {
            Self::Libc => Ok(&CLibrary),
            Self::Syscall => direct::CALLS.ok_or(Errno::NO_SUCH_VIEW),
        }
    }
}

/// Room for `struct kinfo_proc`, which takes 648 bytes.
#[cfg(target_vendor = "apple")]
const PROCESS_BYTES: usize = 1_024;
