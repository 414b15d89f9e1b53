//! Which version this library is, for whoever has the bare file or links it.

use std::ffi::{CStr, c_char};

const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
    Ok(version) => version,
    Err(_) => c"",
};

/// The version as a C string that lives as long as the library.
// SAFETY: no other function of this name is linked; the prefix is ours.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn attest_version() -> *const c_char {
    VERSION.as_ptr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_packages() {
        // SAFETY: the function returns a C string that is never freed.
        let said = unsafe { CStr::from_ptr(attest_version()) };
        assert_eq!(said.to_str().unwrap(), env!("CARGO_PKG_VERSION"));
    }
}
