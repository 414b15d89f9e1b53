//! What the platform says, as bytes and numbers. Nothing is concluded here.
//!
//! `csops` is in the system's library and in no public header; the other functions are public.

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::io;
use std::ptr;

use super::super::sys::{Capped, Errno};

/// Room for `struct kinfo_proc`, which takes 648 bytes.
const PROCESS_BYTES: usize = 1_024;
/// Images that are listed; apps have some hundred.
const MAX_IMAGES: u32 = 4_096;
/// Asks for the flags of the code signature.
const STATUS: c_uint = 0;

unsafe extern "C" {
    fn csops(pid: c_int, operation: c_uint, into: *mut c_void, bytes: usize) -> c_int;
    fn objc_lookUpClass(name: *const c_char) -> *const c_void;
    fn _dyld_image_count() -> u32;
    fn _dyld_get_image_name(index: u32) -> *const c_char;
}

fn last_error() -> Errno {
    Errno::new(io::Error::last_os_error().raw_os_error().unwrap_or_default())
}

fn own_pid() -> c_int {
    // SAFETY: it has no conditions.
    unsafe { libc::getpid() }
}

/// `struct kinfo_proc` of this process.
pub(super) fn process() -> Result<Vec<u8>, Errno> {
    let mut name = [libc::CTL_KERN, libc::KERN_PROC, libc::KERN_PROC_PID, own_pid()];
    let mut room = vec![0_u8; PROCESS_BYTES];
    let mut bytes = room.len();
    // SAFETY: the name has four parts; the room is writable for as many bytes as are stated.
    let outcome = unsafe {
        libc::sysctl(
            name.as_mut_ptr(),
            4,
            room.as_mut_ptr().cast(),
            &raw mut bytes,
            ptr::null_mut(),
            0,
        )
    };
    if outcome != 0 {
        return Err(last_error());
    }
    room.truncate(bytes);
    Ok(room)
}

/// Whether a process can be made. One that was made ends at once.
pub(super) fn can_fork() -> Result<bool, Errno> {
    // SAFETY: the child calls nothing but `_exit`, which is allowed to one of a process with threads.
    let child = unsafe { libc::fork() };
    match child {
        0 => {
            // SAFETY: it ends this process and runs nothing of it.
            unsafe { libc::_exit(0) }
        }
        1.. => {
            // SAFETY: the child is this process's own, and no status is asked for.
            while unsafe { libc::waitpid(child, ptr::null_mut(), 0) } < 0
                && last_error() == Errno::new(libc::EINTR)
            {}
            Ok(true)
        }
        _ => match last_error() {
            errno if errno == Errno::new(libc::EPERM) || errno == Errno::new(libc::ENOSYS) => Ok(false),
            errno => Err(errno),
        },
    }
}

/// The flags of the code signature.
pub(super) fn code_signing() -> Result<u32, Errno> {
    let mut flags = 0_u32;
    // SAFETY: there is room for the flags.
    let outcome = unsafe { csops(own_pid(), STATUS, (&raw mut flags).cast(), size_of::<u32>()) };
    if outcome == 0 {
        Ok(flags)
    } else {
        Err(last_error())
    }
}

/// The paths of the loaded images, the program's first.
pub(super) fn images() -> Result<Capped<Vec<Vec<u8>>>, Errno> {
    // SAFETY: it has no conditions.
    let count = unsafe { _dyld_image_count() };
    let mut value = Vec::new();
    for index in 0..count.min(MAX_IMAGES) {
        // SAFETY: it answers null for an image that went meanwhile.
        let name = unsafe { _dyld_get_image_name(index) };
        if !name.is_null() {
            // SAFETY: a name ends in zero and stays as long as its image, and images that the app was started with or that the
            // system shares are never unloaded.
            value.push(unsafe { CStr::from_ptr(name) }.to_bytes().to_vec());
        }
    }
    Ok(Capped {
        value,
        truncated: count > MAX_IMAGES,
    })
}

/// Whether a class of this name is registered. It is not loaded for that.
pub(super) fn class_exists(name: &str) -> Result<bool, Errno> {
    let name = CString::new(name).map_err(|_| Errno::UNFIT)?;
    // SAFETY: the name ends in zero.
    Ok(!unsafe { objc_lookUpClass(name.as_ptr()) }.is_null())
}
