//! Attestations and assertions that are right in everything but one thing are refused for that thing.

mod phone;

use std::sync::LazyLock;

use ciborium::Value;

use self::phone::{Apple, Phone, text};
use super::*;
use crate::verifier::Work;

const APP: &str = "ABCDE12345.com.example.bank";
const FAKE: &str = "ABCDE12345.com.example.fake";
/// 2026-11-22T00:00:00Z; leaves are valid from the day before to two days after.
const NOW_S: u64 = 1_795_305_600;
const DAY_S: u64 = 86_400;
const CLIENT_DATA_HASH: [u8; 32] = [5; 32];

static APPLE: LazyLock<Apple> = LazyLock::new(|| Apple::new("Root", "CA 1"));

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
    let mut phone = Phone::new();
    phone.extensions = Some(vec![
        (text("apple_bundle_version_01"), text("4.2.1")),
        (
            text("apple_validation_category_01"),
            Value::Bytes(vec![4, 0, 0, 0]),
        ),
        (text("apple_something_02"), Value::Float(0.1)),
    ]);
    let mut work = Work::default();
    let (object, key_id) = (phone.attestation(&APPLE), phone.key_id());
    let facts = verify_attestation_counted(&object, &parameters(&key_id), &APPLE.anchors(), NOW_S, &mut work)
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
    assert_eq!(work.signatures, 2);

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
    let check = |change: fn(&mut Phone)| {
        let mut phone = Phone::new();
        change(&mut phone);
        verify_attestation(
            &phone.attestation(&APPLE),
            &parameters(&phone.key_id()),
            &APPLE.anchors(),
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

/// Holds the verdict on a phone's attestation, after one change, against what is expected.
fn check(change: fn(&mut Phone), expect: Error) {
    let mut phone = Phone::new();
    change(&mut phone);
    let (object, key_id) = (phone.attestation(&APPLE), phone.key_id());
    let found = verify_attestation(&object, &parameters(&key_id), &APPLE.anchors(), NOW_S);
    assert_eq!(found.map(drop), Err(expect));
}

#[test]
fn what_the_phone_says_of_itself_must_fit() {
    check(|phone| phone.app = FAKE, Error::Application);
    check(|phone| phone.counter = 1, Error::CounterNotZero { found: 1 });
    check(|phone| phone.aaguid[9] = 1, Error::UnknownEnvironment);
    let found = AppleEnvironment::Development;
    check(
        |phone| phone.aaguid = *b"appattestdevelop",
        Error::OtherEnvironment { found },
    );
    check(
        |phone| phone.credential_id = Some(vec![7; 32]),
        Error::CredentialId,
    );
    check(
        |phone| phone.credential_id = Some(vec![7; 31]),
        Error::CredentialId,
    );
    check(|phone| phone.key = Phone::new().key, Error::CredentialKey);
    check(
        |phone| phone.cose.as_mut().unwrap()[1].1 = Value::from(-35),
        Error::CredentialKey,
    );
    let member = "extensions";
    check(|phone| phone.behind = vec![0], Error::Member { member });
    let behind_extensions = |phone: &mut Phone| {
        phone.extensions = Some(vec![]);
        phone.behind = vec![0];
    };
    check(behind_extensions, Error::TrailingBytes);
    let short_category = |phone: &mut Phone| {
        let category = Value::Bytes(vec![4]);
        phone.extensions = Some(vec![(text("apple_validation_category_01"), category)]);
    };
    let member = "apple_validation_category_01";
    check(short_category, Error::Member { member });
    let long_version = |phone: &mut Phone| {
        let version = text(&"1".repeat(257));
        phone.extensions = Some(vec![(text("apple_bundle_version_01"), version)]);
    };
    let (found, limit) = (257, 256);
    check(long_version, Error::TooLong { found, limit });
}

#[test]
fn what_the_leaf_says_must_fit() {
    check(|phone| phone.leaf_app = Some(FAKE), Error::LeafApplication);
    check(|phone| phone.nonce = Some(vec![7; 32]), Error::Nonce);
    check(|phone| phone.nonce = Some(vec![]), Error::NonceMissing);
    check(|phone| phone.nonce = Some(vec![7; 33]), Error::NonceMissing);
    check(|phone| phone.signs_as_leaf = false, Error::KeyType);
    check(|phone| phone.leaf_valid = false, Error::Expired);
}

#[test]
fn the_object_must_have_its_shape() {
    check(
        |phone| phone.object = |members| members[0].1 = text("apple"),
        Error::Format,
    );
    check(
        |phone| phone.object = |members| members.push((text("fmt"), text("apple-appattest"))),
        Error::AmbiguousMap,
    );
    check(
        |phone| phone.object = |members| members[2].1 = Value::Bytes(vec![0; 36]),
        Error::AuthenticatorData,
    );
    let member = "authData";
    check(
        |phone| phone.object = |members| drop(members.remove(2)),
        Error::Member { member },
    );
    let member = "receipt";
    check(
        |phone| phone.statement = |members| drop(members.remove(1)),
        Error::Member { member },
    );
}

#[test]
fn the_chain_must_be_a_leaf_and_its_issuer() {
    check(|phone| phone.chain = Vec::clear, Error::ChainLength { found: 0 });
    check(
        |phone| phone.chain = |chain| chain.push(chain[1].clone()),
        Error::ChainLength { found: 3 },
    );
    check(
        |phone| phone.chain = |chain| chain[1] = chain[0].clone(),
        Error::NameChaining,
    );
    check(
        |phone| phone.chain = |chain| chain[0].as_bytes_mut().unwrap().push(0),
        Error::Certificate { position: 0 },
    );
    check(
        |phone| phone.chain = |chain| chain[1] = Value::Bytes(vec![0x30, 0]),
        Error::Certificate { position: 1 },
    );
    // The last byte of a certificate is one of its signature.
    check(
        |phone| phone.chain = |chain| *chain[0].as_bytes_mut().unwrap().last_mut().unwrap() ^= 1,
        Error::CertificateSignature,
    );
    check(
        |phone| phone.chain = |chain| *chain[1].as_bytes_mut().unwrap().last_mut().unwrap() ^= 1,
        Error::CertificateSignature,
    );
}

#[test]
fn roots_and_times_decide() {
    let verdict = |authority: &Apple, anchors: AppleAnchors, now_s: u64| {
        let phone = Phone::new();
        let object = phone.attestation(authority);
        verify_attestation(&object, &parameters(&phone.key_id()), &anchors, now_s).err()
    };
    let (other, lookalike) = (Apple::new("Other root", "CA 1"), Apple::new("Root", "CA 1"));
    let unknown = Some(Error::AnchorUnknown);
    assert_eq!(verdict(&APPLE, AppleAnchors::built_in(), NOW_S), unknown);
    assert_eq!(verdict(&other, APPLE.anchors(), NOW_S), unknown);
    let forged = Some(Error::CertificateSignature);
    assert_eq!(verdict(&lookalike, APPLE.anchors(), NOW_S), forged);
    let at = |now_s| verdict(&APPLE, APPLE.anchors(), now_s);
    assert_eq!(at(NOW_S - DAY_S - 1), Some(Error::NotYetValid));
    assert_eq!(at(NOW_S - DAY_S), None);
    assert_eq!(at(NOW_S + 2 * DAY_S), None);
    assert_eq!(at(NOW_S + 2 * DAY_S + 1), Some(Error::Expired));
}

#[test]
fn an_attestation_must_agree_with_every_parameter() {
    let phone = Phone::new();
    let (object, key_id) = (phone.attestation(&APPLE), phone.key_id());
    let check = |parameters: AttestationParameters<'_>, expect: Result<(), Error>| {
        let found = verify_attestation(&object, &parameters, &APPLE.anchors(), NOW_S);
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
    let (phone, other) = (Phone::new(), Phone::new());
    let forged = Phone {
        credential_id: Some(other.key_id().to_vec()),
        cose: other.cose.clone(),
        ..phone
    };
    let found = verify_attestation(
        &forged.attestation(&APPLE),
        &parameters(&other.key_id()),
        &APPLE.anchors(),
        NOW_S,
    );
    assert_eq!(found.map(drop), Err(Error::KeyId));
}

#[test]
fn no_object_costs_more_than_its_bytes_thrice_and_two_signatures() {
    let phone = Phone::new();
    let key_id = phone.key_id();
    let check = |object: &[u8], expect: Error, bytes: usize| {
        let mut work = Work::default();
        let found =
            verify_attestation_counted(object, &parameters(&key_id), &APPLE.anchors(), NOW_S, &mut work);
        assert_eq!(found.map(drop), Err(expect));
        assert_eq!((work.bytes, work.signatures), (bytes, 0));
        let mut work = Work::default();
        let assertion = AssertionParameters {
            app_ids: &[APP],
            key: &[4; 65],
            client_data_hash: &[],
            counter_floor: 0,
        };
        assert!(verify_assertion_counted(object, &assertion, &mut work).is_err());
        assert!(work.bytes <= MAX_ASSERTION_BYTES && work.signatures == 0);
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
    let object = crowd.attestation(&APPLE);
    check(&object, Error::ChainLength { found: 10_000 }, object.len());

    // A claim of 2^40 certificates and nothing behind it.
    let mut object = b"\xa2\x63fmt\x6fapple-appattest\x67attStmt\xa1\x63x5c\x9b\x00\x00\x01\x00".to_vec();
    object.extend([0; 4]);
    check(&object, Error::Cbor, object.len());
}

#[test]
fn an_assertion_verifies_once_for_each_counter() {
    let phone = Phone::new();
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
}

#[test]
fn an_assertion_of_ios_27_says_more() {
    let mut phone = Phone::new();
    let key: [u8; 65] = phone.point().try_into().unwrap();
    let good = AssertionParameters {
        app_ids: &[APP],
        key: &key,
        client_data_hash: &CLIENT_DATA_HASH,
        counter_floor: 6,
    };
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
