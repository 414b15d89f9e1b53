//! What happens to a running gateway when the world around it breaks: it is killed, its disk is full, its upstream misbehaves, it
//! has no descriptors left. It fails closed, says why, loses nothing that it acknowledged, and recovers without a human.

#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test's own failure is a panic, in its supporting functions too"
)]

#[path = "faults/crash.rs"]
mod crash;
#[path = "faults/descriptors.rs"]
mod descriptors;
#[path = "faults/disk.rs"]
mod disk;
#[path = "faults/upstream.rs"]
mod upstream;

use attest_mobile::Headers;
use attest_tests::keep_alive::KeepAlive;

/// Asserts that who carries no token is refused as ever, so that nothing fails open.
async fn assert_closed(authority: impl std::fmt::Display) {
    let script = KeepAlive::new(authority)
        .send("GET", "/v1/balance", &Headers::new(), "")
        .await;
    let reply = script.unwrap_or_else(|error| panic!("a script is not even refused: {error}"));
    assert_eq!(reply.status, 401, "{}", String::from_utf8_lossy(&reply.body));
}
