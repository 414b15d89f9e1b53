//! What evidence is verified against beside what ships with a release: further trust anchors, and the list of revoked keys.

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use super::{
    EvidenceKind, Fault, MAX_TEXT_BYTES,
    error::Errors,
    verify::{bounded, named, short},
};
use crate::environment::Environment;

/// The most further trust anchors.
pub const MAX_ANCHORS: usize = 16;

/// Where the list of revoked attestation keys is found, and how old it may be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// The file of Google's status list, kept fresh beside the gateway; a relative path starts at the folder of the policy.
    pub file: String,
    /// The age at which the list counts as stale, in seconds: then enrolments are answered `later`. Google publishes it daily;
    /// three days outlast a weekend without anybody.
    #[serde(default = "three_days")]
    #[cfg_attr(feature = "schema", schemars(range(min = 60, max = 2_592_000)))]
    pub max_age_s: u64,
}

const fn three_days() -> u64 {
    259_200
}

impl Revocation {
    pub(super) fn verify(&self, errors: &mut Errors) {
        if self.file.is_empty() {
            errors.push("revocation.file", Fault::Empty);
        } else if self.file.len() > MAX_TEXT_BYTES {
            errors.push("revocation.file", Fault::TextTooLong);
        }
        if !(60..=2_592_000).contains(&self.max_age_s) {
            errors.push(
                "revocation.max_age_s",
                Fault::OutOfRange {
                    min: 60,
                    max: 2_592_000,
                },
            );
        }
    }
}

/// A trust anchor beside those that ship with a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Anchor {
    /// What logs and messages call it.
    pub name: String,
    /// The kind of evidence that may end at it: `android_key` or `app_attest`. Absent: `android_key`.
    #[serde(default = "android_key", skip_serializing_if = "is_android_key")]
    pub evidence: EvidenceKind,
    /// The certificate, as PEM.
    pub pem: String,
}

const fn android_key() -> EvidenceKind {
    EvidenceKind::AndroidKey
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde's skip_serializing_if passes a reference"
)]
fn is_android_key(kind: &EvidenceKind) -> bool {
    *kind == EvidenceKind::AndroidKey
}

impl Anchor {
    /// The certificate's bytes; `None` unless the text is one PEM certificate whose outermost length is its own. Whether it is a
    /// certificate is the verifier's to say.
    #[must_use]
    pub fn der(&self) -> Option<Vec<u8>> {
        let body = self
            .pem
            .trim()
            .strip_prefix("-----BEGIN CERTIFICATE-----")?
            .strip_suffix("-----END CERTIFICATE-----")?;
        let digits: String = body.chars().filter(|char| !char.is_ascii_whitespace()).collect();
        let der = STANDARD.decode(digits).ok()?;
        // SEQUENCE with a length of two bytes: every certificate is longer than 255 bytes and shorter than 64 KiB.
        let (head, rest) = der.split_first_chunk::<4>()?;
        let [tag, form, high, low] = *head;
        let whole = usize::from(u16::from_be_bytes([high, low])) == rest.len();
        (tag == 0x30 && form == 0x82 && whole).then_some(der)
    }
}

