//! `attest token inspect`: everything is shown but secrets, whatever is put in.
#![cfg(test)]

use attest_core::encoding::base64url;
use attest_core::environment::Environment;
use attest_core::fleet::FleetSecret;
use attest_core::jose::{Algorithm, SigningKey, Unsigned};
use ring::rand::SystemRandom;
use serde_json::json;

use crate::support::*;

const JTI: &str = "JtiJtiJtiJtiJtiJtiJtiJ";
const DEVICE: &str = "DvcDvcDvcDvcDvcDvcDvcA";

fn signed(typ: &str, claims: &serde_json::Value) -> String {
    let rng = SystemRandom::new();
    let key = SigningKey::generate(&rng).unwrap();
    let unsigned = Unsigned::new(Algorithm::Es256, typ, Some("issuer-key"), claims).unwrap();
    let signature = key.sign(unsigned.signing_input(), &rng).unwrap();
    unsigned.attach(&signature)
}

fn ticket() -> String {
    use attest_core::device::{DeviceId, EvidenceClass, KeyLevel, Platform};
    let result = attest_core::appraisal::AppraisalResult {
        environment: Environment::Development,
        audience: "https://a".to_owned(),
        app: "app".to_owned(),
        app_version: "1".to_owned(),
        platform: Platform::Android,
        device: DeviceId::from_bytes([7; 16]),
        generation: 1,
        key_level: KeyLevel::Software,
        evidence_class: EvidenceClass::Software,
        platform_claims: attest_core::appraisal::PlatformClaims::default(),
        evidence_at_s: 1,
        enrolled_at_s: 1,
        policy_version: 1,
        findings: attest_core::finding::Findings::default(),
        issued_at_s: 1,
        expires_at_s: 2,
    };
    let body = attest_core::ticket::TicketBody {
        result,
        session_key: attest_core::redacted::Redacted::new([1; 32]),
    };
    let sealer =
        attest_core::ticket::TicketSealer::new(&FleetSecret::new([1; 32]), 3, Environment::Development);
    sealer.seal(&body, 1_800_000_000, &SystemRandom::new()).unwrap()
}

/// Everything of `token` that must not be shown again.
fn check(token: &str, kind: &str, shown: &[&str], secrets: &[&str]) {
    for (arguments, input) in [
        (&["token", "inspect", token][..], ""),
        (&["token", "inspect"], token),
        (&["token", "inspect", "-"], token),
    ] {
        let ended = attest_reading(arguments, input.as_bytes());
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let text = ended.text();
        assert!(text.starts_with(&format!("Kind: {kind}")), "{text}");
        for part in shown {
            assert!(text.contains(part), "{part} is not in:\n{text}");
        }
        let signature = token.rsplit('.').next().unwrap().trim_end_matches(['"', '}']);
        for secret in secrets.iter().chain(&[signature]) {
            assert!(!text.contains(secret), "{secret} is in:\n{text}");
            // Nor more than its beginning.
            assert!(
                secret.len() < 16 || !text.contains(secret.get(8..16).unwrap()),
                "{secret} is half in:\n{text}"
            );
        }
    }
}

