//! This process's own memory, as the kernel copies it.

use std::os::unix::process::CommandExt;
use std::process::Command;

use super::{both, through};
use crate::probes::sys::{Errno, Files, View};

const MARK: &str = "ATTEST_TEST_NOT_DUMPABLE";
const NOBODY: u32 = 65_534;

fn address<T>(of: &[T]) -> u64 {
    u64::try_from(of.as_ptr().addr()).unwrap()
}

#[test]
fn memory_is_copied_and_never_faulted_into() {
    let bytes: Vec<u8> = (0..100_000_u32)
        .map(|at| u8::try_from(at % 249).unwrap())
        .collect();
    for (at, length) in [(0, 100_000), (1, 1), (99_999, 1), (50_000, 0)] {
        let read = both(|files| files.memory(address(&bytes[at..]), length));
        assert_eq!(read.as_deref(), Ok(&bytes[at..at + length]));
    }
    let fault = Err(Errno::new(libc::EFAULT));
    for nowhere in [0, 1, 4096] {
        assert_eq!(both(|files| files.memory(nowhere, 8)), fault);
    }
    assert!(both(|files| files.memory(u64::MAX - 4, 8)).is_err());
    let stopped = |view| Files::through(view, &|| true).unwrap().memory(address(&bytes), 1);
    assert_eq!(
        [View::Libc, View::Syscall].map(stopped),
        [const { Err(Errno::STOPPED) }; 2]
    );
}

#[test]
fn memory_ends_where_it_cannot_be_read() {
    // The end of the stack's mapping: what is behind it belongs to nobody, or to the kernel.
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let stack = maps.lines().find(|line| line.ends_with("[stack]")).unwrap();
    let end = stack.split(['-', ' ']).nth(1).unwrap();
    let end = u64::from_str_radix(end, 16).unwrap();
    let next = maps.lines().find(|line| line.starts_with(&format!("{end:x}-")));
    assert_eq!(next, None, "something lies right behind the stack");
    assert_eq!(
        both(|files| files.memory(end - 8, 64)).map(|read| read.len()),
        Ok(8)
    );
}

/// As a released app is: its files in `/proc` are root's, so that it cannot open its own memory there.
#[test]
fn memory_is_copied_where_its_file_is_refused() {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "probes::sys::tests::memory::child", "--nocapture"])
        .env(MARK, "")
        .uid(NOBODY)
        .gid(NOBODY)
        .output();
    let Ok(told) = child else {
        eprintln!("absent: the released app is not played, for nobody else can be started here");
        return;
    };
    let text = String::from_utf8_lossy(&told.stdout);
    assert!(
        told.status.success() && text.contains("copied while refused"),
        "{text}{}",
        String::from_utf8_lossy(&told.stderr)
    );
}

/// Does nothing unless it is told to.
#[test]
fn child() {
    if std::env::var_os(MARK).is_none() {
        return;
    }
    // SAFETY: it changes a flag of this process.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) }, 0);
    let bytes = *b"own memory";
    for view in [View::Libc, View::Syscall] {
        let files = through(view);
        assert_eq!(
            files.open(b"/proc/self/mem").map(drop),
            Err(Errno::new(libc::EACCES))
        );
        assert_eq!(
            files.memory(address(&bytes), bytes.len()).as_deref(),
            Ok(&bytes[..])
        );
    }
    println!("copied while refused");
}