pub(super) fn anchors(list: &[Anchor], environment: Environment, errors: &mut Errors) {
    bounded("anchors", list.len(), MAX_ANCHORS, errors);
    let mut names = BTreeSet::new();
    for (index, anchor) in list.iter().enumerate() {
        let path = format!("anchors[{index}]");
        named(&anchor.name, &format!("{path}.name"), errors);
        if !names.insert(anchor.name.as_str()) {
            let first = list.iter().position(|other| other.name == anchor.name);
            let fault = Fault::Duplicate {
                id: short(&anchor.name),
                first: format!("anchors[{}]", first.unwrap_or_default()),
            };
            errors.push(format_args!("{path}.name"), fault);
        }
        if anchor.der().is_none() {
            let message = "expected one certificate as PEM, from `-----BEGIN CERTIFICATE-----` on";
            errors.push(format_args!("{path}.pem"), Fault::Shape { message });
        }
        let fault = match (anchor.evidence, environment) {
            (EvidenceKind::Software | EvidenceKind::PlayIntegrity, _) => Fault::Shape {
                message: "certificates are for `android_key` or `app_attest` evidence",
            },
            (EvidenceKind::AppAttest, Environment::Production) => Fault::Contradiction {
                code: "app-attest-anchor-in-production",
                message: "App Attest has one root, Apple's; another one is for development",
            },
            (EvidenceKind::AppAttest | EvidenceKind::AndroidKey, _) => continue,
        };
        errors.push(format_args!("{path}.evidence"), fault);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::policy::tests::{errors_of, with};

    fn pem(der: &[u8]) -> String {
        format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            STANDARD.encode(der)
        )
    }

    fn sequence(length: u16) -> Vec<u8> {
        let mut der = vec![0x30, 0x82];
        der.extend(length.to_be_bytes());
        der.resize(4 + usize::from(length), 7);
        der
    }

    #[test]
    fn a_certificate_is_one_whole_sequence() {
        let check = |pem: String, expect: Option<Vec<u8>>| {
            let anchor = Anchor {
                name: "a".to_owned(),
                evidence: EvidenceKind::AndroidKey,
                pem,
            };
            assert_eq!(anchor.der(), expect, "{}", anchor.pem);
        };
        let der = sequence(300);
        check(pem(&der), Some(der.clone()));
        check(
            pem(&der)
                .replace(char::is_whitespace, "\n")
                .replace("N\nC", "N C")
                .replace("D\nC", "D C"),
            Some(der.clone()),
        );
        check(pem(&der).repeat(2), None);
        check(pem(&[&der[..], &[0]].concat()), None);
        check(pem(&der[..200]), None);
        check(pem(&[0x31, 0x82, 0, 0]), None);
        check(pem(&[]), None);
        check(STANDARD.encode(&der), None);
        check(pem(&der).replace("CERTIFICATE", "PRIVATE KEY"), None);
        check(String::new(), None);
    }

    #[test]
    fn trust_beyond_the_release_is_bounded() {
        let check = |environment: &str, parts: serde_json::Value, expect: &[&str]| {
            let policy = with(json!({"version": 1, "environment": environment}), parts.clone());
            assert_eq!(
                errors_of(serde_json::from_value(policy).unwrap()),
                expect,
                "{environment} {parts}"
            );
        };
        let pem = pem(&sequence(500));
        let anchor = |name: &str, evidence: &str| json!({"name": name, "pem": pem, "evidence": evidence});
        check(
            "production",
            json!({"anchors": [{"name": "own", "pem": pem}]}),
            &[],
        );
        check(
            "development",
            json!({"anchors": [anchor("a", "app_attest"), anchor("b", "android_key")]}),
            &[],
        );
        check(
            "production",
            json!({"anchors": [anchor("a", "app_attest")]}),
            &["anchors[0].evidence: app-attest-anchor-in-production"],
        );
        check(
            "development",
            json!({"anchors": [anchor("a", "software")]}),
            &["anchors[0].evidence: shape"],
        );
        check(
            "development",
            json!({"anchors": [{"name": "A", "pem": "x"}, anchor("b", "android_key"), anchor("b", "app_attest")]}),
            &[
                "anchors[0].name: name",
                "anchors[0].pem: shape",
                "anchors[2].name: duplicate-id",
            ],
        );
        let many: Vec<_> = (0..=MAX_ANCHORS)
            .map(|n| anchor(&format!("a{n}"), "android_key"))
            .collect();
        check("development", json!({"anchors": many}), &["anchors: too-many"]);
        check("production", json!({"revocation": {"file": "status.json"}}), &[]);
        check(
            "production",
            json!({"revocation": {"file": "", "max_age_s": 59}}),
            &["revocation.file: empty", "revocation.max_age_s: out-of-range"],
        );
        let default: Revocation = serde_json::from_value(json!({"file": "f"})).unwrap();
        assert_eq!(default.max_age_s, 259_200);
    }
}
