//! Evidence and parameters as users have them: files within a bound, hexadecimal and base64 in any common spelling.

use std::path::Path;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::verdict::Unusable;
use crate::input;

/// No evidence is as long; a chain as PEM has up to 70 KiB.
pub(super) const MAX_EVIDENCE_BYTES: usize = 256 << 10;
/// Google's status list has a few hundred KiB.
const MAX_LIST_BYTES: usize = 32 << 20;

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const PLAIN: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
const URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT);

/// The bytes of a file.
pub(super) fn file(path: &Path, max_bytes: usize) -> Result<Vec<u8>, Unusable> {
    let problem = match input::file(path, max_bytes) {
        Ok(Some(bytes)) => return Ok(bytes),
        Ok(None) => format!("more than {max_bytes} bytes"),
        Err(error) => error.to_string(),
    };
    Err(Unusable::new(
        "unreadable",
        format!("{}: {problem}", path.display()),
    ))
}

/// The bytes of a file with evidence.
pub(super) fn evidence(path: &Path) -> Result<Vec<u8>, Unusable> {
    file(path, MAX_EVIDENCE_BYTES)
}

/// The bytes of a file with a list.
pub(super) fn list(path: &Path) -> Result<Vec<u8>, Unusable> {
    file(path, MAX_LIST_BYTES)
}

/// The bytes of base64 or base64url, padded or not, with or without line ends.
pub(super) fn from_base64(text: &str) -> Option<Vec<u8>> {
    let text: String = text.split_ascii_whitespace().collect();
    let engine = if text.contains(['-', '_']) { URL } else { PLAIN };
    engine.decode(text).ok()
}

/// The bytes of hexadecimal digits; colons between them, as other tools print digests, do not matter.
pub(super) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> = text
        .chars()
        .filter(|c| *c != ':')
        .map(|c| c.to_digit(16))
        .collect::<Option<_>>()?;
    let (pairs, []) = digits.as_chunks::<2>() else {
        return None;
    };
    let byte = |[high, low]: &[u32; 2]| u8::try_from((high << 4) | low).ok();
    pairs.iter().map(byte).collect()
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Binary evidence as it is, or out of base64, as apps send it.
pub(super) fn binary(bytes: Vec<u8>) -> Vec<u8> {
    let text = std::str::from_utf8(&bytes).ok();
    text.filter(|text| text.is_ascii())
        .and_then(from_base64)
        .filter(|decoded| !decoded.is_empty())
        .unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_bytes() {
        let check = |found: Option<Vec<u8>>, expect: Option<&[u8]>| assert_eq!(found.as_deref(), expect);
        check(from_hex("00fF"), Some(&[0, 0xff]));
        check(from_hex("00:ff"), Some(&[0, 0xff]));
        check(from_hex(""), Some(&[]));
        check(from_hex("0"), None);
        check(from_hex("0g"), None);
        check(from_base64("+/8="), Some(&[0xfb, 0xff]));
        check(from_base64("-_8"), Some(&[0xfb, 0xff]));
        check(from_base64("+/\n8"), Some(&[0xfb, 0xff]));
        check(from_base64("+/8=="), None);
        check(from_base64("*"), None);
        assert_eq!(hex(&[0, 0xab]), "00ab");
        assert_eq!(binary(b"\xa1\x61a\x01".to_vec()), b"\xa1\x61a\x01");
        assert_eq!(binary(b"oWFhAQ==\n".to_vec()), b"\xa1\x61a\x01");
    }
}
