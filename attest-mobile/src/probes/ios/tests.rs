//! What the probes make of answers and files. The platform's functions are played here; files are real.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use attest_core::facts::{FactRef, Head, Observation, Value};
use attest_core::policy::Variables;

use super::super::parse::tests::forge;
use super::super::sys::{Capped, Errno};
use super::super::{Answers, Probe, Scope};
use super::bundle::Bundle;
use super::environment::Environment;
use super::executable::Executable;
use super::images::Images;
use super::objc::Classes;
use super::process::Process;

fn ask(probe: &dyn Probe, question: &str) -> Option<Observation> {
    let question: FactRef = question.parse().unwrap();
    assert!(probe.facts().contains(&question.fact()));
    let mut answers = Answers::default();
    let scope = Scope {
        deadline: &|| false,
        variables: &Variables::default(),
    };
    if probe.takes(&question) {
        probe.answer(&[&question], &scope, &mut answers);
    }
    let facts = answers.into_facts();
    facts.iter().next().map(|(asked, observation)| {
        assert_eq!(*asked, question);
        observation.clone()
    })
}

fn is(value: bool) -> Option<Observation> {
    Some(Value::Boolean(value).into())
}

fn number(value: i64) -> Option<Observation> {
    Some(Value::Integer(value).into())
}

fn texts(items: &[&str]) -> Option<Observation> {
    Some(Value::List(items.iter().map(|item| (*item).to_owned()).collect()).into())
}

const fn error(number: i32) -> Option<Observation> {
    Some(Observation::Error(number))
}

fn kinfo(flags: u32, pid: u32) -> Vec<u8> {
    let mut answer = vec![0xa5; 648];
    answer[32..36].copy_from_slice(&flags.to_le_bytes());
    answer[40..44].copy_from_slice(&pid.to_le_bytes());
    answer
}

#[test]
fn a_debugger_is_told_by_one_flag_of_this_process() {
    let process = |process| Process {
        process,
        can_fork: || Ok(false),
        code_signing: || Ok(0x2000_0b01),
    };
    let traced = |told| ask(&process(told), "proc.traced");
    assert_eq!(traced(|| Ok(kinfo(0x4004, std::process::id()))), is(false));
    assert_eq!(traced(|| Ok(kinfo(0x4804, std::process::id()))), is(true));
    assert_eq!(traced(|| Ok(kinfo(0x4004, 1))), error(libc::EIO));
    assert_eq!(
        traced(|| Ok(kinfo(0x4004, std::process::id())[..647].to_vec())),
        error(libc::EIO)
    );
    assert_eq!(traced(|| Ok(vec![0; 1024])), error(libc::EIO));
    assert_eq!(traced(|| Ok(Vec::new())), error(libc::EIO));
    assert_eq!(traced(|| Err(Errno::new(libc::EPERM))), error(libc::EPERM));
    let quiet = process(|| Ok(Vec::new()));
    assert_eq!(ask(&quiet, "proc.can_fork"), is(false));
    assert_eq!(ask(&quiet, "macho.csops_flags"), number(0x2000_0b01));
    assert_eq!(ask(&quiet, "macho.csops_flags@syscall"), error(libc::ENOSYS));
    assert_eq!(
        ask(&quiet, "id.ppid@libc"),
        number(std::os::unix::process::parent_id().into())
    );
    // The platform's own API is asked elsewhere.
    assert_eq!(ask(&quiet, "id.uid"), None);
}

#[test]
fn images_and_classes() {
    let whole = Images(|| {
        Ok(Capped {
            value: vec![b"/b".to_vec(), b"/a".to_vec(), b"/b".to_vec(), b"/\xff".to_vec()],
            truncated: false,
        })
    });
    assert_eq!(ask(&whole, "images.path"), texts(&["/a", "/b", "/\u{fffd}"]));
    assert_eq!(ask(&whole, "images.path@syscall"), error(libc::ENOSYS));
    let cut = Images(|| {
        Ok(Capped {
            value: vec![b"/a".to_vec()],
            truncated: true,
        })
    });
    let head = Head(vec!["/a".to_owned()]);
    assert_eq!(ask(&cut, "images.path"), Some(Observation::ListHead(head)));
    assert_eq!(
        ask(&Images(|| Err(Errno::STOPPED)), "images.path"),
        error(libc::ECANCELED)
    );
    let classes = Classes(|name| Ok(name == "FridaGadget"));
    assert_eq!(ask(&classes, "objc.class_exists(FridaGadget)"), is(true));
    assert_eq!(ask(&classes, "objc.class_exists(UIView)"), is(false));
}

#[test]
fn variables_of_the_environment() {
    let path = std::env::var("PATH").unwrap();
    assert_eq!(ask(&Environment, "env(PATH)"), Some(Value::Text(path).into()));
    assert_eq!(
        ask(&Environment, "env(ATTEST_NOBODY_SETS_THIS)"),
        Some(Observation::Absent)
    );
    assert_eq!(ask(&Environment, "env(A=B)"), Some(Observation::Absent));
    let Some(Observation::Value(Value::List(names))) = ask(&Environment, "env.names") else {
        panic!("no names");
    };
    assert!(names.iter().any(|name| name == "PATH"));
}

