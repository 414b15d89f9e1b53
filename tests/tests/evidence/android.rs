//! Android Key Attestation over the corpus: chains of real phones at the time they were made and later, chains derived from
//! them that must be refused, and what each says about its phone.

use attest_gateway::verifier::anchors::Anchors;
use attest_gateway::verifier::android::{Error, Facts, Parameters, key_description, verify, verify_counted};
use attest_gateway::verifier::revocation::{RevocationList, Revocations};
use attest_gateway::verifier::{VerdictCode, Work};
use serde_json::{Value as Json, json};

use crate::corpus::{Corpus, Tally, corpus, seconds, text};

const CASES: usize = 86;
/// Where an entry says nothing else.
const LATER: &str = "2026-11-22T00:00:00Z";
const KEY_DESCRIPTION: &[u8] = &[6, 10, 0x2b, 6, 1, 4, 1, 0xd6, 0x79, 2, 1, 17, 4];

fn chain_of(corpus: &Corpus, entry: &Json) -> Vec<Vec<u8>> {
    let pem = corpus.text(text(entry, "file"));
    attest_tests::pem::certificates(&pem)
}

fn verified(
    chain: &[Vec<u8>],
    parameters: &Parameters<'_>,
    anchors: &Anchors,
    at: &str,
) -> Result<Facts, Error> {
    let chain: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
    verify(&chain, parameters, anchors, None, seconds(at))
}

/// `ok`, or the code with the position where it was found, as the index has it.
fn measured(outcome: &Result<Facts, Error>) -> String {
    let Err(error) = outcome else {
        return "valid".to_owned();
    };
    if let Error::Expired { position }
    | Error::SignatureForged { position }
    | Error::NameMismatch { position }
    | Error::KeyDescriptionMisplaced { position } = error
    {
        return format!("{}@{position}", error.code());
    }
    error.code().to_string()
}

/// The index's words in ours.
fn expected(words: &str) -> String {
    let words = words
        .trim_start_matches("invalid:")
        .trim_end_matches(":InvalidSignature");
    let (reason, position) = words
        .split_once('@')
        .map_or((words, None), |(reason, position)| (reason, Some(position)));
    let code = match reason {
        "valid" | "ok" => return "valid".to_owned(),
        "no_trust_anchor" => VerdictCode::AnchorUnknown,
        "chain_too_short" => VerdictCode::ChainShape,
        "attestation_ext_in_issuer" => VerdictCode::KeyDescriptionMisplaced,
        "signature" => VerdictCode::Signature,
        "expired" => VerdictCode::Expired,
        "name_chaining" => VerdictCode::NameChaining,
        shape if shape.starts_with("chain_shape") => VerdictCode::ChainShape,
        other => panic!("unknown words {other}"),
    };
    format!(
        "{code}{}",
        position
            .map(|position| format!("@{position}"))
            .unwrap_or_default()
    )
}

fn same(what: &str, found: impl Into<Json>, expect: impl Into<Json>) -> Result<(), String> {
    let (found, expect) = (found.into(), expect.into());
    if found == expect {
        Ok(())
    } else {
        Err(format!("{what} is {found}, not {expect}"))
    }
}

#[test]
fn real_chains_are_judged_as_measured() {
    let Some(corpus) = corpus(CASES) else { return };
    let mut tally = Tally::default();
    for entry in corpus
        .of_kind("android-key-attestation-chain")
        .filter(|entry| entry["verify_at"].is_string())
    {
        let chain = chain_of(&corpus, entry);
        let judge = || {
            for (at, words) in [
                (text(entry, "verify_at"), "google_rules_at_verify_at"),
                (LATER, "google_rules_at_2026-11-22"),
            ] {
                let outcome = verified(&chain, &Parameters::default(), &Anchors::google(), at);
                same(
                    words,
                    measured(&outcome),
                    expected(text(&entry["expected"], words)),
                )?;
                if let Ok(facts) = outcome {
                    agree(entry, &facts)?;
                    parameters_decide(&chain, entry, &facts, at)?;
                }
            }
            Ok(())
        };
        tally.count(entry, judge());
    }
    tally.report("real chains");
}

