//! Strict base64url. Never accepts two texts for one value.

use attest_core::encoding;

/// Whatever decodes, encodes to exactly the text it came from.
pub fn base64url(data: &[u8]) -> bool {
    let text = crate::text(data);
    assert_eq!(encoding::from_base64url(&encoding::base64url(data)).as_deref(), Ok(data), "encoding loses bytes");
    let Ok(bytes) = encoding::from_base64url(text) else { return false };
    assert_eq!(encoding::base64url(bytes), text, "two texts for one value");
    true
}
