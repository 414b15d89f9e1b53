//! What the probes make of answers and files. The platform's functions are played here; files are real.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use attest_core::facts::{FactRef, Head, Observation, Value};
use attest_core::policy::Variables;

use super::super::parse::tests::forge;
use super::super::posix::environment::Environment;
use super::super::sys::{Capped, Errno, View};
use super::super::{Answers, Probe, Scope};
use super::app::App;
use super::bundle::Bundle;
use super::executable::Executable;
use super::images::Images;
use super::objc::Classes;
use super::process::Process;
use super::provision::Provision;
use super::threads::Threads;

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

fn text(value: &str) -> Option<Observation> {
    Some(Value::Text(value.to_owned()).into())
}

const fn error(number: i32) -> Option<Observation> {
    Some(Observation::Error(number))
}

pub(super) fn kinfo(flags: u32, pid: u32) -> Vec<u8> {
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
        code_signing: |_| Ok(0x2000_0b01),
    };
    let traced = |told| ask(&process(told), "proc.traced");
    assert_eq!(traced(|_| Ok(kinfo(0x4004, std::process::id()))), is(false));
    assert_eq!(traced(|_| Ok(kinfo(0x4804, std::process::id()))), is(true));
    assert_eq!(traced(|_| Ok(kinfo(0x4004, 1))), error(libc::EIO));
    assert_eq!(
        traced(|_| Ok(kinfo(0x4004, std::process::id())[..647].to_vec())),
        error(libc::EIO)
    );
    assert_eq!(traced(|_| Ok(vec![0; 1024])), error(libc::EIO));
    assert_eq!(traced(|_| Ok(Vec::new())), error(libc::EIO));
    assert_eq!(traced(|_| Err(Errno::new(libc::EPERM))), error(libc::EPERM));
    let quiet = process(|_| Ok(Vec::new()));
    assert_eq!(ask(&quiet, "proc.can_fork"), is(false));
    assert_eq!(ask(&quiet, "macho.csops_flags@syscall"), number(0x2000_0b01));
    assert_eq!(ask(&quiet, "macho.csops_flags"), None, "no public header has it");
    let two_faced = process(|view| match view {
        View::Libc => Ok(kinfo(0x4004, std::process::id())),
        View::Syscall => Ok(kinfo(0x4804, std::process::id())),
    });
    assert_eq!(ask(&two_faced, "proc.traced@libc"), is(false));
    assert_eq!(ask(&two_faced, "proc.traced@syscall"), is(true));
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
    assert_eq!(ask(&whole, "images.path@syscall"), None, "there is one view");
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
fn threads_are_named_in_order() {
    let threads = Threads(|| {
        Ok(Capped {
            value: vec![b"gum-js-loop".to_vec(), b"".to_vec(), b"com.apple.uikit".to_vec()],
            truncated: false,
        })
    });
    assert_eq!(
        ask(&threads, "proc.threads"),
        texts(&["", "com.apple.uikit", "gum-js-loop"])
    );
    assert_eq!(ask(&threads, "proc.threads@syscall"), None);
    let refused = Threads(|| Err(Errno::new(libc::EPERM)));
    assert_eq!(ask(&refused, "proc.threads"), error(libc::EPERM));
}