/// What the index says about the phone.
fn agree(entry: &Json, facts: &Facts) -> Result<(), String> {
    let shown = serde_json::to_value(facts).unwrap();
    let attested = &entry["key_description"];
    let (boot, root) = (&shown["boot"], &attested["rootOfTrust"]);
    let app = &attested["attestationApplicationId"];
    let level = |member: &str| match text(attested, member) {
        "tee" => json!("hardware"),
        level => json!(level),
    };
    let algorithm = match attested["algorithm"].as_u64() {
        Some(1) => "rsa-2048",
        Some(3) => "ec-p256",
        _ => "ml-dsa-65",
    };
    let (patch, packages) = (&shown["patch"], packages(facts));
    let pairs: [(&str, &Json, &Json); 20] = [
        ("provisioning", &shown["provisioning"], &entry["provisioning"]),
        (
            "attestation_version",
            &shown["attestation_version"],
            &attested["attestationVersion"],
        ),
        (
            "keymint_version",
            &shown["keymint_version"],
            &attested["keymintVersion"],
        ),
        (
            "attestation_level",
            &shown["attestation_level"],
            &level("attestationSecurityLevel"),
        ),
        ("key_level", &shown["key_level"], &level("keymintSecurityLevel")),
        ("challenge", &shown["challenge"], &attested["challenge_hex"]),
        ("os_version", &shown["os_version"], &attested["osVersion"]),
        ("module_hash", &shown["module_hash"], &attested["moduleHash"]),
        ("signers", &shown["signers"], &app["signatureDigests"]),
        ("packages", &packages, &app["packages"]),
        ("boot.key", &boot["key"], &root["verifiedBootKey"]),
        ("boot.hash", &boot["hash"], &root["verifiedBootHash"]),
        ("boot.state", &boot["state"], &root["verifiedBootState"]),
        ("boot.locked", &boot["locked"], &root["deviceLocked"]),
        (
            "boot.accepted",
            &boot["accepted"],
            &entry["policy_locked_verified"],
        ),
        ("patch.os", &patch["os"], &date(&attested["osPatchLevel"])),
        (
            "patch.vendor",
            &patch["vendor"],
            &date(&attested["vendorPatchLevel"]),
        ),
        ("patch.boot", &patch["boot"], &date(&attested["bootPatchLevel"])),
        ("key_algorithm", &shown["key_algorithm"], &json!(algorithm)),
        ("origin", &shown["origin"], &json!("generated")),
    ];
    for (what, found, expect) in pairs {
        same(what, found.clone(), expect.clone())?;
    }
    same("certs_issued", certificates_issued(&shown), issued(entry))?;
    same("chain", facts.chain.len(), entry["n_certs"].as_u64().unwrap() - 1)?;
    let members = shown.as_object().unwrap().keys();
    let tells = |member: &&String| HARDWARE_IDS.iter().any(|id| member.contains(id));
    same("tells hardware ids", members.filter(tells).count(), 0)
}

const HARDWARE_IDS: [&str; 11] = [
    "710",
    "711",
    "712",
    "713",
    "714",
    "715",
    "716",
    "717",
    "723",
    "imei",
    "serial_number",
];

fn packages(facts: &Facts) -> Json {
    let packages = facts.packages.iter();
    packages
        .map(|package| json!([package.name, package.version]))
        .collect()
}

fn certificates_issued(shown: &Json) -> String {
    let count = shown["provisioning_info"]["certs_issued"].as_u64();
    count.map(|count| count.to_string()).unwrap_or_default()
}

/// The index has it in the notation of CBOR.
fn issued(entry: &Json) -> &str {
    let info = text(entry, "provisioningInfo").trim_start_matches("{1: ");
    info.split([',', '}']).next().unwrap_or_default()
}

fn date(number: &Json) -> Json {
    let number = number.as_u64().unwrap_or_default();
    match number {
        100_000..=999_999 => json!(format!("{:04}-{:02}", number / 100, number % 100)),
        10_000_000..=99_999_999 if number.is_multiple_of(100) => date(&json!(number / 100)),
        10_000_000..=99_999_999 => {
            json!(format!(
                "{:04}-{:02}-{:02}",
                number / 10_000,
                number / 100 % 100,
                number % 100
            ))
        }
        _ => Json::Null,
    }
}

/// Each parameter accepts what the chain says and refuses what it does not, with its own code.
fn parameters_decide(chain: &[Vec<u8>], entry: &Json, facts: &Facts, at: &str) -> Result<(), String> {
    let google = Anchors::google();
    let challenge = entry["expected_challenge_utf8"].as_str().map(str::as_bytes);
    let signers = facts.signers.iter();
    let signers: Vec<[u8; 32]> = signers
        .map(|signer| signer.as_slice().try_into().unwrap())
        .collect();
    let known = if signers.is_empty() { "signer" } else { "valid" };
    let verified_boot = if entry["policy_locked_verified"] == true {
        "valid"
    } else {
        "boot-state"
    };
    let challenge = challenge.unwrap_or(&facts.challenge);
    let check = |what: &str, parameters: Parameters<'_>, expect: &str| {
        same(what, measured(&verified(chain, &parameters, &google, at)), expect)
    };
    check("its challenge", with(|p| p.challenge = Some(challenge)), "valid")?;
    check(
        "another challenge",
        with(|p| p.challenge = Some(b"another")),
        "challenge",
    )?;
    for package in &facts.packages {
        check("its package", with(|p| p.package = Some(&package.name)), "valid")?;
    }
    check(
        "another package",
        with(|p| p.package = Some("org.example")),
        "application",
    )?;
    check("its signers", with(|p| p.signers = Some(&signers)), known)?;
    check("no signers", with(|p| p.signers = Some(&[])), "signer")?;
    check("another signer", with(|p| p.signers = Some(&[[0; 32]])), "signer")?;
    check(
        "verified boot",
        with(|p| p.require_verified_boot = true),
        verified_boot,
    )?;
    check("another key", with(|p| p.device_key = Some(&[4; 65])), "key-use")
}

