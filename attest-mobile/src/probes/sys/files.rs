//! Questions about the file system, answered through one view, under caps and a deadline.
//!
//! The same code asks through every view, so that answers differ only where views do.

use std::ffi::{CString, c_int};
use std::fmt;

use super::calls::Calls;
use super::deadline::Deadline;
use super::{Errno, Stat, View};

/// What was read under a cap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capped<T> {
    /// What there was room for.
    pub value: T,
    /// True if there was more. Then what is not in `value` is unknown, not absent.
    pub truncated: bool,
}

/// Asks through one view until a deadline.
#[derive(Clone, Copy)]
pub struct Files<'d> {
    pub(super) calls: &'static dyn Calls,
    view: View,
    deadline: &'d dyn Deadline,
}

impl<'d> Files<'d> {
    /// Asks through `view` until `deadline`.
    ///
    /// # Errors
    /// [`Errno::NO_SUCH_VIEW`].
    pub fn through(view: View, deadline: &'d dyn Deadline) -> Result<Self, Errno> {
        let calls = view.calls()?;
        Ok(Self {
            calls,
            view,
            deadline,
        })
    }

    /// Whom it asks.
    #[must_use]
    pub const fn view(&self) -> View {
        self.view
    }

    /// The real uid of this process.
    ///
    /// # Errors
    /// [`Errno::STOPPED`].
    pub fn uid(&self) -> Result<u32, Errno> {
        self.ask(|| Ok(self.calls.uid()))
    }

    /// The process that started this one.
    ///
    /// # Errors
    /// [`Errno::STOPPED`].
    pub fn parent_pid(&self) -> Result<i32, Errno> {
        self.ask(|| Ok(self.calls.parent_pid()))
    }

    /// The first `cap` bytes of a file.
    ///
    /// # Errors
    /// As the platform says; [`Errno::NOT_READ`] for what is neither file nor directory; [`Errno::STOPPED`].
    pub fn read(&self, path: &[u8], cap: usize) -> Result<Capped<Vec<u8>>, Errno> {
        self.open(path)?.read(cap)
    }

