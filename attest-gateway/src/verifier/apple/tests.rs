//! App Attest evidence made on the spot under a root of the test's own, spoilt in one place each time.

use attest_core::encoding::sha256;
use ciborium::Value;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, date_time_ymd,
};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};

use super::*;
use crate::verifier::{VerdictCode, Work};

const APP: &str = "ABCDE12345.com.example.bank";
/// 2026-11-22T00:00:00Z; leaves are valid from the day before to two days after.
const NOW_S: u64 = 1_795_305_600;
const DAY_S: u64 = 86_400;
const CLIENT_DATA_HASH: [u8; 32] = [5; 32];

/// An authority: a root, and one issuer below it.
struct Apple {
    root_pem: String,
    issuer_der: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

impl Apple {
    fn new(root: &str, issuer: &str) -> Self {
        let key = || KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
        let (root_key, issuer_key) = (key(), key());
        let (root, params) = (authority(root), authority(issuer));
        let root_pem = root.self_signed(&root_key).unwrap().pem();
        let issuer_der = params
            .signed_by(&issuer_key, &Issuer::from_params(&root, &root_key))
            .unwrap();
        Self {
            root_pem,
            issuer_der: issuer_der.der().to_vec(),
            issuer: Issuer::new(params, issuer_key),
        }
    }

    fn anchors(&self) -> AppleAnchors {
        AppleAnchors::built_in().with_pem(&self.root_pem).unwrap()
    }
}

/// A phone's App Attest key and all that goes into its evidence; genuine until a field is changed.
struct Phone {
    key: KeyPair,
    app: &'static str,
    aaguid: [u8; 16],
    counter: u32,
    credential_id: Option<Vec<u8>>,
    cose: Option<Vec<(Value, Value)>>,
    extensions: Option<Vec<(Value, Value)>>,
    behind: Vec<u8>,
    leaf_app: Option<&'static str>,
    nonce: Option<Vec<u8>>,
    leaf_valid: bool,
    signs_as_leaf: bool,
    object: fn(&mut Vec<(Value, Value)>),
    statement: fn(&mut Vec<(Value, Value)>),
    chain: fn(&mut Vec<Value>),
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

impl Phone {
    fn new() -> Self {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let (x, y) = key.public_key_raw()[1..].split_at(32);
        let cose = [
            (1, Value::from(2)),
            (3, Value::from(-7)),
            (-1, Value::from(1)),
            (-2, Value::Bytes(x.to_vec())),
            (-3, Value::Bytes(y.to_vec())),
        ];
        Self {
            cose: Some(cose.map(|(label, value)| (Value::from(label), value)).to_vec()),
            key,
            app: APP,
            aaguid: *b"appattest\0\0\0\0\0\0\0",
            counter: 0,
            credential_id: None,
            extensions: None,
            behind: vec![],
            leaf_app: Some(APP),
            nonce: None,
            leaf_valid: true,
            signs_as_leaf: true,
            object: |_| {},
            statement: |_| {},
            chain: |_| {},
        }
    }

    fn point(&self) -> &[u8] {
        self.key.public_key_raw()
    }

    fn key_id(&self) -> [u8; 32] {
        sha256(&[self.point()])
    }

    fn header(&self, flags: u8, counter: u32) -> Vec<u8> {
        [
            &sha256(&[self.app.as_bytes()])[..],
            &[flags],
            &counter.to_be_bytes(),
        ]
        .concat()
    }

    fn extension_bytes(&self) -> Vec<u8> {
        self.extensions
            .clone()
            .map(|map| encoded(&Value::Map(map)))
            .unwrap_or_default()
    }

    fn authenticator_data(&self) -> Vec<u8> {
        let id = self
            .credential_id
            .clone()
            .unwrap_or_else(|| self.key_id().to_vec());
        let cose = self.cose.clone().map(|map| encoded(&Value::Map(map)));
        let length = u16::try_from(id.len()).unwrap().to_be_bytes();
        [
            &self.header(0x40, self.counter)[..],
            &self.aaguid,
            &length,
            &id,
            &cose.unwrap_or_default(),
            &self.extension_bytes(),
            &self.behind,
        ]
        .concat()
    }

