//! Status, names, command line, environment, processors and context of a process.

use std::borrow::Cow;
use std::fs;

use super::super::cmdline::{self, arguments};
use super::super::comm::thread_name;
use super::super::cpuinfo::{self, cpu_lines};
use super::super::environ::{self, variables};
use super::super::selinux::context;
use super::super::status::{Status, status};
use super::{cuts, texts};

const STATUS: &str = "\
Name:\tm.bank.app\\\\x\\ny
Umask:\t0077
State:\tS (sleeping)
Pid:\t7301
PPid:\t812
TracerPid:\t0
Uid:\t10182\t10182\t10182\t10182
Gid:\t10182\t10183\t10184\t10185
Groups:\t3003 9997 20182 50182 \nVmPeak:\t 5620112 kB
Threads:\t41
NoNewPrivs:\t0
Seccomp:\t2
Seccomp_filters:\t1
";

#[test]
fn fields_of_a_status() {
    let expected = Status {
        name: Some("m.bank.app\\x\ny".into()),
        pid: Some(7301),
        ppid: Some(812),
        tracer_pid: Some(0),
        uid: Some([10182; 4]),
        gid: Some([10182, 10183, 10184, 10185]),
        threads: Some(41),
        no_new_privs: Some(0),
        seccomp: Some(2),
        seccomp_filters: Some(1),
    };
    assert_eq!(status(STATUS.as_bytes()).whole(), Some(expected));
    // An older kernel, which is whole without.
    let older = STATUS.replace("Seccomp_filters:\t1\n", "");
    assert_eq!(status(older.as_bytes()).whole().unwrap().seccomp_filters, None);
}

#[test]
fn fields_of_another_form_are_told() {
    let check = |field: &str, tracer_pid: Option<u32>| {
        let text = format!("Name:\ta\n{field}\n");
        let parsed = status(text.as_bytes());
        assert_eq!(
            (parsed.value.tracer_pid, parsed.truncated),
            (tracer_pid, true),
            "{field:?}"
        );
    };
    check("TracerPid:\t", None);
    check("TracerPid:\t-1", None);
    check("TracerPid:\t1 2", None);
    check("TracerPid:\t0x1", None);
    check("TracerPid:\t4294967296", None);
    check("TracerPid\t7", None);
    check("TracerPid:\t7\nTracerPid:\t0", Some(7));
    check("Uid:\t1\t2\t3", None);
    check("Uid:\t1\t2\t3\t4\t5", None);
    check("Name:\tb", None);
    check("", None);
    for cut in cuts(STATUS.as_bytes()) {
        assert_eq!(status(cut).truncated, cut.last() != Some(&b'\n'));
    }
    let many = "Groups:\t1\n".repeat(1_000_000);
    assert!(status(many.as_bytes()).truncated);
}

#[test]
fn names_of_threads() {
    let check = |text: &[u8], expect: &str, truncated: bool| {
        let parsed = thread_name(text);
        assert_eq!(
            (parsed.value.as_ref(), parsed.truncated),
            (expect, truncated),
            "{text:?}"
        );
    };
    check(b"gum-js-loop\n", "gum-js-loop", false);
    check(b"a\nb\n", "a\nb", false);
    check(b"\n", "", false);
    check(b"Jit thread pool\n", "Jit thread pool", false);
    check(b"\xff\n", "\u{fffd}", false);
    check(b"", "", true);
    check(b"gmain", "gmain", true);
    check(&[b'a'; 100], &"a".repeat(63), true);
}

#[test]
fn arguments_of_a_command_line() {
    let check = |text: &[u8], expect: &[&str], truncated: bool| {
        let parsed = arguments(text);
        assert_eq!(
            (texts(&parsed.value), parsed.truncated),
            (expect.to_vec(), truncated),
            "{text:?}"
        );
    };
    check(b"com.bank.app\0", &["com.bank.app"], false);
    check(b"com.bank.app:push\0\0\0\0\0", &["com.bank.app:push"], false);
    check(b"sh\0-c\0\0a b\0", &["sh", "-c", "", "a b"], false);
    check(b"\0\0", &[], false);
    check(b"", &[], true);
    check(b"com.bank.ap", &["com.bank.ap"], true);
    let parsed = |text: &[u8]| {
        let parsed = arguments(text);
        (parsed.value.len(), parsed.truncated)
    };
    assert_eq!(
        parsed(&b"a\0".repeat(cmdline::MAX_ARGUMENTS)),
        (cmdline::MAX_ARGUMENTS, false)
    );
    assert_eq!(
        parsed(&b"a\0".repeat(cmdline::MAX_ARGUMENTS + 1)),
        (cmdline::MAX_ARGUMENTS, true)
    );
    assert_eq!(
        parsed(&[[b'a'; cmdline::MAX_BYTES].as_slice(), &[0]].concat()),
        (1, true)
    );
}

