//! Two endpoints in memory and a clock that the test moves: what an honest phone does passes, and everything that is
//! spoiled in one place is refused with its stable code. No test here sleeps, opens a socket or reads a clock.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test's own failure is a panic, in its supporting functions too"
)]
#![expect(clippy::too_many_lines, reason = "a table is as long as it has rows")]

mod attestation;
mod binding;
mod differential;
mod enrolment;
mod jose;
mod jwk;
mod proof;
mod raw;
mod samples;
mod session;
mod tampering;
mod wire;
mod world;
