//! What the loader says that it loaded.

use std::ffi::{CStr, c_int, c_void};

use super::Capped;

/// Images that are listed; apps have some hundred.
const MAX_IMAGES: usize = 4_096;

/// One image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its path as the loader has it, such as `/a/base.apk!/lib/b.so`; empty for the program itself, on some systems.
    pub path: Vec<u8>,
    /// What is added to the addresses in its file.
    pub bias: u64,
}

/// The loaded images in the loader's order.
#[must_use]
pub fn images() -> Capped<Vec<Image>> {
    let mut found = Capped {
        value: Vec::new(),
        truncated: false,
    };
    // SAFETY: `found` outlives the call and is used by the callback alone, one call after the other.
    unsafe { libc::dl_iterate_phdr(Some(each), (&raw mut found).cast()) };
    found
}

/// # Safety
/// `image` is null or one of the loader's, `found` is the list of [`images`]. It does not unwind.
unsafe extern "C" fn each(image: *mut libc::dl_phdr_info, _size: usize, found: *mut c_void) -> c_int {
    // SAFETY: as promised.
    let (image, found) = unsafe { (image.as_ref(), found.cast::<Capped<Vec<Image>>>().as_mut()) };
    let (Some(image), Some(found)) = (image, found) else {
        return 1;
    };
    if found.value.len() == MAX_IMAGES {
        found.truncated = true;
        return 1;
    }
    let path = if image.dlpi_name.is_null() {
        Vec::new()
    } else {
        // SAFETY: the loader's names end in zero and stay while it lists.
        unsafe { CStr::from_ptr(image.dlpi_name) }.to_bytes().to_vec()
    };
    found.value.push(Image {
        path,
        bias: wide(image.dlpi_addr),
    });
    0
}

/// An address, which is narrower on some processors.
fn wide(address: impl Into<u64>) -> u64 {
    address.into()
}
