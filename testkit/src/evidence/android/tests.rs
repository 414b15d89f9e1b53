//! That chains are what x509-parser, which no builder uses, reads and verifies.

use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
    VerificationAlgorithm,
};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::*;
use crate::evidence::TestRoots;
use crate::evidence::der;

const CHALLENGE: &[u8] = b"0123456789abcdef0123456789abcdef";

fn device_key() -> [u8; 65] {
    TestKey::p256().unwrap().point().unwrap()
}

fn parsed(der: &[u8]) -> X509Certificate<'_> {
    let (rest, certificate) = X509Certificate::from_der(der).unwrap();
    assert!(rest.is_empty());
    certificate
}

fn extension<'a>(certificate: &X509Certificate<'a>, oid: &[u64]) -> Option<&'a [u8]> {
    let dotted: Vec<_> = oid.iter().map(ToString::to_string).collect();
    let mut found = certificate
        .extensions()
        .iter()
        .filter(|extension| extension.oid.to_id_string() == dotted.join("."));
    let value = found.next().map(|extension| extension.value);
    assert!(found.next().is_none());
    value
}

fn chained(chain: &[Vec<u8>]) -> bool {
    chain.windows(2).all(|pair| {
        let (subject, issuer) = (parsed(&pair[0]), parsed(&pair[1]));
        subject.issuer() == issuer.subject() && signed(&subject, &issuer)
    })
}

fn signed(subject: &X509Certificate<'_>, issuer: &X509Certificate<'_>) -> bool {
    let key = issuer.public_key().subject_public_key.data.as_ref();
    let algorithm: &dyn VerificationAlgorithm = match key.len() {
        65 => &ECDSA_P256_SHA256_ASN1,
        97 => &ECDSA_P384_SHA384_ASN1,
        _ => &RSA_PKCS1_2048_8192_SHA256,
    };
    UnparsedPublicKey::new(algorithm, key)
        .verify(subject.tbs_certificate.as_ref(), &subject.signature_value.data)
        .is_ok()
}

#[test]
fn every_shape_chains_to_its_root() {
    let roots = TestRoots::generate().unwrap();
    let device = device_key();
    for root in [&roots.android, &roots.android_p256, &Root::rsa().unwrap()] {
        for shape in Shape::ALL {
            let chain = ChainBuilder::new(root, shape, CHALLENGE, &device)
                .unwrap()
                .build()
                .unwrap();
            assert_eq!(chain.len(), shape.certificates());
            assert!(chained(&chain), "{shape:?}");
            assert_eq!(chain.last().unwrap(), root.der());
            let leaf = parsed(&chain[0]);
            assert_eq!(leaf.public_key().subject_public_key.data.as_ref(), device);
            let carriers: Vec<_> = chain
                .iter()
                .map(|der| extension(&parsed(der), DESCRIPTION_OID).is_some())
                .collect();
            assert!(
                carriers[0] && !carriers[1..].contains(&true),
                "{shape:?}: {carriers:?}"
            );
            let provisioned = extension(&parsed(&chain[1]), PROVISIONING_OID);
            assert_eq!(provisioned.is_some(), shape == Shape::Rkp);
        }
    }
}

#[test]
fn the_certificate_under_the_root_tells_the_shape() {
    let roots = TestRoots::generate().unwrap();
    let mut subjects = Vec::new();
    for shape in [Shape::Factory, Shape::Rkp] {
        let chain = ChainBuilder::new(&roots.android, shape, CHALLENGE, &device_key())
            .unwrap()
            .build()
            .unwrap();
        subjects.push(parsed(&chain[chain.len() - 2]).subject().to_string());
    }
    assert_eq!(
        subjects,
        ["serialNumber=5b0359cca8879cb5", "O=Google LLC, CN=Droid CA2"]
    );
}

#[test]
fn provisioning_is_what_phones_send() {
    let expect = [
        0xa3, 1, 0x18, 64, 2, 0xf5, 3, 0x66, b'G', b'o', b'o', b'g', b'l', b'e',
    ];
    assert_eq!(provisioning(64, "Google").unwrap(), expect);
}

#[test]
fn descriptions_have_eight_elements_and_what_their_version_knows() {
    let check = |version, tag: u32, expect: bool| {
        let description = KeyDescription::hardware(version, CHALLENGE);
        let (mut inside, rest) = {
            let der = description.to_der();
            let (inside, rest) = der::split(&der).unwrap();
            (inside.to_vec(), rest.len())
        };
        assert_eq!(rest, 0);
        let mut elements = 0;
        while !inside.is_empty() {
            inside = der::split(&inside).unwrap().1.to_vec();
            elements += 1;
        }
        assert_eq!(elements, 8);
        let lists = [&description.software, &description.hardware];
        let found = lists
            .iter()
            .any(|list| list.fields.iter().any(|(other, _)| *other == tag));
        assert_eq!(found, expect, "version {version}, tag {tag}");
        for list in lists {
            assert!(list.fields.is_sorted_by_key(|(tag, _)| *tag));
        }
    };
    for version in [1, 2, 3, 4, 100, 200, 300, 400, 500] {
        check(version, tag::ROOT_OF_TRUST, true);
        check(version, tag::APPLICATION_ID, true);
        check(version, tag::BOOT_PATCH_LEVEL, version >= 3);
        check(version, tag::MODULE_HASH, version >= 400);
    }
}

