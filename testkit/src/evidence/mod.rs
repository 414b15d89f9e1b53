//! Builders of valid platform evidence, every part of which a test can spoil.
//!
//! Evidence is valid as built, under roots that are generated for one run ([`TestRoots`]). What a builder holds is public and
//! changed in place, in one call: `ChainBuilder::new(…)?.with(|chain| chain.description.challenge.clear())`. Builders write
//! what they are told: they never correct and never refuse what a real phone would not say.

pub mod android;
pub mod apple;
pub mod certificate;
pub mod der;
pub mod play;
mod roots;
pub mod simulated;

pub use self::roots::{RSA_ROOT_SPKI_SHA256, Root, TestRoots};

/// Why evidence could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The certificate library refuses.
    #[error("certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A key could not be generated or used.
    #[error("cryptography failed")]
    Cryptography,
    /// A certificate is to be signed by a key of which only the public half is known.
    #[error("the issuer's private key is not here")]
    PublicKeyOnly,
    /// Bytes that an edit replaces are not in the certificate.
    #[error("what is to be replaced is not in the certificate")]
    EditMissed,
    /// CBOR or JSON could not be written.
    #[error("the encoding failed")]
    Encoding,
    /// The platform makes no such evidence in these surroundings.
    #[error("there is no such evidence in these surroundings")]
    Unavailable,
    /// A file of roots is none that [`TestRoots::to_pem`] wrote.
    #[error("the file does not hold the four test roots and their keys")]
    Roots,
}

impl From<ring::error::Unspecified> for BuildError {
    fn from(_: ring::error::Unspecified) -> Self {
        Self::Cryptography
    }
}

impl From<attest_core::fleet::RandomError> for BuildError {
    fn from(_: attest_core::fleet::RandomError) -> Self {
        Self::Cryptography
    }
}

/// CBOR of a value.
fn cbor(value: &ciborium::Value) -> Result<Vec<u8>, BuildError> {
    let mut out = Vec::new();
    ciborium::into_writer(value, &mut out).map_err(|_| BuildError::Encoding)?;
    Ok(out)
}