    /// A file, to be read by parts.
    ///
    /// # Errors
    /// As for [`Files::read`].
    pub fn open(&self, path: &[u8]) -> Result<File<'d>, Errno> {
        let path = fit(path)?;
        // Opening itself can change a device, or a FIFO for whoever waits at its other end. Who may not look may still read.
        if let Ok(stat) = self.ask(|| self.calls.stat(&path))
            && stat.kind.is_some_and(super::Kind::is_active)
        {
            return Err(Errno::NOT_READ);
        }
        let fd = self.ask(|| self.calls.open(&path))?;
        Ok(File { files: *self, fd })
    }

    /// The target of a symbolic link, as it is written.
    ///
    /// # Errors
    /// As the platform says, `EINVAL` for what is no link; [`Errno::TOO_LONG`]; [`Errno::STOPPED`].
    pub fn read_link(&self, path: &[u8]) -> Result<Vec<u8>, Errno> {
        let path = fit(path)?;
        let mut target = vec![0; PATH_BYTES];
        let length = self.ask(|| self.calls.read_link(&path, &mut target))?;
        // The platform cuts what has no room.
        if length >= target.len() {
            return Err(Errno::TOO_LONG);
        }
        target.truncate(length);
        Ok(target)
    }

    /// Whether something is at a path, behind symbolic links; this process need not be allowed to do anything there.
    ///
    /// # Errors
    /// As the platform says if it does not let us look there; [`Errno::STOPPED`].
    pub fn exists(&self, path: &[u8]) -> Result<bool, Errno> {
        let path = fit(path)?;
        match self.ask(|| self.calls.access(&path, 0)) {
            Ok(()) => Ok(true),
            Err(errno) if errno.is_absent() => Ok(false),
            Err(errno) => Err(errno),
        }
    }

    /// What is at a path, behind symbolic links.
    ///
    /// # Errors
    /// As the platform says; [`Errno::STOPPED`].
    pub fn stat(&self, path: &[u8]) -> Result<Stat, Errno> {
        let path = fit(path)?;
        self.ask(|| self.calls.stat(&path))
    }

    /// What is at a path, itself a symbolic link perhaps.
    ///
    /// # Errors
    /// As the platform says; [`Errno::STOPPED`].
    pub fn stat_link(&self, path: &[u8]) -> Result<Stat, Errno> {
        let path = fit(path)?;
        self.ask(|| self.calls.stat_link(&path))
    }

    /// What this process may do at a path, as bits: 4 read, 2 write, 1 execute.
    ///
    /// # Errors
    /// As the platform says, also if it does not even let us look there; [`Errno::STOPPED`].
    pub fn access(&self, path: &[u8]) -> Result<u8, Errno> {
        let path = fit(path)?;
        self.ask(|| self.calls.access(&path, 0))?;
        let mut may = 0;
        for bit in [4, 2, 1] {
            match self.ask(|| self.calls.access(&path, bit)) {
                Ok(()) => may |= bit,
                Err(errno) if errno.is_refusal() => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(may)
    }

    /// Whether this process can make a file called `name` in a directory. One that was made is empty and removed at once, whether or
    /// not the deadline has passed.
    ///
    /// # Errors
    /// As the platform says if the directory is not there, or something is called so; [`Errno::STOPPED`].
    pub fn can_create(&self, directory: &[u8], name: &[u8]) -> Result<bool, Errno> {
        let path = fit(&[directory, b"/", name].concat())?;
        match self.ask(|| self.calls.create(&path)) {
            Ok(fd) => {
                self.calls.close(fd);
                self.calls.remove(&path);
                Ok(true)
            }
            Err(errno) if errno.is_refusal() => Ok(false),
            Err(errno) => Err(errno),
        }
    }

    /// The flags of the file system at a path, as `statfs` has them.
    ///
    /// # Errors
    /// As the platform says; [`Errno::STOPPED`].
    pub fn mount_flags(&self, path: &[u8]) -> Result<u64, Errno> {
        let path = fit(path)?;
        self.ask(|| self.calls.mount_flags(&path))
    }

    /// The first `cap` names in a directory, in its own order, without `.` and `..`.
    ///
    /// # Errors
    /// As the platform says; [`Errno::SENSELESS`] for an answer that is no list of names; [`Errno::STOPPED`].
    pub fn list(&self, path: &[u8], cap: usize) -> Result<Capped<Vec<Vec<u8>>>, Errno> {
        let path = fit(path)?;
        let mut directory = self.ask(|| self.calls.directory(&path))?;
        let mut names = Vec::new();
        // A directory that somebody invents as we go could consist of dots forever.
        let mut dots = 0_usize;
        let mut truncated = false;
        while self.ask(|| {
            directory.next(&mut |name| match name {
                b"." | b".." => dots += 1,
                _ if names.len() < cap => names.push(name.to_vec()),
                _ => truncated = true,
            })
        })? {
            truncated |= dots > MAX_DOTS;
            if truncated {
                break;
            }
        }
        Ok(Capped {
            value: names,
            truncated,
        })
    }

    /// Bytes of this process's own memory from `address` on, at most `length`; fewer only if what is behind them cannot be read.
    ///
    /// # Errors
    /// As the platform says: `EFAULT` if the first byte cannot be read, `EPERM` if another process was meant; [`Errno::UNFIT`] for
    /// an address beyond memory; [`Errno::STOPPED`].
    pub fn memory(&self, address: u64, length: usize) -> Result<Vec<u8>, Errno> {
        let address = usize::try_from(address).map_err(|_| Errno::UNFIT)?;
        // The C library's own word for it could be that of a clean process beside this one.
        let pid = self.read_link(b"/proc/self")?;
        let pid = std::str::from_utf8(&pid).ok().and_then(|pid| pid.parse().ok());
        let pid = pid.ok_or(Errno::SENSELESS)?;
        let mut bytes = vec![0; length];
        let count = self.ask(|| self.calls.memory(pid, address, &mut bytes))?;
        bytes.truncate(count);
        Ok(bytes)
    }

    /// Where the handler of a signal begins; `None` if there is none.
    ///
    /// # Errors
    /// As the platform says; [`Errno::STOPPED`].
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn signal_handler(&self, signal: c_int) -> Result<Option<usize>, Errno> {
        let at = self.ask(|| self.calls.handler(signal))?;
        Ok((at > 1).then_some(at))
    }

    /// One call, again while a signal interrupts it.
    pub(super) fn ask<T>(&self, mut call: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
        let mut outcome = Err(Errno::INTERRUPTED);
        for _ in 0..MAX_INTERRUPTIONS {
            if self.deadline.has_passed() {
                return Err(Errno::STOPPED);
            }
            outcome = call();
            if !matches!(outcome, Err(Errno::INTERRUPTED)) {
                break;
            }
        }
        outcome
    }
}

impl fmt::Debug for Files<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files").finish_non_exhaustive()
    }
}

