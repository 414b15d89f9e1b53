//! What an App Attest object says, without any verification. Reading is bounded: small objects, shallow CBOR.

use attest_core::encoding::sha256;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ciborium::Value as Cbor;
use serde_json::{Map, Value, json};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::input::hex;
use crate::when;

/// Real objects have up to 6 KB.
const MAX_BYTES: usize = 64 << 10;
const MAX_DEPTH: usize = 8;
/// Real chains have two.
const MAX_CERTIFICATES: usize = 8;

/// What the object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Object {
    Attestation,
    Assertion,
}

/// What the object is and says; `None` if it is neither kind.
pub(super) fn view(object: &[u8]) -> Option<(Object, Value)> {
    if object.len() > MAX_BYTES {
        return None;
    }
    let cbor: Cbor = ciborium::de::from_reader_with_recursion_limit(object, MAX_DEPTH).ok()?;
    if let Some(data) = member(&cbor, "authData").and_then(Cbor::as_bytes) {
        let mut facts = authenticator(data, true);
        let statement = member(&cbor, "attStmt");
        let format = member(&cbor, "fmt").and_then(Cbor::as_text);
        facts.insert("format".to_owned(), format.into());
        let chain = statement
            .and_then(|statement| member(statement, "x5c"))
            .and_then(Cbor::as_array);
        let chain: Vec<Value> = chain
            .into_iter()
            .flatten()
            .filter_map(Cbor::as_bytes)
            .take(MAX_CERTIFICATES)
            .map(|der| certificate(der))
            .collect();
        facts.insert("chain".to_owned(), chain.into());
        let receipt = statement.and_then(|statement| member(statement, "receipt"));
        let receipt = receipt.and_then(Cbor::as_bytes).map(Vec::len);
        facts.insert("receipt_bytes".to_owned(), receipt.into());
        return Some((Object::Attestation, Value::Object(facts)));
    }
    let data = member(&cbor, "authenticatorData").and_then(Cbor::as_bytes)?;
    let signature = member(&cbor, "signature").and_then(Cbor::as_bytes)?;
    let mut facts = authenticator(data, false);
    facts.insert("signature_bytes".to_owned(), signature.len().into());
    Some((Object::Assertion, Value::Object(facts)))
}

fn member<'a>(map: &'a Cbor, name: &str) -> Option<&'a Cbor> {
    let mut members = map.as_map()?.iter();
    let (_, value) = members.find(|(key, _)| key.as_text() == Some(name))?;
    Some(value)
}

/// Web Authentication section 6.1, as far as it is there.
fn authenticator(data: &[u8], attested: bool) -> Map<String, Value> {
    let mut facts = Map::new();
    let mut fixed = || {
        let (app, rest) = data.split_first_chunk::<32>()?;
        let (_flags, rest) = rest.split_first()?;
        let (counter, rest) = rest.split_first_chunk::<4>()?;
        facts.insert("app_id_sha256".to_owned(), hex(app).into());
        facts.insert("counter".to_owned(), u32::from_be_bytes(*counter).into());
        Some(rest)
    };
    let Some(rest) = fixed() else {
        facts.insert("authenticator_data".to_owned(), "cut short".into());
        return facts;
    };
    let after = if attested {
        credential(rest, &mut facts)
    } else {
        Some(rest)
    };
    if let Some(after) = after {
        extensions(after, &mut facts);
    }
    facts
}

/// The credential; returns what is behind it.
fn credential<'a>(rest: &'a [u8], facts: &mut Map<String, Value>) -> Option<&'a [u8]> {
    let (aaguid, rest) = rest.split_first_chunk::<16>()?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let (id, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    let environment = match aaguid {
        b"appattest\0\0\0\0\0\0\0" => "production".to_owned(),
        b"appattestdevelop" => "development".to_owned(),
        other => format!("unknown ({})", hex(other)),
    };
    facts.insert("environment".to_owned(), environment.into());
    facts.insert("key_id_b64".to_owned(), STANDARD.encode(id).into());
    Some(rest)
}

/// What iOS 27 and later add, in whichever of the maps at the end.
fn extensions(mut rest: &[u8], facts: &mut Map<String, Value>) {
    while !rest.is_empty() {
        let Ok(map) = ciborium::de::from_reader_with_recursion_limit::<Cbor, _>(&mut rest, MAX_DEPTH) else {
            return;
        };
        if let Some(version) = member(&map, "apple_bundle_version_01").and_then(Cbor::as_text) {
            facts.insert("apple_bundle_version_01".to_owned(), version.into());
        }
        let category = member(&map, "apple_validation_category_01");
        let number = |value: &Cbor| -> Option<u64> {
            let bytes = || Some(u32::from_le_bytes(value.as_bytes()?.as_slice().try_into().ok()?).into());
            value
                .as_integer()
                .and_then(|number| number.try_into().ok())
                .or_else(bytes)
        };
        if let Some(category) = category.and_then(number) {
            facts.insert("apple_validation_category_01".to_owned(), category.into());
        }
    }
}

fn certificate(der: &[u8]) -> Value {
    let Ok((_, parsed)) = X509Certificate::from_der(der) else {
        return json!({ "unreadable_bytes": der.len() });
    };
    let moment = |at_s: i64| u64::try_from(at_s).map_or_else(|_| at_s.to_string(), when::rfc3339);
    let point = parsed.public_key().subject_public_key.data.as_ref();
    json!({
        "subject": parsed.subject().to_string(),
        "issuer": parsed.issuer().to_string(),
        "not_before": moment(parsed.validity().not_before.timestamp()),
        "not_after": moment(parsed.validity().not_after.timestamp()),
        "key_x962_hex": hex(point),
        "key_sha256_b64": STANDARD.encode(sha256(&[point])),
    })
}