#[test]
fn the_platform_s_word_for_the_app() {
    let app = App {
        identifier: || Ok(Some(b"com.bank.app".to_vec())),
        path: || Ok(None),
    };
    assert_eq!(ask(&app, "id.package"), text("com.bank.app"));
    assert_eq!(ask(&app, "id.package@libc"), None, "the signature says it");
    assert_eq!(ask(&app, "app.bundle_path"), Some(Observation::Absent));
    let cut = App {
        identifier: || Err(Errno::CUT),
        ..app
    };
    assert_eq!(ask(&cut, "id.package@java"), error(libc::ENOBUFS));
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
        write("embedded.mobileprovision", &profile());
        write("Frameworks/a.dylib", b"x");
        fs::write(folder.path().join("outside"), b"x").unwrap();
        fs::create_dir(folder.path().join("Spoiled.app")).unwrap();
        fs::write(folder.path().join("Spoiled.app/embedded.mobileprovision"), b"x").unwrap();
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

pub(super) fn at(name: &str) -> PathBuf {
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
        assert_eq!(
            ask(&program, "id.package"),
            None,
            "the platform's API is asked elsewhere"
        );
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

/// What a developer's package brings, in the envelope of a signature.
fn profile() -> Vec<u8> {
    let list = forge::plist(
        "<dict><key>TeamIdentifier</key><array><string>TEAM123456</string></array>\
         <key>ProvisionedDevices</key><array><string>a</string><string>b</string></array>\
         <key>Entitlements</key><dict><key>get-task-allow</key><true/></dict></dict>",
    );
    [b"\x30\x82".as_slice(), &list, b"\xa0\x82"].concat()
}

#[test]
fn the_profile_that_came_with_the_app() {
    let check = |program: Provision, expect: [Option<Observation>; 4]| {
        let told = ["teams", "debugging", "devices", "all_devices"]
            .map(|fact| ask(&program, &format!("provision.{fact}@libc")));
        assert_eq!(told, expect);
    };
    check(
        Provision(|| Ok(at("Bank"))),
        [texts(&["TEAM123456"]), is(true), number(2), is(false)],
    );
    let absent = || Some(Observation::Absent);
    check(
        Provision(|| Ok(at("Frameworks/a.dylib"))),
        [absent(), absent(), absent(), absent()],
    );
    let spoiled = || error(libc::EIO);
    check(
        Provision(|| Ok(folder().path().join("Spoiled.app/Bank"))),
        [spoiled(), spoiled(), spoiled(), spoiled()],
    );
}

#[test]
fn the_signature_names_the_app() {
    let check = |program: Executable, expect: Option<Observation>| {
        assert_eq!(ask(&program, "id.package@libc"), expect);
    };
    check(Executable(|| Ok(at("Bank"))), text("com.bank.app"));
    check(Executable(|| Ok(at("Simulated"))), Some(Observation::Absent));
    check(Executable(|| Ok(at("Cut"))), error(libc::EIO));
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
            let views = fact.entry().views.iter().map(|view| Some(*view));
            for view in views {
                // What the test of the shared probes shows, and what has no place here.
                let question = FactRef::new(*fact, fact.entry().param.map(|_| "x"), view).unwrap();
                if probe.takes(&question) && !matches!(probe.name(), "app" | "canary") {
                    assert!(ask(probe.as_ref(), &question.to_string()).is_some(), "{question}");
                }
            }
        }
    }
}

/// Who answers what detectors ask of the app's own code in Swift.
const BY_SWIFT: [&str; 2] = ["url.can_open", "path.exists@java"];

#[test]
fn what_the_shipped_detectors_ask_is_answered_by_the_view_that_they_ask() {
    let probes = super::probes();
    let packs = concat!(env!("CARGO_MANIFEST_DIR"), "/../policy/packs/ios");
    let mut asked = 0;
    for pack in fs::read_dir(packs).unwrap() {
        let text = fs::read_to_string(pack.unwrap().path()).unwrap();
        let detectors = text.split("\ntests:").next().unwrap();
        for at in ["fact: ", "from: "] {
            for question in detectors.split(at).skip(1) {
                let question = question.split([',', '}', '\n']).next().unwrap();
                let question: FactRef = question.parse().unwrap();
                asked += 1;
                let view = question
                    .view()
                    .map_or(String::new(), |view| format!("@{}", view.as_str()));
                if BY_SWIFT.contains(&format!("{}{view}", question.fact()).as_str()) {
                    continue;
                }
                let answering = probes
                    .iter()
                    .filter(|probe| probe.facts().contains(&question.fact()) && probe.takes(&question));
                assert_eq!(answering.count(), 1, "{question}");
            }
        }
    }
    assert!(asked > 80, "{asked}");
}
