//! SHA-256 in the spellings that consoles and policies want.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Serialize;

/// One digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Digest {
    /// Lower case: our policies, `apksigner`.
    pub(super) hex: String,
    /// With padding.
    pub(super) base64: String,
    /// Without padding: Play Integrity's `certificateSha256Digest`.
    pub(super) base64url: String,
    /// Upper case: Play Console, Firebase, `assetlinks.json`, `keytool`.
    pub(super) colon: String,
}

impl From<&[u8; 32]> for Digest {
    fn from(sha256: &[u8; 32]) -> Self {
        let pairs: Vec<String> = sha256.iter().map(|byte| format!("{byte:02X}")).collect();
        Self {
            hex: pairs.concat().to_ascii_lowercase(),
            base64: STANDARD.encode(sha256),
            base64url: URL_SAFE_NO_PAD.encode(sha256),
            colon: pairs.join(":"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings() {
        let mut sha256 = [0xfb; 32];
        sha256[0] = 0x0a;
        let digest = Digest::from(&sha256);
        assert_eq!(digest.hex, format!("0a{}", "fb".repeat(31)));
        assert_eq!(digest.colon, format!("0A{}", ":FB".repeat(31)));
        assert_eq!(digest.base64, format!("Cvv7{}+/s=", "+/v7".repeat(9)));
        assert_eq!(digest.base64url, format!("Cvv7{}-_s", "-_v7".repeat(9)));
    }
}
