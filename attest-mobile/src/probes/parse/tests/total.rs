//! Every parser returns for any bytes, within its bounds; so do those of what is nearly right.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::super::net::{interfaces, tcp, unix};
use super::super::*;
use super::forge;

/// Runs every parser over the bytes.
fn all(bytes: &[u8]) {
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
    let map = maps::regions(bytes);
    assert!(map.value.len() <= lines);
    for region in &map.value {
        assert!(
            region.start < region.end
                && region
                    .file_path()
                    .is_none_or(|path| path.len() <= region.line.len())
        );
    }
    // Bytes that are missing at the end of a text are told.
    let ends = |truncated: bool| assert!(truncated || bytes.ends_with(b"\n"));
    ends(map.truncated);
    ends(mounts::mounts(bytes).truncated);
    ends(mountinfo::mounts(bytes).truncated);
    ends(status::status(bytes).truncated);
    ends(cpuinfo::cpu_lines(bytes).truncated);
    ends(tcp::sockets(bytes).truncated);
    ends(unix::sockets(bytes).truncated);
    ends(interfaces::interfaces(bytes).truncated);
    ends(comm::thread_name(bytes).truncated);
    assert!(cmdline::arguments(bytes).value.len() <= bytes.len());
    assert!(environ::variables(bytes).value.len() <= bytes.len() / 3 + 1);
    assert!(selinux::context(bytes).value.text.len() <= 3 * selinux::MAX_BYTES);
    if let Ok(found) = properties::properties(bytes) {
        assert!(found.value.len() <= bytes.len() / 4);
    }
    if let Ok(found) = elf::elf(bytes) {
        assert!(found.segments.len() <= usize::from(elf::MAX_HEADERS));
    }
    if let Ok(found) = zip::entries_exist(&bytes, &[b"a", b"classes.dex"]) {
        assert_eq!(found.len(), 2);
    }
    let signature = macho::image(bytes).ok().and_then(|image| image.signature);
    let placed = signature.and_then(|span| span.of(bytes)).unwrap_or(bytes);
    let read = entitlements::signature(placed);
    assert!(read.is_ok_and(|read| read.entitlements().len() <= placed.len()) || placed.len() < usize::MAX);
    assert!(
        macho::architectures(bytes).is_ok_and(|found| found.len() <= 16)
            || !bytes.starts_with(b"\xca\xfe\xba\xbe\0\0\0\0")
    );
    let list = plist::plist(bytes).is_ok() || provision::profile(bytes).is_ok();
    assert!(!list || bytes.windows(6).any(|part| part == b"<plist"));
}

fn texts() -> Vec<Vec<u8>> {
    [
        "maps",
        "mounts",
        "mountinfo",
        "status",
        "cmdline",
        "environ",
        "net/tcp",
        "net/unix",
        "net/dev",
    ]
    .iter()
    .filter_map(|name| std::fs::read(format!("/proc/self/{name}")).ok())
    .chain([std::fs::read("/proc/cpuinfo").unwrap_or_default()])
    .map(|text| text[..text.len().min(4096)].to_vec())
    .collect()
}

fn binaries() -> Vec<Vec<u8>> {
    let mut area = forge::Area::new();
    for (name, value) in [("ro.a.b", "1"), ("ro.a.c", "2"), ("ro.d", &"x".repeat(120))] {
        area.add(name, value);
    }
    let load = forge::Load {
        kind: 1,
        flags: 5,
        offset: 0,
        address: 0,
        file_bytes: 64,
        memory_bytes: 64,
    };
    let parts = [
        (0xfade_0c02, forge::code_directory("com.bank.app", "TEAM123456")),
        (0xfade_7171, forge::plist("<dict><key>a</key><true/></dict>")),
        (0xfade_7172, forge::der(&["a", "b"])),
    ];
    vec![
        area.file(0),
        forge::elf64(&[load, load]),
        forge::elf32(&[load, load]),
        forge::zip(&[("classes.dex", b"dex"), ("a", b"")], b"", b"comment"),
        forge::macho(&[
            forge::command(0x2c, &[0, 0, 1, 0]),
            forge::command(0x1d, &[0, 64]),
        ]),
        forge::signature(&parts),
        forge::envelope(&forge::plist(
            "<dict><key>TeamIdentifier</key><array><string>T</string></array></dict>",
        )),
    ]
}

proptest! {
    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..2048)) {
        all(&bytes);
    }

    #[test]
    fn bytes_that_are_nearly_right(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let inputs = [texts(), binaries()].concat();
        let mut bytes = which.get(&inputs).clone();
        prop_assume!(!bytes.is_empty());
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        all(&bytes);
        bytes.truncate(cut.index(bytes.len()));
        all(&bytes);
    }

    #[test]
    fn rows_of_a_map_are_read_as_they_were_written(
        rows in prop::collection::vec((1_u64..1 << 40, 1_u64..1 << 20, any::<u32>(), "[/\\[][ -~]{0,40}[!-~]"), 1..20),
    ) {
        let mut text = String::new();
        for (start, pages, ino, path) in &rows {
            let end = start + pages;
            writeln!(text, "{start:08x}000-{end:08x}000 r-xp 00001000 fe:0a {ino} {path}").unwrap();
        }
        let read = maps::regions(text.as_bytes()).whole().unwrap();
        prop_assert_eq!(read.len(), rows.len());
        for (region, (start, pages, ino, path)) in read.iter().zip(&rows) {
            prop_assert_eq!((region.start, region.end), (start << 12, (start + pages) << 12));
            prop_assert_eq!((region.ino, region.path.as_ref()), (u64::from(*ino), path.as_str()));
        }
    }
}
