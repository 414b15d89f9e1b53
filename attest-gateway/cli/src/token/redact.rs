//! What of a token may be shown: names, times, policy versions and findings. Keys, tickets, nested tokens and device ids never
//! are; identifiers and digests only as far as two of them can be told apart.

use attest_core::encoding::from_base64url;
use serde_json::{Map, Value};

use crate::when;

const EPOCH_S: u64 = 3600;
/// Characters that are left of an identifier.
const KEPT_CHARS: usize = 6;
/// Identifiers below this length would be given away by what is left of them.
const SHORT_CHARS: usize = 16;

/// Members that identify a token, a request or a key: shortened.
const IDENTIFIERS: [&str; 15] = [
    "ath",
    "bh",
    "challenge",
    "evh",
    "jkt",
    "jti",
    "nonce",
    "qh",
    "sealed",
    "share",
    "step_up",
    "tkh",
    "x",
    "x5t#S256",
    "y",
];
/// Members that name a device: not shown at all.
const DEVICES: [&str; 4] = ["dev", "device", "device_id", "did"];
/// Members of a JWK that hold its secret.
const PRIVATE_JWK: [&str; 7] = ["k", "d", "p", "q", "dp", "dq", "qi"];

/// A claims object as it may be shown. In step-ups `sub` is a device, too.
pub(super) fn claims(value: &Value, typ: Option<&str>) -> Value {
    let mut shown = member("", value, false);
    let is_step_up = typ.is_some_and(|typ| typ.to_ascii_lowercase().ends_with(attest_core::step_up::TYP));
    if is_step_up && let Some(sub) = shown.get_mut("sub") {
        *sub = Value::from("[device, redacted]");
    }
    shown
}

/// A header as it may be shown: a long `kid` is a ticket.
pub(super) fn header(members: &Map<String, Value>) -> Value {
    let mut shown = member("", &Value::Object(members.clone()), false);
    if let (Some(kid), Some(place)) = (members.get("kid").and_then(Value::as_str), shown.get_mut("kid"))
        && kid.len() > 64
    {
        *place = Value::from(ticket(kid));
    }
    shown
}

fn member(name: &str, value: &Value, in_jwk: bool) -> Value {
    let lower = name.to_ascii_lowercase();
    if lower == "k" || (in_jwk && PRIVATE_JWK.contains(&name)) || is_secret(&lower) {
        return Value::from("[redacted]");
    }
    if DEVICES.contains(&lower.as_str()) {
        return Value::from("[device, redacted]");
    }
    match value {
        Value::String(text) => Value::from(shown_text(name, text)),
        Value::Array(items) => items.iter().map(|item| member(name, item, in_jwk)).collect(),
        Value::Object(members) => {
            let is_jwk = members.contains_key("kty");
            members
                .iter()
                .map(|(name, value)| (name.clone(), member(name, value, is_jwk)))
                .collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// Names of secrets in tokens that are not ours.
fn is_secret(lower: &str) -> bool {
    ["secret", "passw", "private"]
        .iter()
        .any(|part| lower.contains(part))
        || lower.ends_with("token")
}

fn shown_text(name: &str, text: &str) -> String {
    if name == "ticket" {
        ticket(text)
    } else if is_jws(text) {
        format!("[JWS of {} characters, redacted]", text.len())
    } else if IDENTIFIERS.contains(&name) {
        shortened(text)
    } else {
        text.to_owned()
    }
}

/// Whether it looks like a compact JWS or JWE; whether it is one does not matter here.
fn is_jws(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'=');
    text.len() > 40 && text.matches('.').count() >= 2 && text.starts_with("ey") && text.bytes().all(allowed)
}

/// The first characters of an identifier, and how long it is.
pub(super) fn shortened(text: &str) -> String {
    let length = text.chars().count();
    if length < SHORT_CHARS {
        return format!("[{length} characters, redacted]");
    }
    let start: String = text.chars().take(KEPT_CHARS).collect();
    format!("{start}… ({length} characters)")
}

/// A ticket by what stands in it in clear: version, key id and hour. Nothing of its text.
pub(super) fn ticket(text: &str) -> String {
    let bytes = from_base64url(text).unwrap_or_default();
    let Some(([1 | 2, id0, id1, e0, e1, e2, e3], _)) = bytes.split_first_chunk::<7>() else {
        return format!("[{} characters, not a ticket of this version]", text.len());
    };
    let (key_id, epoch) = (
        u16::from_be_bytes([*id0, *id1]),
        u32::from_be_bytes([*e0, *e1, *e2, *e3]),
    );
    let hour = when::rfc3339(u64::from(epoch).saturating_mul(EPOCH_S));
    format!(
        "[ticket of {} characters, key id {key_id}, epoch {epoch} (the hour from {hour}), redacted]",
        text.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_shown() {
        let jws = format!("{}.{}.{}", "ey".repeat(10), "A".repeat(40), "B".repeat(43));
        for (input, expect) in [
            (
                json!({"iat": 5, "aud": "a", "pol": 7}),
                json!({"iat": 5, "aud": "a", "pol": 7}),
            ),
            (
                json!({"fnd": {"hit": ["clone.data_dir"]}}),
                json!({"fnd": {"hit": ["clone.data_dir"]}}),
            ),
            (
                json!({"jti": "ABCDEFGHIJKLMNOPQRSTUV"}),
                json!({"jti": "ABCDEF… (22 characters)"}),
            ),
            (
                json!({"jti": "ABCDEFG"}),
                json!({"jti": "[7 characters, redacted]"}),
            ),
            (
                json!({"attest": {"dev": "abc"}}),
                json!({"attest": {"dev": "[device, redacted]"}}),
            ),
            (
                json!({"keys": [{"kty": "oct", "k": "abc", "kid": "n"}]}),
                json!({"keys": [{"kty": "oct", "k": "[redacted]", "kid": "n"}]}),
            ),
            (
                json!({"jwk": {"kty": "EC", "d": "abc"}}),
                json!({"jwk": {"kty": "EC", "d": "[redacted]"}}),
            ),
            (
                json!({"d": "abc", "k": {"deep": "abc"}}),
                json!({"d": "abc", "k": "[redacted]"}),
            ),
            (
                json!({"attestation": jws}),
                json!({"attestation": "[JWS of 105 characters, redacted]"}),
            ),
            (
                json!({"any": [jws]}),
                json!({"any": ["[JWS of 105 characters, redacted]"]}),
            ),
            (
                json!({"refresh_token": "x", "clientSecret": "y"}),
                json!({"refresh_token": "[redacted]", "clientSecret": "[redacted]"}),
            ),
            (json!({"sub": "app"}), json!({"sub": "app"})),
        ] {
            assert_eq!(claims(&input, Some("x")), expect, "{input}");
        }
        assert_eq!(
            claims(&json!({"sub": "p"}), Some("attest-step-up+jwt")),
            json!({"sub": "[device, redacted]"})
        );
    }

    #[test]
    fn a_ticket_is_its_key_id_and_hour() {
        let shown = |version: u8| {
            let mut bytes = vec![version, 0, 3, 0, 7, 0xa1, 0x20];
            bytes.extend([0xaa; 200]);
            ticket(&attest_core::encoding::base64url(&bytes))
        };
        for version in [1, 2] {
            assert_eq!(
                shown(version),
                "[ticket of 276 characters, key id 3, epoch 500000 (the hour from 2027-01-15T08:00:00Z), redacted]"
            );
        }
        assert_eq!(shown(3), "[276 characters, not a ticket of this version]");
        assert_eq!(ticket("!"), "[1 characters, not a ticket of this version]");
    }
}
