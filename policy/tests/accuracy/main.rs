//! How accurate the shipped packs are, over the recorded devices below `ATTEST_SHARED`, which are read where they lie and
//! never copied. It prints the table of docs/accuracy.md (`cargo xtask accuracy` shows it) and holds its bounds.
#![cfg(test)]

mod corpus;
mod table;

use attest_core::{
    facts::Platform,
    policy::{Category, Detection, Severity},
};
use attest_policy::{compile, recorded::Scanner};

use crate::{
    corpus::{Label, Subject},
    table::{Misses, Row},
};

const POPULAR: &str = include_str!("../../accuracy/popular.yaml");

/// What the packs conclude about one subject.
struct Scanned {
    name: String,
    label: Label,
    hits: Vec<(String, Category, Severity)>,
}

impl Scanned {
    /// The detectors that found something of this category that a policy may refuse for.
    fn serious(&self, category: Option<Category>) -> Vec<String> {
        self.hits
            .iter()
            .filter(|(_, of, severity)| {
                *severity >= Severity::High && category.is_none_or(|asked| asked == *of)
            })
            .map(|(id, ..)| id.clone())
            .collect()
    }

    /// The detectors that flag it: `info` is for the record only.
    fn flagged(&self) -> Vec<String> {
        let told = self
            .hits
            .iter()
            .filter(|(.., severity)| *severity > Severity::Info);
        told.map(|(id, ..)| id.clone()).collect()
    }
}

fn scan(subjects: &[Subject], scanner: &mut Scanner) -> Vec<Scanned> {
    let mut hits = |subject: &Subject| {
        let findings = scanner.scan(&subject.record).unwrap().into_iter();
        let hits = findings.filter(|finding| finding.detection == Detection::Hit);
        hits.map(|hit| (hit.id.to_owned(), hit.category, hit.severity))
            .collect()
    };
    subjects
        .iter()
        .map(|subject| Scanned {
            name: subject.name.clone(),
            label: subject.label,
            hits: hits(subject),
        })
        .collect()
}

/// Those of a label for which `detectors` names any.
fn row(scanned: &[Scanned], label: Label, detectors: impl Fn(&Scanned) -> Vec<String>) -> Row {
    let of_label: Vec<_> = scanned.iter().filter(|scanned| scanned.label == label).collect();
    Row {
        of: of_label.len(),
        named: of_label
            .iter()
            .map(|scanned| (scanned.name.clone(), detectors(scanned).join(", ")))
            .filter(|(_, detectors)| !detectors.is_empty())
            .collect(),
    }
}

#[test]
fn shipped_packs_stay_within_their_bounds() {
    let Some(subjects) = corpus::read() else { return };
    let mut shipped = Scanner::shipped(Platform::Android).unwrap();
    let scanned = scan(&subjects, &mut shipped);
    let false_alarms = row(&scanned, Label::Real, |scanned| scanned.serious(None));
    let weak_alarms = row(&scanned, Label::Real, Scanned::flagged);
    let emulators = row(&scanned, Label::Emulator, |scanned| {
        scanned.serious(Some(Category::Emulator))
    });
    let clones = row(&scanned, Label::Clone, |scanned| {
        scanned.serious(Some(Category::Cloner))
    });
    let profiles = row(&scanned, Label::Profile, Scanned::flagged);
    table::print_ours(&[
        ("real devices with a high or critical finding", &false_alarms),
        (
            "real devices with a low or medium finding at most",
            &weak_alarms.without(&false_alarms),
        ),
        ("emulators found at high", &emulators),
        ("cloner cases with a trace found at high", &clones),
        ("legitimate profiles flagged above info", &profiles),
    ]);
    table::print_misses(&[
        ("emulator", Misses::of(&subjects, Label::Emulator, &emulators)),
        ("cloner case", Misses::of(&subjects, Label::Clone, &clones)),
    ]);
    print_popular(&subjects);
    assert_eq!(false_alarms.named, [], "real devices must never be found");
    assert_eq!(
        profiles.named,
        [],
        "profiles that the system offers are genuine users"
    );
    assert!(emulators.named.len() >= 7, "{:?}", emulators.named);
    assert_eq!(clones.named.len(), clones.of, "{:?}", clones.named);
}

/// The checks that are often copied, on the same devices. That they do find real devices shows that this measures.
fn print_popular(subjects: &[Subject]) {
    let policy = compile("popular.yaml", POPULAR).unwrap();
    let ids: Vec<_> = policy
        .device
        .detectors
        .iter()
        .map(|detector| detector.id.clone())
        .collect();
    let mut popular = Scanner::new(policy.device, Platform::Android);
    let mut rows = Vec::new();
    let mut wronged = 0;
    for id in &ids {
        let mut count = |label: Label| {
            let (mut hits, mut told) = (0, 0);
            for subject in subjects.iter().filter(|subject| subject.label == label) {
                let findings = popular.scan(&subject.record).unwrap();
                let detection = findings
                    .iter()
                    .find(|finding| finding.id == id)
                    .unwrap()
                    .detection;
                hits += usize::from(detection == Detection::Hit);
                told += usize::from(detection != Detection::Inconclusive);
            }
            (hits, told)
        };
        let (real, emulator) = (count(Label::Real), count(Label::Emulator));
        wronged += real.0;
        rows.push((id.as_str(), real, emulator));
    }
    table::print_popular(&rows);
    assert!(wronged > 0, "the popular checks are known to hit real devices");
}
