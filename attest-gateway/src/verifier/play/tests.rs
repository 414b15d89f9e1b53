//! Play Integrity tokens made on the spot, spoilt in one place each time.

use aes_kw::{KeyInit as _, KwAes256};
use attest_core::encoding::base64url;
use attest_core::jose::{JwsError, SigningKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce as AeadNonce, UnboundKey};
use ring::rand::SystemRandom;
use serde_json::{Value, json};

use super::*;
use crate::verifier::p256::PREFIX;

const NOW_S: u64 = 1_795_305_600;
const WRAPPING: [u8; 32] = [9; 32];
const JWE: &str = r#"{"alg":"A256KW","enc":"A256GCM"}"#;
const JWS: &str = r#"{"alg":"ES256"}"#;

/// An app's side at Google: makes tokens for the keys that it hands out.
struct Google {
    signing: SigningKey,
}

impl Google {
    fn new() -> Self {
        Self {
            signing: SigningKey::generate(&SystemRandom::new()).unwrap(),
        }
    }

    fn keys(&self) -> PlayKeys {
        let mut spki = PREFIX.to_vec();
        spki.extend(self.signing.public_point());
        PlayKeys::from_base64(&STANDARD.encode(WRAPPING), &STANDARD.encode(spki)).unwrap()
    }

    fn signed(&self, header: &str, payload: &str) -> String {
        let input = format!("{}.{}", base64url(header), base64url(payload));
        let signature = self.signing.sign(input.as_bytes(), &SystemRandom::new()).unwrap();
        format!("{input}.{}", base64url(signature))
    }

    fn token(&self, payload: &Value) -> String {
        encrypted(JWE, &self.signed(JWS, &payload.to_string()))
    }
}

fn encrypted(header: &str, content: &str) -> String {
    let (key, nonce) = ([3; 32], [4; 12]);
    let mut wrapped = [0; 40];
    KwAes256::new(&WRAPPING.into())
        .wrap_key(&key, &mut wrapped)
        .unwrap();
    let header = base64url(header);
    let mut content = content.as_bytes().to_vec();
    let tag = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).unwrap())
        .seal_in_place_separate_tag(
            AeadNonce::assume_unique_for_key(nonce),
            Aad::from(&header),
            &mut content,
        )
        .unwrap();
    format!(
        "{header}.{}.{}.{}.{}",
        base64url(wrapped),
        base64url(nonce),
        base64url(content),
        base64url(tag)
    )
}

fn payload() -> Value {
    json!({
        "requestDetails": {
            "requestPackageName": "com.example.bank",
            "requestHash": "aGFzaA",
            "timestampMillis": (NOW_S * 1000).to_string(),
        },
        "appIntegrity": {
            "appRecognitionVerdict": "PLAY_RECOGNIZED",
            "packageName": "com.example.bank",
            "certificateSha256Digest": [base64url([0xab; 32])],
            "versionCode": "42",
        },
        "deviceIntegrity": {
            "deviceRecognitionVerdict": ["MEETS_DEVICE_INTEGRITY", "MEETS_A_NEW_ONE"],
            "recentDeviceActivity": { "deviceActivityLevel": "LEVEL_1" },
            "deviceAttributes": { "sdkVersion": 36 },
            "deviceRecall": {
                "values": { "bitFirst": true, "bitSecond": false, "bitThird": false },
                "writeDates": { "yyyymmFirst": 202610 },
            },
        },
        "accountDetails": { "appLicensingVerdict": "LICENSED" },
        "environmentDetails": {
            "appAccessRiskVerdict": { "appsDetected": ["KNOWN_INSTALLED"] },
            "playProtectVerdict": "NO_ISSUES",
        },
        "somethingNew": [{ "at": "all" }],
    })
}

const GOOD: Parameters<'_> = Parameters {
    package: "com.example.bank",
    binding: Some(Binding::RequestHash("aGFzaA")),
    age_max_s: DEFAULT_AGE_MAX_S,
};