/// Parameters that ask for one thing.
fn with<'a>(change: impl FnOnce(&mut Parameters<'a>)) -> Parameters<'a> {
    let mut parameters = Parameters::default();
    change(&mut parameters);
    parameters
}

#[test]
fn derived_chains_are_refused_for_the_measured_reason() {
    let Some(corpus) = corpus(9) else { return };
    let mut tally = Tally::default();
    for entry in corpus.of_kind("android-key-attestation-chain-derived") {
        let chain = chain_of(&corpus, entry);
        let at = entry["verify_at"].as_str().unwrap_or(LATER);
        let judge = || {
            let outcome = verified(&chain, &Parameters::default(), &Anchors::google(), at);
            same("verdict", measured(&outcome), expected(text(entry, "measured")))?;
            let Some(root) = entry["extra_trust_anchor"].as_str() else {
                return Ok(());
            };
            let anchors = Anchors::google().with_pem(&corpus.text(root)).unwrap();
            let outcome = verified(&chain, &Parameters::default(), &anchors, at);
            same(
                "with anchor",
                measured(&outcome),
                expected(text(entry, "measured_with_extra_anchor")),
            )
        };
        tally.count(entry, judge());
    }
    tally.report("derived chains");
}

#[test]
fn every_key_description_is_read() {
    let Some(corpus) = corpus(76) else { return };
    let mut tally = Tally::default();
    for entry in corpus
        .of_kind("android-key-attestation-chain")
        .filter(|entry| entry["key_description"].is_object())
    {
        let chain = chain_of(&corpus, entry);
        let judge = || {
            let read = key_description::parse(extension(&chain[0])).map_err(|error| error.to_string())?;
            let attested = &entry["key_description"];
            same(
                "version",
                read.attestation_version,
                attested["attestationVersion"].clone(),
            )?;
            same("origin", read.hardware.origin, attested["origin_hw"].clone())?;
            same(
                "algorithm",
                read.hardware.algorithm,
                attested["algorithm"].clone(),
            )?;
            same(
                "os patch",
                read.hardware.os_patch,
                attested["osPatchLevel"].clone(),
            )?;
            same(
                "locked",
                read.hardware.root_of_trust.map(|boot| boot.locked),
                attested["rootOfTrust"]["deviceLocked"].clone(),
            )?;
            let digests = attested["attestationApplicationId"]["signatureDigests"]
                .as_array()
                .map_or(0, Vec::len);
            same(
                "signers",
                read.software.application_id.map(|id| id.signers.len()),
                digests,
            )?;
            same(
                "unknown tags",
                [read.software.unknown_tags, read.hardware.unknown_tags].concat(),
                json!([]),
            )
        };
        tally.count(entry, judge());
    }
    tally.report("key descriptions");
}

/// The value of the leaf's extension, found by its identifier.
fn extension(leaf: &[u8]) -> &[u8] {
    let at = leaf
        .windows(KEY_DESCRIPTION.len())
        .position(|window| window == KEY_DESCRIPTION)
        .unwrap();
    let content = &leaf[at + KEY_DESCRIPTION.len()..];
    let (length, header) = match content[0] {
        0x82 => (usize::from(content[1]) << 8 | usize::from(content[2]), 3),
        0x81 => (usize::from(content[1]), 2),
        short => (usize::from(short), 1),
    };
    &content[header..header + length]
}

