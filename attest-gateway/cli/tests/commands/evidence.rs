//! `attest evidence` over made evidence of every kind: accepted and refused, with facts in both cases, the same exits and the same
//! shape of JSON.
#![cfg(test)]

use attest_core::encoding::sha256;
use attest_testkit::evidence::android::{ChainBuilder, Shape};
use attest_testkit::evidence::apple::{AssertionBuilder, AttestationBuilder, PRODUCTION};
use attest_testkit::evidence::certificate::TestKey;
use attest_testkit::evidence::play::{Binding, PlayKeys, TokenBuilder};
use attest_testkit::evidence::{Root, TestRoots};
use attest_testkit::profile::{PACKAGE, SIGNER};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{Ended, attest};
use crate::workshop::Workshop;

/// A moment within every made certificate, and how tokens say it.
const AT: &str = "2027-01-15T08:00:00Z";
const AT_MS: u64 = 1_800_000_000_000;
const APP_ID: &str = "A1B2C3D4E5.com.example.bank";

fn verify(kind: &str, file: &str, arguments: &[&str]) -> Ended {
    let all = ["evidence", "verify", "--json", "--kind", kind];
    attest(&[&all, arguments, &[file]].concat())
}

/// Checks exit, result and code, and that JSON has the one shape; returns the facts.
fn check(ended: &Ended, code: Option<&str>) -> Value {
    let json = ended.json();
    assert_eq!(ended.code, Some(i32::from(code.is_some())), "{ended:?}");
    assert_eq!(
        json["result"],
        if code.is_some() { "refused" } else { "accepted" }
    );
    assert_eq!(json.get("code").and_then(Value::as_str), code, "{json}");
    assert_eq!(json["why"].is_string(), code.is_some(), "{json}");
    assert!(json["facts"].is_object() && json["proven"].is_boolean(), "{json}");
    json["facts"].clone()
}

fn pem(chain: &[Vec<u8>]) -> String {
    let block = |der: &Vec<u8>| {
        let base64 = STANDARD.encode(der);
        let lines: Vec<&str> = base64
            .as_bytes()
            .chunks(64)
            .map(|line| std::str::from_utf8(line).unwrap())
            .collect();
        format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            lines.join("\n")
        )
    };
    chain.iter().map(block).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn an_android_chain() {
    let workshop = Workshop::new();
    let roots = TestRoots::generate().unwrap();
    let key = TestKey::p256().unwrap().point().unwrap();
    let chain = ChainBuilder::new(&roots.android, Shape::Factory, b"challenge", &key).unwrap();
    let file = workshop.write("chain.pem", pem(&chain.build().unwrap()));
    let anchors = workshop.write("anchors.pem", roots.android.pem());
    let with = |more: &[&str]| {
        verify(
            "android-key",
            &file,
            &[&["--at", AT, "--anchors", &anchors], more].concat(),
        )
    };
    let signer = hex(&SIGNER);
    let challenge = hex(b"challenge");

    let facts = check(&with(&[]), None);
    assert_eq!(
        [&facts["packages"][0]["name"], &facts["boot"]["state"]],
        [PACKAGE, "verified"]
    );
    assert_eq!(
        [&facts["signers"], &facts["challenge"]],
        [&json!([signer]), &json!(challenge)]
    );
    let all = [
        "--package",
        PACKAGE,
        "--signer",
        &signer,
        "--challenge-hex",
        &challenge,
        "--require-verified-boot",
    ];
    check(&with(&all), None);
    // What a parameter refuses is proven all the same.
    let serial = facts["chain"][1]["serial"].as_str().unwrap();
    let listed = json!({"entries": {serial: {"status": "REVOKED"}}}).to_string();
    let list = workshop.write("status.json", listed);
    for (arguments, code) in [
        (["--package", "com.example.other"], "application"),
        (["--signer", &"00".repeat(32)], "signer"),
        (["--challenge-hex", "00"], "challenge"),
        (["--revocation", &list], "revoked"),
    ] {
        let ended = with(&arguments);
        assert_eq!(check(&ended, Some(code)), facts);
        assert_eq!(ended.json()["proven"], true);
    }
    // Without the root nothing is, but it can be read.
    let unproven = verify("android-key", &file, &["--at", AT]);
    let read = check(&unproven, Some("anchor-unknown"));
    assert_eq!(unproven.json()["proven"], false);
    for name in [
        "packages",
        "signers",
        "challenge",
        "boot",
        "patch",
        "origin",
        "purposes",
        "key_level",
        "os_version",
    ] {
        let (mut read, mut proven) = (read[name].clone(), facts[name].clone());
        for boot in [&mut read, &mut proven] {
            boot.as_object_mut().map(|boot| boot.remove("accepted"));
        }
        assert_eq!(read, proven, "{name}");
    }
    let names: Vec<&String> = read.as_object().unwrap().keys().collect();
    insta::assert_json_snapshot!("android_unproven", names);
    let names: Vec<&String> = facts.as_object().unwrap().keys().collect();
    insta::assert_json_snapshot!("android_proven", names);
}

