//! Real clients before a real gateway process, and real servers behind it: curl, h2load, gRPC and WebSocket in Python, sslyze.
//! And python-tuf, before and behind our own repositories.
//!
//! `cargo xtask test --only clients` sets the tools up and names them in `ATTEST_CLIENTS`; without it nothing here runs.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test's own failure is a panic, in its supporting functions too, and what cannot run is said"
)]

#[path = "clients/curl.rs"]
mod curl;
#[path = "clients/load.rs"]
mod load;
#[path = "clients/python.rs"]
mod python;
#[path = "clients/stage.rs"]
mod stage;
#[path = "clients/tls.rs"]
mod tls;
#[path = "clients/tuf.rs"]
mod tuf;
