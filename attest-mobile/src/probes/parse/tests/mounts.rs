//! Both tables of mounts.

use std::fs;

use super::super::{mountinfo, mounts};
use super::{cuts, texts};

const TABLE: &str = "\
/dev/block/dm-7 / ext4 ro,seclabel,nodev,relatime 0 0
tmpfs /dev tmpfs rw,seclabel,nosuid,relatime,mode=755 0 0
 /empty none rw 0 0
magisk /system/b\\040in\\011x\\134y\\012z tmpfs rw,lowerdir=/a\\054b 0 0
";

const DETAILED: &str = "\
21 20 254:7 / / ro,nodev,relatime shared:1 - ext4 /dev/block/dm-7 ro,seclabel
64 21 254:44 /user/0/com.bank.app /data/data/com.bank.app rw,nosuid master:9 propagate_from:2 - f2fs /dev/block/dm-44 rw,lazytime
70 64 0:41 / /a\\040b rw - tmpfs  rw
";

#[test]
fn rows_of_a_table() {
    let table = mounts::mounts(TABLE.as_bytes()).whole().unwrap();
    let rows: Vec<[&str; 4]> = table
        .iter()
        .map(|row| [&*row.source, &*row.target, &*row.kind, &*row.options])
        .collect();
    assert_eq!(
        rows,
        [
            ["/dev/block/dm-7", "/", "ext4", "ro,seclabel,nodev,relatime"],
            ["tmpfs", "/dev", "tmpfs", "rw,seclabel,nosuid,relatime,mode=755"],
            ["", "/empty", "none", "rw"],
            ["magisk", "/system/b in\tx\\y\nz", "tmpfs", "rw,lowerdir=/a,b"],
        ]
    );
    assert_eq!(table[3].line, TABLE.lines().nth(3).unwrap());
}

#[test]
fn rows_with_details() {
    let table = mountinfo::mounts(DETAILED.as_bytes()).whole().unwrap();
    let bind = &table[1];
    assert_eq!((bind.id, bind.parent, bind.dev), (64, 21, "254:44"));
    assert_eq!(
        [&*bind.root, &*bind.target],
        ["/user/0/com.bank.app", "/data/data/com.bank.app"]
    );
    assert_eq!(texts(&bind.tags), ["master:9", "propagate_from:2"]);
    assert_eq!([&*bind.kind, &*bind.source], ["f2fs", "/dev/block/dm-44"]);
    assert_eq!(
        [&*bind.options, &*bind.super_options],
        ["rw,nosuid", "rw,lazytime"]
    );
    assert_eq!([&*table[2].target, &*table[2].source], ["/a b", ""]);
    assert!(table[2].tags.is_empty());
}

#[test]
fn rows_of_another_form_are_told() {
    let check = |line: &str| {
        let parsed = mounts::mounts(format!("{line}\n").as_bytes()).truncated;
        assert!(parsed, "{line:?}");
    };
    check("");
    check("a /b c d");
    check("a /b c d 0");
    check("a /b c d 0 1");
    check("a /b c d 0 0 0");
    check("a /b c d e 0 0");
    check("a  c d 0 0");
    let check = |line: &str| {
        let parsed = mountinfo::mounts(format!("{line}\n").as_bytes()).truncated;
        assert!(parsed, "{line:?}");
    };
    check("");
    check("21 20 254:7 / / ro shared:1 ext4 /dev ro");
    check("21 20 254:7 / / ro - ext4 /dev");
    check("21 20 254:7 / / ro - ext4 /dev ro more");
    check("x 20 254:7 / / ro - ext4 /dev ro");
    check("21 20 2547 / / ro - ext4 /dev ro");
    check(&format!(
        "21 20 254:7 / / ro {} - ext4 /dev ro",
        "shared:1 ".repeat(17)
    ));
}

#[test]
fn what_is_cut_or_too_much_is_told() {
    for cut in cuts(TABLE.as_bytes()) {
        assert_eq!(mounts::mounts(cut).truncated, cut.last() != Some(&b'\n'));
    }
    for cut in cuts(DETAILED.as_bytes()) {
        assert_eq!(mountinfo::mounts(cut).truncated, cut.last() != Some(&b'\n'));
    }
    let many = "a /b c d 0 0\n".repeat(1_000_000);
    let parsed = mounts::mounts(many.as_bytes());
    assert_eq!((parsed.value.len(), parsed.truncated), (mounts::MAX_ROWS, true));
    let many = "1 2 3:4 / / ro - e f ro\n".repeat(mounts::MAX_ROWS + 1);
    let parsed = mountinfo::mounts(many.as_bytes());
    assert_eq!((parsed.value.len(), parsed.truncated), (mounts::MAX_ROWS, true));
    let long = format!("a /b c {} 0 0\n", "d".repeat(mounts::MAX_LINE_BYTES));
    let parsed = mounts::mounts(long.as_bytes());
    assert_eq!((parsed.value.len(), parsed.truncated), (0, true));
}

#[cfg(target_os = "linux")]
#[test]
fn both_tables_of_this_machine_agree() {
    let (brief, detailed) = (
        fs::read("/proc/self/mounts").unwrap(),
        fs::read("/proc/self/mountinfo").unwrap(),
    );
    let targets: Vec<_> = mounts::mounts(&brief)
        .whole()
        .unwrap()
        .into_iter()
        .map(|row| row.target.into_owned())
        .collect();
    let detailed = mountinfo::mounts(&detailed).whole().unwrap();
    assert_eq!(
        targets,
        detailed.iter().map(|row| row.target.as_ref()).collect::<Vec<_>>()
    );
    assert!(targets.iter().any(|target| target == "/proc"));
}