#[test]
fn an_unlocked_phone_is_a_fact_unless_it_is_refused() {
    let workshop = Workshop::new();
    let roots = TestRoots::generate().unwrap();
    let key = TestKey::p256().unwrap().point().unwrap();
    let chain = ChainBuilder::new(&roots.android, Shape::Factory, b"challenge", &key).unwrap();
    let anchors = workshop.write("anchors.pem", roots.android.pem());
    let unlocked = chain.with(|chain| {
        chain
            .description
            .root_of_trust(|root| (root.locked, root.state) = (0, 2))
    });
    let file = workshop.write("unlocked.pem", pem(&unlocked.build().unwrap()));
    let anchored = ["--at", AT, "--anchors", &anchors];
    check(&verify("android-key", &file, &anchored), None);
    let strict = [anchored.as_slice(), &["--require-verified-boot"]].concat();
    let facts = check(&verify("android-key", &file, &strict), Some("boot-state"));
    assert_eq!(
        [&facts["boot"]["locked"], &facts["boot"]["state"]],
        [&json!(false), &json!("unverified")]
    );
    let shown = attest(&["evidence", "inspect", &file]);
    assert_eq!(shown.code, Some(0), "{shown:?}");
    assert!(
        shown.text().contains("NOT verified") && shown.text().contains("The phone is unlocked"),
        "{shown:?}"
    );
}

#[test]
fn what_is_no_chain_is_refused_with_what_can_be_read() {
    let workshop = Workshop::new();
    for (name, text, code) in [
        ("empty", String::new(), "parse"),
        ("text", "hello".to_owned(), "parse"),
        (
            "key",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n".to_owned(),
            "parse",
        ),
        ("junk", pem(&[vec![0; 3], vec![1; 3], vec![2; 3]]), "parse"),
        ("long", pem(&vec![vec![0; 3]; 9]), "limit"),
    ] {
        let file = workshop.write(name, text);
        check(&verify("android-key", &file, &["--at", AT]), Some(code));
    }
}

fn attestation(root: &Root, key: &TestKey) -> Vec<u8> {
    let made = AttestationBuilder::new(root, APP_ID, key, PRODUCTION, [7; 32]).unwrap();
    made.with(|object| object.auth_data.ios_27(4, "77"))
        .build()
        .unwrap()
}

#[test]
fn app_attest() {
    let workshop = Workshop::new();
    let (roots, key) = (TestRoots::generate().unwrap(), TestKey::p256().unwrap());
    let object = attestation(&roots.apple, &key);
    let anchors = workshop.write("anchors.pem", roots.apple.pem());
    let (id, hash, other) = (STANDARD.encode(key.id()), hex(&[7; 32]), "00".repeat(32));
    let of = |app: &str, hash: &str, file: &str, more: &[&str]| {
        let arguments = [
            "--app-id",
            app,
            "--key-id-b64",
            &id,
            "--client-data-hash-hex",
            hash,
            "--at",
            AT,
        ];
        verify(
            "app-attest",
            file,
            &[&arguments, ["--anchors", &anchors].as_slice(), more].concat(),
        )
    };
    for bytes in [object.clone(), STANDARD.encode(&object).into_bytes()] {
        let file = workshop.write("object", bytes);
        let facts = check(&of(APP_ID, &hash, &file, &["--environment", "production"]), None);
        assert_eq!([&facts["app_id"], &facts["environment"]], [APP_ID, "production"]);
        assert_eq!(facts["apple_bundle_version_01"], "77");
        for (app, hash, more, code) in [
            (
                "A1B2C3D4E5.com.example.other",
                &hash,
                [].as_slice(),
                "application",
            ),
            (APP_ID, &other, &[], "nonce"),
            (APP_ID, &hash, &["--environment", "development"], "environment"),
        ] {
            let facts = check(&of(app, hash, &file, more), Some(code));
            assert_eq!([&facts["environment"], &facts["key_id_b64"]], ["production", &id]);
            assert_eq!(facts["apple_bundle_version_01"], "77");
        }
        let shown = attest(&["evidence", "inspect", "--json", &file]).json();
        assert_eq!(shown["kind"], "app-attest");
        assert_eq!(shown["facts"]["chain"][0]["key_sha256_b64"], id.as_str());
    }
    let file = workshop.write("junk", b"\xa1\x61a");
    check(&of(APP_ID, &hash, &file, &[]), Some("parse"));

    let point = hex(&key.point().unwrap());
    let data = b"client data";
    let made = AssertionBuilder::new(APP_ID, &key, 5, sha256(&[data]))
        .build()
        .unwrap();
    let file = workshop.write("assertion", made);
    let of = |data: &[u8], counter: &str| {
        let data = hex(data);
        let arguments = [
            "--app-id",
            APP_ID,
            "--public-key-x962-hex",
            &point,
            "--client-data-hex",
            &data,
            "--counter",
            counter,
        ];
        verify("app-attest-assertion", &file, &arguments)
    };
    assert_eq!(check(&of(data, "4"), None)["counter"], 5);
    assert_eq!(check(&of(data, "5"), Some("counter"))["counter"], 5);
    assert_eq!(check(&of(b"other", "4"), Some("signature"))["counter"], 5);
    let shown = attest(&["evidence", "inspect", "--json", &file]).json();
    assert_eq!(
        [&shown["kind"], &shown["facts"]["counter"]],
        [&json!("app-attest-assertion"), &json!(5)]
    );
}

