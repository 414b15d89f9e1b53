//! `attest token verify`: what verifies prints its bytes, what does not names its code; keys, times and arguments exit 2.
#![cfg(test)]

use std::path::PathBuf;

use attest_core::encoding::from_base64url;

use crate::support::*;

pub(crate) struct Keys {
    folder: tempfile::TempDir,
}

impl Keys {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("oct"), a1_jwk()).unwrap();
        std::fs::write(folder.path().join("ec"), A3_JWK).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn verify(&self, key: &str, more: &[&str], jws: &str) -> Ended {
        let path = self.path(key);
        let mut arguments = vec!["token", "verify", "--jwk", text(&path)];
        arguments.extend(more);
        arguments.extend(["--", jws]);
        attest(&arguments)
    }
}

#[test]
fn the_examples_of_rfc_7515_verify_and_their_bytes_are_printed() {
    let keys = Keys::new();
    for (key, jws, alg) in [("oct", A1_JWS, "HS256"), ("ec", A3_JWS, "ES256")] {
        let ended = keys.verify(key, &["--at", RFC_AT], jws);
        assert_eq!(
            (ended.code, ended.out.as_slice(), ended.err.as_str()),
            (Some(0), RFC_PAYLOAD, "")
        );
        let report = keys.verify(key, &["--at", RFC_AT, "--json"], jws).json();
        assert_eq!(
            (&report["result"], &report["alg"]),
            (&"verified".into(), &alg.into())
        );
        assert_eq!(
            from_base64url(report["payload_base64url"].as_str().unwrap()).unwrap(),
            RFC_PAYLOAD
        );
        assert_eq!(report["header"]["alg"], alg);
        // Long ago by now, and not yet when it must not be.
        let ended = keys.verify(key, &[], jws);
        assert_eq!((ended.code, ended.out.len()), (Some(1), 0));
        assert!(ended.err.starts_with("token-expired: "), "{}", ended.err);
    }
    assert_eq!(
        keys.verify("oct", &["--at", RFC_AT, "--typ", "application/jwt"], A1_JWS)
            .code,
        Some(0)
    );
    let ended = keys.verify("oct", &["--at", RFC_AT, "--typ", "at+jwt"], A1_JWS);
    assert!(
        ended.code == Some(1) && ended.err.starts_with("token-typ: "),
        "{ended:?}"
    );
}

#[test]
fn standard_input_may_end_in_one_line() {
    let keys = Keys::new();
    let path = keys.path("oct");
    let verify = |input: &str, jws: &[&str]| {
        let arguments = [&["token", "verify", "--jwk", text(&path), "--at", RFC_AT], jws].concat();
        attest_reading(&arguments, input.as_bytes()).code
    };
    for (input, expect) in [
        (A1_JWS.to_owned(), 0),
        (format!("{A1_JWS}\n"), 0),
        (format!("{A1_JWS}\r\n"), 0),
        (format!("{A1_JWS}\n\n"), 1),
        (format!(" {A1_JWS}"), 1),
        (String::new(), 1),
    ] {
        assert_eq!(verify(&input, &[]), Some(expect), "{input:?}");
        assert_eq!(verify(&input, &["-"]), Some(expect), "{input:?}");
    }
    // An argument has no line to end.
    assert_eq!(
        keys.verify("oct", &["--at", RFC_AT], &format!("{A1_JWS}\n")).code,
        Some(1)
    );
}

