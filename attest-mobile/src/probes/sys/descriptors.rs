//! The open descriptors of this process, and where what they are open on lies.

use std::ffi::c_int;

#[cfg(target_vendor = "apple")]
use super::calls::MAX_PATH;
use super::{Capped, Errno, Files};

impl Files<'_> {
    /// The numbers of the open descriptors, at most `cap`.
    ///
    /// # Errors
    /// As the platform says; [`Errno::SENSELESS`] for an answer that is no list of numbers; [`Errno::STOPPED`].
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn descriptors(&self, cap: usize) -> Result<Capped<Vec<c_int>>, Errno> {
        let open = self.list(b"/proc/self/fd", cap)?;
        let number = |name: &Vec<u8>| std::str::from_utf8(name).ok()?.parse().ok();
        let numbers: Option<Vec<c_int>> = open.value.iter().map(number).collect();
        Ok(Capped {
            value: numbers.ok_or(Errno::SENSELESS)?,
            truncated: open.truncated,
        })
    }

    /// Where a file of this process lies, by its descriptor's own link.
    ///
    /// # Errors
    /// As for [`Files::read_link`].
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn descriptor_path(&self, fd: c_int) -> Result<Vec<u8>, Errno> {
        self.read_link(format!("/proc/self/fd/{fd}").as_bytes())
    }

    /// The numbers of the descriptors that may be open, at most `cap`: which of them are, their paths tell.
    ///
    /// # Errors
    /// As the platform says; [`Errno::STOPPED`].
    #[cfg(target_vendor = "apple")]
    pub fn descriptors(&self, cap: usize) -> Result<Capped<Vec<c_int>>, Errno> {
        let room = self.ask(|| self.calls.descriptor_room())?;
        Ok(Capped {
            value: (0..room).take(cap).collect(),
            truncated: usize::try_from(room).is_ok_and(|room| room > cap),
        })
    }

    /// Where a file of this process lies, as the kernel knows it.
    ///
    /// # Errors
    /// As the platform says, `ENOENT` for a descriptor that is closed or open on what is no file; [`Errno::STOPPED`].
    #[cfg(target_vendor = "apple")]
    pub fn descriptor_path(&self, fd: c_int) -> Result<Vec<u8>, Errno> {
        let mut path = [0; MAX_PATH];
        match self.ask(|| self.calls.descriptor_path(fd, &mut path)) {
            Ok(()) => {
                let end = path.iter().position(|byte| *byte == 0);
                let path = end.and_then(|end| path.get(..end));
                path.map(<[u8]>::to_vec).ok_or(Errno::SENSELESS)
            }
            Err(errno) if errno == Errno::new(libc::EBADF) => Err(Errno::new(libc::ENOENT)),
            Err(errno) => Err(errno),
        }
    }
}
