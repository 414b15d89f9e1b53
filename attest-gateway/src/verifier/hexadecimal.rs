//! Bytes as lower-case hexadecimal digits, two for each byte.

use std::fmt::Write as _;

use serde::Serializer;

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _infallible = write!(text, "{byte:02x}");
            text
        })
}

/// For `serde(serialize_with)`.
pub(super) fn serialize<S: Serializer>(bytes: impl AsRef<[u8]>, writer: S) -> Result<S::Ok, S::Error> {
    writer.serialize_str(&hexadecimal(bytes.as_ref()))
}