#[test]
fn a_description_is_what_a_real_phone_wrote() {
    // The hardware list of a phone, by its tags and values, with the keys and digests of this testkit.
    let description = KeyDescription::hardware(400, CHALLENGE);
    let der = description.to_der();
    let holds = |bytes: &[u8]| der.windows(bytes.len()).any(|window| window == bytes);
    // Purposes, digest and origin, no authentication, root of trust, system version and patch, as dumped from a phone.
    assert!(holds(&[0xa1, 8, 0x31, 6, 2, 1, 2, 2, 1, 3]));
    assert!(holds(&[0xa5, 5, 0x31, 3, 2, 1, 4]));
    assert!(holds(&[0xbf, 0x85, 0x3e, 3, 2, 1, 0]));
    assert!(holds(&[0xbf, 0x83, 0x77, 2, 5, 0]));
    assert!(holds(&[0xbf, 0x85, 0x40, 0x4c, 0x30, 0x4a, 4, 0x20]));
    assert!(holds(&[0xbf, 0x85, 0x41, 5, 2, 3]));
    assert!(holds(&[0xbf, 0x85, 0x4f, 6, 2, 4]));
}

#[test]
fn what_is_spoiled_is_spoiled() {
    let roots = TestRoots::generate().unwrap();
    let valid = ChainBuilder::new(&roots.android, Shape::Rkp, CHALLENGE, &device_key()).unwrap();
    let stranger = TestKey::p256().unwrap();
    let check = |spoiled: ChainBuilder, still_chained: bool| {
        let chain = spoiled.build().unwrap();
        assert_eq!(chained(&chain), still_chained);
        chain
    };
    check(valid.clone(), true);
    check(
        valid
            .clone()
            .certificate(1, |c| c.signer = Some(stranger.clone())),
        false,
    );
    check(
        valid
            .clone()
            .certificate(0, |c| c.issuer = Some(name(&[("CN", "x")]))),
        false,
    );
    let late = check(
        valid.clone().certificate(2, |c| c.not_before_s = 2_000_000_000),
        true,
    );
    assert_eq!(parsed(&late[2]).validity().not_before.timestamp(), 2_000_000_000);
    let serial = check(
        valid
            .clone()
            .certificate(1, |c| c.serial = Some(vec![0x0a, 0xbc])),
        true,
    );
    assert_eq!(parsed(&serial[1]).serial.to_str_radix(16), "abc");
    let missing = check(valid.clone().with(|chain| chain.described.clear()), true);
    assert!(extension(&parsed(&missing[0]), DESCRIPTION_OID).is_none());
    let misplaced = check(valid.clone().with(|chain| chain.described.push(1)), true);
    assert!(extension(&parsed(&misplaced[1]), DESCRIPTION_OID).is_some());
    let eat = check(
        valid
            .clone()
            .with(|chain| chain.description_oid = EAT_OID.to_vec()),
        true,
    );
    assert!(extension(&parsed(&eat[0]), EAT_OID).is_some());
    let null = check(valid.clone().certificate(0, Template::null_parameters), true);
    assert!(parsed(&null[0]).signature_algorithm.parameters.is_some());
    let ml_dsa = check(valid.certificate(0, Template::ml_dsa_key), true);
    let algorithm = parsed(&ml_dsa[0]).public_key().algorithm.algorithm.to_id_string();
    assert_eq!(algorithm, "2.16.840.1.101.3.4.3.18");
}

#[test]
fn an_attested_key_can_be_made_to_issue() {
    let roots = TestRoots::generate().unwrap();
    let held = TestKey::p256().unwrap();
    let mut chain = ChainBuilder::new(&roots.android, Shape::Factory, CHALLENGE, &device_key()).unwrap();
    let forged = Template::leaf(name(&[("CN", "Forged")]), SubjectKey::Point(device_key()));
    chain.certificates[0].key = SubjectKey::Held(held);
    chain.certificates.insert(0, forged.clone());
    chain.described = vec![0, 1];
    assert!(chained(&chain.build().unwrap()));
    chain.certificates[1].key = SubjectKey::Point(device_key());
    assert!(matches!(chain.build(), Err(BuildError::PublicKeyOnly)));
}
