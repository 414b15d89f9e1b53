//! An Android property area.

use attest_mobile::probes::parse::properties::{MAX_LONG_VALUE_BYTES, MAX_NODES, properties};

/// The walk ends, and neither its steps nor what it reads are more than the area allows.
pub fn probe_properties(data: &[u8]) -> bool {
    let Ok(read) = properties(data) else { return false };
    assert!(read.value.len() <= MAX_NODES, "more properties than nodes");
    // Text that is no UTF-8 grows by three.
    let most = 3 * (data.len() + 2 * MAX_LONG_VALUE_BYTES);
    let sizes = read.value.iter().map(|property| property.name.len() + property.value.as_ref().map_or(0, |value| value.len()));
    assert!(sizes.sum::<usize>() <= most, "more text than the area holds");
    assert!(read.value.iter().all(|property| !property.name.is_empty()), "a property without a name");
    assert!(read.truncated || read.value.iter().all(|property| property.value.is_some()), "a value went in silence");
    !read.truncated
}
