//! Play Integrity: tokens.

use attest_gateway::verifier::VerdictCode::{self, *};
use attest_gateway::verifier::play::{Binding, Parameters, PlayKeys, verify};
use attest_testkit::evidence::play::{Binding as BoundTo, PlayKeys as TestKeys, TokenBuilder};
use attest_testkit::profile::PACKAGE;
use serde_json::{Value, json};

use super::{NOW_S, Seen};

const HASH: &str = "aGVsbG8gd29ybGQgdGhlcmU";
const AT: &str = "/requestDetails/timestampMillis";

fn keys(keys: &TestKeys) -> PlayKeys {
    PlayKeys::from_base64(&keys.decryption_base64(), &keys.verification_base64()).unwrap()
}

fn verdict(token: &str, binding: Binding<'_>, keys: &PlayKeys) -> Option<VerdictCode> {
    let parameters = Parameters {
        package: PACKAGE,
        binding: Some(binding),
        age_max_s: 600,
    };
    verify(token, &parameters, keys, NOW_S)
        .err()
        .map(|error| error.code())
}

pub(super) fn tokens() -> Seen {
    let mut seen = Seen::default();
    let test_keys = TestKeys::generate().unwrap();
    let keys = keys(&test_keys);
    let standard = TokenBuilder::new(&test_keys, &BoundTo::RequestHash(HASH.to_owned()), NOW_S * 1000);
    let mut check = |what: &str, expect: Option<VerdictCode>, change: &dyn Fn(&mut TokenBuilder)| {
        let token = standard.clone().with(change).build().unwrap();
        seen.check(what, verdict(&token, Binding::RequestHash(HASH), &keys), expect);
    };
    headers(&mut check);
    payloads(&mut check);
    let strangers = TestKeys::generate().unwrap();
    check("keys of another app", Some(Signature), &|it| {
        it.keys = strangers.clone()
    });
    check("signed by another key", Some(Signature), &|it| {
        it.keys.signing = strangers.signing.clone();
    });
    check("wrapped for another app", Some(Signature), &|it| {
        it.keys.decryption = strangers.decryption
    });

    let mut check = |what: &str, expect: Option<VerdictCode>, token: &str| {
        seen.check(what, verdict(token, Binding::RequestHash(HASH), &keys), expect);
    };
    let token = standard.build().unwrap();
    let part = |position: usize, text: &str| {
        let mut parts: Vec<_> = token.split('.').collect();
        parts[position] = text;
        parts.join(".")
    };
    check("nothing", Some(Parse), "");
    check("four parts", Some(Parse), token.rsplit_once('.').unwrap().0);
    check("six parts", Some(Parse), &format!("{token}."));
    check("another tag", Some(Signature), &part(4, "AAAAAAAAAAAAAAAAAAAAAA"));
    check("no tag", Some(Parse), &part(4, ""));
    check("no header", Some(Parse), &part(0, ""));
    check("not encrypted", Some(Parse), &standard.jws().unwrap());
    check("longer than is read", Some(Limit), &"A".repeat(17 << 10));

    let classic = TokenBuilder::new(&test_keys, &BoundTo::Nonce(HASH.to_owned()), NOW_S * 1000);
    let mut check = |what: &str, expect: Option<VerdictCode>, binding: Binding<'_>| {
        seen.check(what, verdict(&classic.build().unwrap(), binding, &keys), expect);
    };
    check("valid for a nonce", None, Binding::Nonce(HASH));
    check("another nonce", Some(Nonce), Binding::Nonce("b3RoZXI"));
    check(
        "a nonce for a request hash",
        Some(Nonce),
        Binding::RequestHash(HASH),
    );
    seen
}

type Check<'a> = &'a mut dyn FnMut(&str, Option<VerdictCode>, &dyn Fn(&mut TokenBuilder));

