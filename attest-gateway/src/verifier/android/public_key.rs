//! Which kind of key a certificate holds, and whether it made a signature.
//!
//! RSA from 2048 bits with PKCS#1 v1.5, and ECDSA over P-256 and P-384: what Google's roots and all issuers under them use.
//! Parameters of an algorithm are absent or NULL; some secure elements write NULL where the standard has nothing.

use std::fmt;

use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use serde::{Serialize, Serializer};
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo};

use super::der::{Reader, Tag};

/// The kind of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyAlgorithm {
    /// NIST P-224.
    EcP224,
    /// NIST P-256.
    EcP256,
    /// NIST P-384.
    EcP384,
    /// NIST P-521.
    EcP521,
    /// RSA.
    Rsa {
        /// The length of the modulus.
        bits: usize,
    },
    /// ML-DSA-44.
    MlDsa44,
    /// ML-DSA-65.
    MlDsa65,
    /// ML-DSA-87.
    MlDsa87,
    /// Ed25519.
    Ed25519,
    /// X25519.
    X25519,
    /// Something that this release has no name for.
    Unknown,
}

impl KeyAlgorithm {
    /// Reads the kind off a certificate's key.
    pub(super) fn of(key: &SubjectPublicKeyInfo<'_>) -> Self {
        match key.algorithm.algorithm.as_bytes() {
            OID_EC => key
                .algorithm
                .parameters
                .as_ref()
                .map_or(Self::Unknown, |curve| match curve.data {
                    OID_P224 => Self::EcP224,
                    OID_P256 => Self::EcP256,
                    OID_P384 => Self::EcP384,
                    OID_P521 => Self::EcP521,
                    _ => Self::Unknown,
                }),
            OID_RSA => {
                rsa_bits(&key.subject_public_key.data).map_or(Self::Unknown, |bits| Self::Rsa { bits })
            }
            OID_ML_DSA_44 => Self::MlDsa44,
            OID_ML_DSA_65 => Self::MlDsa65,
            OID_ML_DSA_87 => Self::MlDsa87,
            OID_ED25519 => Self::Ed25519,
            OID_X25519 => Self::X25519,
            _ => Self::Unknown,
        }
    }

    /// How a key of this kind is asked about a signature; `None` if it cannot be.
    fn verification(self, signature: &AlgorithmIdentifier<'_>) -> Option<&'static dyn VerificationAlgorithm> {
        if signature
            .parameters
            .as_ref()
            .is_some_and(|parameters| !is_null(parameters))
        {
            return None;
        }
        match (self, signature.algorithm.as_bytes()) {
            (Self::EcP256, OID_ECDSA_SHA256) => Some(&signature::ECDSA_P256_SHA256_ASN1),
            (Self::EcP256, OID_ECDSA_SHA384) => Some(&signature::ECDSA_P256_SHA384_ASN1),
            (Self::EcP384, OID_ECDSA_SHA256) => Some(&signature::ECDSA_P384_SHA256_ASN1),
            (Self::EcP384, OID_ECDSA_SHA384) => Some(&signature::ECDSA_P384_SHA384_ASN1),
            (
                Self::Rsa {
                    bits: RSA_BITS_MIN..=RSA_BITS_MAX,
                },
                OID_RSA_SHA256,
            ) => Some(&signature::RSA_PKCS1_2048_8192_SHA256),
            (
                Self::Rsa {
                    bits: RSA_BITS_MIN..=RSA_BITS_MAX,
                },
                OID_RSA_SHA384,
            ) => Some(&signature::RSA_PKCS1_2048_8192_SHA384),
            (
                Self::Rsa {
                    bits: RSA_BITS_MIN..=RSA_BITS_MAX,
                },
                OID_RSA_SHA512,
            ) => Some(&signature::RSA_PKCS1_2048_8192_SHA512),
            _ => None,
        }
    }
}

/// The verification that a key and a signature algorithm call for; `None` if there is none.
pub(super) fn verification<'k>(
    key: &'k SubjectPublicKeyInfo<'_>,
    signature: &AlgorithmIdentifier<'_>,
) -> Option<UnparsedPublicKey<&'k [u8]>> {
    let verification = KeyAlgorithm::of(key).verification(signature)?;
    Some(UnparsedPublicKey::new(
        verification,
        key.subject_public_key.data.as_ref(),
    ))
}

fn is_null(parameters: &x509_parser::asn1_rs::Any<'_>) -> bool {
    parameters.header.tag() == x509_parser::asn1_rs::Tag::Null && parameters.data.is_empty()
}

fn rsa_bits(key: &[u8]) -> Option<usize> {
    let modulus = Reader::new(key)
        .nested(Tag::SEQUENCE)
        .and_then(|mut key| key.expect(Tag::INTEGER))
        .ok()?;
    let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    let leading = modulus.get(zeros)?.leading_zeros();
    modulus
        .len()
        .checked_sub(zeros)?
        .checked_mul(8)?
        .checked_sub(usize::try_from(leading).ok()?)
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EcP224 => "ec-p224",
            Self::EcP256 => "ec-p256",
            Self::EcP384 => "ec-p384",
            Self::EcP521 => "ec-p521",
            Self::Rsa { bits } => return write!(f, "rsa-{bits}"),
            Self::MlDsa44 => "ml-dsa-44",
            Self::MlDsa65 => "ml-dsa-65",
            Self::MlDsa87 => "ml-dsa-87",
            Self::Ed25519 => "ed25519",
            Self::X25519 => "x25519",
            Self::Unknown => "unknown",
        })
    }
}

impl Serialize for KeyAlgorithm {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Shorter moduli are in reach of an attacker; Google issues from none.
const RSA_BITS_MIN: usize = 2048;
/// The longest that costs little: twice Google's root.
const RSA_BITS_MAX: usize = 8192;

/// 1.2.840.10045.2.1
const OID_EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
/// 1.3.132.0.33
const OID_P224: &[u8] = &[0x2b, 0x81, 4, 0, 33];
/// 1.2.840.10045.3.1.7
const OID_P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
/// 1.3.132.0.34
const OID_P384: &[u8] = &[0x2b, 0x81, 4, 0, 34];
/// 1.3.132.0.35
const OID_P521: &[u8] = &[0x2b, 0x81, 4, 0, 35];
/// 1.2.840.113549.1.1.1
const OID_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
/// 2.16.840.1.101.3.4.3.17
const OID_ML_DSA_44: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 17];
/// 2.16.840.1.101.3.4.3.18
const OID_ML_DSA_65: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 18];
/// 2.16.840.1.101.3.4.3.19
const OID_ML_DSA_87: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 19];
/// 1.3.101.112
const OID_ED25519: &[u8] = &[0x2b, 0x65, 112];
/// 1.3.101.110
const OID_X25519: &[u8] = &[0x2b, 0x65, 110];
/// 1.2.840.10045.4.3.2
const OID_ECDSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
/// 1.2.840.10045.4.3.3
const OID_ECDSA_SHA384: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3];
/// 1.2.840.113549.1.1.11
const OID_RSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11];
/// 1.2.840.113549.1.1.12
const OID_RSA_SHA384: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 12];
/// 1.2.840.113549.1.1.13
const OID_RSA_SHA512: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 13];
