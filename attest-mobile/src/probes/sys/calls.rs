//! The calls that every view offers, one to one. What is built of them is in `files.rs` and the same for all.

use std::ffi::{CStr, c_int};

use super::{Errno, Stat};

/// Makes calls in one way. None of them waits for anything but the file system, none follows up on another, and whatever
/// the answer, no more bytes count as written than there was room for.
pub(super) trait Calls {
    /// A descriptor for reading, that no other program inherits.
    fn open(&self, path: &CStr) -> Result<c_int, Errno>;
    fn close(&self, fd: c_int);
    /// A descriptor of a new, empty file that nobody else may read.
    fn create(&self, path: &CStr) -> Result<c_int, Errno>;
    /// Removes a file that [`Calls::create`] made.
    fn remove(&self, path: &CStr);
    /// How many bytes were read; 0 at the end.
    fn read(&self, fd: c_int, into: &mut [u8]) -> Result<usize, Errno>;
    fn read_at(&self, fd: c_int, offset: u64, into: &mut [u8]) -> Result<usize, Errno>;
    fn stat(&self, path: &CStr) -> Result<Stat, Errno>;
    /// Of a link itself, if there is one.
    fn stat_link(&self, path: &CStr) -> Result<Stat, Errno>;
    fn stat_open(&self, fd: c_int) -> Result<Stat, Errno>;
    /// How many bytes of the target were written.
    fn read_link(&self, path: &CStr, into: &mut [u8]) -> Result<usize, Errno>;
    /// `Ok` if this process's real uid may do all of `bits` (4 read, 2 write, 1 execute, 0 for being there).
    fn access(&self, path: &CStr, bits: u8) -> Result<(), Errno>;
    /// The flags of the mount, without the one by which the kernel tells the C library that they are there.
    fn mount_flags(&self, path: &CStr) -> Result<u64, Errno>;
    fn directory(&self, path: &CStr) -> Result<Box<dyn Directory>, Errno>;
    /// How many bytes from `address` on were copied out of the memory of process `pid`. What cannot be read is an error, never
    /// a fault.
    fn memory(&self, pid: c_int, address: usize, into: &mut [u8]) -> Result<usize, Errno>;
    /// Calls `look` with the address of a page of the file, which is mapped to be read for that long.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn while_mapped(&self, fd: c_int, look: &mut dyn FnMut(usize)) -> Result<(), Errno>;
    /// Where a signal's handler begins; 0 by default, 1 if the signal is ignored.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn handler(&self, signal: c_int) -> Result<usize, Errno>;
    /// A socket that never waits, connected to a port of 127.0.0.1 or about to be.
    fn connect(&self, port: u16) -> Result<c_int, Errno>;
    /// How many bytes were taken. A connection that is gone raises no signal.
    fn send(&self, fd: c_int, bytes: &[u8]) -> Result<usize, Errno>;
    /// True if `wanted` (`POLLIN` or `POLLOUT`) became possible, or impossible for ever, within `ms`.
    fn wait(&self, fd: c_int, wanted: i16, ms: u16) -> Result<bool, Errno>;
    /// How many descriptors may be open: all that are have lower numbers.
    #[cfg(target_vendor = "apple")]
    fn descriptor_room(&self) -> Result<c_int, Errno>;
    /// Where what a descriptor is open on lies, up to a zero.
    #[cfg(target_vendor = "apple")]
    fn descriptor_path(&self, fd: c_int, into: &mut [u8; MAX_PATH]) -> Result<(), Errno>;
    /// What the kernel keeps of this process, and how many bytes of it were written.
    #[cfg(target_vendor = "apple")]
    fn process(&self, into: &mut [u8]) -> Result<usize, Errno>;
    /// What the kernel thinks of this process's code.
    #[cfg(target_vendor = "apple")]
    fn code_signing(&self) -> Result<u32, Errno>;
    fn uid(&self) -> u32;
    fn parent_pid(&self) -> i32;
}

/// An open directory, closed when this goes.
pub(super) trait Directory {
    /// Hands over the names of one call, `.` and `..` too; false once there are none.
    fn next(&mut self, each: &mut dyn FnMut(&[u8])) -> Result<bool, Errno>;
}

/// The kernel's `ST_VALID`.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) const FLAGS_ARE_THERE: u64 = 0x20;

/// Apple's `MAXPATHLEN`, with the zero.
#[cfg(target_vendor = "apple")]
pub(super) const MAX_PATH: usize = 1024;
