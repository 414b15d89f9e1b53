//! Bytes as lower-case hexadecimal digits, for what facts show.

use std::fmt::Write as _;

use serde::Serializer;

/// Two digits for each byte.
pub(super) fn encode(bytes: &[u8]) -> String {
    bytes.iter().fold(
        String::with_capacity(bytes.len().saturating_mul(2)),
        |mut text, byte| {
            let _infallible = write!(text, "{byte:02x}");
            text
        },
    )
}

/// A number's digits without leading zeros, as revocation lists write serials.
pub(super) fn unpadded(number: &[u8]) -> String {
    let padded = encode(number);
    let digits = padded.trim_start_matches('0');
    if digits.is_empty() {
        "0".to_owned()
    } else {
        digits.to_owned()
    }
}

pub(super) fn one<S: Serializer>(bytes: &impl AsRef<[u8]>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&encode(bytes.as_ref()))
}

pub(super) fn some<S: Serializer>(bytes: &Option<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
    match bytes {
        Some(bytes) => one(bytes, serializer),
        None => serializer.serialize_none(),
    }
}

pub(super) fn each<S: Serializer>(all: &[Vec<u8>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(all.iter().map(|bytes| encode(bytes)))
}
