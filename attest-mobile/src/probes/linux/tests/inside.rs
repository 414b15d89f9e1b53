//! This process: who it is, its threads, its signals, its libraries and its environment.

use std::env;
use std::sync::mpsc::channel;
use std::thread;

use attest_core::facts::{FactRef, Observation, Value};
use attest_core::policy::Variables;

use super::super::super::posix::environment::Environment;
use super::super::images::Images;
use super::{Errno, answers, error, here, integer, items, text};

#[test]
fn the_process_is_told_as_it_is() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let stated = |field: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        line.map_or(Observation::Absent, |line| {
            integer(line.trim_start_matches(':').trim().parse::<i64>().unwrap())
        })
    };
    assert_eq!(here("proc.tracer_pid"), stated("TracerPid"));
    assert_eq!(here("proc.seccomp"), stated("Seccomp:"));
    assert_eq!(here("proc.seccomp_filters"), stated("Seccomp_filters"));
    assert_eq!(here("id.ppid"), integer(std::os::unix::process::parent_id()));
    let Observation::Value(Value::Integer(uid)) = here("id.uid") else {
        panic!("no uid");
    };
    assert_eq!(here("id.user_id"), integer(uid / 100_000));
    let line: Vec<_> = env::args().collect();
    assert_eq!(here("proc.cmdline"), text(&line.join(" ")));
    // A test's command line is no app's.
    assert_eq!(here("id.package"), error(Errno::SENSELESS));
}

#[test]
fn a_thread_is_told_by_its_name() {
    let (stop, stopped) = channel::<()>();
    let (began, begins) = channel();
    let named = thread::Builder::new()
        .name("gum-js-loop".to_owned())
        .spawn(move || {
            began.send(()).unwrap();
            stopped.recv().ok();
        });
    begins.recv().unwrap();
    let one = |view: &str| {
        let facts = answers(&super::super::process::Process, &Variables::default(), &[view]);
        items(facts.iter().next().unwrap().1.clone())
    };
    for view in ["proc.threads@libc", "proc.threads@syscall"] {
        assert!(one(view).contains(&"gum-js-loop".to_owned()));
    }
    drop(stop);
    named.unwrap().join().unwrap();
}

#[test]
fn a_handler_is_told_by_the_file_that_holds_it() {
    let program = env::current_exe().unwrap();
    // The runtime has one for stacks that overflow, and ignores broken pipes.
    assert_eq!(here("signal.handler(SIGSEGV)"), text(program.to_str().unwrap()));
    assert_eq!(here("signal.handler(SIGPIPE)"), Observation::Absent);
    assert_eq!(here("signal.handler(SIGHUP)"), Observation::Absent);
    assert_eq!(here("signal.handler(SIGNOTHING)"), error(Errno::UNFIT));
    let anonymous = anonymous_handler(libc::SIGUSR2);
    assert_eq!(here("signal.handler(SIGUSR2)"), text("[anon]"));
    drop(anonymous);
    assert_eq!(here("signal.handler(SIGUSR2)"), Observation::Absent);
}

struct Handler(i32);

/// Sets a handler that lies in memory without a file. The signal never comes.
#[expect(unsafe_code, reason = "a handler is what is looked for")]
fn anonymous_handler(signal: i32) -> Handler {
    let (rights, kind) = (
        libc::PROT_READ | libc::PROT_EXEC,
        libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
    );
    // SAFETY: a new mapping, which stays until the process ends; nothing jumps there.
    unsafe {
        let at = libc::mmap(std::ptr::null_mut(), 4096, rights, kind, -1, 0);
        assert_ne!(at, libc::MAP_FAILED);
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = at.addr();
        assert_eq!(
            libc::sigaction(signal, &raw const action, std::ptr::null_mut()),
            0
        );
    }
    Handler(signal)
}

impl Drop for Handler {
    #[expect(unsafe_code, reason = "a handler is what is looked for")]
    fn drop(&mut self) {
        // SAFETY: the default is a value.
        unsafe { libc::signal(self.0, libc::SIG_DFL) };
    }
}

#[test]
fn libraries_are_told_by_the_loader_and_by_the_map() {
    let facts = answers(
        &Images,
        &Variables::default(),
        &["images.path@libc", "images.path@syscall"],
    );
    let told: Vec<_> = facts.iter().map(|(_, told)| items(told.clone())).collect();
    let is_libc = |path: &String| path.contains("/libc.so") || path.contains("/libc-");
    assert!(told.iter().all(|paths| paths.iter().any(is_libc)), "{told:?}");
    let program = env::current_exe().unwrap();
    assert!(told[1].contains(&program.to_str().unwrap().to_owned()));
}

#[test]
fn the_environment_is_told() {
    let ask = |fact: &str| {
        let question: FactRef = fact.parse().unwrap();
        let facts = answers(&Environment, &Variables::default(), &[fact]);
        (facts.contains(&question), facts.iter().next().unwrap().1.clone())
    };
    let path = env::var("PATH").unwrap();
    assert_eq!(ask("env(PATH)"), (true, text(&path)));
    assert_eq!(ask("env(ATTEST_TEST_NOT_SET)").1, Observation::Absent);
    assert_eq!(ask("env(A=B)").1, Observation::Absent);
    assert!(items(ask("env.names").1).contains(&"PATH".to_owned()));
}
