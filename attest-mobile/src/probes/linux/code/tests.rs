//! Code of this process, and of libraries that the tests place themselves, changed and unchanged.

use std::fs;
use std::path::{Path, PathBuf};

use attest_core::facts::{Observation, Value};
use attest_core::policy::Variables;
use ring::digest::{SHA256, digest};

use super::super::super::parse::tests::forge::{Load, elf64};
use super::super::super::sys::{Files, Unlimited, View};
use super::super::mapping::{Mapping, Part, Use, ask, ask_until};
use super::compare::digests;
use super::placed::{Wanted, find};
use super::*;

/// Where the parts of the made library lie, in its file and behind its beginning in memory: apart by the largest page.
const TEXT_AT: usize = 0x1_0000;
pub(in crate::probes::linux) const TEXT_ADDRESS: usize = 0x2_0000;
pub(in crate::probes::linux) const TEXT_BYTES: usize = 0x1_8123;
const WRITABLE_AT: usize = 0x3_0000;
const WRITABLE_ADDRESS: usize = 0x4_0000;

/// A library whose code has no two equal pages.
pub(in crate::probes::linux) fn library(text_bytes: usize) -> Vec<u8> {
    let load = |flags, places: [usize; 4]| {
        let [offset, address, file_bytes, memory_bytes] = places.map(|place| u64::try_from(place).unwrap());
        Load {
            kind: 1,
            flags,
            offset,
            address,
            file_bytes,
            memory_bytes,
        }
    };
    let mut file = elf64(&[
        load(4, [0, 0, 0x1000, 0x1000]),
        load(5, [TEXT_AT, TEXT_ADDRESS, text_bytes, text_bytes]),
        load(6, [WRITABLE_AT, WRITABLE_ADDRESS, 16, 4096]),
    ]);
    file.resize(TEXT_AT, 0);
    file.extend((0..TEXT_BYTES).map(|at| u8::try_from((at * 7 + at / 251) % 256).unwrap()));
    file.resize(WRITABLE_AT + 0x1000, 1);
    file
}

fn write(folder: &Path, name: &str, content: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, content).unwrap();
    path
}

/// Places it as its headers say, its file's beginning at `offset` of the file.
pub(in crate::probes::linux) fn place(path: &Path, offset: usize, text_is_for: Use) -> Mapping {
    let part = |at, address, bytes, is_for| Part {
        offset: offset + at,
        at: address,
        bytes,
        is_for,
    };
    let parts = [
        part(0, 0, 0x1000, Use::Read),
        part(TEXT_AT, TEXT_ADDRESS, TEXT_BYTES, text_is_for),
        part(WRITABLE_AT, WRITABLE_ADDRESS, 0x1000, Use::Change),
    ];
    Mapping::of(path, &parts)
}

/// What both views say.
fn both(fact: &str, library: &str) -> Observation {
    let [libc, syscall] = ["libc", "syscall"].map(|view| {
        ask(
            &Code,
            &format!("code.{fact}({library})@{view}"),
            &Variables::default(),
        )
        .unwrap()
    });
    assert_eq!(libc, syscall, "{fact} of {library}");
    libc
}

fn intact(library: &str) -> Observation {
    both("text_intact", library)
}

fn is(value: bool) -> Observation {
    Value::Boolean(value).into()
}

#[test]
fn this_program_and_the_c_library_are_as_on_disk() {
    assert_eq!(intact(OWN), is(true));
    assert_eq!(both("text_memory", OWN), both("text_disk", OWN));
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let names = maps.lines().filter_map(|line| line.rsplit('/').next());
    let Some(libc) = names.into_iter().find(|name| name.starts_with("libc.so")) else {
        eprintln!("absent: the C library is not compared, for it is part of the program");
        return;
    };
    assert_eq!(intact(libc), is(true));
    assert_ne!(both("text_disk", libc), both("text_disk", OWN));
}

#[test]
fn a_changed_byte_of_code_is_seen_and_one_of_data_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = library(TEXT_BYTES);
    let placed = place(&write(folder.path(), "libone.so", &file), 0, Use::Run);
    let text = &file[TEXT_AT..TEXT_AT + TEXT_BYTES];
    let expect: Observation = Value::Text(hex(digest(&SHA256, text).as_ref())).into();
    assert_eq!(both("text_disk", "libone.so"), expect);
    assert_eq!(both("text_memory", "libone.so"), expect);
    assert_eq!(intact("libone.so"), is(true));
    for at in [0, 1, 0xfff, 0x1000, 0x1_0000, TEXT_BYTES - 1] {
        let before = placed.change(TEXT_ADDRESS + at, 0xcc);
        assert_eq!(before, text[at]);
        assert_eq!(intact("libone.so"), is(before == 0xcc), "byte {at}");
        assert_eq!(both("text_disk", "libone.so"), expect);
        let mut changed = text.to_vec();
        changed[at] = 0xcc;
        let changed: Observation = Value::Text(hex(digest(&SHA256, &changed).as_ref())).into();
        assert_eq!(both("text_memory", "libone.so"), changed);
        placed.change(TEXT_ADDRESS + at, before);
        assert_eq!(intact("libone.so"), is(true));
    }
    placed.change(TEXT_ADDRESS + TEXT_BYTES, 0xcc);
    placed.change(WRITABLE_ADDRESS, 0xcc);
    assert_eq!(intact("libone.so"), is(true));
}

