//! Where commands write and how they end. A closed pipe ends a command quietly and never well; text that came from outside is
//! printed without anything that a terminal would obey.

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

/// The two streams of a command.
pub(crate) struct Out<'a> {
    /// Results.
    pub(crate) out: &'a mut dyn Write,
    /// Problems and refusals.
    pub(crate) err: &'a mut dyn Write,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is well: 0.
    Clean,
    /// Refused, or problems were found: 1.
    Refused,
    /// Arguments, a file or the output cannot be used: 2.
    Unusable,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Clean => Self::SUCCESS,
            Exit::Refused => Self::from(1),
            Exit::Unusable => Self::from(2),
        }
    }
}

/// Runs a command on the process's own streams. They stay unlocked: logs share one of them.
pub(crate) fn on_standard_streams(command: impl FnOnce(&mut Out<'_>) -> io::Result<Exit>) -> ExitCode {
    let (mut out, mut err) = (io::stdout(), io::stderr());
    let ended = command(&mut Out {
        out: &mut out,
        err: &mut err,
    });
    match ended.and_then(|exit| out.flush().map(|()| exit)) {
        Ok(exit) => exit.into(),
        Err(error) => {
            if error.kind() != ErrorKind::BrokenPipe {
                let _unread = writeln!(err, "attest: the output cannot be written: {error}").is_err();
            }
            Exit::Unusable.into()
        }
    }
}

/// `text` with everything but visible characters, spaces and line ends escaped as in JSON.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\n' || !(c.is_control() || reorders(c)) {
            shown.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                shown.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    shown
}

/// Characters that are not seen, or that change how their neighbours are.
const fn reorders(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_obeys_nothing() {
        for (text, expect) in [
            ("plain\nünïcode", "plain\nünïcode"),
            ("\x1b[2J", "\\u001b[2J"),
            ("a\rb\x7f\u{9b}", "a\\u000db\\u007f\\u009b"),
            ("\u{202e}txt", "\\u202etxt"),
            ("\u{e0041}", "\\udb40\\udc41"),
        ] {
            assert_eq!(printable(text), expect);
        }
    }
}
