//! Who handles a signal: `signal.handler`. A cloner that traps system calls by a filter answers them in a handler of `SIGSYS`.

use attest_core::facts::{FactId, FactRef, Observation};

use super::super::answers::text;
use super::super::parse::maps::Backing;
use super::super::sys::{Errno, Files};
use super::super::{Answers, Lifetime, Probe, Scope};
use super::{by_view, maps};

/// What memory without a file is called.
const ANONYMOUS: &str = "[anon]";

#[derive(Debug)]
pub(super) struct Signals;

impl Probe for Signals {
    fn name(&self) -> &'static str {
        "signals"
    }

    fn facts(&self) -> &'static [FactId] {
        &[FactId::SIGNAL_HANDLER]
    }

    fn cost_us(&self) -> u32 {
        70
    }

    fn lifetime(&self) -> Lifetime {
        Lifetime::Scan
    }

    fn answer(&self, questions: &[&FactRef], scope: &Scope<'_>, answers: &mut Answers) {
        by_view::answer(questions, scope, answers, &|files, questions| {
            let one = |question: &&FactRef| {
                owner(files, question.param().unwrap_or_default()).unwrap_or_else(Observation::from)
            };
            questions.iter().map(one).collect()
        });
    }
}

/// The file that holds the handler.
fn owner(files: &Files<'_>, signal: &str) -> Result<Observation, Errno> {
    let number = number(signal).ok_or(Errno::UNFIT)?;
    let Some(handler) = files.signal_handler(number)? else {
        return Ok(Observation::Absent);
    };
    let handler = u64::try_from(handler).map_err(|_| Errno::SENSELESS)?;
    maps::with_regions(files, |map| {
        let region = map
            .value
            .iter()
            .find(|region| (region.start..region.end).contains(&handler));
        match region {
            Some(region) if region.backing() == Backing::File => Ok(text(region.path.as_ref())),
            Some(_) => Ok(text(ANONYMOUS)),
            None if map.truncated => Err(Errno::CUT),
            // Code that runs is mapped: the map is not whole, and not by our doing.
            None => Ok(text(ANONYMOUS)),
        }
    })?
}

fn number(name: &str) -> Option<i32> {
    Some(match name {
        "SIGHUP" => libc::SIGHUP,
        "SIGINT" => libc::SIGINT,
        "SIGQUIT" => libc::SIGQUIT,
        "SIGILL" => libc::SIGILL,
        "SIGTRAP" => libc::SIGTRAP,
        "SIGABRT" => libc::SIGABRT,
        "SIGBUS" => libc::SIGBUS,
        "SIGFPE" => libc::SIGFPE,
        "SIGUSR1" => libc::SIGUSR1,
        "SIGSEGV" => libc::SIGSEGV,
        "SIGUSR2" => libc::SIGUSR2,
        "SIGPIPE" => libc::SIGPIPE,
        "SIGALRM" => libc::SIGALRM,
        "SIGTERM" => libc::SIGTERM,
        "SIGCHLD" => libc::SIGCHLD,
        "SIGCONT" => libc::SIGCONT,
        "SIGPROF" => libc::SIGPROF,
        "SIGIO" => libc::SIGIO,
        "SIGSYS" => libc::SIGSYS,
        _ => return None,
    })
}
