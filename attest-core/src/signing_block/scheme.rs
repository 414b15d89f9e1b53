//! The signers of one scheme. v3 and v3.1 are v2 with a range of Android versions and a lineage.

use super::lineage;
use super::reader::Reader;
use super::signature::{self, SignatureState};
use super::{Certificate, Limits, Scheme, SdkRange, Signer, SigningBlockError};

/// A signature scheme of the signing block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SchemeKind {
    /// APK Signature Scheme v2, Android 7.0.
    V2,
    /// APK Signature Scheme v3, Android 9: rotation of the key.
    V3,
    /// APK Signature Scheme v3.1, Android 13: rotation for newer versions only.
    V31,
}

impl SchemeKind {
    /// All of them, oldest first.
    pub const ALL: [Self; 3] = [Self::V2, Self::V3, Self::V31];

    /// The id of its entry.
    #[must_use]
    pub const fn id(self) -> u32 {
        match self {
            Self::V2 => 0x7109_871a,
            Self::V3 => 0xf053_68c0,
            Self::V31 => 0x1b93_ad61,
        }
    }

    /// `v2`, `v3` or `v3.1`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V2 => "v2",
            Self::V3 => "v3",
            Self::V31 => "v3.1",
        }
    }
}

/// Turns what is absent into where it is absent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts(pub(super) SchemeKind);

impl Parts {
    pub(super) fn some<T>(self, value: Option<T>, part: &'static str) -> Result<T, SigningBlockError> {
        value.ok_or(SigningBlockError::Truncated { scheme: self.0, part })
    }

    /// The elements of a sequence, each behind its length.
    pub(super) fn elements<'a>(
        self,
        sequence: &'a [u8],
        max: usize,
        part: &'static str,
    ) -> Result<Vec<&'a [u8]>, SigningBlockError> {
        let mut reader = Reader(sequence);
        let mut elements = Vec::new();
        while !reader.is_empty() {
            if elements.len() == max {
                return Err(SigningBlockError::TooMany { scheme: self.0, part });
            }
            elements.push(self.some(reader.prefixed(), part)?);
        }
        Ok(elements)
    }
}

pub(super) fn read(kind: SchemeKind, value: &[u8]) -> Result<Scheme, SigningBlockError> {
    let parts = Parts(kind);
    let sequence = parts.some(Reader(value).prefixed(), "signers")?;
    let signers = parts
        .elements(sequence, Limits::SIGNERS, "signers")?
        .into_iter()
        .map(|signer| read_signer(parts, signer))
        .collect::<Result<Vec<_>, _>>()?;
    if signers.is_empty() {
        return Err(SigningBlockError::Missing {
            scheme: kind,
            part: "signers",
        });
    }
    Ok(Scheme { kind, signers })
}

fn read_signer(parts: Parts, signer: &[u8]) -> Result<Signer, SigningBlockError> {
    let mut reader = Reader(signer);
    let signed = parts.some(reader.prefixed(), "signed part")?;
    let statement = read_signed(parts, signed)?;
    if sdk_range(parts, &mut reader)? != statement.sdk {
        return Err(SigningBlockError::SdkRange { scheme: parts.0 });
    }
    let signatures = parts.some(reader.prefixed(), "signatures")?;
    let public_key = parts.some(reader.prefixed(), "public key")?;
    let mut state = SignatureState::Unsupported;
    for entry in parts.elements(signatures, Limits::PER_SIGNER, "signatures")? {
        let mut entry = Reader(entry);
        let algorithm = parts.some(entry.u32(), "signatures")?;
        let signature = parts.some(entry.prefixed(), "signatures")?;
        state = state.and(signature::verify(algorithm, public_key, signed, signature));
    }
    if signature::public_key_of(&statement.certificate.der) != Some(public_key) {
        state = state.and(SignatureState::ForeignKey);
    }
    Ok(Signer {
        certificate: statement.certificate,
        chain: statement.chain,
        sdk: statement.sdk,
        lineage: statement.lineage,
        attributes: statement.attributes,
        signature: state,
    })
}

/// What a signer signed, as far as it is about the signer.
struct Statement {
    certificate: Certificate,
    chain: Vec<Certificate>,
    sdk: Option<SdkRange>,
    lineage: Vec<super::Ancestor>,
    attributes: Vec<u32>,
}

fn read_signed(parts: Parts, signed: &[u8]) -> Result<Statement, SigningBlockError> {
    let mut reader = Reader(signed);
    parts.some(reader.prefixed(), "digests")?;
    let certificates = parts.some(reader.prefixed(), "certificates")?;
    let mut certificates = parts
        .elements(certificates, Limits::PER_SIGNER, "certificates")?
        .into_iter()
        .map(Certificate::new);
    let certificate = certificates.next().ok_or(SigningBlockError::Missing {
        scheme: parts.0,
        part: "certificates",
    })?;
    let chain = certificates.collect();
    let sdk = sdk_range(parts, &mut reader)?;
    let sequence = parts.some(reader.prefixed(), "attributes")?;
    let mut attributes = Vec::new();
    let mut lineage = Vec::new();
    for attribute in parts.elements(sequence, Limits::PER_SIGNER, "attributes")? {
        let mut attribute = Reader(attribute);
        let id = parts.some(attribute.u32(), "attributes")?;
        if id == lineage::ATTRIBUTE && parts.0 != SchemeKind::V2 {
            if attributes.contains(&id) {
                return Err(SigningBlockError::Lineage { scheme: parts.0 });
            }
            lineage = lineage::read(parts, attribute.0)?;
            if lineage.last().map(|last| &last.certificate) != Some(&certificate) {
                return Err(SigningBlockError::Lineage { scheme: parts.0 });
            }
        }
        attributes.push(id);
    }
    Ok(Statement {
        certificate,
        chain,
        sdk,
        lineage,
        attributes,
    })
}

/// The two API levels, which v2 does not have.
fn sdk_range(parts: Parts, reader: &mut Reader<'_>) -> Result<Option<SdkRange>, SigningBlockError> {
    if parts.0 == SchemeKind::V2 {
        return Ok(None);
    }
    let min = parts.some(reader.u32(), "range of Android versions")?;
    let max = parts.some(reader.u32(), "range of Android versions")?;
    Ok(Some(SdkRange { min, max }))
}
