//! The APK Signing Block: who signed an Android app, by scheme, with the history of the signing key.
//!
//! It is read as Android reads it (first match from the end, trailing bytes of a structure ignored), over [`ReadAt`], so that a phone
//! can read the file that it runs from and a desk can read any other. Never more than [`Limits`] says is held or worked on, whatever
//! the file claims.
//!
//! **What is guaranteed**: the certificates are those that the file lists as its signers, and [`Signer::signature`] tells whether
//! the listed key really signed the block's own statement. **What is not**: that the rest of the file is what was signed. The content
//! digests are not computed, certificates are not verified as certificates (Android does not either), and v1 signatures are elsewhere.

mod der;
mod error;
#[cfg(test)]
mod forge;
mod lineage;
mod locate;
mod pairs;
mod reader;
mod scheme;
mod signature;
#[cfg(test)]
mod tests;

use crate::encoding::sha256;

pub use self::error::SigningBlockError;
pub use self::pairs::{Entry, id_name};
pub use self::scheme::SchemeKind;
pub use self::signature::SignatureState;

/// What is read at most. Android stops at ten signers; the other bounds are far above every known app.
#[derive(Debug, Clone, Copy)]
pub struct Limits;

impl Limits {
    /// Entries of the block.
    pub const ENTRIES: usize = 128;
    /// Bytes of one scheme's entry. At most three of them are held, and once more as certificates.
    pub const SCHEME_BYTES: u64 = 1 << 20;
    /// Signers of one scheme.
    pub const SIGNERS: usize = 10;
    /// Certificates, signatures or attributes of one signer.
    pub const PER_SIGNER: usize = 16;
    /// Certificates of a lineage.
    pub const LINEAGE: usize = 64;
}

/// A file that is read at places, so that an app of gigabytes costs kilobytes.
pub trait ReadAt {
    /// The length in bytes; it does not change while the file is read.
    fn len(&self) -> u64;

    /// True if there is no byte.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `buf` from `offset` on.
    ///
    /// # Errors
    /// [`ReadError`] if not all of it could be filled.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError>;
}

/// The file could not be read at a place within its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the file could not be read")]
pub struct ReadError;

impl ReadAt for &[u8] {
    fn len(&self) -> u64 {
        u64::try_from(<[u8]>::len(self)).unwrap_or(u64::MAX)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        let start = usize::try_from(offset).map_err(|_| ReadError)?;
        let end = start.checked_add(buf.len()).ok_or(ReadError)?;
        buf.copy_from_slice(self.get(start..end).ok_or(ReadError)?);
        Ok(())
    }
}

/// What the block says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningBlock {
    /// Every entry in the file's order, known or not.
    pub entries: Vec<Entry>,
    /// The schemes that are there: v2, v3, v3.1, in this order.
    pub schemes: Vec<Scheme>,
}

/// One signature scheme and its signers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scheme {
    /// Which scheme.
    pub kind: SchemeKind,
    /// At least one. v2: all signed together. v3 and v3.1: one for each range of Android versions.
    pub signers: Vec<Signer>,
}

/// One signer of one scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// The signing certificate: the first that is listed, whose digest policies name.
    pub certificate: Certificate,
    /// Further certificates, which Android does not look at.
    pub chain: Vec<Certificate>,
    /// v3 and v3.1: the Android API levels that this signer is for.
    pub sdk: Option<SdkRange>,
    /// v3 and v3.1: the certificates of a rotated key, oldest first, this signer's own last; empty if the key was never rotated.
    pub lineage: Vec<Ancestor>,
    /// Ids of the signed attributes.
    pub attributes: Vec<u32>,
    /// Whether the listed key signed the certificates, digests and attributes above.
    pub signature: SignatureState,
}

/// A certificate as it lies in the file. It need not even be a certificate: only its digest means something to Android.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The bytes, X.509 in DER.
    pub der: Vec<u8>,
    /// Their SHA-256.
    pub sha256: [u8; 32],
}

impl Certificate {
    fn new(der: &[u8]) -> Self {
        Self {
            der: der.to_vec(),
            sha256: sha256(&[der]),
        }
    }
}

/// Android API levels, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SdkRange {
    /// The first.
    pub min: u32,
    /// The last; `i32::MAX` for all that come.
    pub max: u32,
}

/// One certificate of a lineage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ancestor {
    /// The certificate.
    pub certificate: Certificate,
    /// What Android still lets it do, as in the file: 1 installed data, 2 shared user id, 4 permissions, 8 roll-back, 16 authenticators.
    pub capabilities: u32,
    /// Whether the certificate before it vouched for this one; the oldest has none before it.
    pub signature: SignatureState,
}

impl SigningBlock {
    /// The scheme of this kind.
    #[must_use]
    pub fn scheme(&self, kind: SchemeKind) -> Option<&Scheme> {
        self.schemes.iter().find(|scheme| scheme.kind == kind)
    }

    /// The newest scheme there: what current Android versions go by.
    #[must_use]
    pub fn newest(&self) -> Option<&Scheme> {
        self.schemes.last()
    }
}

/// Reads the APK Signing Block of an APK.
///
/// # Errors
/// [`SigningBlockError::Absent`] if there is none, which is how an app looks that is signed by v1 only or not at all; else why it
/// cannot be read.
///
/// # Security
/// Whoever writes the file writes the block. A signer says that the file claims to be signed by it; that the claim holds for the
/// whole file was Android's to verify when it installed the app.
pub fn parse(apk: &dyn ReadAt) -> Result<SigningBlock, SigningBlockError> {
    let block = locate::block(apk)?;
    let entries = pairs::read(apk, &block)?;
    let mut schemes = Vec::new();
    for kind in SchemeKind::ALL {
        if let Some(entry) = entries.iter().find(|entry| entry.id == kind.id()) {
            let value = pairs::value(apk, entry, kind)?;
            schemes.push(scheme::read(kind, &value)?);
        }
    }
    Ok(SigningBlock { entries, schemes })
}
