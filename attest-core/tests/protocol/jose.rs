//! What no receiver of any kind of JWS accepts: the same table for all of them.

use attest_core::encoding::base64url;
use serde_json::json;

use super::raw::{RawJws, Signer, prepend, sealed, set};
use super::samples::{Kind, Sample, World};
use super::world::Outcome;

/// What is done to a valid JWS, and what its receiver says then.
type Spoil = (&'static str, fn(&Sample<'_>) -> String, Outcome);

fn check(spoils: &[Spoil]) {
    let world = World::new();
    for kind in Kind::ALL {
        for (what, spoil, expect) in spoils {
            let sample = world.sample(kind);
            let token = spoil(&sample);
            let outcome = (sample.receive)(&token).map(|_| ());
            assert_eq!(outcome, *expect, "{kind:?} with {what}");
        }
    }
}

fn header(sample: &Sample<'_>, change: impl FnOnce(&mut String)) -> String {
    let mut raw = sample.raw();
    change(&mut raw.header);
    raw.signed(sample.signer)
}

fn payload(sample: &Sample<'_>, change: impl FnOnce(&mut String)) -> String {
    let mut raw = sample.raw();
    change(&mut raw.payload);
    raw.signed(sample.signer)
}

/// The parts, changed as text and not signed again.
fn parts(sample: &Sample<'_>, change: impl FnOnce(&mut Vec<String>)) -> String {
    let mut parts = sample.token.split('.').map(str::to_owned).collect();
    change(&mut parts);
    parts.join(".")
}

/// The header or payload (0 or 1) respelt as text and signed in that spelling, so that only the spelling is wrong.
fn respelt(sample: &Sample<'_>, part: usize, respell: impl FnOnce(&mut String)) -> String {
    let mut raw = sample.raw();
    // One byte beyond a multiple of three: the last character carries four bits that belong to no byte.
    for text in [&mut raw.header, &mut raw.payload] {
        while text.len() % 3 != 1 {
            text.push(' ');
        }
    }
    let mut parts = [base64url(&raw.header), base64url(&raw.payload)];
    respell(&mut parts[part]);
    sealed(&parts.join("."), sample.signer)
}

/// The last character with its lowest bit set: the same bytes for a lenient decoder.
fn trailing_bit(text: &mut String) {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = ALPHABET.find(text.pop().unwrap()).unwrap();
    text.push(char::from(ALPHABET.as_bytes()[last | 1]));
}

fn named(name: &str, sample: &Sample<'_>) -> String {
    header(sample, |header| set(header, "alg", name))
}

#[test]
fn one_algorithm_per_key() {
    check(&[
        ("nothing spoiled", |s| s.raw().signed(s.signer), Ok(())),
        ("none", |s| named("none", s), Err("token-alg")),
        ("None", |s| named("None", s), Err("token-alg")),
        (
            "NONE and no signature",
            |s| {
                let token = named("NONE", s);
                token.rsplit_once('.').unwrap().0.to_owned() + "."
            },
            Err("token-shape"),
        ),
        ("HS384", |s| named("HS384", s), Err("token-alg")),
        ("ES384", |s| named("ES384", s), Err("token-alg")),
        ("RS256", |s| named("RS256", s), Err("token-alg")),
        ("EdDSA", |s| named("EdDSA", s), Err("token-alg")),
        ("es256", |s| named("es256", s), Err("token-alg")),
        (
            "the other of our two",
            |s| {
                named(
                    if s.signer.alg() == "HS256" {
                        "ES256"
                    } else {
                        "HS256"
                    },
                    s,
                )
            },
            Err("token-alg"),
        ),
        (
            "no alg",
            |s| header(s, |header| set(header, "alg", json!(null))),
            Err("token-json"),
        ),
        (
            "alg as number",
            |s| header(s, |header| set(header, "alg", 256)),
            Err("token-json"),
        ),
        (
            "alg as list",
            |s| header(s, |header| set(header, "alg", json!(["ES256"]))),
            Err("token-json"),
        ),
    ]);
}