#[test]
fn variables_of_an_environment() {
    let check = |text: &[u8], expect: &[(&str, &str)], truncated: bool| {
        let parsed = variables(text);
        let found: Vec<_> = parsed.value.iter().map(|v| (&*v.name, &*v.value)).collect();
        assert_eq!(
            (found, parsed.truncated),
            (expect.to_vec(), truncated),
            "{text:?}"
        );
    };
    check(b"", &[], false);
    check(
        b"LD_PRELOAD=/data/x.so\0A=b=c\0E=\0",
        &[("LD_PRELOAD", "/data/x.so"), ("A", "b=c"), ("E", "")],
        false,
    );
    check(b"A=1\0\0\0A=2\0", &[("A", "1"), ("A", "2")], false);
    check(b"A=1\0B=2", &[("A", "1")], true);
    check(b"junk\0A=1\0", &[("A", "1")], true);
    check(b"=x\0", &[], true);
    let parsed = variables(&b"A=1\0".repeat(1_000_000)).truncated;
    assert!(parsed);
    let full = b"A=1\0".repeat(environ::MAX_VARIABLES);
    assert_eq!(
        variables(&full).whole().map(|all| all.len()),
        Some(environ::MAX_VARIABLES)
    );
    let long = [b"A=".as_slice(), &[b'x'; environ::MAX_VARIABLE_BYTES], &[0]].concat();
    assert!(variables(&long).truncated);
}

#[test]
fn lines_about_processors() {
    let text = "processor\t: 0\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\n\nHardware\t: a: b\nx\n";
    let lines = cpu_lines(text.as_bytes()).whole().unwrap();
    let found: Vec<_> = lines.iter().map(|line| (&*line.key, &*line.value)).collect();
    assert_eq!(
        found,
        [
            ("processor", "0"),
            ("Features", "fp asimd"),
            ("CPU implementer", "0x41"),
            ("", ""),
            ("Hardware", "a: b"),
            ("", "")
        ]
    );
    assert_eq!(
        lines.iter().map(|line| line.text.as_ref()).collect::<Vec<_>>(),
        text.lines().collect::<Vec<_>>()
    );
    for cut in cuts(text.as_bytes()) {
        assert_eq!(cpu_lines(cut).truncated, cut.last() != Some(&b'\n'));
    }
    let parsed = cpu_lines(&b"\n".repeat(1_000_000)).value.len();
    assert_eq!(parsed, cpuinfo::MAX_LINES);
}

#[test]
fn security_contexts() {
    let check = |text: &[u8], expect: &str, domain: Option<&str>, truncated: bool| {
        let parsed = context(text);
        let found = (
            &*parsed.value.text,
            parsed.value.domain.as_deref(),
            parsed.truncated,
        );
        assert_eq!(found, (expect, domain, truncated), "{text:?}");
    };
    let app = "u:r:untrusted_app_32:s0:c180,c256,c512,c768";
    check(
        format!("{app}\0").as_bytes(),
        app,
        Some("untrusted_app_32"),
        false,
    );
    check(
        format!("{app}\n").as_bytes(),
        app,
        Some("untrusted_app_32"),
        false,
    );
    check(b"u:r:magisk:s0\n\0", "u:r:magisk:s0", Some("magisk"), false);
    check(b"unconfined\n", "unconfined", None, false);
    check(b"u:r:su", "u:r:su", None, false);
    check(b"", "", None, true);
    check(b"\0", "", None, true);
    check(b"u:r:a:s0\0u:r:b:s0\0", "u:r:a:s0\0u:r:b:s0", Some("a"), true);
    let parsed = context(&[b'a'; 5000]);
    assert_eq!((parsed.value.text.len(), parsed.truncated), (4096, true));
}

#[cfg(target_os = "linux")]
#[test]
fn this_process() {
    let text = fs::read("/proc/self/status").unwrap();
    let own = status(&text).whole().unwrap();
    assert_eq!(own.pid, Some(std::process::id()));
    assert_eq!(own.tracer_pid, Some(0));
    assert!(own.threads.is_some_and(|threads| threads > 0) && own.uid.is_some() && own.seccomp.is_some());
    let mut names = Vec::new();
    for task in fs::read_dir("/proc/self/task").unwrap() {
        // A thread of another test may have ended.
        let Ok(text) = fs::read(task.unwrap().path().join("comm")) else {
            continue;
        };
        names.push(thread_name(&text).whole().map(Cow::into_owned));
    }
    assert!(!names.is_empty() && names.iter().all(Option::is_some));
    let text = fs::read("/proc/self/cmdline").unwrap();
    let given: Vec<_> = std::env::args().collect();
    assert_eq!(texts(&arguments(&text).whole().unwrap()), given);
    let text = fs::read("/proc/self/environ").unwrap();
    let own = variables(&text).whole().unwrap();
    assert!(own.iter().any(|variable| variable.name == "PATH"));
    let text = fs::read("/proc/cpuinfo").unwrap();
    assert!(
        cpu_lines(&text)
            .whole()
            .unwrap()
            .iter()
            .any(|line| line.key == "processor")
    );
}