    fn leaf(&self, authenticator_data: &[u8], apple: &Apple) -> Vec<u8> {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::ExplicitNoCa;
        params.not_before = date_time_ymd(2026, 11, 21);
        params.not_after = date_time_ymd(2026, 11, if self.leaf_valid { 24 } else { 21 });
        let nonce = self
            .nonce
            .clone()
            .unwrap_or_else(|| sha256(&[authenticator_data, &CLIENT_DATA_HASH]).to_vec());
        if !nonce.is_empty() {
            let value = [&[0x30, 0x24, 0xa1, 0x22, 0x04, 0x20], &nonce[..]].concat();
            params.custom_extensions.push(extension(2, value));
        }
        if let Some(app) = self.leaf_app {
            // [4] first, to be passed over, as in real ones.
            let elements = [vec![0xa4, 3, 2, 1, 10], tagged(&[0xbf, 0x89, 0x34], app)].concat();
            params.custom_extensions.push(extension(5, sequence(&elements)));
            let version = sequence(&tagged(&[0xbf, 0x8a, 0x78], "27.0.1"));
            params.custom_extensions.push(extension(7, version));
        }
        if self.signs_as_leaf {
            params.signed_by(&self.key, &apple.issuer).unwrap().der().to_vec()
        } else {
            let other = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
            params.signed_by(&other, &apple.issuer).unwrap().der().to_vec()
        }
    }

    fn attestation(&self, apple: &Apple) -> Vec<u8> {
        let authenticator_data = self.authenticator_data();
        let leaf = self.leaf(&authenticator_data, apple);
        let mut chain = vec![Value::Bytes(leaf), Value::Bytes(apple.issuer_der.clone())];
        (self.chain)(&mut chain);
        let mut statement = vec![
            (text("x5c"), Value::Array(chain)),
            (text("receipt"), Value::Bytes(vec![0x30, 0x80])),
        ];
        (self.statement)(&mut statement);
        let mut object = vec![
            (text("fmt"), text("apple-appattest")),
            (text("attStmt"), Value::Map(statement)),
            (text("authData"), Value::Bytes(authenticator_data)),
        ];
        (self.object)(&mut object);
        encoded(&Value::Map(object))
    }

    fn assertion(&self, counter: u32, client_data_hash: &[u8]) -> Vec<u8> {
        let authenticator_data = [self.header(0x40, counter), self.extension_bytes()].concat();
        let rng = SystemRandom::new();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, self.key.serialized_der(), &rng)
            .unwrap();
        let signature = key
            .sign(&rng, &sha256(&[&authenticator_data, client_data_hash]))
            .unwrap();
        encoded(&Value::Map(vec![
            (text("signature"), Value::Bytes(signature.as_ref().to_vec())),
            (text("authenticatorData"), Value::Bytes(authenticator_data)),
        ]))
    }
}

fn encoded(value: &Value) -> Vec<u8> {
    let mut bytes = vec![];
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}

fn extension(last: u64, value: Vec<u8>) -> CustomExtension {
    CustomExtension::from_oid_content(&[1, 2, 840, 113_635, 100, 8, last], value)
}

fn sequence(content: &[u8]) -> Vec<u8> {
    [&[0x30, u8::try_from(content.len()).unwrap()], content].concat()
}

/// An OCTET STRING within a constructed context tag.
fn tagged(tag: &[u8], value: &str) -> Vec<u8> {
    let length = u8::try_from(value.len()).unwrap();
    [tag, &[length + 2, 0x04, length], value.as_bytes()].concat()
}

fn parameters(key_id: &[u8; 32]) -> AttestationParameters<'_> {
    AttestationParameters {
        app_ids: &["ABCDE12345.com.example.other", APP],
        key_id,
        client_data_hash: &CLIENT_DATA_HASH,
        environment: Some(AppleEnvironment::Production),
    }
}

