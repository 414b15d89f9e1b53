//! What attackers send, through the real gateway over real sockets: each attack is refused by its own code and reason, and
//! nothing of it reaches the backend, which keeps everything that it saw.

#![expect(
    clippy::unwrap_used,
    reason = "a test's own failure is a panic, in its supporting functions too"
)]

#[path = "attacks/bodies.rs"]
mod bodies;
#[path = "attacks/cast.rs"]
mod cast;
#[path = "attacks/fields.rs"]
mod fields;
#[path = "attacks/forwarding.rs"]
mod forwarding;
#[path = "attacks/moved.rs"]
mod moved;
#[path = "attacks/proofs.rs"]
mod proofs;
#[path = "attacks/replayed.rs"]
mod replayed;
#[path = "attacks/targets.rs"]
mod targets;
#[path = "attacks/tokens.rs"]
mod tokens;
