//! The memory map: rows that phones have, hostile ones, and this process's own.

use std::fmt::Write as _;
use std::fs;

use super::super::elf;
use super::super::maps::{Backing, MAX_LINE_BYTES, MAX_ROWS, Region, regions};
use super::cuts;

const PHONE: &str = "\
12c00000-2ac00000 rw-p 00000000 00:00 0                                  [anon:dalvik-main space (region space)]
5b0e1c4000-5b0e1c8000 r-xp 00001000 fe:07 3311                           /system/bin/app_process64
6f00000000-6f00200000 rwxp 00000000 00:01 9127                           /memfd:jit-cache (deleted)
7a10000000-7a10004000 r--s 00000000 fe:2c 81542                          /data/app/~~Qz1==/com.bank.app-Ab==/base.apk
7a20000000-7a20001000 r-xp 0002f000 fe:2c 90001                          /data/user/0/org.host/q 7/lib a.so (deleted)
7a30000000-7a30001000 ---p 00000000 00:00 0 \n7a40000000-7a40001000 rw-p 00000000 00:00 0
7a50000000-7a50001000 r--p 00000000 00:0e 1042                           anon_inode:[perf_event]
7ffc000000-7ffc021000 rw-p 00000000 00:00 0                              [stack]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
";

fn one(line: &str) -> Region<'_> {
    let parsed = regions(line.as_bytes());
    assert!(!parsed.truncated, "{line:?}");
    parsed.value.into_iter().next().unwrap()
}

#[test]
fn regions_of_a_phone() {
    let map = regions(PHONE.as_bytes()).whole().unwrap();
    assert_eq!(map.len(), PHONE.lines().count());
    for (region, line) in map.iter().zip(PHONE.lines()) {
        assert_eq!(region.line, line);
    }
    let backings: Vec<_> = map.iter().map(Region::backing).collect();
    use Backing::{Anonymous, File, Named};
    assert_eq!(
        backings,
        [
            Named, File, File, File, File, Anonymous, Anonymous, Named, Named, Named
        ]
    );
    let code: Vec<_> = map
        .iter()
        .filter(|region| region.is_executable())
        .map(|region| region.start)
        .collect();
    assert_eq!(
        code,
        [
            0x5b_0e1c_4000,
            0x6f_0000_0000,
            0x7a_2000_0000,
            0xffff_ffff_ff60_0000
        ]
    );
    let apk = &map[3];
    assert_eq!(
        (apk.perm, apk.dev, apk.ino, apk.offset),
        ("r--s", "fe:2c", 81_542, 0)
    );
    assert_eq!(apk.path, "/data/app/~~Qz1==/com.bank.app-Ab==/base.apk");
    assert_eq!(
        (map[4].start, map[4].end, map[4].offset),
        (0x7a_2000_0000, 0x7a_2000_1000, 0x2f000)
    );
}

#[test]
fn paths_stand_as_the_kernel_writes_them_and_can_be_opened() {
    let check = |path: &str, backing: Backing, deleted: bool, opened: Option<&[u8]>| {
        let line = format!("1000-2000 r-xp 00000000 fe:00 12 {path}\n");
        let region = one(&line);
        assert_eq!(region.path, path.trim_start_matches(' '), "{path:?}");
        assert_eq!(
            (region.backing(), region.is_deleted()),
            (backing, deleted),
            "{path:?}"
        );
        assert_eq!(region.file_path().as_deref(), opened, "{path:?}");
    };
    check("/a b", Backing::File, false, Some(b"/a b"));
    check("      /a", Backing::File, false, Some(b"/a"));
    check("/a ", Backing::File, false, Some(b"/a "));
    check("/a (deleted)", Backing::File, true, Some(b"/a"));
    check(r"/a\012b.so", Backing::File, false, Some(b"/a\nb.so"));
    // A backslash is a backslash.
    check(r"/a\040\134b\01", Backing::File, false, Some(br"/a\040\134b\01"));
    check("[anon:/x (deleted)]", Backing::Named, false, None);
    check("[heap]", Backing::Named, false, None);
    check("", Backing::Anonymous, false, None);
    // What is no UTF-8 stays openable.
    let region = regions(b"1000-2000 r-xp 00000000 fe:00 12 /\xff.so\n")
        .whole()
        .unwrap();
    assert_eq!(region[0].path, "/\u{fffd}.so");
    assert_eq!(region[0].file_path().as_deref(), Some(&b"/\xff.so"[..]));
}