/// A folder that is made once and stays for the run, because a function that finds a program knows nothing.
fn folder() -> &'static tempfile::TempDir {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let bundle = folder.path().join("Bank.app");
        fs::create_dir_all(bundle.join("Frameworks")).unwrap();
        let write = |name: &str, content: &[u8]| fs::write(bundle.join(name), content).unwrap();
        write("embedded.mobileprovision", b"x");
        write("Frameworks/a.dylib", b"x");
        fs::write(folder.path().join("outside"), b"x").unwrap();
        std::os::unix::fs::symlink("/nowhere", bundle.join("dangling")).unwrap();
        let program = program(1);
        write("Bank", &program);
        write("Dumped", &self::program(0));
        write("Simulated", &forge::macho(&[]));
        write("Several", &several(&program));
        write("Long", &long(&program));
        write("Foreign", b"\x7fELF");
        let mut cut = program;
        cut.truncate(4096 + 40);
        write("Cut", &cut);
        folder
    })
}

fn at(name: &str) -> PathBuf {
    folder().path().join("Bank.app").join(name)
}

/// A signed program.
fn program(cryptid: u32) -> Vec<u8> {
    let parts = [
        (0xfade_0c02, forge::code_directory("com.bank.app", "TEAM123456")),
        (
            0xfade_7171,
            forge::plist("<dict><key>get-task-allow</key><true/></dict>"),
        ),
        (0xfade_7172, forge::der(&["application-identifier"])),
    ];
    let signature = forge::signature(&parts);
    let size = u32::try_from(signature.len()).unwrap();
    let commands = [
        forge::command(0x2c, &[0x4000, 0x4000, cryptid, 0]),
        forge::command(0x1d, &[4096, size]),
    ];
    let mut file = forge::macho(&commands);
    file.resize(4096, 0);
    [file, signature].concat()
}

/// One of several processors, ours last.
fn several(program: &[u8]) -> Vec<u8> {
    let own = if cfg!(target_arch = "x86_64") {
        0x0100_0007_u32
    } else {
        0x0100_000c
    };
    let size = u32::try_from(program.len()).unwrap();
    let head = [0xcafe_babe, 2, 12, 9, 64, 1, 0, own, 0, 0x8000, size, 14]
        .map(u32::to_be_bytes)
        .concat();
    let mut file = head;
    file.resize(0x8000, 0);
    [file, program.to_vec()].concat()
}

/// More load commands than are read at first.
fn long(program: &[u8]) -> Vec<u8> {
    let uuid = forge::command(0x1b, &[0; 500]);
    let end = u32::try_from(program.len() - 4096).unwrap();
    let mut commands = vec![uuid; 20];
    commands.push(forge::command(0x2c, &[0, 0, 1, 0]));
    commands.push(forge::command(0x1d, &[0x1_0000, end]));
    let mut file = forge::macho(&commands);
    assert!(file.len() > 1 << 14);
    file.resize(0x1_0000, 0);
    [&file, &program[4096..]].concat()
}

#[test]
fn the_program_s_own_file() {
    let check = |program: Executable,
                 cryptid: Option<Observation>,
                 names: Option<Observation>,
                 team: Option<Observation>| {
        assert_eq!(ask(&program, "macho.cryptid"), cryptid);
        assert_eq!(ask(&program, "macho.entitlements"), names);
        assert_eq!(ask(&program, "id.team"), team);
    };
    let (absent, senseless) = (Some(Observation::Absent), error(libc::EIO));
    let names = texts(&["application-identifier", "get-task-allow"]);
    let team = Some(Value::Text("TEAM123456".to_owned()).into());
    check(
        Executable(|| Ok(at("Bank"))),
        number(1),
        names.clone(),
        team.clone(),
    );
    check(
        Executable(|| Ok(at("Dumped"))),
        number(0),
        names.clone(),
        team.clone(),
    );
    check(
        Executable(|| Ok(at("Several"))),
        number(1),
        names.clone(),
        team.clone(),
    );
    check(Executable(|| Ok(at("Long"))), number(1), names, team);
    check(
        Executable(|| Ok(at("Simulated"))),
        absent.clone(),
        absent.clone(),
        absent.clone(),
    );
    check(
        Executable(|| Ok(at("Foreign"))),
        senseless.clone(),
        senseless.clone(),
        senseless.clone(),
    );
    check(
        Executable(|| Ok(at("Cut"))),
        number(1),
        senseless.clone(),
        senseless,
    );
    check(
        Executable(|| Ok(at("Nothing"))),
        absent.clone(),
        absent.clone(),
        absent,
    );
}

#[test]
fn what_lies_in_the_bundle() {
    let bundle = Bundle(|| Ok(at("Bank")));
    let exists = |entry: &str| ask(&bundle, &format!("bundle.entry_exists({entry})@libc"));
    assert_eq!(exists("embedded.mobileprovision"), is(true));
    assert_eq!(exists("Frameworks/a.dylib"), is(true));
    assert_eq!(exists("dangling"), is(true));
    assert_eq!(exists("SC_Info"), is(false));
    assert_eq!(exists("Bank/x"), is(false));
    for outside in ["../outside", "/etc/passwd", "Frameworks/../../outside", "a//b"] {
        assert_eq!(exists(outside), error(libc::EINVAL), "{outside}");
    }
    assert_eq!(ask(&bundle, "bundle.entry_exists(x)"), None);
}

#[test]
fn every_probe_answers_where_nobody_can_be_asked() {
    for probe in super::probes() {
        for fact in probe.facts() {
            let question = FactRef::new(*fact, fact.entry().param.map(|_| "x"), None).unwrap();
            if probe.takes(&question) {
                assert!(ask(probe.as_ref(), &question.to_string()).is_some(), "{question}");
            }
        }
    }
}