#[test]
fn a_play_integrity_token() {
    let workshop = Workshop::new();
    let keys = PlayKeys::generate().unwrap();
    let token = TokenBuilder::new(&keys, &Binding::Nonce("bm9uY2U".to_owned()), AT_MS)
        .build()
        .unwrap();
    let file = workshop.write("token", format!("{token}\n"));
    let (decryption, verification) = (keys.decryption_base64(), keys.verification_base64());
    let of = |package: &str, more: &[&str], decryption: &str| {
        let arguments = [
            "--decryption-key-b64",
            decryption,
            "--verification-key-b64",
            &verification,
            "--package",
            package,
        ];
        verify("play-integrity", &file, &[&arguments, more].concat())
    };
    let at = ["--at", AT];
    let facts = check(
        &of(PACKAGE, &["--at", AT, "--nonce", "bm9uY2U"], &decryption),
        None,
    );
    assert_eq!(
        [&facts["nonce"], &facts["app_licensing_verdict"]],
        ["bm9uY2U", "LICENSED"]
    );
    for (ended, code) in [
        (of("com.example.other", &at, &decryption), "application"),
        (
            of(PACKAGE, &["--at", AT, "--nonce", "AAAA"], &decryption),
            "nonce",
        ),
        (
            of(PACKAGE, &["--at", AT, "--request-hash", "bm9uY2U"], &decryption),
            "nonce",
        ),
        (
            of(PACKAGE, &["--at", "2027-01-15T09:00:00Z"], &decryption),
            "expired",
        ),
    ] {
        assert_eq!(check(&ended, Some(code)), facts);
        assert_eq!(ended.json()["proven"], true);
    }
    let wrong = STANDARD.encode([0; 32]);
    let read = check(&of(PACKAGE, &at, &wrong), Some("signature"));
    assert_eq!(read["header"]["alg"], "A256KW");
    let shown = attest(&["evidence", "inspect", &file]);
    assert!(shown.text().contains("Play Console"), "{shown:?}");
}

#[test]
fn what_cannot_be_begun_with_exits_2() {
    let workshop = Workshop::new();
    let file = workshop.write("file", b"hello");
    let unusable = |arguments: &[&str]| {
        let ended = attest(&[&["evidence"], arguments].concat());
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert_eq!(ended.out, b"", "{ended:?}");
    };
    let nowhere = workshop.path("nowhere");
    unusable(&["verify", &file]);
    unusable(&["verify", "--kind", "android-key", &nowhere]);
    unusable(&["verify", "--kind", "android-key", "--at", "yesterday", &file]);
    unusable(&["verify", "--kind", "android-key", "--signer", "00", &file]);
    unusable(&["verify", "--kind", "android-key", "--counter", "1", &file]);
    unusable(&["verify", "--kind", "android-key", "--anchors", &file, &file]);
    unusable(&["verify", "--kind", "android-key", "--revocation", &file, &file]);
    unusable(&["verify", "--kind", "app-attest", &file]);
    unusable(&[
        "verify",
        "--kind",
        "app-attest-assertion",
        "--app-id",
        APP_ID,
        &file,
    ]);
    unusable(&["verify", "--kind", "play-integrity", "--package", PACKAGE, &file]);
    unusable(&["inspect", &nowhere]);
    let large = workshop.write("large", vec![b'a'; (256 << 10) + 1]);
    unusable(&["inspect", &large]);
    let unknown = attest(&["evidence", "inspect", &file]);
    assert_eq!(unknown.code, Some(1), "{unknown:?}");
    assert!(unknown.err.starts_with("kind-unknown: "), "{unknown:?}");
}
