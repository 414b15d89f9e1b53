//! Keys that a policy carries: each is public and usable.

use attest_core::jose::{Jwk, VerifyingKey};
use serde_json::Value as Json;

use crate::{report::Report, source::PolicySource};

/// Every key is a public key that this product can use.
pub(super) fn keys(source: &PolicySource, report: &mut Report) {
    let mut verify = |path: String, key: &Json| {
        let usable = serde_json::to_vec(key)
            .map_err(|error| error.to_string())
            .and_then(|text| Jwk::parse(&text).map_err(|error| error.to_string()))
            .and_then(|jwk| jwk.verifying_key().map_err(|error| error.to_string()));
        let fault = match usable {
            Err(message) => format!("not a public ES256 key: {message}"),
            Ok(VerifyingKey::Mac(_)) => {
                "not a public ES256 key: a shared secret does not belong here".to_owned()
            }
            Ok(VerifyingKey::P256(_)) if key.get("d").is_some() => {
                "a private key does not belong here".to_owned()
            }
            Ok(VerifyingKey::P256(_)) => return,
        };
        report.error(path, "jwk", fault);
    };
    for (index, key) in source.response_keys.iter().enumerate() {
        verify(format!("response_keys[{index}]"), key);
    }
    for (name, issuer) in &source.step_up_issuers {
        for (index, key) in issuer.jwks.keys.iter().enumerate() {
            verify(format!("step_up_issuers.{name}.jwks.keys[{index}]"), key);
        }
    }
}
