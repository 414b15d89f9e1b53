//! What was found: a state, what was looked at, what was seen, and what to do about it.

use std::io;

use serde::Serialize;

use crate::out::{Out, printable};

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    Ok,
    /// It works, but not for ever, or not as meant.
    Warn,
    Fail,
}

#[derive(Debug, Serialize)]
struct Finding {
    state: State,
    /// What was looked at: one word.
    what: &'static str,
    seen: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    mend: String,
}

/// All that was found, in the order in which it was looked at.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    pub(super) fn add(
        &mut self,
        state: State,
        what: &'static str,
        seen: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.0.push(Finding {
            state,
            what,
            seen: seen.into(),
            mend: mend.into(),
        });
    }

    pub(super) fn ok(&mut self, what: &'static str, seen: impl Into<String>) {
        self.add(State::Ok, what, seen, "");
    }

    pub(super) fn failed(&self) -> bool {
        self.count(State::Fail) > 0
    }

    fn count(&self, state: State) -> usize {
        self.0.iter().filter(|finding| finding.state == state).count()
    }

    pub(super) fn show(&self, json: bool, out: &mut Out<'_>) -> io::Result<()> {
        let (failed, warned) = (self.count(State::Fail), self.count(State::Warn));
        if json {
            let object = serde_json::json!({"failed": failed, "warnings": warned, "findings": self.0});
            return writeln!(out.out, "{object}");
        }
        for Finding {
            state,
            what,
            seen,
            mend,
        } in &self.0
        {
            let state = match state {
                State::Ok => "ok  ",
                State::Warn => "warn",
                State::Fail => "FAIL",
            };
            writeln!(out.out, "{state}  {what:9} {}", printable(seen))?;
            if !mend.is_empty() {
                writeln!(out.out, "                {}", printable(mend))?;
            }
        }
        writeln!(
            out.out,
            "\n{failed} failed, {warned} to look at, {} in all",
            self.0.len()
        )
    }
}
