//! Verifies Apple App Attest: an attestation once for each key, and the assertions that the key signs afterwards.
//!
//! What verifies proves that Apple vouches for a key held by the named app on an Apple device. It never proves that any other
//! key is in the Secure Enclave, that the app is unmodified in memory, or that the counter was not used elsewhere: storing the
//! counter, by one atomic compare-and-set, is the caller's. Receipts are carried and never read.
//!
//! Sources: Apple, "Validating apps that connect to your server" and "Attestation object validation guide"; Web Authentication
//! section 6.1 for the authenticator data. Its flags are not relied upon: Apple sets `AT` where no credential follows and does
//! not set `ED` where extensions do.

mod anchors;
mod assertion;
mod attestation;
mod authenticator;
mod cbor;
mod error;
mod leaf;
mod path;

#[cfg(test)]
mod tests;

pub use self::anchors::{AnchorError, AppleAnchors};
pub use self::assertion::{AssertionFacts, AssertionParameters, verify_assertion, verify_assertion_counted};
pub use self::attestation::{
    AttestationFacts, AttestationParameters, LeafFacts, verify_attestation, verify_attestation_counted,
};
pub use self::authenticator::{AppleEnvironment, ExtensionFacts};
pub use self::error::Error;

/// Attestation objects longer than this are refused unread. Real ones, of iOS 14 to 27, have 5.2 to 5.8 KB.
pub const MAX_ATTESTATION_BYTES: usize = 16 << 10;
/// Assertions longer than this are refused unread. Real ones have 140 bytes, and 220 with the extensions of iOS 27.
pub const MAX_ASSERTION_BYTES: usize = 4 << 10;
