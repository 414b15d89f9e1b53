//! Tickets: the verifier's conclusions and the session key, sealed so that any gateway of the fleet verifies a session token
//! with no look-up. Phones carry them and cannot read them.
//!
//! Layout: version ‖ key id (2) ‖ epoch (4) ‖ nonce (12) ‖ AES-256-GCM ciphertext and tag; the associated data is a label, the
//! clear prefix and the environment. One key per key id and hour, derived by HKDF.

mod bytes;
mod codec;
mod keys;
mod platform;

pub use keys::{EPOCH_S, TicketKeys, TicketSealer, epoch_of};

use crate::appraisal::AppraisalResult;
use crate::redacted::Redacted;

/// Hard bound of a sealed ticket.
pub const MAX_TICKET_BYTES: usize = 1024;

/// What a ticket holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketBody {
    /// The verifier's conclusions.
    pub result: AppraisalResult,
    /// The key that MACs the session's tokens.
    pub session_key: Redacted<[u8; 32]>,
}

/// Why a ticket could not be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TicketError {
    /// Not canonical base64url, too long or too short, or of no version that there was.
    #[error("not a ticket")]
    Malformed,
    /// Of an earlier version of this format: its phone renews.
    #[error("a ticket of an earlier version")]
    Version,
    /// Sealed under a key id that this fleet does not accept (any more).
    #[error("sealed under an unknown key id")]
    UnknownKey,
    /// Sealed in an hour that is too long ago or in the future.
    #[error("sealed in an epoch that is not accepted")]
    UnknownEpoch,
    /// Authentication failed: altered, another fleet's, or another environment's.
    #[error("does not open under this fleet's key and environment")]
    Sealed,
    /// The content exceeds [`MAX_TICKET_BYTES`].
    #[error("larger than {MAX_TICKET_BYTES} bytes")]
    TooLarge,
    /// This epoch's key has sealed as many tickets as it may.
    #[error("the epoch's key has sealed its limit of tickets")]
    EpochExhausted,
    /// The generator of nonces failed.
    #[error("the source of randomness failed")]
    Random,
}

impl TicketError {
    /// Stable kebab-case code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "ticket-malformed",
            Self::Version => "ticket-version",
            Self::UnknownKey => "ticket-key-unknown",
            Self::UnknownEpoch => "ticket-epoch",
            Self::Sealed => "ticket-sealed",
            Self::TooLarge => "ticket-too-large",
            Self::EpochExhausted => "ticket-epoch-exhausted",
            Self::Random => "random",
        }
    }
}

#[cfg(test)]
mod tests;
