//! docs/what-leaves-the-phone.md names every member of everything that is sent. The values here are written out member by
//! member: one that is new does not compile until somebody has put it here, and then fails until it is in the document.

use std::collections::BTreeSet;

use attest_core::challenge::Purpose;
use attest_core::device::{DeviceId, Platform};
use attest_core::environment::Environment;
use attest_core::evidence::EvidenceClaims;
use attest_core::finding::Findings;
use attest_core::jose::Jwk;
use attest_core::service::{ChallengeRequest, EvidenceRequest, PlatformEvidence};
use attest_core::step_up::STEP_UP_HEADER;
use attest_core::token::binding::BindingClaims;
use attest_core::token::claims::TokenClaims;
use attest_core::token::{ATTESTATION_HEADER, PROOF_HEADER, SESSION_HEADER};
use serde::Serialize;
use serde_json::Value;

const DOCUMENT: &str = include_str!("../../../docs/what-leaves-the-phone.md");

/// The paths of all members.
fn members(value: &impl Serialize) -> BTreeSet<String> {
    fn walk(value: &Value, path: &str, paths: &mut BTreeSet<String>) {
        let Some(members) = value.as_object().filter(|members| !members.is_empty()) else {
            paths.insert(path.to_owned());
            return;
        };
        for (name, value) in members {
            let path = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            walk(value, &path, paths);
        }
    }
    let mut paths = BTreeSet::new();
    walk(&serde_json::to_value(value).unwrap(), "", &mut paths);
    paths
}

/// What the table below a heading lists.
fn listed(heading: &str) -> BTreeSet<String> {
    let (_, section) = DOCUMENT.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| row.split('`').next().unwrap().to_owned())
        .collect()
}

fn text() -> String {
    "x".to_owned()
}

fn findings() -> Findings {
    Findings {
        evaluated: text(),
        hit: vec![text()],
        inconclusive: vec![text()],
        inconclusive_more: 1,
    }
}

/// Fails to compile for a kind that is not listed.
fn platforms() -> Vec<PlatformEvidence> {
    let known = |kind: &PlatformEvidence| match kind {
        PlatformEvidence::Software {}
        | PlatformEvidence::AndroidKey { .. }
        | PlatformEvidence::AppAttest { .. }
        | PlatformEvidence::AppAttestAssertion { .. } => (),
    };
    let all = vec![
        PlatformEvidence::Software {},
        PlatformEvidence::AndroidKey { chain: vec![text()] },
        PlatformEvidence::AppAttest {
            object: text(),
            key_id: text(),
        },
        PlatformEvidence::AppAttestAssertion { object: text() },
    ];
    all.iter().for_each(known);
    all
}

#[test]
fn the_document_lists_every_member_that_is_sent() {
    let device = DeviceId::from_bytes([7; 16]);
    let challenge = ChallengeRequest {
        purpose: Purpose::Renew,
        app: text(),
        device: Some(device),
    };
    assert_eq!(members(&challenge), listed("POST challenge"));

    let sent = platforms().into_iter().flat_map(|platform| {
        members(&EvidenceRequest {
            evidence: text(),
            platform: Some(platform),
            play_integrity: Some(text()),
        })
    });
    assert_eq!(
        sent.collect::<BTreeSet<_>>(),
        listed("POST enroll and POST renew")
    );

    let evidence = EvidenceClaims {
        purpose: Purpose::Renew,
        challenge: text(),
        app: text(),
        app_version: text(),
        platform: Platform::Android,
        environment: Environment::Production,
        device: Some(device),
        jwk: Jwk::p256(&[4; 65]),
        share: text(),
        policy_version: 1,
        findings: findings(),
        iat: 1,
    };
    assert_eq!(members(&evidence), listed("Evidence"));

    let token = TokenClaims {
        aud: text(),
        iat: 1,
        exp: Some(1),
        nbf: Some(1),
        jti: text(),
        policy_version: 1,
        findings: findings(),
        binding: BindingClaims {
            htm: text(),
            htu: text(),
            query: Some(text()),
            body: Some(text()),
            authorization: Some(text()),
        },
    };
    assert_eq!(members(&token), listed("Tokens"));
}

#[test]
fn the_document_names_every_header() {
    for header in [
        SESSION_HEADER,
        PROOF_HEADER,
        ATTESTATION_HEADER,
        STEP_UP_HEADER,
        "if-none-match",
    ] {
        assert!(DOCUMENT.contains(&format!("`{header}`")), "{header}");
    }
}
