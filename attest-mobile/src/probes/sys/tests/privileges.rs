//! What a process without privileges is refused, asked by a child process that has none.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::{View, both, bytes};
use crate::probes::sys::Errno;

const FOLDER: &str = "ATTEST_TEST_UNPRIVILEGED";
const NOBODY: u32 = 65_534;

#[test]
fn refusals_are_errors_and_missing_rights_are_bits() {
    let folder = tempfile::tempdir().unwrap();
    let rights = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    rights(folder.path(), 0o755);
    for (name, mode) in [("none", 0o000), ("read", 0o444), ("all", 0o777)] {
        fs::write(folder.path().join(name), b"x").unwrap();
        rights(&folder.path().join(name), mode);
    }
    for (name, mode) in [("closed", 0o700), ("searchable", 0o711)] {
        let inner = folder.path().join(name);
        fs::create_dir(&inner).unwrap();
        fs::write(inner.join("file"), b"x").unwrap();
        rights(&inner, mode);
    }
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        eprintln!("absent: what root's files refuse is not run, for this is not root");
        return;
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "probes::sys::tests::privileges::child", "--nocapture"])
        .env(FOLDER, folder.path())
        .uid(NOBODY)
        .gid(NOBODY)
        .output();
    let told = match child {
        Ok(told) => told,
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            eprintln!("absent: the unprivileged child is not run, for this program is not everybody's");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    let text = String::from_utf8_lossy(&told.stdout);
    assert!(
        told.status.success() && text.contains("asked without privileges"),
        "{text}{}",
        String::from_utf8_lossy(&told.stderr)
    );
}

/// Does nothing unless it is told where to look.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let folder = Path::new(&folder);
    assert_eq!(View::Libc.uid(), Ok(NOBODY));
    assert_eq!(View::Syscall.uid(), Ok(NOBODY));
    let read = |name: &str| both(|files| files.read(bytes(&folder.join(name)), 9)).map(|read| read.value);
    let access = |name: &str| both(|files| files.access(bytes(&folder.join(name))));
    let list = |name: &str| both(|files| files.list(bytes(&folder.join(name)), 9)).map(|list| list.value);
    let refused = Errno::new(libc::EACCES);
    assert_eq!(read("none"), Err(refused));
    assert_eq!(read("read"), Ok(b"x".to_vec()));
    assert_eq!(read("closed/file"), Err(refused));
    assert_eq!(read("closed/nothing"), Err(refused));
    assert_eq!(read("searchable/file"), Ok(b"x".to_vec()));
    assert_eq!(access("none"), Ok(0));
    assert_eq!(access("read"), Ok(4));
    assert_eq!(access("all"), Ok(7));
    assert_eq!(access("closed"), Ok(0));
    assert_eq!(access("searchable"), Ok(1));
    assert_eq!(access("closed/file"), Err(refused));
    assert_eq!(list("closed"), Err(refused));
    assert_eq!(list("searchable"), Err(refused));
    assert_eq!(
        both(|files| files.stat(bytes(&folder.join("closed/file")))),
        Err(refused)
    );
    let can_create = |name: &str| both(|files| files.can_create(bytes(&folder.join(name)), b"made"));
    assert_eq!(can_create("searchable"), Ok(false));
    assert_eq!(can_create("closed"), Ok(false));
    assert!(!refused.is_absent());
    println!("asked without privileges");
}
