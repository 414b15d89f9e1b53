//! An archive, of which is asked whether entries exist.

use attest_mobile::probes::parse::zip::entries_exist;

/// A name that exists stands in the file, and gets the same answer alone and with others.
pub fn probe_zip(data: &[u8]) -> bool {
    let wanted: [&[u8]; 3] = [b"classes.dex", b"lib/arm64-v8a/libattest.so", b""];
    let Ok(exist) = entries_exist(&data, &wanted) else { return false };
    for (name, exists) in wanted.iter().zip(exist) {
        let alone = entries_exist(&data, &[name]);
        assert_eq!(alone, Ok(vec![exists]), "another answer alone");
        let stands = name.is_empty() || data.windows(name.len()).any(|part| part == *name);
        assert!(!exists || stands, "an entry from nowhere");
    }
    true
}