#[test]
fn lines_of_another_form_are_told() {
    let check = |line: &str| {
        let text =
            format!("1000-2000 r--p 00000000 fe:00 1 /a\n{line}\n3000-4000 r--p 00000000 fe:00 1 /b\n");
        let parsed = regions(text.as_bytes());
        let paths: Vec<_> = parsed.value.iter().map(|region| region.path.as_ref()).collect();
        assert_eq!((paths, parsed.truncated), (vec!["/a", "/b"], true), "{line:?}");
    };
    check("");
    check("/data/x.so");
    check("2000-2000 r-xp 00000000 fe:00 1 /x");
    check("3000-2000 r-xp 00000000 fe:00 1 /x");
    check("2000-3000 r-xpp 00000000 fe:00 1 /x");
    check("2000-3000 x-rp 00000000 fe:00 1 /x");
    check("2000-3000 r-xp 00000000 fe00 1 /x");
    check("2000-3000 r-xp 00000000 fe:0g 1 /x");
    check("2000-3000 r-xp 0x000000 fe:00 1 /x");
    check("2000-3000 r-xp 00000000 fe:00 -1 /x");
    check("2000-3000 r-xp 00000000 fe:00 18446744073709551616 /x");
    check("2000-10000000000000000 r-xp 00000000 fe:00 1 /x");
    check("2000-3000  r-xp 00000000 fe:00 1 /x");
    check("2000-3000\tr-xp 00000000 fe:00 1 /x");
}

#[test]
fn what_is_cut_is_told() {
    let whole = regions(PHONE.as_bytes()).value;
    for cut in cuts(PHONE.as_bytes()) {
        let parsed = regions(cut);
        assert_eq!(parsed.value, whole[..parsed.value.len()]);
        assert_eq!(
            parsed.truncated,
            cut.last() != Some(&b'\n'),
            "cut at {}",
            cut.len()
        );
    }
}

#[test]
fn bounds_are_kept_and_told() {
    let lines = |count: u32| {
        let mut text = String::new();
        for page in 1..=count {
            writeln!(text, "{page:x}000-{page:x}fff r-xp 00000000 fe:00 {page} /a").unwrap();
        }
        text
    };
    let parsed = |count| {
        let text = lines(count);
        let parsed = regions(text.as_bytes());
        (parsed.value.len(), parsed.truncated)
    };
    assert_eq!(parsed(65_536), (MAX_ROWS, false));
    assert_eq!(parsed(65_537), (MAX_ROWS, true));
    assert_eq!(parsed(1_000_000), (MAX_ROWS, true));
    let long = |bytes: usize| {
        let line = format!("1000-2000 r-xp 00000000 fe:00 1 /{}\n", "a".repeat(bytes));
        let parsed = regions(line.as_bytes());
        (parsed.value.len(), parsed.truncated)
    };
    let head = "1000-2000 r-xp 00000000 fe:00 1 /".len();
    assert_eq!(long(MAX_LINE_BYTES - head), (1, false));
    assert_eq!(long(MAX_LINE_BYTES - head + 1), (0, true));
}

/// Code in memory is what the file on disk says: the question that `code.text_intact` will ask.
#[cfg(target_os = "linux")]
#[test]
fn the_code_of_this_process_is_that_of_its_files() {
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::{FileExt as _, MetadataExt as _};

    let text = fs::read("/proc/self/maps").unwrap();
    let map = regions(&text).whole().unwrap();
    let memory = fs::File::open("/proc/self/mem").unwrap();
    let own = std::env::current_exe().unwrap();
    let mut compared = 0;
    for region in map.iter().filter(|region| region.is_executable()) {
        let Some(path) = region.file_path() else { continue };
        let path = std::path::Path::new(std::ffi::OsStr::from_bytes(&path));
        let is_libc = path
            .file_name()
            .is_some_and(|name| name.as_bytes().starts_with(b"libc.so"));
        if path != own && !is_libc {
            continue;
        }
        assert_eq!(fs::metadata(path).unwrap().ino(), region.ino);
        let file = fs::read(path).unwrap();
        let elf = elf::elf(&file[..elf::HEAD_BYTES]).unwrap();
        let loaded = elf.text().find(|segment| {
            (segment.offset..segment.offset + segment.file_bytes).contains(&region.offset.max(segment.offset))
        });
        let segment = loaded.unwrap();
        let on_disk = segment.of(&file).unwrap();
        let mut in_memory = vec![0; on_disk.len()];
        let at = region.start + (segment.offset - region.offset);
        memory.read_exact_at(&mut in_memory, at).unwrap();
        assert!(on_disk == in_memory, "{}", path.display());
        compared += 1;
    }
    assert!(compared >= 1, "neither the test nor the C library is mapped");
}
