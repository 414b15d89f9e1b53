//! The attestation service over real sockets: what it refuses, in which order, and what an honest phone does about it by itself.

#![expect(
    clippy::unwrap_used,
    reason = "a test's own failure is a panic, in its supporting functions too"
)]

#[path = "service/evidence.rs"]
mod evidence;
#[path = "service/limits.rs"]
mod limits;
#[path = "service/sessions.rs"]
mod sessions;
