//! Verifies App Attest evidence with what the command line says.

use attest_core::encoding::sha256;
use attest_gateway::verifier::apple::{
    AppleAnchors, AppleEnvironment, AssertionParameters, AttestationParameters, verify_assertion,
    verify_attestation,
};
use serde_json::Value;

use super::verdict::{Unusable, Verdict};
use super::verify::{Environment, Verify, required};
use super::{apple_view, input};

fn hexadecimal(name: &str, value: Option<&String>) -> Result<Vec<u8>, Unusable> {
    input::from_hex(required(name, value)?).ok_or_else(|| Unusable::argument(name, "not hexadecimal"))
}

fn anchors(arguments: &Verify) -> Result<AppleAnchors, Unusable> {
    let Some(path) = &arguments.anchors else {
        return Ok(AppleAnchors::built_in());
    };
    let pem = input::evidence(path)?;
    let pem = std::str::from_utf8(&pem).map_err(|_| Unusable::argument("anchors", "not PEM"))?;
    AppleAnchors::built_in()
        .with_pem(pem)
        .map_err(|error| Unusable::argument("anchors", &error.to_string()))
}

pub(super) fn attestation(arguments: &Verify, now_s: u64) -> Result<Verdict, Unusable> {
    let app_id = required("app-id", arguments.app_id.as_ref())?;
    let key_id = input::from_base64(required("key-id-b64", arguments.key_id_b64.as_ref())?)
        .and_then(|id| <[u8; 32]>::try_from(id).ok())
        .ok_or_else(|| Unusable::argument("key-id-b64", "not base64 of 32 bytes"))?;
    let client_data_hash = hexadecimal("client-data-hash-hex", arguments.client_data_hash_hex.as_ref())?;
    let anchors = anchors(arguments)?;
    let object = input::binary(input::evidence(&arguments.file)?);
    let parameters = AttestationParameters {
        app_ids: &[app_id],
        key_id: &key_id,
        client_data_hash: &client_data_hash,
        environment: arguments.environment.map(|environment| match environment {
            Environment::Production => AppleEnvironment::Production,
            Environment::Development => AppleEnvironment::Development,
        }),
    };
    Ok(match verify_attestation(&object, &parameters, &anchors, now_s) {
        Ok(facts) => Verdict::accepted(serde_json::to_value(&facts).unwrap_or_default()),
        Err(error) => Verdict::refused(error.code(), error.to_string(), None, || unproven(&object)),
    })
}

pub(super) fn assertion(arguments: &Verify) -> Result<Verdict, Unusable> {
    let app_id = required("app-id", arguments.app_id.as_ref())?;
    let key = hexadecimal("public-key-x962-hex", arguments.public_key_x962_hex.as_ref())?;
    let key: [u8; 65] = key
        .try_into()
        .map_err(|_| Unusable::argument("public-key-x962-hex", "not 65 bytes"))?;
    let client_data = hexadecimal("client-data-hex", arguments.client_data_hex.as_ref())?;
    let counter_floor = arguments
        .counter
        .ok_or_else(|| Unusable::argument("counter", "is needed for this kind"))?;
    let object = input::binary(input::evidence(&arguments.file)?);
    let parameters = AssertionParameters {
        app_ids: &[app_id],
        key: &key,
        client_data_hash: &sha256(&[&client_data]),
        counter_floor,
    };
    Ok(match verify_assertion(&object, &parameters) {
        Ok(facts) => Verdict::accepted(serde_json::to_value(&facts).unwrap_or_default()),
        Err(error) => Verdict::refused(error.code(), error.to_string(), None, || unproven(&object)),
    })
}

fn unproven(object: &[u8]) -> Value {
    apple_view::view(object).map_or_else(|| Value::Object(serde_json::Map::new()), |(_, facts)| facts)
}
