//! `attest app measure`: the same signers as `apksigner` says, for each scheme; names of APKs and IPAs; what is no app exits 2.
#![cfg(test)]

use std::fs;

use plist::{Dictionary, Value as Plist};
use serde_json::{Value, json};

use crate::support::{Ended, attest};
use crate::workshop::{Workshop, archive, run};

const RSA: &[&str] = &["rsa:2048"];
const EC: &[&str] = &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"];

fn measured(path: &str) -> Value {
    let ended = attest(&["app", "measure", "--json", path]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended.json()
}

fn refused(path: &str, code: &str) {
    let ended = attest(&["app", "measure", path]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.err.starts_with(&format!("{code}: ")), "{ended:?}");
    assert_eq!(ended.out, b"");
}

/// Scheme and hex digest of every signer.
fn signers(app: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let schemes = app["schemes"].as_array().unwrap();
    schemes
        .iter()
        .flat_map(|scheme| {
            let signers = scheme["signers"].as_array().unwrap().iter();
            signers.map(|signer| (text(&scheme["scheme"]), text(&signer["hex"])))
        })
        .collect()
}

/// The digests that `apksigner` prints.
fn certificates(path: &str) -> Vec<String> {
    let printed = run(
        "apksigner",
        &["verify", "--min-sdk-version", "28", "--print-certs", path],
    );
    let lines = printed
        .lines()
        .filter(|line| line.contains("certificate SHA-256"));
    lines
        .map(|line| line.rsplit(' ').next().unwrap().to_owned())
        .collect()
}

/// A policy takes the lines as they are.
fn fits_a_policy(app: &Value) {
    let lines = app["policy"].as_str().unwrap();
    let source = attest_policy::EXAMPLE.replacen("\napps:\n", &format!("\napps:\n{lines}"), 1);
    assert_ne!(source, attest_policy::EXAMPLE);
    let compiled = attest_policy::compile("policy.yaml", &source);
    assert!(compiled.is_ok(), "{lines}{:?}", compiled.err());
}

fn as_str(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

#[test]
fn signers_are_those_that_apksigner_names() {
    let Some(workshop) = Workshop::with_tools(6) else {
        return;
    };
    let apk = workshop.unsigned();
    refused(&apk, "unsigned");
    let (old, new) = (workshop.key("old", RSA), workshop.key("new", EC));
    let scheme = |v1: &str, v2: &str, v3: &str, keys: &[&str]| {
        let flags = [
            "--v1-signing-enabled",
            v1,
            "--v2-signing-enabled",
            v2,
            "--v3-signing-enabled",
            v3,
        ];
        let arguments = [&flags, ["--v4-signing-enabled", "false"].as_slice(), keys].concat();
        workshop.signed("signed.apk", &apk, &arguments)
    };
    let of = |scheme: &str, hex: &str| (scheme.to_owned(), hex.to_owned());

    let v1 = scheme("true", "false", "false", &as_str(&new));
    let app = measured(&v1);
    let [new_hex] = certificates(&v1).try_into().unwrap();
    assert_eq!(signers(&app), [of("v1", &new_hex)]);
    assert_eq!(app["schemes"][0]["signers"][0]["subject"], "CN=new");
    fits_a_policy(&app);

    let v2 = scheme("false", "true", "false", &as_str(&old));
    let app = measured(&v2);
    let [old_hex] = certificates(&v2).try_into().unwrap();
    assert_eq!(signers(&app), [of("v2", &old_hex)]);
    assert_eq!(app["schemes"][0]["signers"][0]["signature"], "verified");
    let names = [
        &app["package"],
        &app["version"],
        &app["version_code"],
        &app["min_sdk"],
        &app["target_sdk"],
    ];
    assert_eq!(
        names,
        [
            &json!("com.example.bank"),
            &json!("2.4.0"),
            &json!(42),
            &json!(21),
            &json!(29)
        ]
    );
    assert_eq!(app["warnings"], json!([]));

    let all = scheme("true", "true", "true", &as_str(&old));
    let app = measured(&all);
    assert_eq!(certificates(&all), [old_hex.as_str()]);
    assert_eq!(
        signers(&app),
        ["v1", "v2", "v3"].map(|scheme| of(scheme, &old_hex))
    );
    fits_a_policy(&app);

    let two = [as_str(&old), vec!["--next-signer"], as_str(&new)].concat();
    let both = scheme("true", "true", "false", &two);
    let mut expect = certificates(&both);
    expect.sort_unstable();
    let mut found: Vec<_> = signers(&measured(&both))
        .into_iter()
        .filter(|(scheme, _)| scheme == "v2")
        .map(|(_, hex)| hex)
        .collect();
    found.sort_unstable();
    assert_eq!(found, expect);

    rotated(&workshop, &apk, &old, &new, [&old_hex, &new_hex]);
}

/// A rotated key, and the same as v3.1, which Debian's apksigner does not make: there the v3 entry is given v3.1's id by hand.
fn rotated(workshop: &Workshop, apk: &str, old: &[String], new: &[String], [old_hex, new_hex]: [&str; 2]) {
    let lineage = workshop.path("lineage");
    let steps = [
        vec!["rotate", "--out", &lineage, "--old-signer"],
        as_str(old),
        vec!["--new-signer"],
        as_str(new),
    ];
    run("apksigner", &steps.concat());
    let keys = [
        vec!["--lineage", &lineage],
        as_str(old),
        vec!["--next-signer"],
        as_str(new),
    ]
    .concat();
    let path = workshop.signed("rotated.apk", apk, &keys);
    assert_eq!(certificates(&path), [new_hex]);
    let bytes = fs::read(&path).unwrap();
    let id = bytes
        .windows(4)
        .position(|id| id == 0xf053_68c0_u32.to_le_bytes())
        .unwrap();
    let mut newer = bytes.clone();
    newer[id..id + 4].copy_from_slice(&0x1b93_ad61_u32.to_le_bytes());
    let newer = workshop.write("v31.apk", newer);
    for (path, scheme) in [(&path, "v3"), (&newer, "v3.1")] {
        let app = measured(path);
        let schemes = app["schemes"].as_array().unwrap();
        let found = schemes.iter().find(|found| found["scheme"] == scheme).unwrap();
        let signer = &found["signers"][0];
        assert_eq!([&signer["hex"], &signer["signature"]], [new_hex, "verified"]);
        let lineage: Vec<_> = signer["lineage"]
            .as_array()
            .unwrap()
            .iter()
            .map(|link| (&link["hex"], &link["signature"]))
            .collect();
        let good = json!("verified");
        assert_eq!(lineage, [(&json!(old_hex), &good), (&json!(new_hex), &good)]);
        let policy = app["policy"].as_str().unwrap();
        assert!(
            policy.contains(&format!("\n    signers: ['{new_hex}']\n")),
            "{policy}"
        );
        assert!(
            policy.contains(&format!("\n    previous_signers: ['{old_hex}']\n")),
            "{policy}"
        );
        fits_a_policy(&app);
    }
    // One byte of the signed digest is another: readable, and loudly not what was signed.
    let mut tampered = bytes;
    tampered[id + 40] ^= 1;
    let tampered = workshop.write("tampered.apk", tampered);
    let ended = attest(&["app", "measure", &tampered]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended.err.contains("warning: v3: a signature does not verify"),
        "{ended:?}"
    );
    assert!(ended.text().contains("signature bad"), "{ended:?}");
}

fn list(entries: &[(&str, Plist)]) -> Plist {
    let mut list = Dictionary::new();
    for (key, value) in entries {
        list.insert((*key).to_owned(), value.clone());
    }
    Plist::Dictionary(list)
}

fn about() -> Plist {
    list(&[
        ("CFBundleIdentifier", "com.example.bank".into()),
        ("CFBundleShortVersionString", "2.4.0".into()),
        ("CFBundleVersion", "77".into()),
        ("CFBundleExecutable", "Bank".into()),
        ("MinimumOSVersion", "15.0".into()),
    ])
}

fn binary(list: &Plist) -> Vec<u8> {
    let mut bytes = Vec::new();
    list.to_writer_binary(&mut bytes).unwrap();
    bytes
}

fn xml(list: &Plist) -> Vec<u8> {
    let mut bytes = Vec::new();
    list.to_writer_xml(&mut bytes).unwrap();
    bytes
}

#[test]
fn an_ipa_names_team_bundle_and_version() {
    let workshop = Workshop::new();
    let entitlements = list(&[
        ("application-identifier", "A1B2C3D4E5.com.example.bank".into()),
        (
            "com.apple.developer.devicecheck.appattest-environment",
            "production".into(),
        ),
    ]);
    let profile = list(&[
        ("TeamIdentifier", Plist::Array(vec!["A1B2C3D4E5".into()])),
        ("Entitlements", entitlements),
    ]);
    let envelope = [b"\x30\x82\x01\x00\x06".as_slice(), &xml(&profile), b"\xa0\x82"].concat();
    for info in [binary(&about()), xml(&about())] {
        let path = workshop.write(
            "Bank.ipa",
            archive(&[
                ("Payload/Bank.app/PlugIns/W.appex/Info.plist", b"not this one"),
                ("Payload/Bank.app/Info.plist", &info),
                ("Payload/Bank.app/embedded.mobileprovision", &envelope),
            ]),
        );
        let app = measured(&path);
        fits_a_policy(&app);
        insta::assert_json_snapshot!("ipa", app);
    }
    let path = workshop.write(
        "Bank.ipa",
        archive(&[("Payload/Bank.app/Info.plist", &binary(&about()))]),
    );
    let app = measured(&path);
    assert_eq!([&app["team"], &app["policy"]], [&Value::Null, &Value::Null]);
    assert!(app["warnings"].to_string().contains("--team"), "{app}");
    let given = attest(&["app", "measure", "--team", "Z9Y8X7W6V5", &path]);
    assert_eq!(given.code, Some(0), "{given:?}");
    assert!(
        given
            .text()
            .contains("    team: 'Z9Y8X7W6V5'\n    bundle: com.example.bank\n"),
        "{given:?}"
    );
}

#[test]
fn what_is_no_app_is_told_apart() {
    let workshop = Workshop::new();
    let check = |name: &str, bytes: &[u8], code: &str| refused(&workshop.write(name, bytes), code);
    refused(&workshop.path("nowhere.apk"), "unreadable");
    check("empty.apk", b"", "not-zip");
    check("text.apk", b"PK\x03\x04 and no more", "not-zip");
    check("zip.apk", &archive(&[("readme.txt", b"hello")]), "not-an-app");
    check("bundle.aab", &archive(&[("BundleConfig.pb", b"")]), "app-bundle");
    check("set.apks", &archive(&[("splits/base.apk", b"")]), "apk-set");
    check(
        "v1.apk",
        &archive(&[("AndroidManifest.xml", b""), ("META-INF/A.RSA", b"\x30\x80")]),
        "entry-unreadable",
    );
    check("bare.apk", &archive(&[("AndroidManifest.xml", b"")]), "unsigned");
    check(
        "broken.ipa",
        &archive(&[("Payload/B.app/Info.plist", b"bplist00")]),
        "entry-unreadable",
    );
    let large = archive(&[("Payload/B.app/Info.plist", &vec![b' '; (1 << 20) + 1])]);
    check("large.ipa", &large, "entry-unreadable");
    let usage: Ended = attest(&["app", "measure"]);
    assert_eq!(usage.code, Some(2));
}
