//! Strict unpadded base64url and lower-case hex: one text per byte string, so that no two spellings of a token are equal.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;

/// Text that is not the one canonical encoding of the bytes asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodingError {
    /// A character outside the alphabet, padding, or bits that do not belong to a byte.
    #[error("not canonical base64url without padding")]
    NotCanonical,
    /// The decoded length is not the one required.
    #[error("expected {expected} bytes, found {found}")]
    Length {
        /// Bytes required.
        expected: usize,
        /// Bytes found.
        found: usize,
    },
}

/// Unpadded base64url of `bytes`.
#[must_use]
pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes of canonical unpadded base64url.
///
/// # Errors
/// [`EncodingError::NotCanonical`] for padding, foreign characters, white space and non-zero trailing bits.
pub fn from_base64url(text: &str) -> Result<Vec<u8>, EncodingError> {
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| EncodingError::NotCanonical)
}

/// Exactly `N` bytes from canonical unpadded base64url.
///
/// # Errors
/// As [`from_base64url`], and [`EncodingError::Length`] for any other length.
pub fn from_base64url_array<const N: usize>(text: &str) -> Result<[u8; N], EncodingError> {
    let bytes = from_base64url(text)?;
    let found = bytes.len();
    bytes
        .try_into()
        .map_err(|_| EncodingError::Length { expected: N, found })
}

/// SHA-256 of the parts, one after the other. Callers put separators where parts can vary in length.
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part);
    }
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}

/// Unpadded base64url of SHA-256 of `bytes`.
#[must_use]
pub fn sha256_base64url(bytes: &[u8]) -> String {
    base64url(sha256(&[bytes]))
}

/// `bytes` as lower-case hex.
#[must_use]
pub fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads `2 * N` lower-case hex digits.
///
/// # Errors
/// [`EncodingError`] for any other text.
pub fn from_hex_array<const N: usize>(text: &str) -> Result<[u8; N], EncodingError> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return Err(EncodingError::Length {
            expected: N,
            found: digits.len() / 2,
        });
    }
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Ok(byte - b'0'),
        b'a'..=b'f' => Ok(byte - b'a' + 10),
        _ => Err(EncodingError::NotCanonical),
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        if let [high, low] = *pair {
            *byte = digit(high)? << 4 | digit(low)?;
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_spelling_only() {
        for bad in ["A", "AA==", "AB", "A A", "+/", "AAA\n", "é"] {
            assert_eq!(from_base64url(bad), Err(EncodingError::NotCanonical), "{bad:?}");
        }
        assert_eq!(from_base64url("AA"), Ok(vec![0]));
        assert_eq!(
            from_base64url_array::<2>("AA"),
            Err(EncodingError::Length {
                expected: 2,
                found: 1
            })
        );
    }

    #[test]
    fn hex_is_lower_case() {
        assert_eq!(from_hex_array("00ff1a"), Ok([0, 255, 26]));
        for bad in ["00FF1a", "00ff1g", "00ff", "00ff1a00", "é0f1a"] {
            assert!(from_hex_array::<3>(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn decode_inverts_encode(bytes: Vec<u8>) {
            prop_assert_eq!(from_base64url(&base64url(&bytes)), Ok(bytes));
        }

        #[test]
        fn what_decodes_is_canonical(text in "[A-Za-z0-9_-]{0,40}") {
            if let Ok(bytes) = from_base64url(&text) {
                prop_assert_eq!(base64url(bytes), text);
            }
        }
    }
}
