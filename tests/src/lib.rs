//! End-to-end, attack, conformance and tidy tests, and what they share: a scene of the real gateway with a clock that the test
//! moves, a backend that shows everything it received, a wire that sends any bytes, and an attacker who holds every secret of a
//! genuine registration. Nothing here sleeps to synchronise.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a test's own failure is a panic, in its supporting functions too"
)]

pub mod attacker;
pub mod backend;
pub mod balancer;
pub mod binary;
pub mod collector;
pub mod crowd;
pub mod deployment;
pub mod frames;
pub mod instance;
pub mod keep_alive;
pub mod origin;
pub mod pem;
pub mod publisher;
pub mod raw_jws;
pub mod request;
pub mod scene;
pub mod shelf;
pub mod slow;
pub mod station;
pub mod tls;
pub mod wire;
