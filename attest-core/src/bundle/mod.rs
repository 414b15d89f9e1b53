//! The policy bundle as a phone reads it: metadata and the device policy go through the TUF client, whoever carried them.
//!
//! A bundle is only a transport. Nothing in it counts before the chain of roots that begins with the configured one vouches for it;
//! each role that was verified is kept even if a later one fails; the policy in force stays until a whole one takes its place. No clock
//! is read: what has expired is judged by the caller's time, and at zero nothing has.

mod kept;
mod walk;

pub use self::kept::{Kept, Newest, Vouched};
pub use self::walk::{Offered, Resumed, Taken, resume, take};

use crate::policy::MAX_POLICY_BYTES;
use crate::tuf::{Bounds, TufError};

/// The target that phones take their policy from.
pub const DEVICE_TARGET: &str = "device.json";
/// A bundle beyond this is refused unread: the largest policy as a JSON string, and as much metadata as any repository needs.
pub const MAX_BUNDLE_BYTES: usize = 2 * MAX_POLICY_BYTES + 1024 * 1024;
/// Roots in one bundle; whoever lacks more asks again.
pub const MAX_BUNDLE_ROOTS: usize = 32;
/// Roots that follow on the configured one: five years of weekly rotations without a new version of the app.
pub const MAX_KEPT_ROOTS: usize = 256;
/// All kept roots together, in bytes.
pub const MAX_KEPT_ROOT_BYTES: usize = 1024 * 1024;

const BOUNDS: Bounds = Bounds::PHONE;

/// Why a bundle, or what was kept of one, is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The metadata or the policy is not what the roles vouch for.
    #[error(transparent)]
    Tuf(#[from] TufError),
    /// The bundle lacks the device policy itself.
    #[error("the bundle has no `{DEVICE_TARGET}`")]
    NoPolicy,
    /// It says that there are more roots and brings none.
    #[error("the bundle promises more roots and brings none")]
    NoRoots,
    /// More roots than are followed from one configured root.
    #[error(
        "more than {MAX_KEPT_ROOTS} roots, or {MAX_KEPT_ROOT_BYTES} bytes of them, since the configured one"
    )]
    ChainTooLong,
    /// What was kept follows on another root than the configured one.
    #[error("what was kept follows on root {since}, the configured one is {configured}")]
    OtherRoot {
        /// The root that it follows on.
        since: u64,
        /// The configured one.
        configured: u64,
    },
}

impl BundleError {
    /// Stable kebab-case code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Tuf(error) => error.code(),
            Self::NoPolicy => "bundle-policy-missing",
            Self::NoRoots => "bundle-roots-missing",
            Self::ChainTooLong => "bundle-chain-too-long",
            Self::OtherRoot { .. } => "bundle-other-root",
        }
    }

    /// Whether it is only older than what is held, as from a gateway that lags behind.
    #[must_use]
    pub const fn is_older(&self) -> bool {
        matches!(self, Self::Tuf(TufError::Rollback { .. }))
    }
}

/// The version of a root, if these bytes are a root that its own keys signed.
///
/// # Errors
/// [`TufError`] of any kind.
pub fn root_version(root: &[u8]) -> Result<u64, TufError> {
    crate::tuf::TrustedSet::new(root, 0).map(|trusted| trusted.root_version())
}
