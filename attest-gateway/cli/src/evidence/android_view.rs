//! What an Android chain says, without any verification; the same names as the verifier's facts. Identifiers of hardware and the
//! unique id are never read.

use attest_core::encoding::sha256;
use attest_gateway::verifier::anchors::Anchors;
use attest_gateway::verifier::android::PatchLevel;
use attest_gateway::verifier::android::key_description::{self, AuthorizationList, KeyDescription};
use serde_json::{Map, Value, json};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::input::hex;
use crate::when;

/// Android's KeyDescription and its form as an entity attestation token.
const KEY_DESCRIPTION: &str = "1.3.6.1.4.1.11129.2.1.17";
const KEY_DESCRIPTION_EAT: &str = "1.3.6.1.4.1.11129.2.1.25";

const PURPOSES: &[&str] = &[
    "encrypt",
    "decrypt",
    "sign",
    "verify",
    "derive-key",
    "wrap-key",
    "agree-key",
    "attest-key",
];
const ORIGINS: &[&str] = &[
    "generated",
    "derived",
    "imported",
    "reserved",
    "securely-imported",
];
const DIGESTS: &[&str] = &["none", "md5", "sha-1", "sha-224", "sha-256", "sha-384", "sha-512"];

/// Everything that can be read; what cannot says so in its place.
pub(super) fn view(chain: &[Vec<u8>]) -> Value {
    let mut facts = Map::new();
    facts.insert(
        "chain".to_owned(),
        chain.iter().map(|der| certificate(der)).collect(),
    );
    if let Some(root) = chain.last().and_then(|der| spki_sha256(der)) {
        facts.insert("root_spki_sha256".to_owned(), hex(&root).into());
        facts.insert(
            "root_is_googles".to_owned(),
            Anchors::google().contains(&root).into(),
        );
    }
    let described: Vec<usize> = (0..chain.len())
        .filter(|position| {
            chain
                .get(*position)
                .is_some_and(|der| extension(der, KEY_DESCRIPTION).is_some())
        })
        .collect();
    if described.iter().any(|position| *position != 0) {
        facts.insert("key_descriptions_at".to_owned(), described.into());
    }
    if let Some(leaf) = chain.first() {
        if let Some(bytes) = extension(leaf, KEY_DESCRIPTION) {
            match key_description::parse(&bytes) {
                Ok(description) => facts.extend(describe(&description)),
                Err(error) => {
                    facts.insert(
                        "key_description".to_owned(),
                        format!("unreadable: {error}").into(),
                    );
                }
            }
        } else if extension(leaf, KEY_DESCRIPTION_EAT).is_some() {
            facts.insert(
                "key_description".to_owned(),
                "an entity attestation token (EAT)".into(),
            );
        }
    }
    Value::Object(facts)
}

fn certificate(der: &[u8]) -> Value {
    let Ok((_, parsed)) = X509Certificate::from_der(der) else {
        return json!({ "unreadable_bytes": der.len() });
    };
    let moment = |at_s: i64| u64::try_from(at_s).map_or_else(|_| at_s.to_string(), when::rfc3339);
    let serial = hex(parsed.raw_serial());
    let serial = serial.trim_start_matches('0');
    json!({
        "subject": parsed.subject().to_string(),
        "issuer": parsed.issuer().to_string(),
        "serial": if serial.is_empty() { "0" } else { serial },
        "not_before": moment(parsed.validity().not_before.timestamp()),
        "not_after": moment(parsed.validity().not_after.timestamp()),
        "spki_sha256": hex(&sha256(&[parsed.public_key().raw])),
        "signature_algorithm": parsed.signature_algorithm.algorithm.to_id_string(),
    })
}

fn spki_sha256(der: &[u8]) -> Option<[u8; 32]> {
    let (_, parsed) = X509Certificate::from_der(der).ok()?;
    Some(sha256(&[parsed.public_key().raw]))
}

fn extension(der: &[u8], oid: &str) -> Option<Vec<u8>> {
    let (_, parsed) = X509Certificate::from_der(der).ok()?;
    let mut extensions = parsed.extensions().iter();
    let found = extensions.find(|extension| extension.oid.to_id_string() == oid)?;
    Some(found.value.to_vec())
}

fn named(names: &[&str], kind: &str, number: u32) -> String {
    let known = usize::try_from(number).ok().and_then(|number| names.get(number));
    known.map_or_else(|| format!("{kind}-{number}"), |name| (*name).to_owned())
}

fn describe(description: &KeyDescription<'_>) -> Map<String, Value> {
    let (software, hardware) = (&description.software, &description.hardware);
    let both = |field: for<'a> fn(&'a AuthorizationList<'_>) -> &'a Vec<u32>| {
        let mut numbers = [field(software).as_slice(), field(hardware)].concat();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    };
    let words = |names: &[&str], kind: &str, numbers: Vec<u32>| -> Vec<String> {
        numbers
            .into_iter()
            .map(|number| named(names, kind, number))
            .collect()
    };
    let id = software.application_id.as_ref();
    let packages: Vec<Value> = id
        .into_iter()
        .flat_map(|id| &id.packages)
        .map(|package| json!({ "name": package.name, "version": package.version }))
        .collect();
    let signers: Vec<String> = id
        .into_iter()
        .flat_map(|id| &id.signers)
        .map(|signer| hex(signer))
        .collect();
    let patch = |number: Option<u32>| {
        number
            .and_then(PatchLevel::from_number)
            .map(|level| level.to_string())
    };
    let boot = hardware.root_of_trust.as_ref().map(|found| {
        json!({
            "state": found.state,
            "locked": found.locked,
            "key": hex(found.key),
            "hash": found.hash.map(hex),
        })
    });
    let facts = json!({
        "attestation_version": description.attestation_version,
        "keymint_version": description.keymint_version,
        "attestation_level": description.attestation_level,
        "key_level": description.attestation_level.min(description.keymint_level),
        "challenge": hex(description.challenge),
        "packages": packages,
        "signers": signers,
        "origin": hardware.origin.or(software.origin).map(|origin| named(ORIGINS, "origin", origin)),
        "purposes": words(PURPOSES, "purpose", both(|list| &list.purposes)),
        "digests": words(DIGESTS, "digest", both(|list| &list.digests)),
        "all_applications": hardware.all_applications || software.all_applications,
        "boot": boot,
        "patch": {
            "os": patch(hardware.os_patch),
            "vendor": patch(hardware.vendor_patch),
            "boot": patch(hardware.boot_patch),
        },
        "os_version": hardware.os_version,
        "unknown_tags": both(|list| &list.unknown_tags),
    });
    match facts {
        Value::Object(facts) => facts,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}