/// An open file of one view; closed when this goes.
#[derive(Debug)]
pub struct File<'d> {
    files: Files<'d>,
    fd: c_int,
}

impl File<'_> {
    /// What was opened, whatever is at its path by now.
    ///
    /// # Errors
    /// As the platform says; [`Errno::STOPPED`].
    pub fn stat(&self) -> Result<Stat, Errno> {
        self.files.ask(|| self.files.calls.stat_open(self.fd))
    }

    /// Where it lies, as the kernel knows it: what its opening led to, on Linux with ` (deleted)` behind a name that is gone.
    ///
    /// # Errors
    /// As the platform says; [`Errno::STOPPED`].
    pub fn path(&self) -> Result<Vec<u8>, Errno> {
        self.files.descriptor_path(self.fd)
    }

    /// Calls `look` with an address at which this file is mapped for that long: in the memory map it looks there as whatever else
    /// maps it does.
    ///
    /// # Errors
    /// As the platform says; [`Errno::STOPPED`].
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn while_mapped(&self, look: &mut dyn FnMut(usize)) -> Result<(), Errno> {
        self.files.ask(|| self.files.calls.while_mapped(self.fd, look))
    }

    /// The next bytes, at most `cap`.
    ///
    /// # Errors
    /// As the platform says; [`Errno::STOPPED`].
    pub fn read(&mut self, cap: usize) -> Result<Capped<Vec<u8>>, Errno> {
        let mut value = self.filled(cap, |calls, fd, _, room| calls.read(fd, room))?;
        let truncated = value.len() == cap && {
            let mut beyond = [0];
            self.files.ask(|| self.files.calls.read(self.fd, &mut beyond))? > 0
        };
        value.truncate(cap);
        Ok(Capped { value, truncated })
    }

    /// The bytes from `offset` on, `length` of them; fewer only if the file ends.
    ///
    /// # Errors
    /// As the platform says; [`Errno::STOPPED`].
    pub fn read_at(&self, offset: u64, length: usize) -> Result<Vec<u8>, Errno> {
        self.filled(length, |calls, fd, done, room| {
            let offset = u64::try_from(done).ok().and_then(|done| offset.checked_add(done));
            calls.read_at(fd, offset.ok_or(Errno::UNFIT)?, room)
        })
    }

    /// Bytes of as many calls as it takes; the room grows only as far as there is something to read.
    fn filled(
        &self,
        length: usize,
        mut read: impl FnMut(&dyn Calls, c_int, usize, &mut [u8]) -> Result<usize, Errno>,
    ) -> Result<Vec<u8>, Errno> {
        let mut bytes = Vec::new();
        while bytes.len() < length {
            let done = bytes.len();
            bytes.resize(length.min(done.saturating_add(CHUNK_BYTES)), 0);
            let room = bytes.get_mut(done..).unwrap_or_default();
            let count = self.files.ask(|| read(self.files.calls, self.fd, done, room))?;
            bytes.truncate(done + count);
            if count == 0 {
                break;
            }
        }
        Ok(bytes)
    }
}

impl Drop for File<'_> {
    fn drop(&mut self) {
        self.files.calls.close(self.fd);
    }
}

/// `path` as the platform takes it.
fn fit(path: &[u8]) -> Result<CString, Errno> {
    if path.len() >= PATH_BYTES {
        return Err(Errno::TOO_LONG);
    }
    CString::new(path).map_err(|_| Errno::UNFIT)
}

/// The longest path, with its zero.
const PATH_BYTES: usize = 4096;
/// One read's room. `/proc` answers in pages anyway.
const CHUNK_BYTES: usize = 16 * 1024;
/// `.` and `..`, and what a broken file system may repeat.
const MAX_DOTS: usize = 64;
/// A signal handler that runs this often during one call is no accident.
const MAX_INTERRUPTIONS: usize = 64;
