//! Reads the verified payload into facts. Members that are not known count for nothing, those that are absent are told as
//! absent; one that occurs twice, at any depth, is refused.

use attest_core::jose::jws::read_claims;
use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::error::Error;
use super::facts::{DeviceRecall, Facts};
use crate::verifier::hexadecimal::hexadecimal;

/// Google's own bound for nonces and request hashes is 500 bytes.
const MAX_TEXT_BYTES: usize = 768;
/// Real lists have a handful of items.
const MAX_ITEMS: usize = 32;

/// Google writes digests without padding; its samples have bits behind the last byte.
const DIGEST: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    request_details: Option<RequestDetails>,
    #[serde(default, deserialize_with = "or_default")]
    app_integrity: AppIntegrity,
    #[serde(default, deserialize_with = "or_default")]
    device_integrity: DeviceIntegrity,
    #[serde(default, deserialize_with = "or_default")]
    account_details: AccountDetails,
    #[serde(default, deserialize_with = "or_default")]
    environment_details: EnvironmentDetails,
    testing_details: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestDetails {
    request_package_name: Option<String>,
    request_hash: Option<String>,
    nonce: Option<String>,
    timestamp_millis: Option<Number>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AppIntegrity {
    app_recognition_verdict: Option<String>,
    package_name: Option<String>,
    certificate_sha256_digest: Option<Vec<String>>,
    version_code: Option<Number>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeviceIntegrity {
    device_recognition_verdict: Option<Vec<String>>,
    #[serde(default, deserialize_with = "or_default")]
    device_attributes: DeviceAttributes,
    #[serde(default, deserialize_with = "or_default")]
    recent_device_activity: RecentDeviceActivity,
    device_recall: Option<Recall>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeviceAttributes {
    sdk_version: Option<Number>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecentDeviceActivity {
    device_activity_level: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recall {
    #[serde(default, deserialize_with = "or_default")]
    values: RecallValues,
    #[serde(default, deserialize_with = "or_default")]
    write_dates: RecallDates,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecallValues {
    bit_first: Option<bool>,
    bit_second: Option<bool>,
    bit_third: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecallDates {
    yyyymm_first: Option<u32>,
    yyyymm_second: Option<u32>,
    yyyymm_third: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccountDetails {
    app_licensing_verdict: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EnvironmentDetails {
    #[serde(default, deserialize_with = "or_default")]
    app_access_risk_verdict: AppAccessRisk,
    play_protect_verdict: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AppAccessRisk {
    apps_detected: Option<Vec<String>>,
}

/// JSON of protocol buffers writes 64-bit numbers as text; both occur.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Plain(u64),
    Text(String),
}

impl Number {
    fn read(self, member: &'static str) -> Result<u64, Error> {
        match self {
            Self::Plain(number) => Ok(number),
            Self::Text(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse().map_err(|_| Error::MemberForm { member })
            }
            Self::Text(_) => Err(Error::MemberForm { member }),
        }
    }
}

/// `null` says as much as nothing.
fn or_default<'de, D: serde::Deserializer<'de>, T: Default + DeserializeOwned>(
    reader: D,
) -> Result<T, D::Error> {
    Option::deserialize(reader).map(Option::unwrap_or_default)
}

/// The facts in a payload.
pub(super) fn read(payload: &[u8]) -> Result<Facts, Error> {
    let payload: Payload = read_claims(payload).map_err(|_| Error::Payload)?;
    let request = payload.request_details.ok_or(Error::Member {
        member: "requestDetails",
    })?;
    let (app, device) = (payload.app_integrity, payload.device_integrity);
    let environment = payload.environment_details;
    let timestamp = request.timestamp_millis.ok_or(Error::Member {
        member: "timestampMillis",
    })?;
    let number = |number: Option<Number>, member| number.map(|number| number.read(member)).transpose();
    Ok(Facts {
        request_package_name: text(request.request_package_name, "requestPackageName")?.ok_or(
            Error::Member {
                member: "requestPackageName",
            },
        )?,
        request_hash: text(request.request_hash, "requestHash")?,
        nonce: text(request.nonce, "nonce")?,
        timestamp_ms: timestamp.read("timestampMillis")?,
        app_recognition_verdict: text(app.app_recognition_verdict, "appRecognitionVerdict")?,
        package_name: text(app.package_name, "packageName")?,
        certificate_sha256: list(app.certificate_sha256_digest, "certificateSha256Digest")?
            .iter()
            .map(|digest| digest_as_hexadecimal(digest))
            .collect::<Result<_, _>>()?,
        version_code: number(app.version_code, "versionCode")?,
        device_recognition_verdict: list(device.device_recognition_verdict, "deviceRecognitionVerdict")?,
        sdk_version: number(device.device_attributes.sdk_version, "sdkVersion")?,
        recent_device_activity: text(
            device.recent_device_activity.device_activity_level,
            "deviceActivityLevel",
        )?,
        device_recall: device.device_recall.map(|recall| recall.facts()),
        app_licensing_verdict: text(
            payload.account_details.app_licensing_verdict,
            "appLicensingVerdict",
        )?,
        apps_detected: list(environment.app_access_risk_verdict.apps_detected, "appsDetected")?,
        play_protect_verdict: text(environment.play_protect_verdict, "playProtectVerdict")?,
        is_testing: payload.testing_details.is_some(),
    })
}

impl Recall {
    const fn facts(&self) -> DeviceRecall {
        let (values, dates) = (&self.values, &self.write_dates);
        DeviceRecall {
            bits: [values.bit_first, values.bit_second, values.bit_third],
            written: [dates.yyyymm_first, dates.yyyymm_second, dates.yyyymm_third],
        }
    }
}

fn text(text: Option<String>, member: &'static str) -> Result<Option<String>, Error> {
    match text {
        Some(text) if text.len() > MAX_TEXT_BYTES => Err(Error::MemberTooLong { member }),
        text => Ok(text),
    }
}

fn list(items: Option<Vec<String>>, member: &'static str) -> Result<Vec<String>, Error> {
    let items = items.unwrap_or_default();
    if items.len() > MAX_ITEMS || items.iter().any(|item| item.len() > MAX_TEXT_BYTES) {
        return Err(Error::MemberTooLong { member });
    }
    Ok(items)
}

fn digest_as_hexadecimal(digest: &str) -> Result<String, Error> {
    let bytes = DIGEST.decode(digest).map_err(|_| Error::MemberForm {
        member: "certificateSha256Digest",
    })?;
    Ok(hexadecimal(&bytes))
}