fn headers(check: Check<'_>) {
    let mut header = |what: &str, expect, value: Value| check(what, expect, &|it| it.header = value.clone());
    header("valid", None, json!({"alg": "A256KW", "enc": "A256GCM"}));
    header(
        "a member more",
        None,
        json!({"alg": "A256KW", "enc": "A256GCM", "typ": "JWT"}),
    );
    header(
        "A128KW",
        Some(Unsupported),
        json!({"alg": "A128KW", "enc": "A256GCM"}),
    );
    header(
        "direct",
        Some(Unsupported),
        json!({"alg": "dir", "enc": "A256GCM"}),
    );
    header(
        "CBC",
        Some(Unsupported),
        json!({"alg": "A256KW", "enc": "A256CBC-HS512"}),
    );
    header(
        "compressed",
        Some(Unsupported),
        json!({"alg": "A256KW", "enc": "A256GCM", "zip": "DEF"}),
    );
    header(
        "critical",
        Some(Unsupported),
        json!({"alg": "A256KW", "enc": "A256GCM", "crit": ["exp"]}),
    );
    header("no enc", Some(Parse), json!({"alg": "A256KW"}));
    header("no object", Some(Parse), json!([]));
    let mut inner = |what: &str, expect, alg: &str| {
        check(what, expect, &|it| it.inner_header = json!({"alg": alg}));
    };
    inner("unsigned", Some(Unsupported), "none");
    inner("RSA", Some(Unsupported), "RS256");
    inner("a MAC by the public key", Some(Unsupported), "HS256");
    check("another signature", Some(Signature), &|it| {
        it.signature = Some(vec![1; 64])
    });
    check("no signature", Some(Parse), &|it| it.signature = Some(Vec::new()));
    check("no JWS inside", Some(Parse), &|it| {
        it.plaintext = Some("{}".to_owned())
    });
}

fn payloads(check: Check<'_>) {
    let mut member = |what: &str, expect, pointer: &str, value: Option<Value>| {
        check(what, expect, &|it| {
            *it = it.clone().member(pointer, value.clone())
        });
    };
    let now_ms = NOW_S * 1000;
    member("its time as a number", None, AT, Some(json!(now_ms)));
    member("ten minutes old", None, AT, Some(json!(now_ms - 600_000)));
    member(
        "older than that",
        Some(Expired),
        AT,
        Some(json!(now_ms - 600_001)),
    );
    member("of 1970", Some(Expired), AT, Some(json!("0")));
    member(
        "from the future",
        Some(NotYetValid),
        AT,
        Some(json!(now_ms + 60_000)),
    );
    member(
        "from the end of time",
        Some(NotYetValid),
        AT,
        Some(json!(u64::MAX.to_string())),
    );
    member("no time", Some(Parse), AT, None);
    member("a time in words", Some(Parse), AT, Some(json!("now")));
    member("a negative time", Some(Parse), AT, Some(json!(-1)));
    let package = "/requestDetails/requestPackageName";
    member(
        "another package",
        Some(Application),
        package,
        Some(json!("com.example.other")),
    );
    member("no package", Some(Parse), package, None);
    let hash = "/requestDetails/requestHash";
    member("another request", Some(Nonce), hash, Some(json!("b3RoZXI")));
    member("no request hash", Some(Nonce), hash, None);
    member(
        "a longer hash than is read",
        Some(Limit),
        hash,
        Some(json!("A".repeat(1000))),
    );
    member("no details", Some(Parse), "/requestDetails", None);
    // Verdicts are facts: what to make of them is for policy.
    let verdict = "/appIntegrity/appRecognitionVerdict";
    member(
        "an app that Play does not know",
        None,
        verdict,
        Some(json!("UNRECOGNIZED_VERSION")),
    );
    member("no verdict on the device", None, "/deviceIntegrity", None);
    check("no object", Some(Parse), &|it| it.payload = json!([]));
}

#[test]
fn tokens_are_refused_by_what_is_spoiled() {
    tokens().assert();
}
