//! `attest evidence verify` over evidence of real devices and what was spoiled of it, read where it lies.
#![cfg(test)]

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::support::{Ended, attest};

const CASES: usize = 117;
/// Where an entry does not say when to verify.
const AT: &str = "2026-11-22T00:00:00Z";

/// The folder and its entries; `None` says what was not run.
fn corpus() -> Option<(PathBuf, Vec<Value>)> {
    let shared = std::env::var_os("ATTEST_SHARED").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    let folder = shared.join("vectors");
    let Ok(text) = std::fs::read(folder.join("index.json")) else {
        println!("absent: {CASES} cases not run");
        return None;
    };
    let mut index: Value = serde_json::from_slice(&text).unwrap();
    let entries = index["entries"].as_array_mut().unwrap();
    Some((folder, std::mem::take(entries)))
}

fn verify(folder: &Path, entry: &Value, kind: &str, arguments: &[&str]) -> Ended {
    let file = folder.join(entry["file"].as_str().unwrap());
    let all = ["evidence", "verify", "--json", "--kind", kind];
    attest(&[&all, arguments, &[file.to_str().unwrap()]].concat())
}

fn check(entry: &Value, ended: &Ended, accepted: bool) {
    let json = ended.json();
    let (exit, word) = if accepted { (0, "accepted") } else { (1, "refused") };
    assert_eq!(
        (ended.code, &json["result"]),
        (Some(exit), &word.into()),
        "{}: {ended:?}",
        entry["file"]
    );
    assert_eq!(json.get("code").is_some(), !accepted, "{json}");
    assert!(
        json["facts"].as_object().is_some_and(|facts| !facts.is_empty()),
        "{}: {json}",
        entry["file"]
    );
}

#[test]
fn android_chains() {
    let Some((folder, entries)) = corpus() else { return };
    let mut seen = 0;
    for entry in &entries {
        if !entry["kind"]
            .as_str()
            .unwrap()
            .starts_with("android-key-attestation-chain")
        {
            continue;
        }
        let expected = &entry["expected"];
        let expected = [&expected["google_rules_at_verify_at"], &expected["google_rules"]];
        let expected = expected.into_iter().find_map(Value::as_str).unwrap_or("no chain");
        let at = entry["verify_at"].as_str().unwrap_or(AT);
        check(
            entry,
            &verify(&folder, entry, "android-key", &["--at", at]),
            expected == "valid",
        );
        if let Some(root) = entry["extra_trust_anchor"].as_str() {
            let root = folder.join(root);
            let arguments = ["--at", at, "--anchors", root.to_str().unwrap()];
            let ended = verify(&folder, entry, "android-key", &arguments);
            check(entry, &ended, entry["measured_with_extra_anchor"] == "ok");
        }
        seen += 1;
    }
    assert!(seen > 0);
    // Roots whose private keys are public count where they are asked for, and never unsaid.
    let roots = folder.join("roots/aosp_software_roots.pem");
    let ended = verify(
        &folder,
        &entries[0],
        "android-key",
        &["--anchors", roots.to_str().unwrap()],
    );
    assert!(ended.err.starts_with("warning: --anchors "), "{ended:?}");
}

#[test]
fn app_attest_objects() {
    let Some((folder, entries)) = corpus() else { return };
    let mut seen = 0;
    for entry in &entries {
        let text = |name: &str| entry[name].as_str();
        let app = || {
            let named = text("app_id").map(str::to_owned);
            named.unwrap_or_else(|| format!("{}.{}", text("team_id").unwrap(), text("bundle_id").unwrap()))
        };
        match text("kind").unwrap() {
            "apple-appattest-attestation" => {
                let app = app();
                let mut arguments = vec!["--app-id", &app, "--key-id-b64", text("key_id_b64").unwrap()];
                arguments.extend(["--at", text("verify_at").unwrap(), "--client-data-hash-hex"]);
                let hash = text("client_data_hash_hex").unwrap();
                let with = |hash: &str| {
                    verify(
                        &folder,
                        entry,
                        "app-attest",
                        &[&arguments, [hash].as_slice()].concat(),
                    )
                };
                check(entry, &with(hash), true);
                check(entry, &with("00"), false);
            }
            "apple-appattest-assertion" => {
                let app = app();
                let data = STANDARD.decode(text("client_data_b64").unwrap()).unwrap();
                let data: String = data.iter().map(|byte| format!("{byte:02x}")).collect();
                let mut arguments = vec!["--app-id", &app, "--client-data-hex", &data];
                arguments.extend([
                    "--public-key-x962-hex",
                    text("public_key_x962_hex").unwrap(),
                    "--counter",
                ]);
                let with = |counter: &str| {
                    verify(
                        &folder,
                        entry,
                        "app-attest-assertion",
                        &[&arguments, [counter].as_slice()].concat(),
                    )
                };
                check(entry, &with("0"), true);
                check(entry, &with(&entry["counter"].to_string()), false);
            }
            _ => continue,
        }
        seen += 1;
    }
    assert!(seen > 0);
}

#[test]
fn play_integrity_tokens() {
    let Some((folder, entries)) = corpus() else { return };
    let entry = entries
        .iter()
        .find(|entry| entry["kind"] == "play-integrity-synthetic")
        .unwrap();
    let text = std::fs::read(folder.join(entry["file"].as_str().unwrap())).unwrap();
    let tokens: Value = serde_json::from_slice(&text).unwrap();
    let key = |name: &str| tokens[name].as_str().unwrap();
    let scratch = tempfile::tempdir().unwrap();
    for case in tokens["tokens"].as_array().unwrap() {
        let file = scratch.path().join("token");
        std::fs::write(&file, case["token"].as_str().unwrap()).unwrap();
        let mut arguments = vec!["evidence", "verify", "--json", "--kind", "play-integrity"];
        arguments.extend(["--decryption-key-b64", key("decryption_key_b64")]);
        arguments.extend(["--verification-key-b64", key("verification_key_b64_der")]);
        arguments.extend(["--package", "com.example.app", "--at", "2025-01-01T00:01:00Z"]);
        arguments.push(file.to_str().unwrap());
        let ended = attest(&arguments);
        let accepted = case["expected"] == "valid";
        assert_eq!(
            ended.code,
            Some(i32::from(!accepted)),
            "{}: {ended:?}",
            case["name"]
        );
    }
}
