//! What a verified token says. Every verdict is a free text: Google adds words, and a word that is not known here is still a
//! fact. `None` and an empty list mean that the token does not say.

use std::fmt;

use serde::Serialize;

/// The verdicts of a token.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// The package that asked.
    pub request_package_name: String,
    /// What a standard request was bound to.
    #[serde(skip)]
    pub request_hash: Option<String>,
    /// What a classic request was bound to.
    #[serde(skip)]
    pub nonce: Option<String>,
    /// When Google made the token, in milliseconds since 1970.
    pub timestamp_ms: u64,
    /// `PLAY_RECOGNIZED`, `UNRECOGNIZED_VERSION`, `UNEVALUATED`.
    pub app_recognition_verdict: Option<String>,
    /// The package that was looked at.
    pub package_name: Option<String>,
    /// Digests of the certificates that signed it, in hexadecimal digits.
    pub certificate_sha256: Vec<String>,
    /// Its version.
    pub version_code: Option<u64>,
    /// `MEETS_DEVICE_INTEGRITY` and others.
    pub device_recognition_verdict: Vec<String>,
    /// The SDK version of the system, where the app asked for it.
    pub sdk_version: Option<u64>,
    /// `LEVEL_1` to `LEVEL_4`, `UNEVALUATED`: how many tokens the phone asked for in the last hour.
    pub recent_device_activity: Option<String>,
    /// What the app had Google keep about the phone, where it uses that.
    pub device_recall: Option<DeviceRecall>,
    /// `LICENSED`, `UNLICENSED`, `UNEVALUATED`.
    pub app_licensing_verdict: Option<String>,
    /// `KNOWN_INSTALLED`, `UNKNOWN_CAPTURING` and others.
    pub apps_detected: Vec<String>,
    /// `NO_ISSUES` and others.
    pub play_protect_verdict: Option<String>,
    /// Whether the verdicts were ordered in the Play Console for testing.
    pub is_testing: bool,
}

/// Three bits that the app set for this phone, and the months (YYYYMM) in which it did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct DeviceRecall {
    /// The bits, as far as told.
    pub bits: [Option<bool>; 3],
    /// When each was last written.
    pub written: [Option<u32>; 3],
}

/// Without what names one request.
impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Facts")
            .field("request_package_name", &self.request_package_name)
            .field("app_recognition_verdict", &self.app_recognition_verdict)
            .field("device_recognition_verdict", &self.device_recognition_verdict)
            .field("app_licensing_verdict", &self.app_licensing_verdict)
            .field("play_protect_verdict", &self.play_protect_verdict)
            .field("is_testing", &self.is_testing)
            .finish_non_exhaustive()
    }
}
