//! Keys as they stand in files and sets: which JWK verifies, with which algorithm, and which is refused.

use attest_core::jose::{Algorithm, Jwk, JwkSet, VerifyingKey};
use serde_json::{Value, json};

/// The public key of RFC 7515 appendix A.3.
fn ec() -> Value {
    json!({
        "kty": "EC", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    })
}

fn oct() -> Value {
    json!({"kty": "oct", "k": "A".repeat(43)})
}

fn with(mut jwk: Value, member: &str, value: Value) -> Value {
    if value.is_null() {
        drop(jwk.as_object_mut().unwrap().remove(member));
    } else {
        jwk[member] = value;
    }
    jwk
}

fn algorithm(text: &str) -> Result<Algorithm, &'static str> {
    Jwk::parse(text.as_bytes())
        .and_then(|jwk| jwk.verifying_key())
        .map(|key| key.algorithm())
        .map_err(|error| error.code())
}

#[test]
fn a_key_has_one_algorithm() {
    let check = |jwk: Value, expect| assert_eq!(algorithm(&jwk.to_string()), expect, "{jwk}");
    for (key, own, other) in [
        (ec as fn() -> Value, Algorithm::Es256, "HS256"),
        (oct, Algorithm::Hs256, "ES256"),
    ] {
        check(key(), Ok(own));
        check(with(key(), "alg", json!(own.as_str())), Ok(own));
        for alg in [other, "none", "RS256", "ES384", "HS512", "", "es256"] {
            check(with(key(), "alg", json!(alg)), Err("jwk-alg"));
        }
        check(with(key(), "alg", json!(256)), Err("jwk-malformed"));
        check(with(key(), "use", json!("sig")), Ok(own));
        for key_use in ["enc", "", "SIG", "verify"] {
            check(with(key(), "use", json!(key_use)), Err("jwk-use"));
        }
        check(with(key(), "key_ops", json!(["verify"])), Ok(own));
        check(with(key(), "key_ops", json!(["sign", "verify"])), Ok(own));
        for ops in [
            json!([]),
            json!(["sign"]),
            json!(["encrypt", "decrypt"]),
            json!(["verify", "verify"]),
        ] {
            check(with(key(), "key_ops", ops), Err("jwk-key-ops"));
        }
        check(with(key(), "key_ops", json!("verify")), Err("jwk-malformed"));
        check(with(key(), "kid", json!("any")), Ok(own));
        check(with(key(), "ext", json!(true)), Ok(own));
    }
}

#[test]
fn the_material_is_canonical_and_of_the_right_length() {
    let check = |jwk: Value, code| assert_eq!(algorithm(&jwk.to_string()), Err(code), "{jwk}");
    for coordinate in ["x", "y"] {
        check(with(ec(), coordinate, json!(null)), "jwk-material");
        check(with(ec(), coordinate, json!("AA")), "jwk-material");
        check(with(ec(), coordinate, json!("A".repeat(44))), "jwk-material");
        check(
            with(ec(), coordinate, json!("A".repeat(42) + "B")),
            "jwk-material",
        );
        check(
            with(ec(), coordinate, json!("A".repeat(43) + "=")),
            "jwk-material",
        );
        check(with(ec(), coordinate, json!(1)), "jwk-malformed");
    }
    for k in [
        "",
        "AAAA",
        &"A".repeat(42),
        &("A".repeat(43) + "="),
        &"+".repeat(43),
    ] {
        check(with(oct(), "k", json!(k)), "jwk-material");
    }
    check(with(oct(), "k", json!(null)), "jwk-material");
    for kty in ["RSA", "OKP", "ec", "OCT", ""] {
        check(with(ec(), "kty", json!(kty)), "jwk-key-type");
    }
    for crv in [json!("P-384"), json!("secp256k1"), json!("p-256"), json!(null)] {
        check(with(ec(), "crv", crv), "jwk-key-type");
    }
    // An EC key that carries a secret as well could be read as either.
    check(with(ec(), "k", json!("A".repeat(43))), "jwk-key-type");
}

#[test]
fn the_text_has_one_reading() {
    let check = |text: &str, code| assert_eq!(algorithm(text), Err(code), "{text:.60}");
    check("", "jwk-malformed");
    check("null", "jwk-malformed");
    check("[]", "jwk-malformed");
    check(&format!("{}x", ec()), "jwk-malformed");
    check(
        &ec().to_string().replacen('{', r#"{"kty":"oct","#, 1),
        "jwk-malformed",
    );
    check(
        &ec().to_string().replacen('{', r#"{"\u006bty":"oct","#, 1),
        "jwk-malformed",
    );
    check(
        &with(ec(), "x5c", json!("A".repeat(5000))).to_string(),
        "jwk-too-large",
    );
}

#[test]
fn a_set_gives_the_key_of_an_id_if_it_may_verify() {
    let set: JwkSet = serde_json::from_value(json!({"keys": [
        with(ec(), "kid", json!("ec")),
        with(oct(), "kid", json!("oct")),
        with(with(ec(), "kid", json!("enc")), "use", json!("enc")),
        {"kty": "RSA", "kid": "rsa", "n": "AQAB", "e": "AQAB"},
        ec(),
    ]}))
    .unwrap();
    let check = |kid: &str, expect: Option<Algorithm>| {
        assert_eq!(
            set.find(kid).as_ref().map(VerifyingKey::algorithm),
            expect,
            "{kid}"
        );
    };
    check("ec", Some(Algorithm::Es256));
    check("oct", Some(Algorithm::Hs256));
    check("enc", None);
    check("rsa", None);
    check("", None);
    check("EC", None);
}

/// RFC 7638 in the form of RFC 8037's sibling: the thumbprint of the RFC 7515 key, computed over its canonical members.
#[test]
fn the_thumbprint_is_of_the_required_members() {
    let jwk = Jwk::parse(ec().to_string().as_bytes()).unwrap();
    let thumbprint = attest_core::jose::jwk::thumbprint(&jwk.point().unwrap());
    let canonical = format!(
        r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#,
        jwk.x.as_deref().unwrap(),
        jwk.y.as_deref().unwrap()
    );
    assert_eq!(
        thumbprint,
        attest_core::encoding::sha256_base64url(canonical.as_bytes())
    );
}

/// RFC 7515 appendix A.3 and A.1, as an outsider's proof that both algorithms are the standard's.
#[test]
fn the_examples_of_rfc_7515_verify() {
    use attest_core::jose::Compact;
    let payload =
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let secret = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    for (header, signature, jwk) in [
        (
            "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9",
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
            json!({"kty": "oct", "k": secret}),
        ),
        (
            "eyJhbGciOiJFUzI1NiJ9",
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
            ec(),
        ),
    ] {
        let token = format!("{header}.{payload}.{signature}");
        let key = Jwk::parse(jwk.to_string().as_bytes())
            .unwrap()
            .verifying_key()
            .unwrap();
        let claims = Compact::parse(&token, 4096).unwrap().verify(&key).unwrap();
        assert!(claims.starts_with(br#"{"iss":"joe","#));
    }
}
