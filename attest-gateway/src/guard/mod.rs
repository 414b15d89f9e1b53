//! Reads HTTP/1 requests as bytes, before the HTTP library does, and refuses what two readers could read in two ways: the
//! library forgives and hides what a smuggler sends. What passes has one framing, one host and one target.
//!
//! Sans-IO: it is fed what was read and says how much of it may be handed on. It never changes a byte, keeps no copy of a
//! head or body, and never forgives: after a refusal nothing passes any more.

mod body;
mod field;
mod head;
pub(crate) mod host;
mod preface;
mod reason;

#[cfg(test)]
mod tests;

pub use self::body::Framing;
pub use self::preface::{PREFACE, Preface, preface};
pub use self::reason::Reason;

use self::body::Body;
use self::head::HeadLines;

/// Bounds of a head, and of trailers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes, the empty line at the end included.
    pub head_bytes: usize,
    /// Fields.
    pub head_fields: usize,
}

/// The requests of one connection, one after the other.
#[derive(Debug)]
pub struct Guard {
    limits: Limits,
    state: State,
}

#[derive(Debug)]
enum State {
    Head(HeadLines),
    Body {
        body: Body,
        upgrade: bool,
    },
    /// After a request that asks to leave HTTP/1.1: what follows is HTTP or not, as its answer says.
    Answer,
    Refused(Reason),
}

/// What may become of bytes that were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Verdict {
    /// So many of them may be handed on. The others are to be fed again, with more behind them.
    pub safe: usize,
    /// So many requests begin among the safe bytes.
    pub heads: usize,
    /// How it goes on.
    pub next: Next,
}

/// How a connection goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// With more bytes.
    More,
    /// With the answer to the last request: until then, what follows cannot be read.
    Answer,
    /// Not at all: the request that begins behind the safe bytes is refused. None of it was handed on.
    Refused(Reason),
    /// Not at all: a request is refused in its body, whose beginning was handed on.
    Broken(Reason),
}

impl Guard {
    /// Reads a new connection.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            state: State::Head(HeadLines::default()),
        }
    }

    /// Whether a head comes next, or is on its way in.
    #[must_use]
    pub const fn awaits_head(&self) -> bool {
        matches!(self.state, State::Head(_))
    }

    /// Whether a request asked to leave HTTP/1.1 and its answer decides what follows.
    #[must_use]
    pub const fn awaits_answer(&self) -> bool {
        matches!(self.state, State::Answer)
    }

    /// Goes on with HTTP/1.1, because the request that asked to leave it was answered otherwise.
    pub fn stays(&mut self) {
        if self.awaits_answer() {
            self.state = State::Head(HeadLines::default());
        }
    }

    /// Judges all that was read and not handed on yet. Of a request, no byte is safe before its head is whole and everything
    /// behind it in `bytes` was looked at.
    pub fn judge(&mut self, bytes: &[u8]) -> Verdict {
        let mut verdict = Verdict {
            safe: 0,
            heads: 0,
            next: Next::More,
        };
        // Where the last request begins, if it does so here.
        let mut begun = None;
        loop {
            let rest = bytes.get(verdict.safe..).unwrap_or_default();
            match &mut self.state {
                State::Head(lines) => match lines.read(rest, self.limits) {
                    Ok(Some(head)) => {
                        begun = Some(verdict.safe);
                        verdict.safe = verdict.safe.saturating_add(head.len);
                        verdict.heads = verdict.heads.saturating_add(1);
                        self.state = State::Body {
                            body: Body::new(head.framing),
                            upgrade: head.upgrade,
                        };
                    }
                    Ok(None) => return verdict,
                    Err(reason) => {
                        verdict.next = Next::Refused(reason);
                        self.state = State::Refused(reason);
                        return verdict;
                    }
                },
                State::Body { body, upgrade } => match body.pass(rest, self.limits) {
                    Ok(passed) => {
                        verdict.safe = verdict.safe.saturating_add(passed);
                        if !body.is_done() {
                            return verdict;
                        }
                        self.state = if *upgrade {
                            State::Answer
                        } else {
                            State::Head(HeadLines::default())
                        };
                    }
                    Err(reason) => {
                        self.state = State::Refused(reason);
                        return match begun {
                            Some(start) => Verdict {
                                safe: start,
                                heads: verdict.heads.saturating_sub(1),
                                next: Next::Refused(reason),
                            },
                            None => Verdict {
                                next: Next::Broken(reason),
                                ..verdict
                            },
                        };
                    }
                },
                State::Answer => {
                    verdict.next = Next::Answer;
                    return verdict;
                }
                State::Refused(reason) => {
                    verdict.next = Next::Refused(*reason);
                    return verdict;
                }
            }
        }
    }
}
