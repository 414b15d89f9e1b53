//! Heads of programs and libraries: made ones, and those of this machine.

use std::fs;

use super::super::ParseError;
use super::super::elf::{Class, HEAD_BYTES, Segment, elf};
use super::cuts;
use super::forge::{Load, elf32, elf64};

const TEXT: Load = Load {
    kind: 1,
    flags: 5,
    offset: 0x1000,
    address: 0x2000,
    file_bytes: 0x30,
    memory_bytes: 0x30,
};
const WRITABLE: Load = Load {
    flags: 6,
    offset: 0x1030,
    address: 0x5030,
    file_bytes: 8,
    memory_bytes: 0x4000,
    ..TEXT
};
const BOTH: Load = Load { flags: 7, ..WRITABLE };
const STACK: Load = Load {
    kind: 0x6474_e551,
    flags: 7,
    ..TEXT
};

#[test]
fn what_is_loaded() {
    for (class, machine, file) in [
        (Class::Elf64, 183, elf64(&[STACK, WRITABLE, TEXT, BOTH])),
        (Class::Elf32, 40, elf32(&[STACK, WRITABLE, TEXT, BOTH])),
    ] {
        let read = elf(&file).unwrap();
        assert_eq!((read.class, read.kind, read.machine), (class, 3, machine));
        let text = Segment {
            offset: 0x1000,
            file_bytes: 0x30,
            address: 0x2000,
            memory_bytes: 0x30,
            is_executable: true,
            is_writable: false,
        };
        let writable = Segment {
            offset: 0x1030,
            file_bytes: 8,
            address: 0x5030,
            memory_bytes: 0x4000,
            is_executable: false,
            is_writable: true,
        };
        let both = Segment {
            is_executable: true,
            ..writable
        };
        assert_eq!(read.segments, [writable, text, both]);
        // What may be written is no text: it need not be as on disk.
        assert_eq!(read.text().collect::<Vec<_>>(), [&text]);
        assert_eq!(text.of(&file), None);
        let whole = [file, vec![7; 0x1030]].concat();
        assert_eq!(text.of(&whole), Some(&whole[0x1000..0x1030]));
    }
}

#[test]
fn what_no_loader_takes_is_refused() {
    let check = |change: fn(&mut Vec<u8>), expect: ParseError| {
        let mut file = elf64(&[TEXT]);
        change(&mut file);
        assert_eq!(elf(&file), Err(expect));
    };
    check(|file| file[0] = 0, ParseError::OtherFormat);
    check(|file| file[4] = 3, ParseError::Variant);
    check(|file| file[5] = 2, ParseError::Variant);
    check(|file| file[54] = 32, ParseError::Contradiction);
    check(|file| file[57] = 2, ParseError::Bound);
    check(|file| file[56] = 2, ParseError::Short);
    check(|file| file[39] = 0xff, ParseError::Short);
    check(|file| file[32] = 65, ParseError::Short);
    let check = |load: Load| assert_eq!(elf(&elf64(&[load])), Err(ParseError::Contradiction));
    check(Load {
        offset: u64::MAX,
        ..TEXT
    });
    check(Load {
        address: u64::MAX - 1,
        ..TEXT
    });
    check(Load {
        file_bytes: 0x31,
        ..TEXT
    });
    for file in [elf64(&[TEXT, WRITABLE]), elf32(&[TEXT, WRITABLE])] {
        for cut in cuts(&file) {
            assert_eq!(elf(cut), Err(ParseError::Short), "cut at {}", cut.len());
        }
    }
    // The most program headers that are read; the same with a header more.
    let many = |count| elf(&elf64(&vec![STACK; count])).map(|elf| elf.segments.len());
    assert_eq!((many(256), many(257)), (Ok(0), Err(ParseError::Bound)));
}

#[cfg(target_os = "linux")]
#[test]
fn programs_and_libraries_of_this_machine() {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let libraries = maps
        .lines()
        .filter_map(|line| line.split_once('/').map(|(_, path)| format!("/{path}")));
    let mut paths: Vec<_> = libraries.filter(|path| path.contains(".so")).collect();
    paths.push(std::env::current_exe().unwrap().to_str().unwrap().to_owned());
    paths.dedup();
    assert!(paths.len() > 2, "{paths:?}");
    for path in paths {
        let file = fs::read(&path).unwrap();
        let read = elf(&file[..HEAD_BYTES.min(file.len())]).unwrap();
        assert_eq!(read, elf(&file).unwrap(), "{path}");
        assert_eq!(
            usize::try_from(usize::BITS),
            Ok(if read.class == Class::Elf64 { 64 } else { 32 })
        );
        assert!(
            read.text().count() == 1 && read.segments.iter().all(|part| part.of(&file).is_some()),
            "{path}"
        );
    }
}
