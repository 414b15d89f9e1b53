//! The proof of rotation: the certificates that an app was signed with over time, each vouched for by the one before it.

use super::reader::Reader;
use super::scheme::Parts;
use super::signature::{self, SignatureState};
use super::{Ancestor, Certificate, Limits, SigningBlockError};

/// The id of the signed attribute that holds it.
pub(super) const ATTRIBUTE: u32 = 0x3ba0_6f8c;
const PART: &str = "lineage";

/// Oldest first. Never the same certificate twice.
pub(super) fn read(parts: Parts, value: &[u8]) -> Result<Vec<Ancestor>, SigningBlockError> {
    let mut reader = Reader(value);
    // A version, which Android does not look at.
    parts.some(reader.u32(), PART)?;
    let mut lineage: Vec<Ancestor> = Vec::new();
    let mut vouching: Option<u32> = None;
    for node in parts.elements(reader.0, Limits::LINEAGE, PART)? {
        let mut node = Reader(node);
        let signed = parts.some(node.prefixed(), PART)?;
        let capabilities = parts.some(node.u32(), PART)?;
        let next_algorithm = parts.some(node.u32(), PART)?;
        let signature = parts.some(node.prefixed(), PART)?;
        let mut signed_reader = Reader(signed);
        let certificate = Certificate::new(parts.some(signed_reader.prefixed(), PART)?);
        let algorithm = parts.some(signed_reader.u32(), PART)?;
        if lineage.iter().any(|ancestor| ancestor.certificate == certificate) {
            return Err(SigningBlockError::Lineage { scheme: parts.0 });
        }
        let signature = match (lineage.last(), vouching) {
            (Some(parent), Some(agreed)) if agreed == algorithm => {
                signature::public_key_of(&parent.certificate.der).map_or(SignatureState::ForeignKey, |key| {
                    signature::verify(algorithm, key, signed, signature)
                })
            }
            (Some(_), _) => SignatureState::Bad,
            (None, _) => SignatureState::Verified,
        };
        vouching = Some(next_algorithm);
        lineage.push(Ancestor {
            certificate,
            capabilities,
            signature,
        });
    }
    Ok(lineage)
}
