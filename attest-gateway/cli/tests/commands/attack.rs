//! Tokens that look good to a careless reader. Each is refused with its own code and prints nothing.
#![cfg(test)]

use attest_core::encoding::{base64url, from_base64url};
use attest_core::jose::MacKey;
use attest_core::policy::MAX_POLICY_BYTES;

use crate::support::*;
use crate::verify::Keys;

const PLAIN: &str = r#"{"alg":"HS256"}"#;

/// The last character of `text` moved on within the bits that belong to no byte.
fn with_trailing_bits(text: &str) -> String {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (rest, last) = text.split_at(text.len() - 1);
    let at = alphabet.find(last).unwrap();
    format!("{rest}{}", alphabet.chars().nth(at + 1).unwrap())
}

fn parts(jws: &str) -> [&str; 3] {
    jws.split('.').collect::<Vec<_>>().try_into().unwrap()
}

/// Refused with this code, on standard error and in JSON, and nothing of the payload is printed.
fn check(keys: &Keys, key: &str, jws: &str, code: &str) {
    let shown: String = jws.chars().take(200).collect();
    let ended = keys.verify(key, &[], jws);
    assert_eq!(
        (ended.code, ended.out.len()),
        (Some(1), 0),
        "{code} {shown}: {ended:?}"
    );
    assert!(
        ended.err.starts_with(&format!("{code}: ")),
        "{code} {shown}: {}",
        ended.err
    );
    let report = keys.verify(key, &["--json"], jws).json();
    assert_eq!(
        (&report["result"], &report["code"]),
        (&"refused".into(), &code.into()),
        "{shown}"
    );
}

