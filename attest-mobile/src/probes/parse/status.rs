//! What `/proc/PID/status` says that facts ask for. A field that is not there, or says something else than a number, is `None`.

use std::borrow::Cow;

use super::{Parsed, lines};

/// Lines that are read; the kernel writes some sixty.
pub const MAX_LINES: usize = 512;
/// Bytes of a line: `Groups` and the masks of large machines are the longest.
pub const MAX_LINE_BYTES: usize = 1 << 16;

/// The fields of a process or thread.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status<'a> {
    /// `Name`, escapes undone.
    pub name: Option<Cow<'a, str>>,
    /// `Pid`.
    pub pid: Option<u32>,
    /// `PPid`.
    pub ppid: Option<u32>,
    /// `TracerPid`: who traces it, 0 if nobody does.
    pub tracer_pid: Option<u32>,
    /// `Uid`: real, effective, saved and for files.
    pub uid: Option<[u32; 4]>,
    /// `Gid`, likewise.
    pub gid: Option<[u32; 4]>,
    /// `Threads`.
    pub threads: Option<u32>,
    /// `NoNewPrivs`.
    pub no_new_privs: Option<u32>,
    /// `Seccomp`: 0 off, 1 strict, 2 filters.
    pub seccomp: Option<u32>,
    /// `Seccomp_filters`; kernels before 5.9 do not say.
    pub seccomp_filters: Option<u32>,
}

/// The fields of a status. One that is there twice, or has not its form, makes it truncated: then the first that was read counts.
#[must_use]
pub fn status(text: &[u8]) -> Parsed<Status<'_>> {
    let mut status = Status::default();
    let bounds = lines::Bounds {
        lines: MAX_LINES,
        line_bytes: MAX_LINE_BYTES,
    };
    let read = lines::rows(text, bounds, |line| take(&mut status, line));
    Parsed {
        value: status,
        truncated: read.truncated,
    }
}

fn take<'a>(status: &mut Status<'a>, line: &'a [u8]) -> Option<()> {
    let (key, value) = lines::field(line, b':')?;
    let one = || one(value);
    match key {
        b"Name" => once(&mut status.name, value.strip_prefix(b"\t").map(name_of)),
        b"Pid" => once(&mut status.pid, one()),
        b"PPid" => once(&mut status.ppid, one()),
        b"TracerPid" => once(&mut status.tracer_pid, one()),
        b"Uid" => once(&mut status.uid, four(value)),
        b"Gid" => once(&mut status.gid, four(value)),
        b"Threads" => once(&mut status.threads, one()),
        b"NoNewPrivs" => once(&mut status.no_new_privs, one()),
        b"Seccomp" => once(&mut status.seccomp, one()),
        b"Seccomp_filters" => once(&mut status.seccomp_filters, one()),
        _ => Some(()),
    }
}

fn once<T>(slot: &mut Option<T>, value: Option<T>) -> Option<()> {
    let (None, Some(value)) = (&slot, value) else {
        return None;
    };
    *slot = Some(value);
    Some(())
}

fn one(value: &[u8]) -> Option<u32> {
    let mut words = lines::words(value);
    let number = lines::decimal(words.next()?)?;
    words.next().is_none().then_some(number)
}

fn four(value: &[u8]) -> Option<[u32; 4]> {
    let mut words = lines::words(value);
    let mut next = || lines::decimal(words.next()?);
    let four = [next()?, next()?, next()?, next()?];
    words.next().is_none().then_some(four)
}

/// Here the kernel writes a newline as `\n` and a backslash as `\\`.
fn name_of(name: &[u8]) -> Cow<'_, str> {
    if !name.contains(&b'\\') {
        return lines::lossy(name);
    }
    let mut plain = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((first, behind)) = rest.split_first() {
        let (byte, behind) = match rest {
            [b'\\', b'n', behind @ ..] => (b'\n', behind),
            [b'\\', b'\\', behind @ ..] => (b'\\', behind),
            _ => (*first, behind),
        };
        plain.push(byte);
        rest = behind;
    }
    Cow::Owned(lines::lossy(&plain).into_owned())
}