#[test]
fn a_genuine_attestation_says_what_it_says() {
    let (apple, mut phone) = (Apple::new("Root", "CA 1"), Phone::new());
    phone.extensions = Some(vec![
        (text("apple_bundle_version_01"), text("4.2.1")),
        (
            text("apple_validation_category_01"),
            Value::Bytes(vec![4, 0, 0, 0]),
        ),
        (text("apple_something_02"), Value::Float(0.1)),
    ]);
    let mut work = Work::default();
    let (object, key_id) = (phone.attestation(&apple), phone.key_id());
    let facts = verify_attestation_counted(&object, &parameters(&key_id), &apple.anchors(), NOW_S, &mut work)
        .unwrap();
    assert_eq!(facts.app_id, APP);
    assert_eq!(facts.environment, AppleEnvironment::Production);
    assert_eq!(
        (facts.key.as_slice(), facts.key_id, facts.counter),
        (phone.point(), key_id, 0)
    );
    assert_eq!(facts.extensions.bundle_version.as_deref(), Some("4.2.1"));
    assert_eq!(facts.extensions.validation_category, Some(4));
    assert_eq!(facts.leaf_app_id.as_deref(), Some(APP));
    assert_eq!(facts.os_version.as_deref(), Some("27.0.1"));
    assert_eq!(facts.receipt, [0x30, 0x80]);
    let seconds = |days: u64| i64::try_from(NOW_S - DAY_S + days * DAY_S).unwrap();
    assert_eq!(
        (facts.leaf.not_before_s, facts.leaf.not_after_s),
        (seconds(0), seconds(3))
    );
    assert_eq!(work.signatures_checked, 2);

    let json = serde_json::to_value(&facts).unwrap();
    assert_eq!(json["environment"], "production");
    assert_eq!(json["apple_validation_category_01"], 4);
    assert_eq!(json["receipt_bytes"], 2);
    assert_eq!(json["key"].as_str().map(str::len), Some(130));
    let debug = format!("{facts:?}");
    assert!(
        !debug.contains(&facts.leaf.serial) && !debug.contains("key"),
        "{debug}"
    );
}

#[test]
fn a_phone_may_tell_less() {
    let apple = Apple::new("Root", "CA 1");
    let check = |change: fn(&mut Phone)| {
        let mut phone = Phone::new();
        change(&mut phone);
        verify_attestation(
            &phone.attestation(&apple),
            &parameters(&phone.key_id()),
            &apple.anchors(),
            NOW_S,
        )
        .unwrap()
    };
    let plain = check(|_| {});
    assert_eq!(plain.extensions, ExtensionFacts::default());
    assert_eq!(
        serde_json::to_value(&plain).unwrap()["apple_bundle_version_01"],
        serde_json::Value::Null
    );
    assert_eq!(
        check(|phone| phone.cose = None).extensions,
        ExtensionFacts::default()
    );
    let bare = check(|phone| phone.leaf_app = None);
    assert_eq!((bare.leaf_app_id, bare.os_version), (None, None));
    let renamed = check(|phone| {
        phone.cose = None;
        phone.extensions = Some(vec![(text("validationCategory"), Value::from(2))]);
    });
    assert_eq!(renamed.extensions.validation_category, Some(2));
    // Members that are not known.
    check(|phone| phone.object = |members| members.push((text("more"), Value::Null)));
    check(|phone| phone.statement = |members| members.push((text("more"), Value::Null)));
}

