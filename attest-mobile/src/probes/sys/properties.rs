//! System properties as Android's C library has them. **Not run so far:** it exists on Android only.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::mem;
use std::sync::OnceLock;

use super::{Capped, Errno};

/// Properties that are listed; phones have some thousand.
const MAX_PROPERTIES: usize = 1 << 15;

/// Bytes of a name and of a short value, each with its zero, as every API level has at least.
const ROOM: usize = 256;

/// The value of a property; `None` if there is none that this app may read.
///
/// # Errors
/// [`Errno::UNFIT`] for a name that is none.
pub fn property(name: &str) -> Result<Option<Vec<u8>>, Errno> {
    let name = CString::new(name).map_err(|_| Errno::UNFIT)?;
    // SAFETY: the name ends in zero.
    let found = unsafe { libc::__system_property_find(name.as_ptr()) };
    if found.is_null() {
        return Ok(None);
    }
    // SAFETY: what is found stays for ever.
    Ok(Some(unsafe { read(found) }.1))
}

/// The names of all properties that this app may read.
#[must_use]
pub fn property_names() -> Capped<Vec<Vec<u8>>> {
    let mut found = Capped {
        value: Vec::new(),
        truncated: false,
    };
    // SAFETY: `found` outlives the call and is used by the callback alone.
    unsafe { libc::__system_property_foreach(each, (&raw mut found).cast()) };
    found
}

/// # Safety
/// `property` is one of the library's, `found` is the list of [`property_names`]. It does not unwind.
unsafe extern "C" fn each(property: *const libc::prop_info, found: *mut c_void) {
    // SAFETY: as promised.
    let Some(found) = (unsafe { found.cast::<Capped<Vec<Vec<u8>>>>().as_mut() }) else {
        return;
    };
    if found.value.len() == MAX_PROPERTIES {
        found.truncated = true;
        return;
    }
    // SAFETY: as promised.
    found.value.push(unsafe { read(property) }.0);
}

unsafe extern "C" {
    /// In every Android, though newer ones have another for long values; the crate `libc` does not name it.
    fn __system_property_read(
        property: *const libc::prop_info,
        name: *mut c_char,
        value: *mut c_char,
    ) -> c_int;
}

type Told = unsafe extern "C" fn(*mut c_void, *const c_char, *const c_char, u32);
type ReadCallback = unsafe extern "C" fn(*const libc::prop_info, Told, *mut c_void);

/// Name and value.
///
/// # Safety
/// `property` is one of the library's.
unsafe fn read(property: *const libc::prop_info) -> (Vec<u8>, Vec<u8>) {
    let mut told = (Vec::new(), Vec::new());
    if let Some(read) = read_callback() {
        // SAFETY: `told` outlives the call and is used by the callback alone.
        unsafe { read(property, tell, (&raw mut told).cast()) };
        return told;
    }
    let (mut name, mut value) = ([0_u8; ROOM], [0_u8; ROOM]);
    // SAFETY: before values could be long, a name took at most 32 bytes and a value 92.
    let _: c_int =
        unsafe { __system_property_read(property, name.as_mut_ptr().cast(), value.as_mut_ptr().cast()) };
    let text = |room: &[u8]| {
        CStr::from_bytes_until_nul(room).map_or_else(|_| Vec::new(), |text| text.to_bytes().to_vec())
    };
    (text(&name), text(&value))
}

/// # Safety
/// `told` is the pair of [`read`]; name and value end in zero.
unsafe extern "C" fn tell(told: *mut c_void, name: *const c_char, value: *const c_char, _serial: u32) {
    // SAFETY: as promised.
    if let Some(told) = unsafe { told.cast::<(Vec<u8>, Vec<u8>)>().as_mut() } {
        // SAFETY: as promised.
        *told = unsafe {
            (
                CStr::from_ptr(name).to_bytes().to_vec(),
                CStr::from_ptr(value).to_bytes().to_vec(),
            )
        };
    }
}

/// The function by which long values are read; Android 8 and later have it.
fn read_callback() -> Option<ReadCallback> {
    static FOUND: OnceLock<Option<ReadCallback>> = OnceLock::new();
    *FOUND.get_or_init(|| {
        // SAFETY: the name ends in zero.
        let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"__system_property_read_callback".as_ptr()) };
        // SAFETY: the library declares it so.
        (!found.is_null()).then(|| unsafe { mem::transmute::<*mut c_void, ReadCallback>(found) })
    })
}
