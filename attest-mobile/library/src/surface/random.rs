//! Where randomness comes from.

use std::sync::Arc;

use ring::rand::{SecureRandom, SystemRandom};

/// The system's.
pub(super) fn source() -> Arc<dyn SecureRandom + Send + Sync> {
    Arc::new(SystemRandom::new())
}