#[test]
fn our_tokens_are_shown_without_their_secrets() {
    let ticket = ticket();
    let claims = json!({"aud": "https://a", "iat": 1_700_000_000, "exp": 1_700_000_060, "jti": JTI, "pol": 7, "fnd": {"hit": ["clone.data_dir"]}});
    let header = format!(r#"{{"alg":"HS256","typ":"attest-session+jwt","kid":"{ticket}"}}"#);
    check(
        &mac(&header, claims.to_string()),
        "session token",
        &[
            "key id 3, epoch 500000",
            "clone.data_dir",
            "exp: EXPIRED 2023-11-14T22:14:20Z",
            "JtiJti… (22 characters)",
            "32 bytes; NOT verified",
        ],
        &[&ticket, JTI],
    );
    check(
        &signed("oauth-client-attestation-pop+jwt", &claims),
        "proof token",
        &["issuer-key", "64 bytes"],
        &[JTI],
    );
    let attestation = signed(
        "oauth-client-attestation+jwt",
        &json!({
            "iss": "i", "sub": "bank-android", "iat": 4_000_000_000_u64, "exp": 4_000_000_900_u64,
            "cnf": {"jwk": {"kty": "EC", "crv": "P-256", "x": "x".repeat(43), "y": "y".repeat(43)}},
            "attest": {"dev": DEVICE, "lvl": "software", "eva": 4_000_000_000_u64},
        }),
    );
    check(
        &attestation,
        "attestation",
        &["bank-android", "attest.eva: evidence appraised 2096-10-02"],
        &[DEVICE],
    );
    let response = json!({
        "dev": DEVICE, "ticket": ticket, "attestation": attestation, "share": "Share".repeat(20), "sealed": "Sealed".repeat(10),
        "exp": 4_000_000_900_u64, "pol": 7,
    });
    let response = signed("attest-response+jwt", &response);
    let secrets = [
        ticket.as_str(),
        attestation.as_str(),
        DEVICE,
        &"Share".repeat(20),
        &"Sealed".repeat(10),
    ];
    check(&response, "response", &["\"pol\": 7", "JWS of "], &secrets);
    check(
        &json!({ "response": response }).to_string(),
        "response",
        &["\"pol\": 7"],
        &secrets,
    );
    let evidence = json!({"app": "bank", "dev": DEVICE, "challenge": "Chall".repeat(8), "jwk": {"kty": "EC", "d": "Prvt".repeat(10)}});
    check(
        &signed("attest-evidence+jwt", &evidence),
        "evidence",
        &["\"app\": \"bank\""],
        &[DEVICE, &"Chall".repeat(8), &"Prvt".repeat(10)],
    );
    check(
        &signed("attest-step-up+jwt", &json!({"sub": DEVICE, "iss": "otp"})),
        "completed step-up",
        &["otp"],
        &[DEVICE],
    );
}

#[test]
fn any_jws_is_shown_and_the_terminal_is_left_alone() {
    let none = format!(
        "{}.{}.",
        base64url(r#"{"alg":"none"}"#),
        base64url(r#"{"sub":"x"}"#)
    );
    let ended = attest(&["token", "inspect", &none]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended.text().contains("Any gateway refuses it: token-shape"),
        "{}",
        ended.text()
    );
    let rs = format!(
        "{}.{}.{}",
        base64url(r#"{"alg":"RS256"}"#),
        base64url("plain"),
        base64url([1; 256])
    );
    let ended = attest(&["token", "inspect", &rs]);
    assert!(
        ended.text().contains("token-alg") && ended.text().contains("5 bytes, not a JSON object"),
        "{ended:?}"
    );
    let hostile = mac(
        "{\"alg\":\"HS256\",\"typ\":\"\\u001b[2J\\u202e\"}",
        "{\"a\\u001b\":\"\\u0007\u{9b}\u{202e}\"}",
    );
    let ended = attest(&["token", "inspect", &hostile]);
    let obeyed = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!ended.text().contains(obeyed), "{:?}", ended.text());
}

#[test]
fn garbage_has_a_stable_code() {
    for (token, code) in [
        ("garbage", "token-shape"),
        ("", "token-shape"),
        ("a.b", "token-shape"),
        ("a.b.c.d", "token-shape"),
        ("e30.e30.!", "token-base64"),
        ("W10.e30.", "token-json"),
        ("{\"x\":1}", "token-shape"),
        ("{\"response\":1}", "token-shape"),
        ("{\"response\":", "token-json"),
    ] {
        let ended = attest_reading(&["token", "inspect"], token.as_bytes());
        assert_eq!((ended.code, ended.out.len()), (Some(1), 0), "{token}: {ended:?}");
        assert!(
            ended.err.starts_with(&format!("{code}: ")),
            "{token}: {}",
            ended.err
        );
    }
    let twice = format!("{}.e30.AA", base64url(r#"{"alg":"none","alg":"HS256"}"#));
    assert!(
        attest(&["token", "inspect", &twice])
            .err
            .starts_with("token-ambiguous: ")
    );
    let large = attest_reading(
        &["token", "inspect"],
        &vec![b'a'; attest_core::policy::MAX_POLICY_BYTES * 4 / 3 + 5_000],
    );
    assert!(
        large.code == Some(1) && large.err.starts_with("token-too-large: "),
        "{large:?}"
    );
    assert_eq!(attest_reading(&["token", "inspect"], b"\xff").code, Some(1));
}
