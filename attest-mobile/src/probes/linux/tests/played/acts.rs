//! What the player can do, each by a setting of the test's: it lasts until [`Played`] goes or the process ends.

use std::ffi::CString;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::ptr;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use super::super::super::code::tests::{TEXT_ADDRESS, place};
use super::super::super::mapping::{Mapping, Use};
use super::player::told;

/// How often the path of a flood is mapped: more than the map's bound of bytes holds, and less than the kernel's of regions.
const FLOOD: usize = 600;

pub(super) struct Played {
    _open: Vec<File>,
    _threads: Vec<Sender<()>>,
    _patched: Vec<Mapping>,
}

/// Does all that is told. The app's own package is mapped as every app's is.
pub(super) fn play(own: Option<&str>) -> Played {
    for path in told("flood") {
        let file = File::open(path).unwrap();
        (0..FLOOD).for_each(|_| map(&file));
    }
    let open = told("open").into_iter().map(|path| File::open(path).unwrap());
    for path in told("map").iter().map(String::as_str).chain(own) {
        map(&File::open(path).unwrap());
    }
    told("load").iter().for_each(|path| load(path));
    told("listen")
        .iter()
        .for_each(|port| listen(port.parse().unwrap()));
    if !told("filter").is_empty() {
        filter();
    }
    if let [from, to] = told("over").as_slice() {
        mount(from, to);
    }
    Played {
        _open: open.collect(),
        _threads: told("threads").into_iter().map(named).collect(),
        _patched: told("patch").iter().map(|path| patched(path)).collect(),
    }
}

/// A thread that waits until its sender goes.
fn named(name: String) -> Sender<()> {
    let ((stop, stopped), (begun, begins)) = (channel::<()>(), channel());
    let wait = move || {
        begun.send(()).unwrap();
        stopped.recv().ok();
    };
    drop(thread::Builder::new().name(name).spawn(wait).unwrap());
    begins.recv().unwrap();
    stop
}

/// Answers on a port of this phone as a D-Bus server does. The network is this process's own.
fn listen(port: u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut asked = [0; 7];
            if stream.read_exact(&mut asked).is_ok() {
                stream.write_all(b"REJECTED EXTERNAL\r\n").ok();
            }
        }
    });
}

/// A library as a loader places it, with one byte of its code changed.
fn patched(path: &str) -> Mapping {
    let placed = place(Path::new(path), 0, Use::Run);
    let before = placed.change(TEXT_ADDRESS, 0);
    placed.change(TEXT_ADDRESS, before ^ 1);
    placed
}

/// Maps a file's first page until the process ends.
#[expect(unsafe_code, reason = "a mapping is what is looked for")]
fn map(file: &File) {
    let (rights, kind) = (libc::PROT_READ | libc::PROT_EXEC, libc::MAP_PRIVATE);
    // SAFETY: a new mapping, of which nothing is read.
    let at = unsafe { libc::mmap(ptr::null_mut(), 4096, rights, kind, file.as_raw_fd(), 0) };
    assert_ne!(at, libc::MAP_FAILED);
}

#[expect(unsafe_code, reason = "a loaded library is what is looked for")]
fn load(path: &str) {
    let path = CString::new(path).unwrap();
    // SAFETY: the path ends in zero; the library has no code that runs when it is loaded.
    let loaded = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW) };
    assert!(!loaded.is_null());
}

/// Puts one file over the other's path, as somebody with root does.
#[expect(unsafe_code, reason = "to mount is a call of the C library")]
fn mount(from: &str, to: &str) {
    let (from, to) = (CString::new(from).unwrap(), CString::new(to).unwrap());
    // SAFETY: both paths end in zero; a bind mount reads nothing else.
    let outcome = unsafe {
        libc::mount(
            from.as_ptr(),
            to.as_ptr(),
            ptr::null(),
            libc::MS_BIND,
            ptr::null(),
        )
    };
    assert_eq!(outcome, 0, "{}", std::io::Error::last_os_error());
}

/// Filters system calls as a cloner does that answers them in a handler of its own; this filter traps none.
#[expect(unsafe_code, reason = "filters and handlers are calls of the C library")]
fn filter() {
    let allow = libc::sock_filter {
        code: 0x06,
        jt: 0,
        jf: 0,
        k: libc::SECCOMP_RET_ALLOW,
    };
    let mut program = [allow];
    let filter = libc::sock_fprog {
        len: 1,
        filter: program.as_mut_ptr(),
    };
    let (rights, kind) = (
        libc::PROT_READ | libc::PROT_EXEC,
        libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
    );
    // SAFETY: the filter outlives the calls, which copy it. The handler lies in a new mapping that stays; its signal never comes.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        for _ in 0..2 {
            let (set, all_threads) = (libc::SECCOMP_SET_MODE_FILTER, libc::SECCOMP_FILTER_FLAG_TSYNC);
            assert_eq!(
                libc::syscall(libc::SYS_seccomp, set, all_threads, &raw const filter),
                0
            );
        }
        let handler = libc::mmap(ptr::null_mut(), 4096, rights, kind, -1, 0);
        assert_ne!(handler, libc::MAP_FAILED);
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler.addr();
        assert_eq!(
            libc::sigaction(libc::SIGSYS, &raw const action, ptr::null_mut()),
            0
        );
    }
}
