//! Archives: which entries are there, and what is no archive that Android would install from.

use std::cell::Cell;

use attest_core::signing_block::{ReadAt, ReadError};

use super::super::ParseError;
use super::super::zip::{MAX_WANTED, MAX_WANTED_BYTES, entries_exist};
use super::cuts;
use super::forge::zip;

const ENTRIES: [(&str, &[u8]); 4] = [
    ("AndroidManifest.xml", b"manifest"),
    ("classes.dex", b"dex\n035"),
    ("lib/arm64-v8a/libattest.so", b"\x7fELF"),
    ("assets/b\u{fc}cher.txt", b""),
];

fn exist(file: &[u8], wanted: &[&str]) -> Result<Vec<bool>, ParseError> {
    let wanted: Vec<_> = wanted.iter().map(|name| name.as_bytes()).collect();
    entries_exist(&file, &wanted)
}

#[test]
fn entries_are_found_by_their_whole_name() {
    let wanted = [
        "classes.dex",
        "classes2.dex",
        "lib/arm64-v8a/libattest.so",
        "lib/arm64-v8a/",
        "Classes.dex",
        "",
        "assets/b\u{fc}cher.txt",
        "classes.dex",
        "AndroidManifest.xml\u{0}",
    ];
    let expect = vec![true, false, true, false, false, false, true, true, false];
    // An end record that does not end with the file is none, be it in a comment or a signing block.
    let inner = zip(&ENTRIES, b"", b"");
    let inner_end = &inner[inner.len() - 22..];
    let record_and_more = [inner_end, b"c"].concat();
    for comment in [b"".as_slice(), b"c", &record_and_more, &[b'c'; 0xffff]] {
        let file = zip(&ENTRIES, inner_end, comment);
        assert_eq!(
            exist(&file, &wanted),
            Ok(expect.clone()),
            "{} bytes of comment",
            comment.len()
        );
    }
    // One that does is another reader's: which of the two counts is not decided here.
    assert_eq!(
        exist(&zip(&ENTRIES, b"", inner_end), &["a"]),
        Err(ParseError::Contradiction)
    );
    assert_eq!(exist(&zip(&[], b"", b""), &["a"]), Ok(vec![false]));
    assert_eq!(exist(&zip(&ENTRIES, b"", b""), &[]), Ok(vec![]));
}

#[test]
fn entries_across_parts_of_a_large_directory_are_found() {
    let names: Vec<_> = (0..9_000)
        .map(|number| format!("res/{number}/{}", "x".repeat(number % 97)))
        .collect();
    let entries: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), b"".as_slice())).collect();
    let file = zip(&entries, b"", b"");
    for names in names.chunks(MAX_WANTED) {
        let wanted: Vec<_> = names.iter().map(String::as_str).collect();
        assert_eq!(exist(&file, &wanted), Ok(vec![true; names.len()]));
    }
    assert_eq!(exist(&file, &["res/9000/", "res/1/"]), Ok(vec![false, false]));
}

#[test]
fn what_is_cut_or_spoiled_is_never_called_absent() {
    let file = zip(&ENTRIES, b"", b"");
    for cut in cuts(&file) {
        exist(cut, &["classes.dex"]).unwrap_err();
    }
    let end = file.len() - 22;
    let directory =
        usize::try_from(u32::from_le_bytes(file[end + 16..end + 20].try_into().unwrap())).unwrap();
    let check = |at: usize, bytes: &[u8], expect: ParseError| {
        let mut spoiled = file.clone();
        spoiled[at..at + bytes.len()].copy_from_slice(bytes);
        assert_eq!(exist(&spoiled, &["classes.dex"]), Err(expect), "at {at}");
    };
    // Of several files, of 64 bits.
    check(end + 4, &[1], ParseError::Variant);
    check(end + 6, &[1], ParseError::Variant);
    check(end + 8, &[0xff; 4], ParseError::Variant);
    check(end + 12, &[0xff; 4], ParseError::Variant);
    check(end + 16, &[0xff; 4], ParseError::Variant);
    // One entry less or more, here or in all.
    check(end + 8, &[3, 0, 3, 0], ParseError::Contradiction);
    check(end + 8, &[5, 0, 5, 0], ParseError::Contradiction);
    check(end + 8, &[3], ParseError::Contradiction);
    check(end + 10, &[3], ParseError::Contradiction);
    // The directory elsewhere.
    check(end + 12, &[0; 4], ParseError::Contradiction);
    check(end + 16, &[0; 4], ParseError::Contradiction);
    check(directory, &[0], ParseError::Contradiction);
    check(directory + 28, &[0xff; 2], ParseError::Contradiction);
    check(directory + 30, &[5], ParseError::Contradiction);
    check(end, &[0], ParseError::OtherFormat);
}

#[test]
fn questions_are_bounded() {
    let file = zip(&ENTRIES, b"", b"");
    let longest = "x".repeat(MAX_WANTED_BYTES);
    let long = format!("{longest}x");
    assert_eq!(exist(&file, &[&long]), Err(ParseError::Bound));
    assert_eq!(exist(&file, &[&longest]), Ok(vec![false]));
    assert_eq!(exist(&file, &["x"; MAX_WANTED + 1]), Err(ParseError::Bound));
    assert_eq!(exist(&file, &["x"; MAX_WANTED]), Ok(vec![false; MAX_WANTED]));
}

/// Zeros of any length before the end of an archive.
struct Large {
    length: u64,
    end: Vec<u8>,
    most: Cell<usize>,
    reads: Cell<usize>,
}

impl Large {
    fn new(directory_bytes: u32, directory_at: u32, end: &[u8]) -> Self {
        let mut record = end.to_vec();
        record[12..16].copy_from_slice(&directory_bytes.to_le_bytes());
        record[16..20].copy_from_slice(&directory_at.to_le_bytes());
        Self {
            length: u64::from(directory_at) + u64::from(directory_bytes) + 22,
            end: record,
            most: Cell::new(0),
            reads: Cell::new(0),
        }
    }
}

impl ReadAt for Large {
    fn len(&self) -> u64 {
        self.length
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        self.most.set(self.most.get().max(buf.len()));
        self.reads.set(self.reads.get() + 1);
        buf.fill(0);
        let end_at = self.length - 22;
        for (at, byte) in (offset..).zip(buf) {
            if at >= end_at {
                *byte = self.end[usize::try_from(at - end_at).unwrap()];
            }
        }
        Ok(())
    }
}

#[test]
fn of_a_large_file_little_is_read() {
    let empty = zip(&[], b"", b"");
    let large = Large::new(0, 3 << 30, &empty);
    assert_eq!(entries_exist(&large, &[b"a"]), Ok(vec![false]));
    assert!((large.most.get(), large.reads.get()) <= (22, 2));
    let mut end = empty;
    end[8..12].copy_from_slice(&[1, 0, 1, 0]);
    let beyond = Large::new((1 << 24) + 1, 1 << 30, &end);
    assert_eq!(entries_exist(&beyond, &[b"a"]), Err(ParseError::Bound));
    let spoiled = Large::new(1 << 24, 1 << 30, &end);
    assert_eq!(entries_exist(&spoiled, &[b"a"]), Err(ParseError::Contradiction));
    assert!(spoiled.most.get() <= 1 << 16);
}
