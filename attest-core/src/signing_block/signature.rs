//! Whether a key signed a statement, where the algorithm is one that ring verifies: RSA with PKCS #1 and PSS, ECDSA on P-256 and P-384.
//! DSA, P-521 and ECDSA with SHA-512 are not.

use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA256_ASN1, RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA512,
    UnparsedPublicKey, VerificationAlgorithm,
};

use super::der;

/// What is known about a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SignatureState {
    /// There is none of an algorithm that can be verified here.
    Unsupported,
    /// All that can be verified are good, and there is one at least.
    Verified,
    /// They are by a key that is not the certificate's.
    ForeignKey,
    /// One does not verify.
    Bad,
}

impl SignatureState {
    /// The stable word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unsupported => "unsupported",
            Self::Verified => "verified",
            Self::ForeignKey => "foreign-key",
            Self::Bad => "bad",
        }
    }

    /// What is known about two together: the worse, but one that can be verified is enough.
    pub(super) fn and(self, other: Self) -> Self {
        self.max(other)
    }
}

/// 1.2.840.113549.1.1.1
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// 1.2.840.10045.2.1
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// 1.2.840.10045.3.1.7
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// 1.3.132.0.34
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];

/// The SubjectPublicKeyInfo of a certificate, as a whole.
pub(super) fn public_key_of(mut certificate: &[u8]) -> Option<&[u8]> {
    let mut certificate = der::expect(&mut certificate, der::SEQUENCE)?;
    let mut fields = der::expect(&mut certificate, der::SEQUENCE)?;
    let first = der::next(&mut fields)?;
    // After the version come serial, algorithm, issuer, validity and subject.
    let before_key = if first.tag == der::VERSION { 5 } else { 4 };
    for _ in 0..before_key {
        der::next(&mut fields)?;
    }
    der::next(&mut fields)
        .filter(|element| element.tag == der::SEQUENCE)
        .map(|element| element.whole)
}

/// Whether the key in `public_key` (a SubjectPublicKeyInfo) made `signature` over `message`.
pub(super) fn verify(algorithm: u32, public_key: &[u8], message: &[u8], signature: &[u8]) -> SignatureState {
    let Some((verification, point)) = algorithm_for(algorithm, public_key) else {
        return SignatureState::Unsupported;
    };
    match UnparsedPublicKey::new(verification, point).verify(message, signature) {
        Ok(()) => SignatureState::Verified,
        Err(_) => SignatureState::Bad,
    }
}

fn algorithm_for(
    algorithm: u32,
    mut public_key: &[u8],
) -> Option<(&'static dyn VerificationAlgorithm, &[u8])> {
    let mut fields = der::expect(&mut public_key, der::SEQUENCE)?;
    let mut identifier = der::expect(&mut fields, der::SEQUENCE)?;
    // The first byte counts unused bits, of which keys have none.
    let (0, key) = der::expect(&mut fields, der::BIT_STRING)?.split_first()? else {
        return None;
    };
    let kind = der::expect(&mut identifier, der::OID)?;
    let curve = der::expect(&mut identifier, der::OID);
    let rsa = kind == RSA;
    let verification: &'static dyn VerificationAlgorithm = match algorithm {
        0x0101 if rsa => &RSA_PSS_2048_8192_SHA256,
        0x0102 if rsa => &RSA_PSS_2048_8192_SHA512,
        0x0103 | 0x0421 if rsa => &RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        0x0104 if rsa => &RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
        0x0201 | 0x0423 if kind == EC && curve == Some(P256) => &ECDSA_P256_SHA256_ASN1,
        0x0201 | 0x0423 if kind == EC && curve == Some(P384) => &ECDSA_P384_SHA256_ASN1,
        _ => return None,
    };
    Some((verification, key))
}
