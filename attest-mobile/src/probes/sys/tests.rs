//! Both views against the real kernel of this machine, and against the standard library as a third opinion.

mod hooks;
#[expect(unsafe_code, reason = "a flag of a child process is changed")]
mod memory;
mod privileges;

use std::cell::Cell;
use std::fmt::Debug;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use attest_core::facts::{self, Observation};

use super::{Capped, Deadline, Errno, Files, Kind, Stat, Unlimited, View};

const VIEWS: [View; 2] = [View::Libc, View::Syscall];

fn through(view: View) -> Files<'static> {
    Files::through(view, &Unlimited).unwrap()
}

/// What both views answer.
fn both<T: PartialEq + Debug>(ask: impl Fn(&Files<'_>) -> T) -> T {
    let [libc, syscall] = VIEWS.map(|view| ask(&through(view)));
    assert_eq!(libc, syscall, "the views differ");
    libc
}

fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

fn whole<T>(value: T) -> Result<Capped<T>, Errno> {
    Ok(Capped {
        value,
        truncated: false,
    })
}

fn cut<T>(value: T) -> Result<Capped<T>, Errno> {
    Ok(Capped {
        value,
        truncated: true,
    })
}

/// A file of this many bytes that differ from their neighbours.
fn file(folder: &Path, name: &str, length: usize) -> (PathBuf, Vec<u8>) {
    let content: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
    let path = folder.join(name);
    fs::write(&path, &content).unwrap();
    (path, content)
}

/// How many descriptors of this process are for something in `folder`.
fn open_in(folder: &Path) -> usize {
    let links = fs::read_dir("/proc/self/fd").unwrap();
    links
        .filter_map(|link| fs::read_link(link.unwrap().path()).ok())
        .filter(|target| target.starts_with(folder))
        .count()
}

#[test]
fn views_agree_about_this_process() {
    for name in ["cmdline", "environ", "auxv", "limits", "mountinfo", "cgroup"] {
        let path = format!("/proc/self/{name}");
        let expect = fs::read(&path).unwrap();
        assert_eq!(both(|files| files.read(path.as_bytes(), 1 << 20)), whole(expect));
    }
    let exe = fs::read_link("/proc/self/exe").unwrap();
    assert_eq!(
        both(|files| files.read_link(b"/proc/self/exe")).as_deref(),
        Ok(bytes(&exe))
    );
    let maps = both(|files| {
        let maps = files.read(b"/proc/self/maps", 1 << 22).unwrap();
        assert!(!maps.truncated);
        let text = String::from_utf8(maps.value).unwrap();
        text.lines()
            .filter(|line| line.ends_with(exe.to_str().unwrap()))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    });
    assert!(!maps.is_empty());
    let [libc, syscall] = VIEWS.map(|view| (view.uid(), view.parent_pid()));
    assert_eq!(libc, syscall);
    assert_eq!(libc.0, Ok(fs::metadata("/proc/self").unwrap().uid()));
    assert_eq!(
        libc.1,
        Ok(i32::try_from(std::os::unix::process::parent_id()).unwrap())
    );
}

#[test]
fn files_are_read_up_to_their_cap() {
    let folder = tempfile::tempdir().unwrap();
    for length in [0, 1, 100, 16_383, 16_384, 16_385, 100_000] {
        let (path, content) = file(folder.path(), "file", length);
        let read = |cap| both(|files| files.read(bytes(&path), cap));
        assert_eq!(read(length), whole(content.clone()));
        assert_eq!(read(usize::MAX), whole(content.clone()));
        if length > 0 {
            assert_eq!(read(length - 1), cut(content[..length - 1].to_vec()));
            assert_eq!(read(0), cut(vec![]));
        }
    }
    // There is more than any memory holds, so only the cap ends it.
    let endless = fs::File::create(folder.path().join("endless")).unwrap();
    endless.set_len(1 << 42).unwrap();
    let path = folder.path().join("endless");
    assert_eq!(
        both(|files| files.read(bytes(&path), 70_000)),
        cut(vec![0; 70_000])
    );
}

#[test]
fn files_are_read_by_parts() {
    let folder = tempfile::tempdir().unwrap();
    let (path, content) = file(folder.path(), "file", 50_000);
    let part = |offset, length| both(|files| files.open(bytes(&path)).unwrap().read_at(offset, length));
    assert_eq!(part(0, 50_000), Ok(content.clone()));
    assert_eq!(part(30_000, 17_000), Ok(content[30_000..47_000].to_vec()));
    assert_eq!(part(49_999, 100), Ok(vec![content[49_999]]));
    assert_eq!(part(50_000, 1), Ok(vec![]));
    assert_eq!(part(1, 0), Ok(vec![]));
    assert_eq!(part(u64::MAX, 1), Err(Errno::UNFIT));
    let sparse = fs::File::create(folder.path().join("sparse")).unwrap();
    sparse.set_len((5 << 32) + 1).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&sparse, b"!", 5 << 32).unwrap();
    let beyond = both(|files| {
        let sparse = files.open(bytes(&folder.path().join("sparse")))?;
        Ok((sparse.stat()?.size, sparse.read_at(5 << 32, 9)?))
    });
    assert_eq!(beyond, Ok::<_, Errno>(((5 << 32) + 1, b"!".to_vec())));
}

