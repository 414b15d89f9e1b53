//! docs/detectors.md: its tables of packs are the packs, and its coverage names what exists.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::PathBuf,
};

use attest_core::facts::{FactId, FactRef};
use attest_policy::{
    DetectorSource, PackSource,
    packs::{SHIPPED, shipped},
};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/detectors.md");
const FROM: &str =
    "<!-- from policy/packs: ATTEST_BLESS=1 cargo test -p attest-policy --test detectors -->\n";
const COVERAGE: &str = "## Signals and where they went\n";

#[expect(clippy::unwrap_used, reason = "only tests call it")]
fn packs() -> Vec<PackSource> {
    let read = |name: &str| serde_saphyr::from_str(shipped(name).unwrap()).unwrap();
    SHIPPED.iter().map(|(name, _)| read(name)).collect()
}

/// `ATTEST_BLESS=1` writes the tables anew.
#[test]
fn the_tables_are_the_packs() {
    let document = std::fs::read_to_string(DOCUMENT).unwrap();
    let (written, theirs) = document.split_once(FROM).expect("the mark before the tables");
    let ours = tables(&packs());
    if std::env::var_os("ATTEST_BLESS").is_some() {
        std::fs::write(DOCUMENT, format!("{written}{FROM}{ours}")).unwrap();
        return;
    }
    assert!(
        theirs == ours,
        "run this test with ATTEST_BLESS=1 to write docs/detectors.md"
    );
}

#[expect(clippy::unwrap_used, reason = "writing to a string does not fail")]
fn tables(packs: &[PackSource]) -> String {
    let mut text = String::new();
    for pack in packs {
        write!(text, "\n## {}\n\n{}\n\n", pack.pack, pack.about).unwrap();
        text.push_str("| detector | severity | why | known false positives | evasion |\n| --- | --- | --- | --- | --- |\n");
        for detector in &pack.detectors {
            text.push_str(&row(detector));
        }
    }
    text
}

fn row(detector: &DetectorSource) -> String {
    let cell = |text: &str| {
        text.split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .replace('|', "\\|")
    };
    let people = |text: &Option<String>| cell(text.as_deref().unwrap_or_default());
    format!(
        "| `{}` | {} | {} | {} | {} |\n",
        detector.id,
        detector.severity.as_str(),
        cell(&detector.why),
        people(&detector.false_positives),
        people(&detector.evasion),
    )
}

/// The rows of the coverage table: signal and the rest of the line.
#[expect(clippy::expect_used, reason = "only tests call it")]
fn coverage(document: &str) -> BTreeMap<String, String> {
    let (_, section) = document.split_once(COVERAGE).expect("the section on coverage");
    let (section, _) = section.split_once("\n## ").expect("a section behind it");
    let mut rows = BTreeMap::new();
    for line in section.lines() {
        if let Some((signal, rest)) = line.strip_prefix("| `").and_then(|line| line.split_once("` | ")) {
            assert!(
                rows.insert(signal.to_owned(), rest.to_owned()).is_none(),
                "{signal} twice"
            );
        }
    }
    rows
}

#[test]
fn coverage_names_what_exists_and_leaves_no_detector_out() {
    let document = std::fs::read_to_string(DOCUMENT).unwrap();
    let packs = packs();
    let ids: BTreeSet<&str> = packs
        .iter()
        .flat_map(|pack| pack.detectors.iter().map(|detector| detector.id.as_str()))
        .collect();
    let mut named = BTreeSet::new();
    for (signal, rest) in coverage(&document) {
        for word in rest.split('`').skip(1).step_by(2) {
            assert!(
                ids.contains(word) || FactId::named(word).is_some() || word.parse::<FactRef>().is_ok(),
                "{signal}: `{word}` is neither a detector nor a fact"
            );
            named.insert(word.to_owned());
        }
    }
    let left_out: Vec<_> = ids.iter().filter(|id| !named.contains(**id)).collect();
    assert!(left_out.is_empty(), "no signal names {left_out:?}");
}

/// Each signal of the catalogue has its row.
#[test]
fn coverage_is_whole() {
    let shared = std::env::var_os("ATTEST_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")),
        PathBuf::from,
    );
    let Ok(catalogue) = std::fs::read_to_string(shared.join("detection-catalogue.tsv")) else {
        println!("absent: 67 cases not run");
        return;
    };
    let rows = coverage(&std::fs::read_to_string(DOCUMENT).unwrap());
    let signals = catalogue
        .lines()
        .skip(1)
        .filter_map(|line| line.split('\t').next());
    let missing: Vec<_> = signals.filter(|signal| !rows.contains_key(*signal)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
