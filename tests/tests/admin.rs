//! The admin listener of a real gateway: documented, authenticated, bounded, at once.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test's own failure is a panic, in its supporting functions too"
)]

#[path = "admin/bans.rs"]
mod bans;
#[path = "admin/documented.rs"]
mod documented;
#[path = "admin/floods.rs"]
mod floods;
#[path = "admin/insight.rs"]
mod insight;
#[path = "admin/operator.rs"]
mod operator;
#[path = "admin/schema.rs"]
mod schema;
#[path = "admin/tls.rs"]
mod tls;