#[test]
fn an_attestation_spoilt_in_one_place_is_refused_for_that() {
    let (apple, other) = (Apple::new("Root", "CA 1"), Apple::new("Other root", "CA 1"));
    let lookalike = Apple::new("Root", "CA 1");
    let check = |change: fn(&mut Phone), expect: Error, code: VerdictCode| {
        let mut phone = Phone::new();
        change(&mut phone);
        let found = verify_attestation(
            &phone.attestation(&apple),
            &parameters(&phone.key_id()),
            &apple.anchors(),
            NOW_S,
        );
        assert_eq!(found.map(drop), Err(expect));
        assert_eq!(expect.code(), code);
    };
    use VerdictCode as Code;
    check(
        |phone| phone.app = "ABCDE12345.com.example.fake",
        Error::Application,
        Code::Application,
    );
    check(
        |phone| phone.leaf_app = Some("ABCDE12345.com.example.fake"),
        Error::LeafApplication,
        Code::Application,
    );
    check(
        |phone| phone.counter = 1,
        Error::CounterNotZero { found: 1 },
        Code::Counter,
    );
    check(
        |phone| phone.aaguid[9] = 1,
        Error::UnknownEnvironment,
        Code::Environment,
    );
    let found = AppleEnvironment::Development;
    check(
        |phone| phone.aaguid = *b"appattestdevelop",
        Error::OtherEnvironment { found },
        Code::Environment,
    );
    check(
        |phone| phone.credential_id = Some(vec![7; 32]),
        Error::CredentialId,
        Code::KeyId,
    );
    check(
        |phone| phone.credential_id = Some(vec![7; 31]),
        Error::CredentialId,
        Code::KeyId,
    );
    check(
        |phone| phone.key = Phone::new().key,
        Error::CredentialKey,
        Code::KeyId,
    );
    check(
        |phone| phone.cose.as_mut().unwrap()[1].1 = Value::from(-35),
        Error::CredentialKey,
        Code::KeyId,
    );
    check(|phone| phone.nonce = Some(vec![7; 32]), Error::Nonce, Code::Nonce);
    check(
        |phone| phone.nonce = Some(vec![]),
        Error::NonceMissing,
        Code::Nonce,
    );
    check(
        |phone| phone.nonce = Some(vec![7; 33]),
        Error::NonceMissing,
        Code::Nonce,
    );
    check(
        |phone| phone.signs_as_leaf = false,
        Error::KeyType,
        Code::Unsupported,
    );
    check(|phone| phone.leaf_valid = false, Error::Expired, Code::Expired);
    check(
        |phone| phone.behind = vec![0],
        Error::Member { member: "extensions" },
        Code::Parse,
    );
    check(
        |phone| {
            phone.extensions = Some(vec![]);
            phone.behind = vec![0];
        },
        Error::TrailingBytes,
        Code::Parse,
    );
    let category = "apple_validation_category_01";
    check(
        |phone| {
            phone.extensions = Some(vec![(
                text("apple_validation_category_01"),
                Value::Bytes(vec![4]),
            )])
        },
        Error::Member { member: category },
        Code::Parse,
    );
    check(
        |phone| {
            let long = text(&"1".repeat(257));
            phone.extensions = Some(vec![(text("apple_bundle_version_01"), long)]);
        },
        Error::TooLong {
            found: 257,
            limit: 256,
        },
        Code::Limit,
    );
    check(
        |phone| phone.object = |members| members[0].1 = text("apple"),
        Error::Format,
        Code::Unsupported,
    );
    check(
        |phone| phone.object = |members| members.push((text("fmt"), text("apple-appattest"))),
        Error::AmbiguousMap,
        Code::Parse,
    );
    check(
        |phone| phone.object = |members| members[2].1 = Value::Bytes(vec![0; 36]),
        Error::AuthenticatorData,
        Code::Parse,
    );
    check(
        |phone| phone.object = |members| drop(members.remove(2)),
        Error::Member { member: "authData" },
        Code::Parse,
    );
    check(
        |phone| phone.statement = |members| drop(members.remove(1)),
        Error::Member { member: "receipt" },
        Code::Parse,
    );
    check(
        |phone| phone.chain = Vec::clear,
        Error::ChainLength { found: 0 },
        Code::ChainShape,
    );
    check(
        |phone| phone.chain = |chain| chain.push(chain[1].clone()),
        Error::ChainLength { found: 3 },
        Code::ChainShape,
    );
    check(
        |phone| phone.chain = |chain| chain[1] = chain[0].clone(),
        Error::NameChaining,
        Code::NameChaining,
    );
    check(
        |phone| phone.chain = |chain| chain[0].as_bytes_mut().unwrap().push(0),
        Error::Certificate { position: 0 },
        Code::Parse,
    );
    check(
        |phone| phone.chain = |chain| chain[1] = Value::Bytes(vec![0x30, 0]),
        Error::Certificate { position: 1 },
        Code::Parse,
    );
    // The last byte of the certificates is one of their signature.
    check(
        |phone| phone.chain = |chain| *chain[0].as_bytes_mut().unwrap().last_mut().unwrap() ^= 1,
        Error::CertificateSignature,
        Code::Signature,
    );
    check(
        |phone| phone.chain = |chain| *chain[1].as_bytes_mut().unwrap().last_mut().unwrap() ^= 1,
        Error::CertificateSignature,
        Code::Signature,
    );

    let against = |authority: &Apple, anchors: AppleAnchors, now_s: u64| {
        let phone = Phone::new();
        let object = phone.attestation(authority);
        verify_attestation(&object, &parameters(&phone.key_id()), &anchors, now_s).map(drop)
    };
    assert_eq!(
        against(&apple, AppleAnchors::built_in(), NOW_S),
        Err(Error::AnchorUnknown)
    );
    assert_eq!(against(&other, apple.anchors(), NOW_S), Err(Error::AnchorUnknown));
    assert_eq!(
        against(&lookalike, apple.anchors(), NOW_S),
        Err(Error::CertificateSignature)
    );
    assert_eq!(against(&apple, apple.anchors(), NOW_S - DAY_S), Ok(()));
    assert_eq!(
        against(&apple, apple.anchors(), NOW_S - DAY_S - 1),
        Err(Error::NotYetValid)
    );
    assert_eq!(against(&apple, apple.anchors(), NOW_S + 2 * DAY_S), Ok(()));
    assert_eq!(
        against(&apple, apple.anchors(), NOW_S + 2 * DAY_S + 1),
        Err(Error::Expired)
    );
}

