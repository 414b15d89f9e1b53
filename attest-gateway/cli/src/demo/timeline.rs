//! The live timeline: one line per event, with the time since the start.

use std::io::Write as _;

use crate::clock::Stopwatch;

/// Prints what happens while it happens, unless it is switched off.
#[derive(Debug)]
pub(super) struct Timeline {
    started: Stopwatch,
    on: bool,
    colour: bool,
}

impl Timeline {
    /// A timeline that starts now.
    pub(super) fn new(on: bool, colour: bool) -> Self {
        Self {
            started: Stopwatch::start(),
            on,
            colour: colour && std::env::var_os("NO_COLOR").is_none(),
        }
    }

    /// A heading.
    pub(super) fn chapter(&self, title: &str) {
        let (bold, plain) = if self.colour {
            ("\x1b[1m", "\x1b[0m")
        } else {
            ("", "")
        };
        self.line(&format!("\n{bold}{title}{plain}"));
    }

    /// Something that happened.
    pub(super) fn say(&self, event: &str) {
        self.line(&format!("{:6.2}s  {event}", self.started.elapsed().as_secs_f64()));
    }

    fn line(&self, text: &str) {
        if self.on {
            // A reader that went away does not stop the demo.
            let _unheard = writeln!(std::io::stdout(), "{text}");
        }
    }
}