#[test]
fn software_roots_are_trusted_by_nobody_who_did_not_ask_twice() {
    let Some(corpus) = corpus(2) else { return };
    let roots = corpus.text("roots/aosp_software_roots.pem");
    assert_eq!(
        Anchors::google().with_pem(&roots).unwrap_err().code(),
        "anchor-software-root"
    );
    let anchors = Anchors::google().allow_software_roots().with_pem(&roots).unwrap();
    assert!(anchors.contains_denied());
    let software = Parameters {
        software_chains: true,
        ..Parameters::default()
    };
    // The RSA one has an issuer of 1024 bits.
    for (file, words) in [("TEE_EC_NONE", "valid"), ("TEE_RSA_NONE", "unsupported")] {
        let file = format!("android/google_ka_marlin_sdk29_{file}.pem");
        let entry = corpus
            .of_kind("android-key-attestation-chain")
            .find(|entry| entry["file"] == file)
            .unwrap();
        let (chain, at) = (chain_of(&corpus, entry), text(entry, "verify_at"));
        assert_eq!(
            measured(&verified(&chain, &Parameters::default(), &anchors, at)),
            "anchor-unknown"
        );
        assert_eq!(
            measured(&verified(&chain, &software, &Anchors::google(), at)),
            "anchor-unknown"
        );
        assert_eq!(
            measured(&verified(&chain, &software, &anchors, at)),
            words,
            "{file}"
        );
    }
}

#[test]
fn p256_signs_with_sha384_too() {
    let Some(corpus) = corpus(1) else { return };
    let file = "android/google_ka_p256_sha384_intermediate.pem";
    let chain = attest_tests::pem::certificates(&corpus.text(file));
    let anchors = Anchors::none().with_der(&chain[2]).unwrap();
    let software = Parameters {
        software_chains: true,
        ..Parameters::default()
    };
    // All its signatures hold; then its leaf's KeyDescription is none.
    let outcome = verified(&chain, &software, &anchors, LATER);
    assert!(matches!(outcome, Err(Error::KeyDescription(_))), "{outcome:?}");
    assert_eq!(
        measured(&verified(&chain, &Parameters::default(), &anchors, LATER)),
        "chain-shape"
    );
}

#[test]
fn any_serial_on_the_list_revokes() {
    let Some(corpus) = corpus(76) else { return };
    let published = RevocationList::parse(&corpus.read("revocation/status_google_test.json")).unwrap();
    assert_eq!(published.len(), 5);
    let anchors = Anchors::google();
    let mut tally = Tally::default();
    for entry in corpus
        .of_kind("android-key-attestation-chain")
        .filter(|entry| entry["verify_at"].is_string())
    {
        let chain = chain_of(&corpus, entry);
        let chain: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
        let now_s = seconds(text(entry, "verify_at"));
        let judge = |list: &RevocationList, age_max_s| {
            let revocations = Some(Revocations {
                list,
                fetched_at_s: now_s - 100,
                age_max_s,
            });
            verify(&chain, &Parameters::default(), &anchors, revocations, now_s)
        };
        let Ok(facts) = judge(&published, None) else {
            continue;
        };
        let outcome = (|| {
            same(
                "old list",
                measured(&judge(&published, Some(99))),
                "revocation-stale",
            )?;
            for serial in facts.serials() {
                let json = json!({"entries": {serial.to_ascii_uppercase(): {"status": "SUSPENDED"}}});
                let list = RevocationList::parse(json.to_string().as_bytes()).unwrap();
                same("listed", measured(&judge(&list, Some(99))), "revoked")?;
            }
            Ok(())
        })();
        tally.count(entry, outcome);
    }
    tally.report("revocation");
}

#[test]
fn a_change_of_any_byte_changes_no_fact_at_bounded_cost() {
    let Some(corpus) = corpus(2) else { return };
    let anchors = Anchors::google();
    for file in [
        "android/graphene_Pixel_4a.pem",
        "android/google_ka_tegu_sdk36_SB_EC_2026_ROOT.pem",
    ] {
        let entry = corpus
            .of_kind("android-key-attestation-chain")
            .find(|entry| entry["file"] == file)
            .unwrap();
        let original = chain_of(&corpus, entry);
        let genuine = verified(
            &original,
            &Parameters::default(),
            &anchors,
            text(entry, "verify_at"),
        );
        assert!(genuine.is_ok());
        let root = original.len() - 1;
        for position in 0..root {
            for byte in (0..original[position].len()).step_by(11) {
                let mut chain = original.clone();
                chain[position][byte] ^= 1;
                let chain: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
                let mut work = Work::default();
                let now_s = seconds(text(entry, "verify_at"));
                let outcome =
                    verify_counted(&chain, &Parameters::default(), &anchors, None, now_s, &mut work);
                // The algorithm outside of what is signed may be spelt otherwise.
                assert!(
                    outcome.is_err() || outcome == genuine,
                    "{file}: byte {byte} of certificate {position}"
                );
                assert!(work.signatures <= 4 && work.bytes <= 6 * 8192, "{work:?}");
            }
        }
    }
}
