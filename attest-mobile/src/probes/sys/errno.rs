//! Why a question got no value, as the platform's own error number.

use attest_core::facts::Observation;

/// An error number of this platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(i32);

impl Errno {
    /// The deadline passed, or the scan was cancelled, before there was an answer.
    pub const STOPPED: Self = Self(libc::ECANCELED);
    /// This view does not exist on this platform.
    pub const NO_SUCH_VIEW: Self = Self(libc::ENOSYS);
    /// An answer that cannot be: longer than its room, or not in its own form.
    pub const SENSELESS: Self = Self(libc::EIO);
    /// What is there is not read: a FIFO, a socket or a device.
    pub const NOT_READ: Self = Self(libc::ENODEV);
    /// The question cannot be put: a path with a zero byte, or a place beyond the end of any file.
    pub const UNFIT: Self = Self(libc::EINVAL);
    /// The path, or the target of a link, is longer than paths can be.
    pub const TOO_LONG: Self = Self(libc::ENAMETOOLONG);
    /// Nothing came in time.
    pub const SILENT: Self = Self(libc::ETIMEDOUT);
    /// What was asked changed faster than it was read.
    pub const UNSTEADY: Self = Self(libc::EAGAIN);
    /// There is more than is read: what was not read is unknown.
    pub const CUT: Self = Self(libc::ENOBUFS);
    pub(super) const BEGUN: Self = Self(libc::EINPROGRESS);
    pub(super) const REFUSED: Self = Self(libc::ECONNREFUSED);
    pub(super) const INTERRUPTED: Self = Self(libc::EINTR);

    /// The error of this number.
    #[must_use]
    pub const fn new(number: i32) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> i32 {
        self.0
    }

    /// True if it says that there is no such thing: `ENOENT`; `ENOTDIR`, for nothing is below a file; and `ESRCH`, which
    /// `/proc` says of a process or thread that ended meanwhile.
    #[must_use]
    pub const fn is_absent(self) -> bool {
        matches!(self.0, libc::ENOENT | libc::ENOTDIR | libc::ESRCH)
    }

    /// True if it says that something is there and this process may not do that with it.
    pub(super) const fn is_refusal(self) -> bool {
        matches!(self.0, libc::EACCES | libc::EPERM | libc::EROFS | libc::ETXTBSY)
    }
}

impl From<Errno> for Observation {
    fn from(errno: Errno) -> Self {
        if errno.is_absent() {
            Self::Absent
        } else {
            Self::Error(errno.0)
        }
    }
}
