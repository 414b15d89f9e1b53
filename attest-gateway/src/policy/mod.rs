//! The policy in force: compiled off the request cores, swapped as a whole, never replaced by an older or broken one.

mod active;
mod anchors;
mod file;

pub use active::{ActivationError, ActivePolicy, StepUpKeys};
pub use anchors::TrustAnchors;
pub use file::{LAST_GOOD_FILE, Policies, PolicyStatus, Polled};

#[cfg(test)]
mod tests;
