//! What a verification of platform evidence costs, over real objects of the corpus below `ATTEST_SHARED`. It prints; it never
//! judges.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark fails by panicking and speaks by printing"
)]

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Duration;

use attest_gateway::verifier::Work;
use attest_gateway::verifier::anchors::Anchors;
use attest_gateway::verifier::android::{Parameters, verify, verify_counted};
use criterion::Criterion;
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

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .without_plots()
        .configure_from_args();
    android(&mut criterion);
    criterion.final_summary();
}
