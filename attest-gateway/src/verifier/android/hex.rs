//! Bytes as facts show them: lower-case hexadecimal digits.

use serde::Serializer;

use crate::verifier::hexadecimal::hexadecimal;

/// A number's digits without leading zeros, as revocation lists write serials.
pub(super) fn unpadded(number: &[u8]) -> String {
    let padded = hexadecimal(number);
    let digits = padded.trim_start_matches('0');
    if digits.is_empty() {
        "0".to_owned()
    } else {
        digits.to_owned()
    }
}

/// For `serde(serialize_with)`.
pub(super) fn some<S: Serializer>(bytes: &Option<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
    match bytes {
        Some(bytes) => serializer.serialize_str(&hexadecimal(bytes)),
        None => serializer.serialize_none(),
    }
}

/// For `serde(serialize_with)`.
pub(super) fn each<S: Serializer>(all: &[Vec<u8>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(all.iter().map(|bytes| hexadecimal(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_lose_their_leading_zeros_and_no_other() {
        for (number, expect) in [
            (&[0, 0x0a, 0x10][..], "a10"),
            (&[0xff, 0], "ff00"),
            (&[0, 0], "0"),
            (&[], "0"),
        ] {
            assert_eq!(unpadded(number), expect);
        }
    }
}