#[test]
fn an_open_file_stays_what_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = file(folder.path(), "file", 10);
    for view in VIEWS {
        let before = through(view).stat(bytes(&path)).unwrap();
        let file_before = through(view).open(bytes(&path)).unwrap();
        file(folder.path(), "next", 20);
        fs::rename(folder.path().join("next"), &path).unwrap();
        assert_eq!(file_before.stat(), Ok(before));
        assert_ne!(through(view).stat(bytes(&path)), Ok(before));
        file(folder.path(), "file", 10);
    }
}

#[test]
fn what_is_at_a_path_is_told_as_the_standard_library_does() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (path, _) = file(folder.path(), "file", 1234);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o4751)).unwrap();
    symlink(&path, at("link")).unwrap();
    let _socket = UnixListener::bind(at("socket")).unwrap();
    assert!(Command::new("mkfifo").arg(at("fifo")).status().unwrap().success());
    let cases = [
        (path.clone(), Kind::File, "file"),
        (folder.path().to_owned(), Kind::Dir, "dir"),
        (at("link"), Kind::Link, "link"),
        (at("socket"), Kind::Socket, "socket"),
        (at("fifo"), Kind::Fifo, "fifo"),
        ("/dev/null".into(), Kind::Char, "char"),
        ("/proc".into(), Kind::Dir, "dir"),
    ];
    for (path, kind, word) in cases {
        let expect = |told: fs::Metadata| {
            let stat = Stat::new(told.mode(), told.uid(), told.dev(), told.ino(), told.size());
            Ok(stat)
        };
        let link = both(|files| files.stat_link(bytes(&path)));
        assert_eq!(
            link,
            expect(fs::symlink_metadata(&path).unwrap()),
            "{}",
            path.display()
        );
        assert_eq!(link.unwrap().kind, Some(kind));
        assert_eq!(kind.as_str(), word);
        assert_eq!(
            both(|files| files.stat(bytes(&path))),
            expect(fs::metadata(&path).unwrap())
        );
        if kind.is_active() {
            assert_eq!(both(|files| files.read(bytes(&path), 10)), Err(Errno::NOT_READ));
        }
    }
    assert_eq!(both(|files| files.stat(bytes(&path))).unwrap().mode, 0o4751);
    assert_eq!(
        both(|files| files.read_link(bytes(&at("link")))),
        Ok(bytes(&path).to_vec())
    );
    assert_eq!(Stat::new(0o7777, 0, 0, 0, 0).kind, None);
}

