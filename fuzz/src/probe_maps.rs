//! A memory map.

use attest_mobile::probes::parse::maps::{MAX_ROWS, Region, regions};

/// Each region is what its line alone gives, and none is made of what is no whole line.
pub fn probe_maps(data: &[u8]) -> bool {
    let read = regions(data);
    let lines = data.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")).count();
    assert!(read.value.len() <= lines.min(MAX_ROWS), "more regions than lines");
    assert!(read.truncated || read.value.len() == lines, "a line went in silence");
    for region in &read.value {
        assert!(region.start < region.end, "a region without a byte");
        // Bytes that are no text are not kept in the line.
        if !region.line.contains('\u{fffd}') {
            let line = format!("{}\n", region.line);
            let alone = regions(line.as_bytes());
            assert!(!alone.truncated && alone.value.iter().map(Region::backing).eq([region.backing()]), "another region alone");
        }
    }
    !read.truncated
}
