//! A library that is loaded before the C library plays the hook of a cloner: the views differ wherever it lies, and nowhere
//! else.

use std::fmt::Debug;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use super::{both, bytes, through};
use crate::probes::sys::{Errno, Files, View};

/// The child's folder, and what the library is told: whose place what takes, and which name no directory has.
const FOLDER: &str = "ATTEST_TEST_HOOKED";
const FROM: &str = "HOOK_FROM";
const TO: &str = "HOOK_TO";
const HIDDEN: &str = "HOOK_HIDDEN";

const HOOKED_UID: u32 = 10_234;

#[test]
fn a_hooked_c_library_differs_from_the_kernel() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("hook.c"), include_str!("hook.c")).unwrap();
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .args([at("hook.so"), at("hook.c")])
        .output()
        .unwrap();
    assert!(
        compiled.status.success(),
        "{}",
        String::from_utf8_lossy(&compiled.stderr)
    );
    for (place, content) in [("real", "modified app"), ("shown", "original")] {
        fs::create_dir(at(place)).unwrap();
        fs::write(at(place).join("file"), content).unwrap();
        symlink(content, at(place).join("link")).unwrap();
    }
    fs::write(at("real/cloner"), "x").unwrap();
    let child = |library: &str| {
        let told = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "probes::sys::tests::hooks::child", "--nocapture"])
            .env(FOLDER, folder.path())
            .env(FROM, at("real"))
            .env(TO, at("shown"))
            .env(HIDDEN, "cloner")
            .env("LD_PRELOAD", library)
            .output()
            .unwrap();
        (
            told.status.success() && String::from_utf8_lossy(&told.stdout).contains("saw through"),
            format!("{told:?}"),
        )
    };
    let (saw, told) = child(at("hook.so").to_str().unwrap());
    assert!(saw, "{told}");
    // Without the hook the views agree, and the child says so by failing.
    let (saw, told) = child("");
    assert!(!saw, "{told}");
}

/// Does nothing unless it is told where to look.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let folder = Path::new(&folder);
    let at = |name: &str| bytes(&folder.join(name)).to_vec();
    let (file, link) = (at("real/file"), at("real/link"));

    differ(
        |files| Ok(files.read(&file, 99)?.value),
        Ok(b"original".to_vec()),
        Ok(b"modified app".to_vec()),
    );
    differ(
        |files| files.open(&file)?.read_at(1, 3),
        Ok(b"rig".to_vec()),
        Ok(b"odi".to_vec()),
    );
    differ(|files| Ok(files.open(&file)?.stat()?.size), Ok(8), Ok(12));
    differ(|files| Ok(files.stat(&file)?.size), Ok(8), Ok(12));
    differ(|files| Ok(files.stat_link(&link)?.size), Ok(8), Ok(12));
    differ(
        |files| files.read_link(&link),
        Ok(b"original".to_vec()),
        Ok(b"modified app".to_vec()),
    );
    let cloner = at("real/cloner");
    let absent = Errno::new(libc::ENOENT);
    differ(|files| files.access(&cloner).map(drop), Err(absent), Ok(()));
    differ(|files| files.mount_flags(&cloner).map(drop), Err(absent), Ok(()));
    let listed = |names: &[&str]| Ok(names.iter().map(|name| name.as_bytes().to_vec()).collect());
    let real = at("real");
    differ(
        |files| names(files, &real),
        listed(&["file", "link"]),
        listed(&["cloner", "file", "link"]),
    );
    assert_eq!(View::Libc.uid(), Ok(HOOKED_UID));
    assert_ne!(View::Syscall.uid(), Ok(HOOKED_UID));

    // Where it does not lie, the views agree.
    assert_eq!(
        both(|files| files.read(&at("shown/file"), 99)).unwrap().value,
        b"original"
    );
    assert!(both(|files| files.read_link(b"/proc/self/exe")).is_ok());
    println!("saw through");
}

fn names(files: &Files<'_>, path: &[u8]) -> Result<Vec<Vec<u8>>, Errno> {
    let mut names = files.list(path, 99)?.value;
    names.sort();
    Ok(names)
}

fn differ<T: PartialEq + Debug>(
    ask: impl Fn(&Files<'_>) -> Result<T, Errno>,
    libc: Result<T, Errno>,
    syscall: Result<T, Errno>,
) {
    assert_eq!(ask(&through(View::Libc)), libc);
    assert_eq!(ask(&through(View::Syscall)), syscall);
}
