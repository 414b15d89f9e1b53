//! Verifies a Play Integrity token with what the command line says.

use attest_core::encoding::from_base64url;
use attest_gateway::verifier::play::{self, Binding, DEFAULT_AGE_MAX_S, Facts, Parameters, PlayKeys};
use serde_json::{Value, json};

use super::input;
use super::verdict::{Unusable, Verdict};
use super::verify::{Verify, required};

pub(super) fn verdict(arguments: &Verify, now_s: u64) -> Result<Verdict, Unusable> {
    let keys = PlayKeys::from_base64(
        required("decryption-key-b64", arguments.decryption_key_b64.as_ref())?,
        required("verification-key-b64", arguments.verification_key_b64.as_ref())?,
    )
    .map_err(|error| Unusable::new("argument", error.to_string()))?;
    let request_hash = arguments.request_hash.as_deref().map(Binding::RequestHash);
    let parameters = Parameters {
        package: required("package", arguments.package.as_ref())?,
        binding: request_hash.or(arguments.nonce.as_deref().map(Binding::Nonce)),
        age_max_s: DEFAULT_AGE_MAX_S,
    };
    let bytes = input::evidence(&arguments.file)?;
    let token = String::from_utf8_lossy(&bytes);
    let token = token.trim_ascii();
    Ok(match play::verify(token, &parameters, &keys, now_s) {
        Ok(facts) => Verdict::accepted(json_of(&facts)),
        Err(error) => {
            let proven = play::authentic(token, &keys).ok();
            let read = || view(token).unwrap_or_else(|| json!({}));
            Verdict::refused(
                error.code(),
                error.to_string(),
                proven.as_ref().map(json_of),
                read,
            )
        }
    })
}

/// With what binds the token to one request, which the gateway keeps to itself.
fn json_of(facts: &Facts) -> Value {
    let mut json = serde_json::to_value(facts).unwrap_or_default();
    if let Value::Object(members) = &mut json {
        members.insert("request_hash".to_owned(), facts.request_hash.as_deref().into());
        members.insert("nonce".to_owned(), facts.nonce.as_deref().into());
    }
    json
}

/// What a token says to whoever has no keys: its header and lengths. `None` if it is no compact JWE.
pub(super) fn view(token: &str) -> Option<Value> {
    let parts: Vec<&str> = token.splitn(6, '.').collect();
    let [header, key, nonce, content, tag] = parts.as_slice() else {
        return None;
    };
    let header = from_base64url(header).ok()?;
    let header: Value = serde_json::from_slice(&header).ok().filter(Value::is_object)?;
    let bytes = |part: &str| from_base64url(part).map(|bytes| bytes.len()).ok();
    Some(json!({
        "header": header,
        "encrypted_key_bytes": bytes(key),
        "nonce_bytes": bytes(nonce),
        "content_bytes": bytes(content),
        "tag_bytes": bytes(tag),
    }))
}
