//! Both messages between the app and its isolated process.

use attest_mobile::probes::isolated::read_back;

/// Questions that are read are printed and read as the same ones.
pub fn probe_isolated(data: &[u8]) -> bool {
    let read = read_back(data);
    assert_ne!(read, Some(false), "other questions than were read");
    read.is_some()
}