#[test]
fn the_key_alone_chooses_the_algorithm() {
    let keys = Keys::new();
    let good = mac(PLAIN, b"{}");
    let [header, payload, tag] = parts(&good);
    let none = base64url(r#"{"alg":"none"}"#);
    check(&keys, "oct", &format!("{none}.{payload}."), "token-shape");
    check(&keys, "oct", &format!("{none}.{payload}.{tag}"), "token-alg");
    for alg in ["hs256", "HS512", "ES256", "None", ""] {
        check(
            &keys,
            "oct",
            &mac(&format!(r#"{{"alg":"{alg}"}}"#), b"{}"),
            "token-alg",
        );
    }
    check(&keys, "oct", &mac("{}", b"{}"), "token-json");
    check(&keys, "oct", &mac(r#"{"alg":["HS256"]}"#, b"{}"), "token-json");
    check(&keys, "oct", A3_JWS, "token-alg");
    check(&keys, "ec", &good, "token-alg");
    // The public key's bytes as an HMAC secret.
    let point = from_base64url("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU").unwrap();
    let confused = format!("{header}.{payload}");
    let tag = base64url(MacKey::new(&point).tag(confused.as_bytes()));
    check(&keys, "ec", &format!("{confused}.{tag}"), "token-alg");
}

#[test]
fn a_header_brings_no_key_and_no_extension() {
    let keys = Keys::new();
    let check = |member: &str, code| {
        check(
            &keys,
            "oct",
            &mac(&format!(r#"{{"alg":"HS256",{member}}}"#), b"{}"),
            code,
        )
    };
    check(r#""crit":["exp"]"#, "token-crit");
    check(r#""crit":null"#, "token-crit");
    check(r#""b64":false"#, "token-crit");
    check(r#""zip":"DEF""#, "token-crit");
    check(&format!(r#""jwk":{}"#, a1_jwk()), "token-embedded-key");
    check(r#""jku":"https://evil.example/""#, "token-embedded-key");
    check(r#""x5c":["AA"]"#, "token-embedded-key");
    check(r#""x5u":"https://evil.example/""#, "token-embedded-key");
    check(r#""alg":"none""#, "token-ambiguous");
    check(r#""x":{"a":1,"a":2}"#, "token-ambiguous");
    check(r#""typ":5"#, "token-json");
}

#[test]
fn there_is_one_spelling() {
    let keys = Keys::new();
    let good = mac(PLAIN, b"{}");
    let [header, payload, tag] = parts(&good);
    let check = |jws: &str, code| check(&keys, "oct", jws, code);
    check(&format!("{header}=.{payload}.{tag}"), "token-base64");
    check(&format!("{header}.{payload}.{tag}="), "token-base64");
    check(
        &format!("{header}.{payload}.{}", with_trailing_bits(tag)),
        "token-base64",
    );
    check(&format!("{header}.{payload}.+/{tag}"), "token-base64");
    check(&format!("{header}.{payload}. {tag}"), "token-base64");
    check(&format!("{good}."), "token-shape");
    check(&format!("{good}.{tag}"), "token-shape");
    check(&format!(".{payload}.{tag}"), "token-shape");
    check(&format!("{header}.{payload}"), "token-shape");
    check("garbage", "token-shape");
    check("", "token-shape");
}

#[test]
fn nothing_that_is_signed_can_be_changed() {
    let keys = Keys::new();
    let good = mac(PLAIN, b"{}");
    let [header, payload, tag] = parts(&good);
    check(
        &keys,
        "oct",
        &format!("{header}.{payload}.{tag}{}", "A".repeat(4)),
        "token-signature",
    );
    check(
        &keys,
        "oct",
        &format!("{header}.{}.{tag}", base64url(b"{ }")),
        "token-signature",
    );
    check(
        &keys,
        "oct",
        &format!("{}.{payload}.{tag}", base64url(r#"{"alg": "HS256"}"#)),
        "token-signature",
    );
    let [header, payload, signature] = parts(A3_JWS);
    let short = signature.split_at(84).0;
    for signature in [short, &base64url([0; 64]), &base64url([0xff; 64])] {
        check(
            &keys,
            "ec",
            &format!("{header}.{payload}.{signature}"),
            "token-signature",
        );
    }
}

#[test]
fn a_payload_has_one_reading_and_its_time() {
    let keys = Keys::new();
    let check = |payload: &[u8], code| check(&keys, "oct", &mac(PLAIN, payload), code);
    check(br#"{"exp":1,"exp":9999999999}"#, "token-ambiguous");
    check(br#"{"a":[{"b":1,"\u0062":2}]}"#, "token-ambiguous");
    check(br#"[{"b":1,"b":2}]"#, "token-ambiguous");
    check(br#"{"exp":1}"#, "token-expired");
    check(br#"{"iat":99999999999}"#, "token-not-yet-valid");
    check(br#"{"nbf":99999999999}"#, "token-not-yet-valid");
    check(br#"{"exp":"99999999999"}"#, "token-time-type");
    check(br#"{"iat":null}"#, "token-time-type");
}

#[test]
fn the_bound_is_exact_and_what_is_longer_is_not_read() {
    let keys = Keys::new();
    let path = keys.path("oct");
    let verify = |input: &[u8]| attest_reading(&["token", "verify", "--jwk", text(&path)], input);
    let most = MAX_POLICY_BYTES.div_ceil(3) * 4 + 1024;
    let overhead = mac(PLAIN, b"").len();
    // Four characters for three bytes: the longest payload that fits.
    let fits = (most - overhead) / 4 * 3;
    let jws = mac(PLAIN, vec![b'a'; fits]);
    assert!(jws.len() <= most);
    assert_eq!(verify(format!("{jws}\n").as_bytes()).code, Some(0));
    for input in [mac(PLAIN, vec![b'a'; fits + 3]), "a".repeat(8 << 20)] {
        let ended = verify(input.as_bytes());
        assert!(
            ended.code == Some(1) && ended.err.starts_with("token-too-large: "),
            "{ended:?}"
        );
    }
    let ended = verify(b"\xff\xfe.\xff.\xff");
    assert!(
        ended.code == Some(1) && ended.err.starts_with("token-base64: "),
        "{ended:?}"
    );
}
