//! Pure parsers under the native probes: bytes in, typed rows out.
//!
//! Each is total on any bytes: it returns, within bounds that its file states, and neither reads, waits nor looks at a clock.
//! Rows borrow from the input as far as they can; what is allocated beyond that is at most the number of rows or bytes that the
//! file's `MAX_` constants state, never what the input claims.
//!
//! **Invariant:** nothing is dropped in silence. A parser of text says by [`Parsed::truncated`] that some of the input is not in
//! the result; a parser of a binary format refuses with [`ParseError`]. A probe makes either into an inconclusive answer as far as
//! absence is concerned: what is not among the rows of a truncated result may still be on the phone. **What is not seen here:** a
//! text that was cut right behind a line looks whole; whoever read it knows whether it stopped early, and has to say so.

mod bytes;
pub mod cmdline;
pub mod comm;
pub mod cpuinfo;
pub mod elf;
pub mod entitlements;
pub mod environ;
mod error;
mod escape;
pub mod kinfo;
mod lines;
pub mod macho;
pub mod maps;
pub mod mountinfo;
pub mod mounts;
pub mod net;
pub mod plist;
pub mod properties;
pub mod provision;
pub mod selinux;
pub mod status;
#[cfg(test)]
pub(crate) mod tests;
pub mod zip;

pub use self::error::ParseError;

/// What was read of a text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parsed<T> {
    /// What was read.
    pub value: T,
    /// True if some of the input is not in `value`: a bound was reached, the text ends within a line or is empty although the kernel
    /// always writes something, or a line has not the form that the kernel gives it.
    pub truncated: bool,
}

impl<T> Parsed<T> {
    /// What was read if it is all there was, `None` otherwise.
    pub fn whole(self) -> Option<T> {
        (!self.truncated).then_some(self.value)
    }
}
