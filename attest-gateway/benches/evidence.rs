//! What a verification of platform evidence costs, over real objects of the corpus below `ATTEST_SHARED`. It prints; it never
//! judges.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a benchmark fails by panicking and speaks by printing"
)]

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Duration;

use attest_core::encoding::sha256;
use attest_gateway::verifier::Work;
use attest_gateway::verifier::anchors::Anchors;
use attest_gateway::verifier::android::{Parameters, verify, verify_counted};
use attest_gateway::verifier::apple::{
    AppleAnchors, AssertionParameters, AttestationParameters, verify_assertion, verify_attestation,
};
use attest_gateway::verifier::play::{self, Binding, DEFAULT_AGE_MAX_S, PlayKeys};
use criterion::Criterion;
use serde_json::Value as Json;
use x509_parser::pem::Pem;

/// Chains of each kind, with a time at which they hold.
const ANDROID: [(&str, &str, u64); 4] = [
    (
        "factory, P-256",
        "google_ka_sony-xperia10-iii_sdk33_TEE_EC.pem",
        1_795_305_600,
    ),
    (
        "factory, RSA",
        "google_ka_blueline_sdk28_TEE_RSA_NONE.pem",
        1_795_305_600,
    ),
    (
        "remote, RSA root",
        "google_ka_akita_sdk34_SB_RSA_NONE.pem",
        1_727_389_887,
    ),
    (
        "remote, P-384 root",
        "google_ka_tegu_sdk36_SB_EC_2026_ROOT.pem",
        1_771_979_841,
    ),
];

/// A file of the corpus; `None` prints that it is absent.
fn read(file: &str) -> Option<Vec<u8>> {
    let shared = std::env::var_os("ATTEST_SHARED").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
        PathBuf::from,
    );
    let read = std::fs::read(shared.join("vectors").join(file));
    if read.is_err() {
        println!("absent: {file} not measured");
    }
    read.ok()
}

fn android(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("android key attestation");
    for (kind, file, now_s) in ANDROID {
        let Some(pem) = read(&format!("android/{file}")) else {
            continue;
        };
        let chain: Vec<_> = Pem::iter_from_buffer(&pem)
            .map(|block| block.unwrap().contents)
            .collect();
        let chain: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
        let (parameters, anchors) = (Parameters::default(), Anchors::google());
        let mut work = Work::default();
        verify_counted(&chain, &parameters, &anchors, None, now_s, &mut work).unwrap();
        println!("{kind}: {work:?}");
        group.bench_function(kind, |bencher| {
            bencher.iter(|| verify(black_box(&chain), &parameters, &anchors, None, now_s))
        });
    }
    group.finish();
}

/// The first entry of a kind in the index, and its bytes.
fn first<'a>(index: &'a Json, kind: &str) -> (&'a Json, Vec<u8>) {
    let mut entries = index["entries"].as_array().unwrap().iter();
    let entry = entries.find(|entry| entry["kind"] == kind).unwrap();
    (entry, read(text(entry, "file")).unwrap())
}

fn text<'a>(entry: &'a Json, member: &str) -> &'a str {
    entry[member].as_str().unwrap()
}

fn hex(digits: &str) -> Vec<u8> {
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.as_bytes().chunks(2).map(byte).collect()
}

fn apple(criterion: &mut Criterion, index: &Json) {
    let (entry, object) = first(index, "apple-appattest-attestation");
    let key: [u8; 65] = hex(text(entry, "public_key_x962_hex")).try_into().unwrap();
    let (key_id, hash) = (sha256(&[&key]), hex(text(entry, "client_data_hash_hex")));
    let parameters = AttestationParameters {
        app_ids: &[text(entry, "app_id")],
        key_id: &key_id,
        client_data_hash: &hash,
        environment: None,
    };
    let anchors = AppleAnchors::built_in();
    // A time at which the leaf is valid, found rather than parsed.
    let verifies = |now_s: &u64| verify_attestation(&object, &parameters, &anchors, *now_s).is_ok();
    let now_s = (1_577_836_800..1_900_000_000)
        .step_by(43_200)
        .find(verifies)
        .unwrap();
    criterion.bench_function("App Attest attestation", |bencher| {
        bencher.iter(|| verify_attestation(black_box(&object), &parameters, &anchors, now_s).unwrap());
    });
    let other = AttestationParameters {
        client_data_hash: &[0; 32],
        ..parameters
    };
    criterion.bench_function("App Attest attestation for other client data", |bencher| {
        bencher.iter(|| verify_attestation(black_box(&object), &other, &anchors, now_s).unwrap_err());
    });

    let (entry, object) = first(index, "apple-appattest-assertion");
    let key: [u8; 65] = hex(text(entry, "public_key_x962_hex")).try_into().unwrap();
    let hash = hex(text(entry, "client_data_hash_hex"));
    let parameters = AssertionParameters {
        app_ids: &[text(entry, "app_id")],
        key: &key,
        client_data_hash: &hash,
        counter_floor: 0,
    };
    criterion.bench_function("App Attest assertion", |bencher| {
        bencher.iter(|| verify_assertion(black_box(&object), &parameters).unwrap());
    });
}

fn play(criterion: &mut Criterion, index: &Json) {
    let (_, file) = first(index, "play-integrity-synthetic");
    let file: Json = serde_json::from_slice(&file).unwrap();
    let keys = PlayKeys::from_base64(
        text(&file, "decryption_key_b64"),
        text(&file, "verification_key_b64_der"),
    )
    .unwrap();
    let request = &file["payload"]["requestDetails"];
    let parameters = play::Parameters {
        package: text(request, "requestPackageName"),
        binding: Some(Binding::RequestHash(text(request, "requestHash"))),
        age_max_s: DEFAULT_AGE_MAX_S,
    };
    let token = text(&file["tokens"][0], "token");
    let now_s = text(request, "timestampMillis").parse::<u64>().unwrap() / 1000;
    criterion.bench_function("Play Integrity token", |bencher| {
        bencher.iter(|| play::verify(black_box(token), &parameters, &keys, now_s).unwrap());
    });
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .without_plots()
        .configure_from_args();
    android(&mut criterion);
    if let Some(index) = read("index.json") {
        let index: Json = serde_json::from_slice(&index).unwrap();
        apple(&mut criterion, &index);
        play(&mut criterion, &index);
    }
    criterion.final_summary();
}
