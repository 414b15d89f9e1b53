//! Both tables of mounts.

use attest_mobile::probes::parse::{mountinfo, mounts};

/// Each mount is what its line alone gives; every mount has a place.
pub fn probe_mounts(data: &[u8]) -> bool {
    let brief = mounts::mounts(data);
    for mount in &brief.value {
        assert!(!mount.target.is_empty(), "a mount nowhere");
        if !mount.line.contains('\u{fffd}') {
            let line = format!("{}\n", mount.line);
            let alone = mounts::mounts(line.as_bytes());
            assert_eq!(alone.whole().as_deref(), Some(std::slice::from_ref(mount)), "another mount alone");
        }
    }
    let detailed = mountinfo::mounts(data);
    for mount in &detailed.value {
        assert!(!mount.target.is_empty(), "a mount nowhere");
        assert!(mount.tags.len() <= mountinfo::MAX_TAGS, "more tags than the bound");
    }
    !brief.truncated || !detailed.truncated
}
