//! The one place that prints. Lines go to standard output in the order in which things happen, flushed at once, so that
//! they interleave rightly with the output of the commands we run.

use std::io::Write as _;

/// Prints one line. A closed pipe is not an error: the exit status still tells the result.
pub(crate) fn say(line: impl AsRef<str>) {
    let mut out = std::io::stdout().lock();
    let written = writeln!(out, "{}", line.as_ref()).and_then(|()| out.flush());
    drop(written);
}