/// RFC 8725 section 2.1: a public key must never serve as an HMAC secret.
#[test]
fn a_public_key_is_no_secret() {
    use attest_core::jose::MacKey;
    let world = World::new();
    for (kind, public) in [
        (Kind::Proof, &world.phone.key),
        (Kind::Evidence, &world.phone.key),
        (Kind::Attestation, &world.service.key),
        (Kind::Response, &world.service.key),
        (Kind::StepUp, &world.bank),
        (Kind::Assertion, &world.service.key),
    ] {
        let point = public.public_point();
        for secret in [&point[..], &point[1..], &point[1..33]] {
            let sample = world.sample(kind);
            let mut raw = sample.raw();
            set(&mut raw.header, "alg", "HS256");
            let token = raw.signed(Signer::Mac(&MacKey::new(secret)));
            assert_eq!((sample.receive)(&token), Err("token-alg"), "{kind:?}");
        }
    }
}

#[test]
fn the_type_is_compared() {
    check(&[
        (
            "no typ",
            |s| header(s, |header| set(header, "typ", json!(null))),
            Err("token-typ"),
        ),
        (
            "JWT",
            |s| header(s, |header| set(header, "typ", "JWT")),
            Err("token-typ"),
        ),
        (
            "empty",
            |s| header(s, |header| set(header, "typ", "")),
            Err("token-typ"),
        ),
        (
            "a number",
            |s| header(s, |header| set(header, "typ", 1)),
            Err("token-json"),
        ),
        (
            "a parameter",
            |s| retyped(s, |typ| format!("{typ};v=1")),
            Err("token-typ"),
        ),
        (
            "a longer type",
            |s| retyped(s, |typ| format!("{typ}x")),
            Err("token-typ"),
        ),
        (
            "another top level",
            |s| retyped(s, |typ| format!("text/{typ}")),
            Err("token-typ"),
        ),
        // RFC 7515 section 4.1.9: compared as a media type, `application/` may stand before.
        (
            "application/",
            |s| retyped(s, |typ| format!("application/{typ}")),
            Ok(()),
        ),
        ("capitals", |s| retyped(s, |typ| typ.to_uppercase()), Ok(())),
    ]);
}

fn retyped(sample: &Sample<'_>, retype: impl FnOnce(&str) -> String) -> String {
    header(sample, |header| {
        let now: serde_json::Value = serde_json::from_str(header).unwrap();
        set(header, "typ", retype(now["typ"].as_str().unwrap()));
    })
}

/// Each kind's token, given to every other kind's receiver.
#[test]
fn no_kind_passes_for_another() {
    let world = World::new();
    for made in Kind::ALL {
        for expected in Kind::ALL {
            let token = world.sample(made).token;
            let outcome = (world.sample(expected).receive)(&token);
            if made != expected {
                let code = outcome.unwrap_err();
                assert!(
                    ["token-typ", "token-alg"].contains(&code),
                    "{made:?} as {expected:?}: {code}"
                );
            }
        }
    }
}

