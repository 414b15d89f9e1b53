//! Apple App Attest: attestation objects and assertions, valid as built, as iOS writes them from version 14 to 27.

mod assertion;
mod attestation;
mod authenticator;

pub use self::assertion::AssertionBuilder;
pub use self::attestation::{APP_ID_OID, AttestationBuilder, NONCE_OID, SYSTEM_OID};
pub use self::authenticator::{Authenticator, Credential, DEVELOPMENT, PRODUCTION};

#[cfg(test)]
mod tests;