#[test]
fn what_is_missing_is_absent_and_the_rest_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| bytes(&folder.path().join(name)).to_vec();
    file(folder.path(), "file", 1);
    symlink(folder.path().join("nowhere"), folder.path().join("dangling")).unwrap();
    symlink(folder.path().join("loop"), folder.path().join("loop")).unwrap();
    let check = |path: &[u8], expect: Errno, absent: bool| {
        assert_eq!(both(|files| files.stat(path)), Err(expect));
        assert_eq!(both(|files| files.read(path, 10)), Err(expect));
        assert_eq!(both(|files| files.access(path)), Err(expect));
        assert_eq!(both(|files| files.mount_flags(path)), Err(expect));
        assert_eq!(both(|files| files.list(path, 10)), Err(expect));
        assert_eq!(expect.is_absent(), absent);
    };
    check(&at("nothing"), Errno::new(libc::ENOENT), true);
    check(&at("dangling"), Errno::new(libc::ENOENT), true);
    check(&at("file/below"), Errno::new(libc::ENOTDIR), true);
    check(b"", Errno::new(libc::ENOENT), true);
    check(&at("loop"), Errno::new(libc::ELOOP), false);
    check(&at(&"x".repeat(256)), Errno::TOO_LONG, false);
    check(&[b'/'; 4096], Errno::TOO_LONG, false);
    check(b"/proc\0/self", Errno::UNFIT, false);
    let link = |path: &[u8]| both(|files| files.read_link(path));
    assert_eq!(link(&at("file")), Err(Errno::new(libc::EINVAL)));
    assert_eq!(link(&at("dangling")), Ok(at("nowhere")));
    assert_eq!(
        both(|files| files.read(bytes(folder.path()), 10)),
        Err(Errno::new(libc::EISDIR))
    );
    assert_eq!(
        both(|files| files.list(&at("file"), 10)),
        Err(Errno::new(libc::ENOTDIR))
    );
    assert_eq!(Observation::from(Errno::new(libc::ENOENT)), Observation::Absent);
    assert_eq!(
        Observation::from(Errno::new(libc::EACCES)),
        Observation::Error(libc::EACCES)
    );
}

#[test]
fn links_are_whole_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("link");
    let target = "/x".repeat(2047);
    symlink(&target, &link).unwrap();
    assert_eq!(
        both(|files| files.read_link(bytes(&link))),
        Ok(target.into_bytes())
    );
}

#[test]
fn directories_are_listed_up_to_their_cap() {
    let folder = tempfile::tempdir().unwrap();
    let list = |cap| both(|files| files.list(bytes(folder.path()), cap));
    assert_eq!(list(0), whole(vec![]));
    let mut names: Vec<_> = (0..10_000)
        .map(|at| format!("{at}{}", "-".repeat(at % 200)).into_bytes())
        .collect();
    for name in &names {
        fs::write(folder.path().join(str::from_utf8(name).unwrap()), b"").unwrap();
    }
    names.sort();
    let mut all = list(10_000).unwrap();
    all.value.sort();
    assert_eq!(Ok(all), whole(names.clone()));
    assert!(!list(10_001).unwrap().truncated);
    for cap in [0, 1, 1_024, 9_999] {
        let part = list(cap).unwrap();
        assert!(part.truncated, "{cap}");
        assert_eq!(part.value.len(), cap);
        assert!(part.value.iter().all(|name| names.binary_search(name).is_ok()));
    }
}

#[test]
fn mount_flags_are_those_of_the_mount() {
    let proc = both(|files| files.mount_flags(b"/proc")).unwrap();
    let root = both(|files| files.mount_flags(b"/")).unwrap();
    assert_eq!((proc | root) & 0x20, 0, "the kernel's own mark is not among them");
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let options = |at: &str| {
        let row = mounts
            .lines()
            .rfind(|row| row.split(' ').nth(1) == Some(at))
            .unwrap();
        row.split(' ')
            .nth(3)
            .unwrap()
            .split(',')
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    for (at, flags) in [("/proc", proc), ("/", root)] {
        for (option, flag) in [("ro", libc::ST_RDONLY), ("nosuid", libc::ST_NOSUID)] {
            let stated = options(at).iter().any(|stated| stated == option);
            assert_eq!(flags & flag != 0, stated, "{option} of {at}");
        }
    }
}

/// Every question, with the number of calls it takes to answer it.
type Question = (&'static str, fn(&Files<'_>, &Path) -> Result<(), Errno>);

