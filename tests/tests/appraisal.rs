//! Enrolment and renewal on hardware-shaped evidence, over real sockets: what a platform vouches for is believed, what it does not
//! is refused, and what becomes untrue later ends sessions.

#![expect(
    clippy::unwrap_used,
    reason = "a test's own failure is a panic, in its supporting functions too"
)]

#[path = "appraisal/android.rs"]
mod android;
#[path = "appraisal/field.rs"]
mod field;
#[path = "appraisal/ios.rs"]
mod ios;
#[path = "appraisal/play.rs"]
mod play;
#[path = "appraisal/revocation.rs"]
mod revocation;
