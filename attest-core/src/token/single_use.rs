//! The key under which a token is remembered where a route accepts it once.

use super::binding::Bound;
use crate::encoding::sha256;

/// SHA-256 over app, device and `jti`: equal for equal tokens only, and telling nothing about them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SingleUseKey([u8; 32]);

impl SingleUseKey {
    /// The key of a token that was verified and bound.
    #[must_use]
    pub fn of(token: &Bound) -> Self {
        let (result, claims) = (token.token().result(), token.token().claims());
        Self(sha256(&[
            b"attest/v1/single-use\0",
            result.app.as_bytes(),
            &[0],
            result.device.as_bytes(),
            claims.jti.as_bytes(),
        ]))
    }

    /// The bytes, as a store keys them.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}
