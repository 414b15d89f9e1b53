//! Replays every seed through its body, whole, cut short and with single bits flipped: the same inputs on every run.
//! Also keeps bodies, seeds and libFuzzer targets together.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test's own failure is a panic, in its supporting functions too"
)]

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use attest_fuzz::{BODIES, Body};

/// Per seed, at most this many cuts and this many flips, spread evenly.
const VARIANTS: usize = 256;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn seeds(body: &str) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<_> = fs::read_dir(folder("seeds").join(body))
        .into_iter()
        .flatten()
        .map(|entry| {
            let path = entry.unwrap().path();
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                fs::read(&path).unwrap(),
            )
        })
        .collect();
    found.sort();
    found
}

/// The positions at which an input of this length is cut or flipped.
fn positions(length: usize) -> impl Iterator<Item = usize> {
    (0..length).step_by(length.div_ceil(VARIANTS).max(1))
}

fn variants(seed: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut made = vec![("whole".to_owned(), seed.to_vec())];
    made.extend(positions(seed.len()).map(|at| (format!("cut at {at}"), seed[..at].to_vec())));
    made.extend(positions(seed.len()).map(|at| {
        let bit = at % 8;
        let mut flipped = seed.to_vec();
        flipped[at] ^= 1 << bit;
        (format!("bit {bit} of byte {at} flipped"), flipped)
    }));
    made.push(("doubled".to_owned(), seed.repeat(2)));
    made
}

/// The inputs on which the body panics.
fn failures(body: Body, inputs: impl IntoIterator<Item = (String, Vec<u8>)>) -> Vec<String> {
    let panics = |input: &[u8]| catch_unwind(AssertUnwindSafe(|| body(input))).is_err();
    inputs
        .into_iter()
        .filter(|(_, input)| panics(input))
        .map(|(name, _)| name)
        .collect()
}

#[test]
fn every_seed_and_its_variants_pass_their_body() {
    let mut failed = Vec::new();
    let mut inputs = 0;
    for (name, body) in BODIES {
        for (seed, bytes) in seeds(name) {
            let variants = variants(&bytes);
            inputs += variants.len();
            failed.extend(
                failures(*body, variants)
                    .into_iter()
                    .map(|variant| format!("{name}/{seed}: {variant}")),
            );
        }
    }
    assert!(
        failed.is_empty(),
        "{} of {inputs} inputs failed:\n{}",
        failed.len(),
        failed.join("\n")
    );
}

#[test]
fn inputs_without_any_structure_pass_every_body() {
    let plain = [
        vec![],
        vec![0],
        vec![0xff; 64],
        vec![b'.'; 4097],
        vec![b'{'; 20_000],
        vec![b'['; 20_000],
    ];
    for (name, body) in BODIES {
        let inputs = plain
            .iter()
            .enumerate()
            .map(|(number, bytes)| (number.to_string(), bytes.clone()));
        assert_eq!(failures(*body, inputs), [""; 0], "{name}");
    }
}

#[test]
fn a_body_that_breaks_its_promise_is_seen() {
    let broken: Body = |data| {
        assert_ne!(data, b"abc", "broken on purpose");
        true
    };
    assert_eq!(failures(broken, variants(b"abc")), ["whole"]);
    assert_eq!(failures(broken, variants(b"abcd")), ["cut at 3"]);
    assert_eq!(failures(broken, variants(b"cbc")), ["bit 0 of byte 0 flipped"; 0]);
    assert_eq!(failures(broken, variants(b"`bc")), ["bit 0 of byte 0 flipped"]);
}

#[test]
fn each_body_has_an_accepted_and_a_refused_seed() {
    for (name, body) in BODIES {
        let (accepted, refused): (Vec<_>, Vec<_>) =
            seeds(name).into_iter().partition(|(_, bytes)| body(bytes));
        assert!(
            !accepted.is_empty(),
            "no seed of {name} is accepted; has the format changed? see examples/seeds.rs"
        );
        assert!(!refused.is_empty(), "no seed of {name} is refused");
    }
}

#[test]
fn each_body_has_a_target() {
    let manifest = fs::read_to_string(folder("Cargo.toml")).unwrap();
    for (name, _) in BODIES {
        let target =
            fs::read_to_string(folder("fuzz_targets").join(format!("{name}.rs"))).unwrap_or_default();
        assert!(
            target.contains(&format!("attest_fuzz::{name}(data)")),
            "fuzz_targets/{name}.rs does not call it"
        );
        assert!(
            manifest.contains(&format!("name = \"fuzz-{name}\"")),
            "Cargo.toml has no [[bin]] fuzz-{name}"
        );
    }
    let names: BTreeSet<_> = BODIES.iter().map(|(name, _)| (*name).to_owned()).collect();
    for (kind, strip) in [("seeds", ""), ("fuzz_targets", ".rs")] {
        for entry in fs::read_dir(folder(kind)).unwrap() {
            let file = entry.unwrap().file_name().into_string().unwrap();
            assert!(
                names.contains(file.strip_suffix(strip).unwrap_or(&file)),
                "{kind}/{file} belongs to no body"
            );
        }
    }
}