#[test]
fn nothing_critical_and_no_key_inside() {
    check(&[
        (
            "crit",
            |s| header(s, |header| set(header, "crit", json!(["exp"]))),
            Err("token-crit"),
        ),
        (
            "an empty crit",
            |s| header(s, |header| set(header, "crit", json!([]))),
            Err("token-crit"),
        ),
        (
            "a null crit",
            |s| header(s, |header| prepend(header, r#""crit":null"#)),
            Err("token-crit"),
        ),
        (
            "b64",
            |s| header(s, |header| set(header, "b64", false)),
            Err("token-crit"),
        ),
        (
            "zip",
            |s| header(s, |header| set(header, "zip", "DEF")),
            Err("token-crit"),
        ),
        (
            "jwk",
            |s| header(s, |header| set(header, "jwk", json!({"kty": "oct", "k": "AA"}))),
            Err("token-embedded-key"),
        ),
        (
            "jku",
            |s| header(s, |header| set(header, "jku", "https://evil.example/jwks")),
            Err("token-embedded-key"),
        ),
        (
            "x5c",
            |s| header(s, |header| set(header, "x5c", json!(["MIIB"]))),
            Err("token-embedded-key"),
        ),
        (
            "x5u",
            |s| header(s, |header| set(header, "x5u", "https://evil.example/x5u")),
            Err("token-embedded-key"),
        ),
        (
            "members that mean nothing here",
            |s| header(s, |header| set(header, "cty", "x")),
            Ok(()),
        ),
    ]);
}

#[test]
fn one_value_per_name() {
    check(&[
        (
            "alg twice",
            |s| header(s, |header| prepend(header, r#""alg":"none""#)),
            Err("token-ambiguous"),
        ),
        (
            "alg in escapes",
            |s| header(s, |header| prepend(header, r#""\u0061lg":"none""#)),
            Err("token-ambiguous"),
        ),
        (
            "an unknown member twice",
            |s| header(s, |header| prepend(header, r#""x":1,"x":1"#)),
            Err("token-ambiguous"),
        ),
        (
            "a nested member twice",
            |s| header(s, |header| prepend(header, r#""x":[{"y":1,"y":1}]"#)),
            Err("token-ambiguous"),
        ),
        (
            "a claim twice",
            |s| payload(s, |payload| prepend(payload, r#""x":1,"x":2"#)),
            Err("token-ambiguous"),
        ),
        (
            "a claim in escapes",
            |s| payload(s, |payload| prepend(payload, r#""x":1,"\u0078":2"#)),
            Err("token-ambiguous"),
        ),
        (
            "a nested claim twice",
            |s| payload(s, |payload| prepend(payload, r#""x":{"y":{"z":1,"z":1}}"#)),
            Err("token-ambiguous"),
        ),
        (
            "deep nesting",
            |s| {
                payload(s, |payload| {
                    prepend(payload, &format!(r#""x":{}{}"#, "[".repeat(90), "]".repeat(90)))
                })
            },
            Err("token-ambiguous"),
        ),
        (
            "a header that is a list",
            |s| header(s, |header| "[]".clone_into(header)),
            Err("token-json"),
        ),
        (
            "a header that is no JSON",
            |s| header(s, |header| "alg".clone_into(header)),
            Err("token-json"),
        ),
        (
            "text behind the header",
            |s| header(s, |header| header.push('x')),
            Err("token-json"),
        ),
        (
            "a payload that is a list",
            |s| payload(s, |payload| "[]".clone_into(payload)),
            Err("token-json"),
        ),
        ("no payload", |s| payload(s, String::clear), Err("token-json")),
        (
            "text behind the payload",
            |s| payload(s, |payload| payload.push_str("{}")),
            Err("token-json"),
        ),
        (
            "white space around the payload",
            |s| payload(s, |payload| *payload = format!(" {payload}\n")),
            Ok(()),
        ),
    ]);
}

#[test]
fn one_spelling_of_base64url() {
    check(&[
        (
            "a padded header",
            |s| respelt(s, 0, |part| part.push_str("==")),
            Err("token-base64"),
        ),
        (
            "a padded payload",
            |s| respelt(s, 1, |part| part.push_str("==")),
            Err("token-base64"),
        ),
        (
            "trailing bits in the header",
            |s| respelt(s, 0, trailing_bit),
            Err("token-base64"),
        ),
        (
            "trailing bits in the payload",
            |s| respelt(s, 1, trailing_bit),
            Err("token-base64"),
        ),
        (
            "a space in the header",
            |s| respelt(s, 0, |part| part.insert(4, ' ')),
            Err("token-base64"),
        ),
        (
            "a newline in the payload",
            |s| respelt(s, 1, |part| part.insert(4, '\n')),
            Err("token-base64"),
        ),
        (
            "the standard alphabet",
            |s| respelt(s, 1, |part| part.replace_range(..1, "+")),
            Err("token-base64"),
        ),
        ("only respelt as white space", |s| respelt(s, 0, |_| {}), Ok(())),
        (
            "a padded signature",
            |s| s.token.clone() + "=",
            Err("token-base64"),
        ),
        (
            "trailing bits in the signature",
            |s| parts(s, |parts| trailing_bit(&mut parts[2])),
            Err("token-base64"),
        ),
        (
            "white space behind",
            |s| s.token.clone() + "\n",
            Err("token-base64"),
        ),
        (
            "white space before",
            |s| format!(" {}", s.token),
            Err("token-base64"),
        ),
        ("NUL", |s| s.token.clone() + "\0", Err("token-base64")),
        (
            "a letter beyond ASCII",
            |s| s.token.clone() + "é",
            Err("token-base64"),
        ),
    ]);
}

#[test]
fn three_parts_within_the_bound() {
    check(&[
        ("nothing", |_| String::new(), Err("token-shape")),
        ("only dots", |_| "..".to_owned(), Err("token-shape")),
        ("two parts", |s| s.raw().signing_input(), Err("token-shape")),
        ("four parts", |s| s.token.clone() + ".AA", Err("token-shape")),
        (
            "five parts, as encryption has",
            |s| s.token.clone() + ".AA.AA",
            Err("token-shape"),
        ),
        (
            "no header",
            |s| parts(s, |parts| parts[0].clear()),
            Err("token-shape"),
        ),
        (
            "no signature",
            |s| parts(s, |parts| parts[2].clear()),
            Err("token-shape"),
        ),
        (
            "the JSON serialisation",
            |s| {
                let raw = s.raw();
                json!({"protected": base64url(raw.header), "payload": base64url(raw.payload)}).to_string()
            },
            Err("token-shape"),
        ),
        // Refused by its length alone: nothing in it can be decoded.
        (
            "one byte beyond the bound",
            |s| "!".repeat(s.max_bytes + 1),
            Err("token-too-large"),
        ),
        ("the bound", |s| "!".repeat(s.max_bytes), Err("token-shape")),
        (
            "a valid token beyond the bound",
            |s| header(s, |header| header.push_str(&" ".repeat(s.max_bytes))),
            Err("token-too-large"),
        ),
    ]);
}

#[test]
fn only_the_key_itself_signs() {
    let world = World::new();
    let stranger = super::world::new_key();
    let other_secret = attest_core::jose::MacKey::new(&[9; 32]);
    let spoil = |sample: &Sample<'_>, raw: &RawJws, what: usize| {
        let input = raw.signing_input();
        let good = sample.signer.signature(&input);
        let bad = match what {
            0 => match sample.signer {
                Signer::Mac(_) => Signer::Mac(&other_secret).signature(&input),
                Signer::Es256(_) => Signer::Es256(&stranger).signature(&input),
            },
            1 => sample.signer.signature(&format!("{input}x")),
            2 => vec![0; good.len()],
            3 => good[1..].to_vec(),
            4 => [&good[..], &[0]].concat(),
            5 => good[..16].to_vec(),
            _ => der(&good),
        };
        format!("{input}.{}", base64url(bad))
    };
    for kind in Kind::ALL {
        for what in 0..7 {
            let sample = world.sample(kind);
            let token = spoil(&sample, &sample.raw(), what);
            assert_eq!(
                (sample.receive)(&token),
                Err("token-signature"),
                "{kind:?} {what}"
            );
        }
    }
}

/// r ‖ s as ASN.1 would write it; RFC 7518 section 3.4 knows only r ‖ s.
fn der(signature: &[u8]) -> Vec<u8> {
    let integer = |half: &[u8]| [&[2, 33, 0], half].concat();
    let (r, s) = signature.split_at(signature.len() / 2);
    let body = [integer(r), integer(s)].concat();
    [&[0x30, 70], &body[..]].concat()
}

/// Kinds whose key is chosen by `kid`: an unknown one finds no key.
#[test]
fn an_unknown_kid_finds_no_key() {
    let world = World::new();
    for kind in [Kind::Attestation, Kind::Response, Kind::StepUp, Kind::Assertion] {
        for kid in [json!(null), json!(""), json!("another"), json!("../keys")] {
            let sample = world.sample(kind);
            let token = header(&sample, |header| set(header, "kid", kid.clone()));
            assert_eq!(
                (sample.receive)(&token),
                Err("token-key-unknown"),
                "{kind:?} {kid}"
            );
        }
    }
}
