//! Asking a process of our own in which nobody else's code was loaded: Android's isolated process, which has an own uid, no
//! permissions, and none of what a hook did to the app.
//!
//! Both ends hold a connected socket, which the service hands over when it is bound; no Binder call is made to ask. A message is its length
//! in four bytes, the highest first, and JSON: the version, a nonce of this one exchange, then questions as policies write them
//! (`path.exists(/system/xbin/su)@syscall`), or answers as a policy's tests write them.
//!
//! - [`ask`] believes an answer only if it carries the nonce of the question, and answers nothing else than what was asked.
//! - Neither end waits beyond its [`Deadline`], and no length makes it reserve memory above its cap.
//! - Version 1 knows nothing optional: what it does not expect is refused. A later version is another number.
//!
//! It proves nothing against whoever controls the service's process, or the app's: this is one more view, not a trusted one.
//!
//! [`Deadline`]: super::sys::Deadline

mod channel;
mod message;
mod probe;

use std::os::unix::net::UnixStream;

use attest_core::facts::{FactMap, FactRef};

use self::message::{Answers, Questions};
pub use self::message::{Nonce, QUESTIONS_MAX};
pub use self::probe::Isolated;
use super::sys::{Deadline, Errno};

/// The longest list of questions, in bytes.
pub const ASKED_MAX: usize = 128 * 1024;
/// The longest answer, in bytes.
pub const ANSWERED_MAX: usize = 1024 * 1024;

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IsolatedError {
    /// The other end is gone.
    #[error("the other end is gone")]
    Closed,
    /// The deadline passed first.
    #[error("the deadline passed")]
    Stopped,
    /// The message is longer than its cap.
    #[error("the message is longer than its cap")]
    Oversized,
    /// The message is not one of this version.
    #[error("the message is not one of this version")]
    Malformed,
    /// The other end speaks another version.
    #[error("the other end speaks version {0}")]
    Version(u32),
    /// The answer is to another question.
    #[error("the answer is to another question")]
    Foreign,
    /// Something is answered that was not asked, or twice.
    #[error("something is answered that was not asked")]
    Unasked,
    /// The system refused to read or write.
    #[error("the system says {0}")]
    System(i32),
}

impl IsolatedError {
    /// Stable kebab-case code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Closed => "isolated-closed",
            Self::Stopped => "isolated-stopped",
            Self::Oversized => "isolated-oversized",
            Self::Malformed => "isolated-malformed",
            Self::Version(_) => "isolated-version",
            Self::Foreign => "isolated-foreign",
            Self::Unasked => "isolated-unasked",
            Self::System(_) => "isolated-system",
        }
    }
}

impl From<IsolatedError> for Errno {
    fn from(error: IsolatedError) -> Self {
        match error {
            IsolatedError::Stopped => Self::STOPPED,
            IsolatedError::Oversized => Self::CUT,
            IsolatedError::Closed => Self::new(libc::EPIPE),
            IsolatedError::System(number) => Self::new(number),
            IsolatedError::Malformed
            | IsolatedError::Version(_)
            | IsolatedError::Foreign
            | IsolatedError::Unasked => Self::SENSELESS,
        }
    }
}

/// The app's side: what the isolated process says to these questions. What it leaves out is unanswered.
///
/// After an error the channel is of no use: a late answer may still come through it.
///
/// # Errors
/// [`IsolatedError`]; [`IsolatedError::Oversized`] also for more than [`QUESTIONS_MAX`] questions.
pub fn ask(
    channel: &UnixStream,
    nonce: &Nonce,
    questions: &[FactRef],
    deadline: &dyn Deadline,
) -> Result<FactMap, IsolatedError> {
    let asked = Questions::new(nonce, questions)?;
    channel::send(channel, &asked.print()?, ASKED_MAX, deadline)?;
    let answered = channel::receive(channel, ANSWERED_MAX, deadline)?;
    Answers::parse(&answered)?.to(nonce, questions)
}

/// The isolated process's side: reads one list of questions, and sends what `scan` answers.
///
/// # Errors
/// [`IsolatedError`]; [`IsolatedError::Closed`] when the app is gone, which is how a service ends.
pub fn serve(
    channel: &UnixStream,
    scan: &dyn Fn(&[FactRef]) -> FactMap,
    deadline: &dyn Deadline,
) -> Result<(), IsolatedError> {
    let asked = channel::receive(channel, ASKED_MAX, deadline)?;
    let (nonce, questions) = Questions::parse(&asked)?.read()?;
    let answers = Answers::new(&nonce, &questions, &scan(&questions));
    channel::send(channel, &answers.print()?, ANSWERED_MAX, deadline)
}

/// What both ends make of any bytes, for whoever tries them all: `None` if they refuse them, otherwise whether questions are printed
/// and read as the same ones.
#[doc(hidden)]
#[must_use]
pub fn read_back(bytes: &[u8]) -> Option<bool> {
    let again = |(nonce, questions): (Nonce, Vec<FactRef>)| {
        let printed = Questions::new(&nonce, &questions).and_then(|asked| asked.print());
        let read = printed.and_then(|printed| Questions::parse(&printed)?.read());
        read == Ok((nonce, questions))
    };
    let questions = Questions::parse(bytes).and_then(|asked| asked.read());
    let answers = || Answers::parse(bytes).is_ok().then_some(true);
    questions.ok().map(again).or_else(answers)
}

#[cfg(test)]
mod tests;