#[test]
fn a_genuine_token_says_what_it_says() {
    let google = Google::new();
    let mut work = Work::default();
    let token = google.token(&payload());
    let facts = verify_counted(&token, &GOOD, &google.keys(), NOW_S, &mut work).unwrap();
    assert_eq!(work.signatures, 1);
    assert!(work.bytes <= 3 * token.len());
    let expect = json!({
        "request_package_name": "com.example.bank",
        "timestamp_ms": NOW_S * 1000,
        "app_recognition_verdict": "PLAY_RECOGNIZED",
        "package_name": "com.example.bank",
        "certificate_sha256": ["ab".repeat(32)],
        "version_code": 42,
        "device_recognition_verdict": ["MEETS_DEVICE_INTEGRITY", "MEETS_A_NEW_ONE"],
        "sdk_version": 36,
        "recent_device_activity": "LEVEL_1",
        "device_recall": { "bits": [true, false, false], "written": [202_610, null, null] },
        "app_licensing_verdict": "LICENSED",
        "apps_detected": ["KNOWN_INSTALLED"],
        "play_protect_verdict": "NO_ISSUES",
        "is_testing": false,
    });
    assert_eq!(serde_json::to_value(&facts).unwrap(), expect);
    assert_eq!(facts.request_hash.as_deref(), Some("aGFzaA"));
    assert!(!format!("{facts:?}").contains("aGFzaA"));
    assert_eq!(format!("{:?}", google.keys()), "PlayKeys([redacted])");
}

#[test]
fn a_token_may_tell_less() {
    let google = Google::new();
    let check = |payload: Value| verify(&google.token(&payload), &GOOD, &google.keys(), NOW_S).unwrap();
    let request = payload()["requestDetails"].clone();
    let bare = check(json!({ "requestDetails": request }));
    assert_eq!((bare.app_recognition_verdict, bare.version_code), (None, None));
    assert_eq!(bare.certificate_sha256, [""; 0]);
    let empty = check(json!({
        "requestDetails": request, "appIntegrity": null, "deviceIntegrity": {}, "accountDetails": null,
        "environmentDetails": { "appAccessRiskVerdict": {} },
    }));
    assert_eq!(empty.device_recognition_verdict, [""; 0]);
    assert_eq!(empty.device_recall, None);
    let testing =
        check(json!({ "requestDetails": request, "testingDetails": { "isTestingResponse": true } }));
    assert!(testing.is_testing);
    let numbers = check(json!({
        "requestDetails": {
            "requestPackageName": "com.example.bank", "requestHash": "aGFzaA", "timestampMillis": NOW_S * 1000,
        },
        "appIntegrity": { "versionCode": 7 },
    }));
    assert_eq!(
        (numbers.timestamp_ms, numbers.version_code),
        (NOW_S * 1000, Some(7))
    );
}

