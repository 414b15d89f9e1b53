//! The head of an ELF file.

use attest_mobile::probes::parse::elf;

/// Every segment lies within the address space, and none is larger in the file than in memory.
pub fn probe_elf(data: &[u8]) -> bool {
    let Ok(read) = elf::elf(data) else { return false };
    assert!(read.segments.len() <= usize::from(elf::MAX_HEADERS), "more segments than the bound");
    for segment in &read.segments {
        assert!(segment.file_bytes <= segment.memory_bytes, "more in the file than in memory");
        let ends = [segment.offset.checked_add(segment.file_bytes), segment.address.checked_add(segment.memory_bytes)];
        assert!(ends.iter().all(Option::is_some), "a segment that ends nowhere");
        let part = segment.of(data);
        assert!(part.is_none_or(|part| Ok(segment.file_bytes) == part.len().try_into()), "another part than the segment");
    }
    assert!(read.text().all(|text| text.is_executable && !text.is_writable), "text that is none");
    true
}
