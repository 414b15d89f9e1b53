//! The names of the network interfaces, as the C library lists them. No address is read.

use std::ffi::CStr;
use std::io;
use std::ptr;

use super::{Capped, Errno};

/// Entries that are looked at: each interface has one for each of its addresses.
const MAX_ENTRIES: usize = 4_096;

/// The names, each once, in order.
///
/// # Errors
/// As the platform says.
pub fn interface_names() -> Result<Capped<Vec<Vec<u8>>>, Errno> {
    let mut first = ptr::null_mut();
    // SAFETY: it writes one address there.
    if unsafe { libc::getifaddrs(&raw mut first) } != 0 {
        let errno = io::Error::last_os_error().raw_os_error();
        return Err(Errno::new(errno.unwrap_or_default()));
    }
    let mut names = Vec::new();
    let (mut next, mut seen) = (first, 0_usize);
    // SAFETY: each entry is the library's until the list is freed, and links to the next.
    while let Some(entry) = unsafe { next.as_ref() } {
        if seen == MAX_ENTRIES {
            break;
        }
        seen += 1;
        if !entry.ifa_name.is_null() {
            // SAFETY: the name ends in zero and lives as long as the list.
            names.push(unsafe { CStr::from_ptr(entry.ifa_name) }.to_bytes().to_vec());
        }
        next = entry.ifa_next;
    }
    let truncated = !next.is_null();
    // SAFETY: it came from `getifaddrs` and is used no more.
    unsafe { libc::freeifaddrs(first) };
    names.sort_unstable();
    names.dedup();
    Ok(Capped {
        value: names,
        truncated,
    })
}