const QUESTIONS: [Question; 9] = [
    ("read", |files, path| files.read(bytes(path), 40_000).map(drop)),
    ("open", |files, path| files.open(bytes(path)).map(drop)),
    ("stat of open", |files, path| {
        files.open(bytes(path))?.stat().map(drop)
    }),
    ("read at", |files, path| {
        files.open(bytes(path))?.read_at(5, 40_000).map(drop)
    }),
    ("stat", |files, path| files.stat(bytes(path)).map(drop)),
    ("stat of link", |files, path| {
        files.stat_link(bytes(path)).map(drop)
    }),
    ("access", |files, path| files.access(bytes(path)).map(drop)),
    ("mount flags", |files, path| {
        files.mount_flags(bytes(path)).map(drop)
    }),
    ("list", |files, path| {
        files.list(bytes(path.parent().unwrap()), 10).map(drop)
    }),
];

#[test]
fn a_deadline_stops_between_any_two_calls_and_nothing_stays_open() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = file(folder.path(), "file", 30_000);
    for view in VIEWS {
        for (name, ask) in QUESTIONS {
            let calls = Cell::<u32>::new(0);
            let count = || {
                calls.set(calls.get() + 1);
                false
            };
            assert_eq!(
                ask(&Files::through(view, &count).unwrap(), &path),
                Ok(()),
                "{name}"
            );
            let needed = calls.get();
            assert!((1..20).contains(&needed), "{name}: {needed}");
            for allowed in 0..needed {
                let left = Cell::<u32>::new(allowed);
                let expired = || {
                    let passed = left.get() == 0;
                    left.set(left.get().saturating_sub(1));
                    passed
                };
                let stopped = ask(&Files::through(view, &expired).unwrap(), &path);
                assert_eq!(stopped, Err(Errno::STOPPED), "{name} after {allowed} calls");
                assert_eq!(open_in(folder.path()), 0, "{name} after {allowed} calls");
            }
        }
    }
    assert!(!Unlimited.has_passed());
}

#[test]
fn descriptors_are_private_and_closed() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = file(folder.path(), "file", 10);
    for view in VIEWS {
        let open = through(view).open(bytes(&path)).unwrap();
        assert_eq!(open_in(folder.path()), 1);
        let descriptor = fs::read_dir("/proc/self/fd")
            .unwrap()
            .map(|link| link.unwrap())
            .find(|link| fs::read_link(link.path()).is_ok_and(|target| target == path))
            .unwrap();
        let about = Path::new("/proc/self/fdinfo").join(descriptor.file_name());
        let flags = fs::read_to_string(about).unwrap();
        let flags = flags
            .lines()
            .find_map(|line| line.strip_prefix("flags:"))
            .unwrap();
        let flags = i32::from_str_radix(flags.trim(), 8).unwrap();
        assert_eq!(
            flags & libc::O_CLOEXEC,
            libc::O_CLOEXEC,
            "another program would inherit it"
        );
        assert_eq!(flags & libc::O_ACCMODE, libc::O_RDONLY);
        drop(open);
        assert_eq!(open_in(folder.path()), 0);
    }
}

#[test]
fn devices_are_written_as_in_maps() {
    for (major, minor, expect) in [
        (0xfe, 0, "fe:00"),
        (8, 1, "08:01"),
        (0, 0x25, "00:25"),
        (0x103, 0x12c, "103:12c"),
        (0xfff, 0xf_ffff, "fff:fffff"),
    ] {
        let stat = Stat::new(0, 0, libc::makedev(major, minor), 0, 0);
        assert_eq!(stat.maps_dev(), expect);
    }
}

#[test]
fn only_native_views_are_views_here() {
    assert_eq!(View::of(facts::View::Libc), Some(View::Libc));
    assert_eq!(View::of(facts::View::Syscall), Some(View::Syscall));
    for other in [
        facts::View::Java,
        facts::View::Isolated,
        facts::View::Ticket,
        facts::View::Token,
    ] {
        assert_eq!(View::of(other), None);
    }
}
