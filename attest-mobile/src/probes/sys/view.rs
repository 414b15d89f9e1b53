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

    pub(super) fn calls(self) -> Result<&'static dyn Calls, Errno> {
        match self {
            Self::Libc => Ok(&CLibrary),
            Self::Syscall => direct::CALLS.ok_or(Errno::NO_SUCH_VIEW),
        }
    }
}