#[test]
fn a_payload_spoilt_in_one_place_is_refused_for_that() {
    let google = Google::new();
    let check = |pointer: &str, value: Value, expect: Error| {
        let mut payload = payload();
        *payload.pointer_mut(pointer).unwrap() = value;
        let found = verify(&google.token(&payload), &GOOD, &google.keys(), NOW_S);
        assert_eq!(found.map(drop), Err(expect), "{pointer}");
    };
    let form = |member| Error::MemberForm { member };
    let absent = |member| Error::Member { member };
    let long = |member| Error::MemberTooLong { member };
    let time = "/requestDetails/timestampMillis";
    let millis = |seconds: u64, more: u64| json!((seconds * 1000 + more).to_string());
    check(
        "/requestDetails/requestPackageName",
        json!("com.example.fake"),
        Error::Package,
    );
    check("/requestDetails/requestHash", json!("aGFzaB"), Error::RequestHash);
    check("/requestDetails/requestHash", Value::Null, Error::RequestHash);
    check(time, millis(NOW_S + FUTURE_TOLERANCE_S, 1), Error::FromFuture);
    check(time, millis(NOW_S - 601, 999), Error::TooOld);
    check(time, json!(u64::MAX), Error::FromFuture);
    check(time, json!("-1"), form("timestampMillis"));
    check(time, json!(""), form("timestampMillis"));
    check(time, json!(-1), Error::Payload);
    check(time, json!(1.5), Error::Payload);
    check(time, Value::Null, absent("timestampMillis"));
    check("/requestDetails", Value::Null, absent("requestDetails"));
    check(
        "/requestDetails/requestPackageName",
        Value::Null,
        absent("requestPackageName"),
    );
    check(
        "/deviceIntegrity/deviceRecognitionVerdict",
        json!("MEETS"),
        Error::Payload,
    );
    check(
        "/deviceIntegrity/deviceRecognitionVerdict",
        json!(vec!["MEETS"; 33]),
        long("deviceRecognitionVerdict"),
    );
    check(
        "/environmentDetails/playProtectVerdict",
        json!("N".repeat(769)),
        long("playProtectVerdict"),
    );
    check(
        "/appIntegrity/certificateSha256Digest",
        json!(["+"]),
        form("certificateSha256Digest"),
    );
}

#[test]
fn a_token_is_of_use_for_its_time_only() {
    let google = Google::new();
    let token = google.token(&payload());
    let check = |now_s: u64, expect: Result<(), Error>| {
        assert_eq!(
            verify(&token, &GOOD, &google.keys(), now_s).map(drop),
            expect,
            "{now_s}"
        );
    };
    check(NOW_S - FUTURE_TOLERANCE_S, Ok(()));
    check(NOW_S - FUTURE_TOLERANCE_S - 1, Err(Error::FromFuture));
    check(NOW_S + DEFAULT_AGE_MAX_S, Ok(()));
    check(NOW_S + DEFAULT_AGE_MAX_S + 1, Err(Error::TooOld));
    check(u64::MAX, Err(Error::TooOld));
    check(0, Err(Error::FromFuture));
}

#[test]
fn a_nonce_may_be_padded() {
    let google = Google::new();
    let mut classic = payload();
    classic["requestDetails"]["nonce"] = json!("aGFzaA==");
    let check = |payload: &Value, binding: Option<Binding<'_>>, expect: Result<(), Error>| {
        let parameters = Parameters { binding, ..GOOD };
        let found = verify(&google.token(payload), &parameters, &google.keys(), NOW_S);
        assert_eq!(found.map(drop), expect, "{binding:?}");
    };
    check(&classic, Some(Binding::Nonce("aGFzaA")), Ok(()));
    check(&classic, Some(Binding::Nonce("aGFzaA==")), Ok(()));
    check(&classic, Some(Binding::Nonce("aGFzaB")), Err(Error::Nonce));
    check(&classic, Some(Binding::Nonce("")), Err(Error::Nonce));
    check(&payload(), Some(Binding::Nonce("aGFzaA")), Err(Error::Nonce));
    check(&payload(), None, Ok(()));
}

