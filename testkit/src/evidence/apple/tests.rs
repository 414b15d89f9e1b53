//! That objects are what ciborium and webpki, which verifiers use, read and verify.

use attest_core::encoding::sha256;
use ciborium::Value;
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use super::*;
use crate::evidence::certificate::TestKey;
use crate::evidence::{TestRoots, der};

const APP: &str = "A1B2C3D4E5.com.example.bank";
const HASH: [u8; 32] = [7; 32];
const NOW_S: u64 = 1_790_000_000;

fn member<'a>(value: &'a Value, name: &str) -> &'a Value {
    let members = value.as_map().unwrap();
    let found = members.iter().find(|(key, _)| key.as_text() == Some(name));
    &found.unwrap().1
}

fn read(object: &[u8]) -> Value {
    ciborium::from_reader(object).unwrap()
}

fn attestation() -> (TestRoots, TestKey, AttestationBuilder) {
    let roots = TestRoots::generate().unwrap();
    let key = TestKey::p256().unwrap();
    let builder = AttestationBuilder::new(&roots.apple, APP, &key, PRODUCTION, HASH).unwrap();
    (roots, key, builder)
}

fn verifies(roots: &TestRoots, chain: &[Vec<u8>]) -> bool {
    let certificates: Vec<_> = chain.iter().map(|der| der.as_slice().into()).collect();
    let root = roots.apple.der().into();
    let anchors = [anchor_from_trusted_cert(&root).unwrap()];
    let now = rustls::pki_types::UnixTime::since_unix_epoch(std::time::Duration::from_secs(NOW_S));
    EndEntityCert::try_from(&certificates[0])
        .unwrap()
        .verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &anchors,
            &certificates[1..],
            now,
            KeyUsage::client_auth(),
            None,
            None,
        )
        .is_ok()
}

#[test]
fn an_attestation_holds_together() {
    let (roots, key, builder) = attestation();
    let object = read(&builder.build().unwrap());
    assert_eq!(member(&object, "fmt").as_text(), Some("apple-appattest"));
    let statement = member(&object, "attStmt");
    assert!(member(statement, "receipt").is_bytes());
    let x5c = member(statement, "x5c").as_array().unwrap();
    let chain: Vec<_> = x5c.iter().map(|der| der.as_bytes().unwrap().clone()).collect();
    assert_eq!(chain.len(), 2);
    assert!(verifies(&roots, &chain));

    let auth_data = member(&object, "authData").as_bytes().unwrap();
    assert_eq!(auth_data[..32], sha256(&[APP.as_bytes()]));
    assert_eq!(auth_data[32..37], [0x40, 0, 0, 0, 0]);
    assert_eq!(auth_data[37..53], PRODUCTION);
    assert_eq!(auth_data[53..55], [0, 32]);
    assert_eq!(auth_data[55..87], key.id());
    let cose: Value = ciborium::from_reader(&auth_data[87..]).unwrap();
    let x = cose
        .as_map()
        .unwrap()
        .iter()
        .find(|(label, _)| *label == Value::from(-2))
        .unwrap();
    assert_eq!(x.1.as_bytes().unwrap().as_slice(), &key.point().unwrap()[1..33]);

    let nonce = sha256(&[auth_data, &HASH]);
    let extension = der::sequence(&[der::explicit(1, &der::octets(&nonce))]);
    assert!(
        chain[0]
            .windows(extension.len())
            .any(|window| window == extension)
    );
    assert!(chain[0].windows(APP.len()).any(|window| window == APP.as_bytes()));
}

#[test]
fn a_spoiled_chain_does_not_verify() {
    let (roots, _, builder) = attestation();
    let check = |builder: AttestationBuilder, expect| {
        assert_eq!(verifies(&roots, &builder.chain().unwrap()), expect);
    };
    let other = TestKey::p384().unwrap();
    check(builder.clone(), true);
    check(
        builder
            .clone()
            .certificate(0, |leaf| leaf.signer = Some(other.clone())),
        false,
    );
    check(
        builder.clone().certificate(1, |ca| ca.not_after_s = NOW_S - 1),
        false,
    );
    check(
        builder
            .clone()
            .certificate(0, |leaf| leaf.not_before_s = NOW_S + 1),
        false,
    );
    check(
        builder.with(|builder| builder.root = TestRoots::generate().unwrap().apple),
        false,
    );
}

#[test]
fn extensions_of_newer_systems_follow_the_credential() {
    let (_, _, builder) = attestation();
    let plain = builder.auth_data.to_bytes().unwrap();
    let extended = builder.with(|builder| builder.auth_data.ios_27(4, "42"));
    let extended = extended.auth_data.to_bytes().unwrap();
    assert_eq!(extended[..plain.len()], plain);
    let extensions = read(&extended[plain.len()..]);
    assert_eq!(
        member(&extensions, "apple_bundle_version_01").as_text(),
        Some("42")
    );
}

#[test]
fn an_assertion_is_signed_over_the_nonce() {
    let key = TestKey::p256().unwrap();
    let builder = AssertionBuilder::new(APP, &key, 3, HASH);
    let verifies = |builder: AssertionBuilder| {
        let object = read(&builder.build().unwrap());
        let auth_data = member(&object, "authenticatorData").as_bytes().unwrap();
        assert_eq!(auth_data.len(), 37);
        let signature = member(&object, "signature").as_bytes().unwrap();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key.public_key())
            .verify(&sha256(&[auth_data, &HASH]), signature)
            .is_ok()
    };
    assert!(verifies(builder.clone()));
    assert!(!verifies(
        builder.clone().with(|it| it.client_data_hash = [8; 32])
    ));
    assert!(!verifies(builder.clone().with(|it| it.nonce = Some([0; 32]))));
    assert!(!verifies(builder.with(|it| it.key = TestKey::p256().unwrap())));
}
