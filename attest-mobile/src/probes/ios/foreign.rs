//! What the platform says, as bytes and numbers. Nothing is concluded here.
//!
//! Every function is in a public header of Apple's: an app is refused by the App Store for others.

use std::ffi::{CStr, CString, c_char, c_void};
use std::io;
use std::mem::MaybeUninit;
use std::ptr;

use super::super::sys::{Capped, Errno, View};

/// Images that are listed; apps have some hundred.
const MAX_IMAGES: u32 = 4_096;
/// Threads whose names are read; apps have some ten.
const MAX_THREADS: usize = 2_048;
/// Bytes of a text of the platform's, with the zero.
const MAX_TEXT: usize = 4_096;
/// `kCFStringEncodingUTF8`.
const UTF8: u32 = 0x0800_0100;

unsafe extern "C" {
    fn objc_lookUpClass(name: *const c_char) -> *const c_void;
    fn _dyld_image_count() -> u32;
    fn _dyld_get_image_name(index: u32) -> *const c_char;
    // The crate `libc` leaves these two to another crate.
    static mach_task_self_: libc::mach_port_t;
    fn mach_port_deallocate(task: libc::mach_port_t, name: libc::mach_port_t) -> libc::kern_return_t;
}

#[link(name = "CoreFoundation", kind = "framework")]
unsafe extern "C" {
    fn CFBundleGetMainBundle() -> *const c_void;
    fn CFBundleGetIdentifier(bundle: *const c_void) -> *const c_void;
    fn CFBundleCopyBundleURL(bundle: *const c_void) -> *const c_void;
    fn CFStringGetCString(text: *const c_void, into: *mut c_char, bytes: isize, encoding: u32) -> u8;
    fn CFURLGetFileSystemRepresentation(url: *const c_void, resolved: u8, into: *mut u8, bytes: isize) -> u8;
    fn CFRelease(object: *const c_void);
}

fn last_error() -> Errno {
    Errno::new(io::Error::last_os_error().raw_os_error().unwrap_or_default())
}

/// `struct kinfo_proc` of this process.
pub(super) fn process(view: View) -> Result<Vec<u8>, Errno> {
    view.process()
}

/// The flags of the code signature.
pub(super) fn code_signing(view: View) -> Result<u32, Errno> {
    view.code_signing()
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

/// The names of the threads, in the kernel's order; empty for those that have none.
pub(super) fn threads() -> Result<Capped<Vec<Vec<u8>>>, Errno> {
    let mut list = ptr::null_mut();
    let mut count = 0;
    // SAFETY: it is set before the program begins, and never changes.
    let own = unsafe { mach_task_self_ };
    // SAFETY: it writes where a list is, and how many are in it.
    if unsafe { libc::task_threads(own, &raw mut list, &raw mut count) } != libc::KERN_SUCCESS {
        return Err(Errno::new(libc::EPERM));
    }
    let count = usize::try_from(count).unwrap_or_default();
    let mut value = Vec::new();
    for at in 0..count {
        // SAFETY: the list has as many, and is ours until it is given back.
        let thread = unsafe { *list.add(at) };
        if at < MAX_THREADS {
            value.extend(thread_name(thread));
        }
        // SAFETY: with the list came one right to each thread, which is given back once.
        unsafe { mach_port_deallocate(own, thread) };
    }
    let bytes = count.saturating_mul(size_of::<libc::thread_act_t>());
    // SAFETY: the list is ours, as long as this, and used no more.
    unsafe { libc::vm_deallocate(own, list.expose_provenance(), bytes) };
    Ok(Capped {
        value,
        truncated: count > MAX_THREADS,
    })
}

/// The name of a thread; none of one that ended meanwhile.
fn thread_name(thread: libc::thread_act_t) -> Option<Vec<u8>> {
    let mut told = MaybeUninit::<libc::thread_extended_info>::zeroed();
    let mut words = libc::THREAD_EXTENDED_INFO_COUNT;
    let into = told.as_mut_ptr().cast();
    let flavor = u32::try_from(libc::THREAD_EXTENDED_INFO).unwrap_or_default();
    // SAFETY: there is room for as many words as are stated.
    let outcome = unsafe { libc::thread_info(thread, flavor, into, &raw mut words) };
    if outcome != libc::KERN_SUCCESS {
        return None;
    }
    // SAFETY: it consists of integers, for which the zeros that were there before the call are values too.
    let name = unsafe { told.assume_init() }.pth_name;
    Some(
        name.iter()
            .take_while(|byte| **byte != 0)
            .map(|byte| byte.cast_unsigned())
            .collect(),
    )
}

/// The identifier of the app's bundle, as the platform's API has it; `None` without one.
pub(super) fn bundle_identifier() -> Result<Option<Vec<u8>>, Errno> {
    // SAFETY: it has no conditions; the bundle lives as long as the program.
    let bundle = unsafe { CFBundleGetMainBundle() };
    if bundle.is_null() {
        return Ok(None);
    }
    // SAFETY: it is a bundle; what is answered lives as long as that.
    let text = unsafe { CFBundleGetIdentifier(bundle) };
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: the text is one, and the room as long as is said.
    filled(|into, bytes| unsafe { CFStringGetCString(text, into.cast(), bytes, UTF8) }).map(Some)
}

/// Where the app's bundle lies, as the platform's API has it; `None` without one.
pub(super) fn bundle_path() -> Result<Option<Vec<u8>>, Errno> {
    // SAFETY: it has no conditions; the bundle lives as long as the program.
    let bundle = unsafe { CFBundleGetMainBundle() };
    if bundle.is_null() {
        return Ok(None);
    }
    // SAFETY: it is a bundle; what is answered is ours.
    let url = unsafe { CFBundleCopyBundleURL(bundle) };
    if url.is_null() {
        return Ok(None);
    }
    // SAFETY: it is a URL, and the room as long as is said.
    let path = filled(|into, bytes| unsafe { CFURLGetFileSystemRepresentation(url, 1, into, bytes) });
    // SAFETY: it is ours and used no more.
    unsafe { CFRelease(url) };
    path.map(Some)
}

/// What is written up to a zero.
fn filled(write: impl FnOnce(*mut u8, isize) -> u8) -> Result<Vec<u8>, Errno> {
    let mut room = vec![0; MAX_TEXT];
    let bytes = isize::try_from(room.len()).unwrap_or_default();
    if write(room.as_mut_ptr(), bytes) == 0 {
        return Err(Errno::CUT);
    }
    let end = room.iter().position(|byte| *byte == 0).ok_or(Errno::SENSELESS)?;
    room.truncate(end);
    Ok(room)
}