#[test]
fn an_attestation_must_agree_with_every_parameter() {
    let (apple, phone) = (Apple::new("Root", "CA 1"), Phone::new());
    let (object, key_id) = (phone.attestation(&apple), phone.key_id());
    let check = |parameters: AttestationParameters<'_>, expect: Result<(), Error>| {
        let found = verify_attestation(&object, &parameters, &apple.anchors(), NOW_S);
        assert_eq!(found.map(drop), expect);
    };
    let good = parameters(&key_id);
    check(
        AttestationParameters {
            environment: None,
            ..good
        },
        Ok(()),
    );
    check(
        AttestationParameters { app_ids: &[], ..good },
        Err(Error::Application),
    );
    check(
        AttestationParameters {
            app_ids: &["com.example.bank"],
            ..good
        },
        Err(Error::Application),
    );
    check(
        AttestationParameters {
            key_id: &[0; 32],
            ..good
        },
        Err(Error::CredentialId),
    );
    check(
        AttestationParameters {
            client_data_hash: &[5; 31],
            ..good
        },
        Err(Error::Nonce),
    );
    let found = AppleEnvironment::Production;
    check(
        AttestationParameters {
            environment: Some(AppleEnvironment::Development),
            ..good
        },
        Err(Error::OtherEnvironment { found }),
    );
}

#[test]
fn the_key_in_the_leaf_decides() {
    // Credential id and key id agree with each other and with the credential's key, the leaf has another one.
    let (apple, phone, other) = (Apple::new("Root", "CA 1"), Phone::new(), Phone::new());
    let forged = Phone {
        credential_id: Some(other.key_id().to_vec()),
        cose: other.cose.clone(),
        ..phone
    };
    let found = verify_attestation(
        &forged.attestation(&apple),
        &parameters(&other.key_id()),
        &apple.anchors(),
        NOW_S,
    );
    assert_eq!(found.map(drop), Err(Error::KeyId));
}

#[test]
fn no_object_costs_more_than_its_bytes_thrice_and_two_signatures() {
    let (apple, phone) = (Apple::new("Root", "CA 1"), Phone::new());
    let key_id = phone.key_id();
    let check = |object: &[u8], expect: Error, bytes: usize| {
        let mut work = Work::default();
        let found =
            verify_attestation_counted(object, &parameters(&key_id), &apple.anchors(), NOW_S, &mut work);
        assert_eq!(found.map(drop), Err(expect));
        assert_eq!(
            work,
            Work {
                bytes_parsed: bytes,
                signatures_checked: 0
            }
        );
        let mut work = Work::default();
        let assertion = AssertionParameters {
            app_ids: &[APP],
            key: &[4; 65],
            client_data_hash: &[],
            counter_floor: 0,
        };
        assert!(verify_assertion_counted(object, &assertion, &mut work).is_err());
        assert!(work.bytes_parsed <= MAX_ASSERTION_BYTES && work.signatures_checked == 0);
    };
    let found = MAX_ATTESTATION_BYTES + 1;
    check(
        &vec![0xa0; found],
        Error::TooLong {
            found,
            limit: MAX_ATTESTATION_BYTES,
        },
        0,
    );
    check(
        &[0x81; MAX_ATTESTATION_BYTES],
        Error::TooDeep { limit: 8 },
        MAX_ATTESTATION_BYTES,
    );

    let crowd = Phone {
        chain: |chain| *chain = vec![Value::Bytes(vec![]); 10_000],
        ..phone
    };
    let object = crowd.attestation(&apple);
    check(&object, Error::ChainLength { found: 10_000 }, object.len());

    // A claim of 2^40 certificates and nothing behind it.
    let mut object = b"\xa2\x63fmt\x6fapple-appattest\x67attStmt\xa1\x63x5c\x9b\x00\x00\x01\x00".to_vec();
    object.extend([0; 4]);
    check(&object, Error::Cbor, object.len());
}

