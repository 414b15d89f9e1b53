//! Simulated phones, a sample bank and a gateway in front of it, for the demo and for tests. Never linked into a deployable.
//!
//! Nothing here is a mock: phones are the SDK's own Attestor over real HTTP, the bank is a real server that counts what reaches it,
//! and the gateway is the product. What is simulated is what a phone's sensors would say.

pub mod bank;
pub mod client;
pub mod evidence;
pub mod hardware_key;
pub mod meddler;
pub mod phone;
pub mod policy;
pub mod profile;
pub mod publisher;
pub mod surroundings;
pub mod world;

/// Text that stands in every build that has this crate in it: every simulated phone sends it as its `User-Agent`.
pub const MARKER: &str = "attest-testkit-simulated-phone";