#[test]
fn payloads_are_passed_byte_for_byte() {
    let keys = Keys::new();
    for payload in [&b""[..], b"hello", b"\xff\x00\r\n", b"[1, 2]", b"{ \"a\" : 1 }\n"] {
        let ended = keys.verify("oct", &[], &mac(r#"{"alg":"HS256"}"#, payload));
        assert_eq!(
            (ended.code, ended.out.as_slice()),
            (Some(0), payload),
            "{}",
            ended.err
        );
    }
}

#[test]
fn what_is_no_key_is_told_apart_from_what_is_no_token() {
    let keys = Keys::new();
    let ec =
        |x: &str, y: &str, more: &str| format!(r#"{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}"{more}}}"#);
    let (x, y) = (
        "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    );
    let oct = |more: &str| format!(r#"{{"kty":"oct","k":"{A1_K}"{more}}}"#);
    for (jwk, code) in [
        (ec(x, x, ""), "jwk-curve"),
        (ec(&"A".repeat(43), &"A".repeat(43), ""), "jwk-curve"),
        (ec(x, y, r#","use":"enc""#), "jwk-use"),
        (ec(x, y, r#","key_ops":["sign"]"#), "jwk-key-ops"),
        (ec(x, y, r#","alg":"HS256""#), "jwk-alg"),
        (ec(x, y, r#","x":"AA""#), "jwk-malformed"),
        (ec(x, "", ""), "jwk-material"),
        (ec(x, y, r#","k":"AA""#), "jwk-key-type"),
        (
            r#"{"kty":"EC","crv":"P-256","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}"#.to_owned(),
            "jwk-material",
        ),
        (ec(x, y, r#","use":null"#), "jwk-null"),
        (oct(r#","alg":"ES256""#), "jwk-alg"),
        (oct(r#","crv":"P-256""#), "jwk-mixed"),
        (r#"{"kty":"oct","k":"c2hvcnQ"}"#.to_owned(), "jwk-material"),
        (format!(r#"{{"kty":"oct","k":"{A1_K}="}}"#), "jwk-material"),
        (r#"{"kty":"RSA","n":"AA","e":"AQAB"}"#.to_owned(), "jwk-key-type"),
        (format!(r#"{{"keys":[{}]}}"#, a1_jwk()), "jwk-malformed"),
        ("-----BEGIN PUBLIC KEY-----".to_owned(), "jwk-malformed"),
        (" ".repeat(70_000), "jwk-too-large"),
        (String::new(), "jwk-malformed"),
    ] {
        std::fs::write(keys.path("bad"), &jwk).unwrap();
        let ended = keys.verify("bad", &["--at", RFC_AT], A3_JWS);
        assert_eq!((ended.code, ended.out.len()), (Some(2), 0), "{jwk}: {ended:?}");
        assert!(
            ended.err.starts_with(&format!("{code}: ")),
            "{jwk}: {}",
            ended.err
        );
        let report = keys.verify("bad", &["--json"], A3_JWS).json();
        assert_eq!(
            (&report["result"], &report["code"]),
            (&"unusable".into(), &code.into())
        );
    }
    std::fs::remove_file(keys.path("bad")).unwrap();
    let ended = keys.verify("bad", &[], A3_JWS);
    assert!(ended.code == Some(2) && ended.err.contains("bad"), "{ended:?}");
}

#[test]
fn wrong_arguments_exit_2() {
    let keys = Keys::new();
    for more in [
        &["--at", "yesterday"][..],
        &["--at", "2011-03-22"],
        &["--at", "1960-01-01T00:00:00Z"],
        &["--token", "refresh"],
        &["--nonsense"],
    ] {
        let ended = keys.verify("oct", more, A1_JWS);
        assert_eq!((ended.code, ended.out.len()), (Some(2), 0), "{more:?}");
        assert!(!ended.err.is_empty());
    }
    assert_eq!(attest(&["token", "verify", A1_JWS]).code, Some(2));
}

#[test]
fn our_own_tokens_have_a_type_a_shape_and_a_life() {
    let keys = Keys::new();
    let header = r#"{"alg":"HS256","typ":"attest-session+jwt","kid":"ticket"}"#;
    let claims = |change: &str| {
        format!(
            r#"{{"aud":"https://a","iat":1800000000,"exp":1800000060,"jti":"ABCDEFGHIJKLMNOPQRSTUV"{change}}}"#
        )
    };
    let good = mac(header, claims(""));
    let at = ["--at", "2027-01-15T08:00:30Z"];
    let session = ["--at", "2027-01-15T08:00:30Z", "--token", "session"];
    assert_eq!(keys.verify("oct", &session, &good).code, Some(0));
    let report = keys
        .verify("oct", &[&session[..], &["--json"]].concat(), &good)
        .json();
    assert_eq!(
        report["not_compared"],
        serde_json::json!(["audience", "request", "single-use"])
    );
    for (jws, code) in [
        (
            mac(r#"{"alg":"HS256","typ":"attest-session+jwt"}"#, claims("")),
            "token-key-unknown",
        ),
        (
            mac(r#"{"alg":"HS256","typ":"JWT","kid":"t"}"#, claims("")),
            "token-typ",
        ),
        (mac(r#"{"alg":"HS256","kid":"t"}"#, claims("")), "token-typ"),
        (
            mac(header, claims("").replace("1800000060", "1800000301")),
            "token-lifetime",
        ),
        (
            mac(header, claims("").replace("ABCDEFGHIJKLMNOPQRSTUV", "ABC")),
            "token-jti",
        ),
        (
            mac(header, claims("").replace("\"aud\":\"https://a\",", "")),
            "token-json",
        ),
        (
            mac(header, claims(r#","fnd":{"hit":["NOT AN ID"]}"#)),
            "token-findings",
        ),
        (
            mac(header, claims(&format!(",\"x\":\"{}\"", "a".repeat(3_000)))),
            "token-too-large",
        ),
        (
            mac(header, claims("").replace("1800000000", "1800000000.5")),
            "token-json",
        ),
        (mac(header, "not json"), "token-json"),
    ] {
        let ended = keys.verify("oct", &session, &jws);
        assert_eq!(ended.code, Some(1), "{code}: {ended:?}");
        assert!(
            ended.err.starts_with(&format!("{code}: ")),
            "{code}: {}",
            ended.err
        );
    }
    // The same token as any JWS, and as the other kind.
    assert_eq!(keys.verify("oct", &at, &good).code, Some(0));
    let proof = mac(
        r#"{"alg":"HS256","typ":"oauth-client-attestation-pop+jwt"}"#,
        claims(""),
    );
    let ended = keys.verify(
        "oct",
        &["--at", "2027-01-15T08:00:30Z", "--token", "proof"],
        &proof,
    );
    assert!(
        ended.code == Some(1) && ended.err.starts_with("token-alg: "),
        "{ended:?}"
    );
}