#[test]
fn nothing_but_the_one_kind_of_token_is_read() {
    let google = Google::new();
    let check = |token: &str, expect: Error| {
        let found = verify(token, &GOOD, &google.keys(), NOW_S);
        assert_eq!(found.map(drop), Err(expect), "{token}");
    };
    let plain = payload().to_string();
    let inner = google.signed(JWS, &plain);
    let header = |header: &str| encrypted(header, &inner);
    assert!(verify(&header(JWE), &GOOD, &google.keys(), NOW_S).is_ok());
    // `typ`, `cty` and `kid` are tolerated.
    let typed = r#"{"typ":"JWT","cty":"JWT","kid":"1","enc":"A256GCM","alg":"A256KW"}"#;
    assert!(verify(&header(typed), &GOOD, &google.keys(), NOW_S).is_ok());

    check(&header(r#"{"alg":"dir","enc":"A256GCM"}"#), Error::KeyAlgorithm);
    check(&header(r#"{"alg":"A256KW","enc":"A128GCM"}"#), Error::Encryption);
    check(
        &header(r#"{"alg":"A256KW","enc":"A256GCM","zip":"DEF"}"#),
        Error::Extension,
    );
    check(
        &header(r#"{"alg":"A256KW","enc":"A256GCM","crit":[]}"#),
        Error::Extension,
    );
    check(&header(r#"{"alg":"A256KW"}"#), Error::Header);
    check(
        &header(r#"{"alg":"dir","alg":"A256KW","enc":"A256GCM"}"#),
        Error::Header,
    );
    check(&inner, Error::Shape);
    check(&format!("{}.", header(JWE)), Error::Shape);
    check("", Error::Shape);

    let jws = |header: &str, payload: &str| encrypted(JWE, &google.signed(header, payload));
    check(&jws(r#"{"alg":"HS256"}"#, &plain), Error::Inner(JwsError::Alg));
    check(&jws(r#"{"alg":"none"}"#, &plain), Error::Inner(JwsError::Alg));
    check(
        &jws(r#"{"alg":"ES256","zip":"DEF"}"#, &plain),
        Error::Inner(JwsError::Crit),
    );
    check(
        &jws(r#"{"alg":"ES256","jwk":{}}"#, &plain),
        Error::Inner(JwsError::EmbeddedKey),
    );
    let repeated = plain.replacen(
        "\"requestHash\"",
        "\"nonce\":\"a\",\"nonce\":\"b\",\"requestHash\"",
        1,
    );
    check(&jws(JWS, &repeated), Error::Payload);
    check(&jws(JWS, "[]"), Error::Payload);
    check(
        &encrypted(JWE, &Google::new().signed(JWS, &plain)),
        Error::Inner(JwsError::Signature),
    );
    let found = MAX_TOKEN_BYTES + 1;
    check(
        &"a".repeat(found),
        Error::TooLong {
            found,
            limit: MAX_TOKEN_BYTES,
        },
    );
}

#[test]
fn no_part_of_a_token_can_change() {
    let google = Google::new();
    let token = google.token(&payload());
    let parts: Vec<&str> = token.split('.').collect();
    let expect = [
        Error::Header,
        Error::KeyUnwrap,
        Error::Decryption,
        Error::Decryption,
        Error::Decryption,
    ];
    for (at, expect) in expect.into_iter().enumerate() {
        let spoilt = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = attest_core::encoding::from_base64url(parts[at]).unwrap();
            change(&mut bytes);
            let text = base64url(bytes);
            let mut parts = parts.clone();
            parts[at] = &text;
            verify(&parts.join("."), &GOOD, &google.keys(), NOW_S).map(drop)
        };
        assert_eq!(spoilt(&|bytes| bytes[0] ^= 1), Err(expect), "part {at}");
        assert!(
            spoilt(&|bytes| bytes.truncate(bytes.len() - 1)).is_err(),
            "part {at} shorter"
        );
        assert!(spoilt(&|bytes| bytes.push(0)).is_err(), "part {at} longer");
        assert!(spoilt(&Vec::clear).is_err(), "part {at} empty");
    }
}

#[test]
fn keys_are_what_the_console_shows() {
    let good = STANDARD.encode(WRAPPING);
    let check = |decryption: &str, verification: &str, expect: PlayKeysError| {
        assert_eq!(
            PlayKeys::from_base64(decryption, verification).map(drop),
            Err(expect)
        );
    };
    check("", "", PlayKeysError::Decryption);
    check(&STANDARD.encode([1; 16]), "", PlayKeysError::Decryption);
    check("?", "", PlayKeysError::Decryption);
    check(&good, "", PlayKeysError::Verification);
    check(
        &format!(" {good}\n"),
        &STANDARD.encode([4; 65]),
        PlayKeysError::Verification,
    );
}
