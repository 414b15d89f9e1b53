//! This process: `proc.tracer_pid`, `proc.seccomp`, `proc.seccomp_filters`, `proc.cmdline`, `proc.threads`, `proc.selinux`,
//! `id.package`, `id.uid`, `id.user_id`, `id.ppid`.

use attest_core::facts::{FactId, FactRef, Observation};

use super::super::answers::{integer, list, text};
use super::super::parse::cmdline::{self, arguments};
use super::super::parse::comm::{self, thread_name};
use super::super::parse::selinux::{self, context};
use super::super::parse::status::{Status, status};
use super::super::sys::{Errno, Files};
use super::super::{Answers, Lifetime, Probe, Scope};
use super::by_view;

/// Bytes of the status that are read; it has some two kilobytes.
const MAX_STATUS_BYTES: usize = 1 << 16;
/// Threads whose names are read; apps have some hundred.
const MAX_THREADS: usize = 2_048;
/// How Android numbers the uids of each of its users.
const UIDS_PER_USER: u32 = 100_000;

#[derive(Debug)]
pub(super) struct Process;

impl Probe for Process {
    fn name(&self) -> &'static str {
        "process"
    }

    fn facts(&self) -> &'static [FactId] {
        &[
            FactId::PROC_TRACER_PID,
            FactId::PROC_SECCOMP,
            FactId::PROC_SECCOMP_FILTERS,
            FactId::PROC_CMDLINE,
            FactId::PROC_THREADS,
            FactId::PROC_SELINUX,
            FactId::ID_PACKAGE,
            FactId::ID_UID,
            FactId::ID_USER_ID,
            FactId::ID_PPID,
        ]
    }

    fn cost_us(&self) -> u32 {
        100
    }

    fn lifetime(&self) -> Lifetime {
        Lifetime::Scan
    }

    fn takes(&self, question: &FactRef) -> bool {
        by_view::native(question).is_some()
    }

    fn answer(&self, questions: &[&FactRef], scope: &Scope<'_>, answers: &mut Answers) {
        by_view::answer(questions, scope, answers, &|files, questions| {
            let status = Lazy::of(|| {
                files
                    .read(b"/proc/self/status", MAX_STATUS_BYTES)
                    .map(|read| read.value)
            });
            let one = |question: &&FactRef| {
                observation(question.fact(), files, &status).unwrap_or_else(Observation::from)
            };
            questions.iter().map(one).collect()
        });
    }
}

/// What is read once, and only if somebody asks.
struct Lazy<F>(std::cell::OnceCell<Result<Vec<u8>, Errno>>, F);

impl<F: Fn() -> Result<Vec<u8>, Errno>> Lazy<F> {
    const fn of(read: F) -> Self {
        Self(std::cell::OnceCell::new(), read)
    }

    fn bytes(&self) -> Result<&[u8], Errno> {
        match self.0.get_or_init(&self.1) {
            Ok(bytes) => Ok(bytes),
            Err(errno) => Err(*errno),
        }
    }
}

fn observation(
    fact: FactId,
    files: &Files<'_>,
    text_of_status: &Lazy<impl Fn() -> Result<Vec<u8>, Errno>>,
) -> Result<Observation, Errno> {
    let field = |field: fn(&Status<'_>) -> Option<u32>| {
        let status = status(text_of_status.bytes()?);
        match field(&status.value) {
            Some(number) => Ok(integer(number)),
            // A kernel that does not tell has no such line; a line that was cut or is senseless is not one that is missing.
            None if status.truncated => Err(Errno::SENSELESS),
            None => Ok(Observation::Absent),
        }
    };
    match fact {
        FactId::PROC_TRACER_PID => field(|status| status.tracer_pid),
        FactId::PROC_SECCOMP => field(|status| status.seccomp),
        FactId::PROC_SECCOMP_FILTERS => field(|status| status.seccomp_filters),
        FactId::PROC_CMDLINE => command_line(files).map(|arguments| text(arguments.join(" "))),
        FactId::PROC_THREADS => threads(files),
        FactId::PROC_SELINUX => {
            let read = files.read(b"/proc/self/attr/current", selinux::MAX_BYTES + 1)?;
            let context = context(&read.value).whole().ok_or(Errno::SENSELESS)?;
            Ok(text(context.text))
        }
        FactId::ID_PACKAGE => package(&command_line(files)?),
        FactId::ID_UID => Ok(integer(files.uid()?)),
        FactId::ID_USER_ID => Ok(integer(files.uid()? / UIDS_PER_USER)),
        FactId::ID_PPID => Ok(integer(files.parent_pid()?)),
        _ => Err(Errno::UNFIT),
    }
}

fn command_line(files: &Files<'_>) -> Result<Vec<String>, Errno> {
    let read = files.read(b"/proc/self/cmdline", cmdline::MAX_BYTES)?;
    let arguments = arguments(&read.value);
    if read.truncated || arguments.truncated {
        return Err(Errno::CUT);
    }
    Ok(arguments
        .value
        .into_iter()
        .map(std::borrow::Cow::into_owned)
        .collect())
}

/// An app's command line is its package, or the package and a colon and the name of one of its processes. Before Android has set
/// it, it is a name without a dot, of which nothing follows.
fn package(arguments: &[String]) -> Result<Observation, Errno> {
    let [name] = arguments else {
        return Err(Errno::SENSELESS);
    };
    let package = name.split(':').next().unwrap_or_default();
    let is_one = package.contains('.')
        && package
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_'));
    if is_one {
        Ok(text(package))
    } else {
        Err(Errno::SENSELESS)
    }
}

/// The names in order, as often as threads have them. A thread that ended meanwhile has none.
fn threads(files: &Files<'_>) -> Result<Observation, Errno> {
    let tasks = files.list(b"/proc/self/task", MAX_THREADS)?;
    let mut names = Vec::new();
    for task in &tasks.value {
        let path = [b"/proc/self/task/".as_slice(), task, b"/comm"].concat();
        match files.read(&path, comm::MAX_BYTES + 1) {
            Ok(read) => names.push(thread_name(&read.value).value.into_owned()),
            Err(errno) if errno.is_absent() => {}
            Err(errno) => return Err(errno),
        }
    }
    names.sort_unstable();
    Ok(list(names, tasks.truncated))
}
