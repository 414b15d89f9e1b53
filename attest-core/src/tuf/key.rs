//! Public keys of TUF roles. A key of a kind that this build does not know verifies nothing, which is never an error by itself: a
//! threshold may be met without it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{self, UnparsedPublicKey};

use crate::json::Json;

/// `SEQUENCE { SEQUENCE { ecPublicKey, prime256v1 }, BIT STRING … }` up to the point.
const P256_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
const P256_POINT_BYTES: usize = 65;

/// A key that verifies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PublicKey {
    Ed25519([u8; 32]),
    /// The uncompressed point.
    P256([u8; P256_POINT_BYTES]),
    /// The `RSAPublicKey` of RFC 8017.
    #[cfg(feature = "tuf-rsa")]
    RsaPss(Vec<u8>),
}

impl PublicKey {
    /// The key of a `KEY` object; `None` for kinds and schemes that are not known here, and for broken ones.
    pub(super) fn read(key: &Json) -> Option<Self> {
        let text = |name| key.member(name).and_then(Json::text);
        let public = key.member("keyval")?.member("public")?.text()?;
        match (text("keytype")?, text("scheme")?) {
            ("ed25519", "ed25519") => from_hex(public)?.try_into().ok().map(Self::Ed25519),
            ("ecdsa" | "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256") => p256(public).map(Self::P256),
            #[cfg(feature = "tuf-rsa")]
            ("rsa", "rsassa-pss-sha256") => rsa(&public_key_der(public)?).map(Self::RsaPss),
            _ => None,
        }
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let verified = match self {
            Self::Ed25519(key) => UnparsedPublicKey::new(&signature::ED25519, key).verify(message, signature),
            Self::P256(point) => {
                UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_ASN1, point).verify(message, signature)
            }
            #[cfg(feature = "tuf-rsa")]
            Self::RsaPss(key) => {
                UnparsedPublicKey::new(&signature::RSA_PSS_2048_8192_SHA256, key).verify(message, signature)
            }
        };
        verified.is_ok()
    }
}

fn p256(public: &str) -> Option<[u8; P256_POINT_BYTES]> {
    public_key_der(public)?
        .strip_prefix(&P256_PREFIX)?
        .try_into()
        .ok()
}

/// The bytes of hex digits of either case.
pub(super) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let pairs = text.as_bytes().chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    pairs
        .map(|pair| match *pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        })
        .collect()
}

/// The DER of a `PUBLIC KEY` in PEM; `None` if it is another thing or ill-formed.
#[must_use]
pub fn public_key_der(text: &str) -> Option<Vec<u8>> {
    let body = text
        .trim()
        .strip_prefix("-----BEGIN PUBLIC KEY-----")?
        .strip_suffix("-----END PUBLIC KEY-----")?;
    let joined: String = body.split_ascii_whitespace().collect();
    STANDARD.decode(joined).ok()
}

/// The `RSAPublicKey` in a `SubjectPublicKeyInfo` whose algorithm is `rsaEncryption`.
#[cfg(feature = "tuf-rsa")]
fn rsa(spki: &[u8]) -> Option<Vec<u8>> {
    const SEQUENCE: u8 = 0x30;
    const BIT_STRING: u8 = 0x03;
    const RSA_ENCRYPTION: [u8; 15] = [
        0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
    ];
    let (outer, rest) = element(spki, SEQUENCE)?;
    let (bits, end) = element(outer.strip_prefix(&RSA_ENCRYPTION)?, BIT_STRING)?;
    let key = bits.strip_prefix(&[0])?;
    (rest.is_empty() && end.is_empty()).then(|| key.to_vec())
}

/// The content of the DER element that `bytes` begins with, and what follows it.
#[cfg(feature = "tuf-rsa")]
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = bytes.strip_prefix(&[tag])?.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81 => rest
            .split_first()
            .map(|(length, rest)| (usize::from(*length), rest))?,
        0x82 => rest
            .split_first_chunk::<2>()
            .map(|(length, rest)| (usize::from(u16::from_be_bytes(*length)), rest))?,
        _ => return None,
    };
    rest.split_at_checked(length)
}