#[test]
fn an_assertion_verifies_once_for_each_counter() {
    let mut phone = Phone::new();
    let key: [u8; 65] = phone.point().try_into().unwrap();
    let good = AssertionParameters {
        app_ids: &[APP],
        key: &key,
        client_data_hash: &CLIENT_DATA_HASH,
        counter_floor: 6,
    };
    let check = |object: &[u8], parameters: AssertionParameters<'_>, expect: Result<u32, Error>| {
        assert_eq!(
            verify_assertion(object, &parameters).map(|facts| facts.counter),
            expect
        );
    };
    let object = phone.assertion(7, &CLIENT_DATA_HASH);
    check(&object, good, Ok(7));
    let above = |found, floor| Err(Error::CounterNotAbove { found, floor });
    check(
        &object,
        AssertionParameters {
            counter_floor: 7,
            ..good
        },
        above(7, 7),
    );
    check(
        &phone.assertion(0, &CLIENT_DATA_HASH),
        AssertionParameters {
            counter_floor: 0,
            ..good
        },
        above(0, 0),
    );
    check(&phone.assertion(u32::MAX, &CLIENT_DATA_HASH), good, Ok(u32::MAX));
    check(
        &object,
        AssertionParameters {
            app_ids: &["ABCDE12345.com.example.other"],
            ..good
        },
        Err(Error::Application),
    );
    check(
        &object,
        AssertionParameters {
            client_data_hash: &[6; 32],
            ..good
        },
        Err(Error::AssertionSignature),
    );
    let other: [u8; 65] = Phone::new().point().try_into().unwrap();
    check(
        &object,
        AssertionParameters { key: &other, ..good },
        Err(Error::AssertionSignature),
    );
    check(
        &object,
        AssertionParameters {
            key: &[4; 65],
            ..good
        },
        Err(Error::AssertionSignature),
    );
    check(
        &[object.as_slice(), &[0]].concat(),
        good,
        Err(Error::TrailingBytes),
    );
    let found = MAX_ASSERTION_BYTES + 1;
    check(
        &vec![0; found],
        good,
        Err(Error::TooLong {
            found,
            limit: MAX_ASSERTION_BYTES,
        }),
    );

    let extended = vec![
        (
            text("apple_validation_category_01"),
            Value::Bytes(vec![2, 0, 0, 0]),
        ),
        (text("apple_bundle_version_01"), text("17")),
    ];
    phone.extensions = Some(extended);
    let facts = verify_assertion(&phone.assertion(8, &CLIENT_DATA_HASH), &good).unwrap();
    assert_eq!(facts.extensions.validation_category, Some(2));
    assert_eq!(facts.extensions.bundle_version.as_deref(), Some("17"));
}

#[test]
fn no_single_bit_of_an_assertion_can_change() {
    let phone = Phone::new();
    let key: [u8; 65] = phone.point().try_into().unwrap();
    let parameters = AssertionParameters {
        app_ids: &[APP],
        key: &key,
        client_data_hash: &CLIENT_DATA_HASH,
        counter_floor: 0,
    };
    let object = phone.assertion(1, &CLIENT_DATA_HASH);
    for bit in 0..object.len() * 8 {
        let mut spoilt = object.clone();
        spoilt[bit / 8] ^= 1 << (bit % 8);
        assert!(verify_assertion(&spoilt, &parameters).is_err(), "bit {bit}");
    }
}
