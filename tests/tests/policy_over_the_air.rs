//! Policy from a signed repository, at a running gateway: the good one acts at once, whichever way it comes; whatever an attacker
//! can do to a repository, its transport, its keys or the clock leaves the last good one deciding, and is told by its own code.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test's own failure is a panic, in its supporting functions too"
)]

#[path = "policy_over_the_air/attacks.rs"]
mod attacks;
#[path = "policy_over_the_air/brakes.rs"]
mod brakes;
#[path = "policy_over_the_air/journeys.rs"]
mod journeys;
#[path = "policy_over_the_air/transports.rs"]
mod transports;