#[test]
fn memory_in_the_place_of_code_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "libtwo.so", &library(TEXT_BYTES));
    for at in [0, 0x1_0000] {
        let placed = place(&path, 0, Use::Run);
        placed.replace(TEXT_ADDRESS + at, 0x1000, Use::Run);
        assert_eq!(intact("libtwo.so"), is(false), "page at {at:x}");
    }
    // The second of two.
    let first = place(&path, 0, Use::Run);
    let second = place(&path, 0, Use::Run);
    assert_eq!(intact("libtwo.so"), is(true));
    for placed in [&first, &second] {
        let before = placed.change(TEXT_ADDRESS, 0);
        placed.change(TEXT_ADDRESS, before ^ 1);
        assert_eq!(intact("libtwo.so"), is(false));
        placed.change(TEXT_ADDRESS, before);
    }
    assert_eq!(intact("libtwo.so"), is(true));
}

#[test]
fn what_cannot_be_told_is_no_answer() {
    let folder = tempfile::tempdir().unwrap();
    let error = |number| Observation::Error(number);
    assert_eq!(intact("libnone.so"), Observation::Absent);
    let file = library(TEXT_BYTES);
    let path = write(folder.path(), "libthree.so", &file);
    // Mapped to be looked at, as a profiler does, it is not loaded.
    let looked_at = place(&path, 0, Use::Read);
    assert_eq!(intact("libthree.so"), Observation::Absent);
    drop(looked_at);
    let placed = place(&path, 0, Use::Run);
    assert_eq!(intact("libthree.so"), is(true));
    // One of the same name elsewhere.
    fs::create_dir(folder.path().join("other")).unwrap();
    let twin = write(&folder.path().join("other"), "libthree.so", &file);
    let second = place(&twin, 0, Use::Run);
    assert_eq!(intact("libthree.so"), error(libc::ENOTUNIQ));
    assert_eq!(intact(path.to_str().unwrap()), is(true));
    second.change(TEXT_ADDRESS, !file[TEXT_AT]);
    assert_eq!(intact(path.to_str().unwrap()), is(true));
    assert_eq!(intact(twin.to_str().unwrap()), is(false));
    drop(second);
    // Another file at its place, as an update leaves it.
    fs::rename(&twin, &path).unwrap();
    assert_eq!(intact("libthree.so"), Observation::Absent);
    assert_eq!(
        intact(&format!("{} (deleted)", path.display())),
        error(libc::ESTALE)
    );
    drop(placed);
    let short = write(folder.path(), "libshort.so", &file[..TEXT_AT + 0x1000]);
    let placed = place(&short, 0, Use::Run);
    assert_eq!(intact("libshort.so"), error(libc::EIO));
    drop(placed);
    let hidden = write(folder.path(), "libhidden.so", &file);
    let placed = place(&hidden, 0, Use::Run);
    placed.replace(TEXT_ADDRESS + 0x1_0000, 0x1000, Use::Nothing);
    assert_eq!(intact("libhidden.so"), error(libc::EFAULT));
    drop(placed);
    let large = write(folder.path(), "liblarge.so", &library(65 << 20));
    let _placed = place(&large, 0, Use::Run);
    assert_eq!(intact("liblarge.so"), error(libc::ENOBUFS));
    let stopped = ask_until(
        &Code,
        "code.text_intact(liblarge.so)",
        &Variables::default(),
        &|| true,
    );
    assert_eq!(stopped, Some(error(libc::ECANCELED)));
}

#[test]
fn a_library_inside_an_apk_is_found_by_its_code() {
    let folder = tempfile::tempdir().unwrap();
    let file = library(TEXT_BYTES);
    // Two libraries in one file, each at a page's beginning.
    let [first, second] = [0x1_0000, 0x8_0000];
    let mut apk = vec![b'P'; first];
    apk.extend(&file);
    apk.resize(second, 0);
    apk.extend(&file);
    let path = write(folder.path(), "base.apk", &apk);
    let at_first = place(&path, first, Use::Run);
    let at_second = place(&path, second, Use::Run);
    let files = Files::through(View::Syscall, &Unlimited).unwrap();
    let read = |mapping: &Mapping, offset: usize| {
        let address = mapping.address() + u64::try_from(TEXT_ADDRESS).unwrap() + 5;
        maps::with_regions(&files, |map| {
            let placed = find(&files, &map.value, Wanted::Around(address)).unwrap();
            assert_eq!(
                (placed.head_at, placed.biases.as_slice()),
                (u64::try_from(offset).unwrap(), [mapping.address()].as_slice())
            );
            let read = digests(&files, &placed).unwrap();
            read.disk == read.memory
        })
        .unwrap()
    };
    assert!(read(&at_first, first) && read(&at_second, second));
    at_second.change(TEXT_ADDRESS + 9, !file[TEXT_AT + 9]);
    assert!(read(&at_first, first) && !read(&at_second, second));
}
