//! The recorded devices: where they lie, what they are, and how many a missing corpus leaves out.

use std::{env, fs, path::PathBuf};

use attest_core::facts::Platform;
use attest_policy::recorded::{self, Record};
use serde_json::Value as Json;

/// How many devices and cases the corpus holds.
const SUBJECTS: usize = 143;

/// What a recorded device or case is known to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Label {
    /// A genuine device.
    Real,
    /// An emulator.
    Emulator,
    /// Nobody can tell from what was recorded; never scored.
    Ambiguous,
    /// An app inside a cloner.
    Clone,
    /// An app in a profile that the system offers.
    Profile,
}

/// A recorded device or case.
#[derive(Debug)]
pub(crate) struct Subject {
    /// Its name.
    pub(crate) name: String,
    /// What it is.
    pub(crate) label: Label,
    /// What it says.
    pub(crate) record: Record,
}

/// Every device and case; `None` prints how many were not looked at.
pub(crate) fn read() -> Option<Vec<Subject>> {
    let shared = env::var_os("ATTEST_SHARED").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
        PathBuf::from,
    );
    let folder = shared.join("device-facts");
    let Ok(index) = fs::read(folder.join("index.json")) else {
        println!("absent: {SUBJECTS} cases not run");
        return None;
    };
    let index: Json = serde_json::from_slice(&index).unwrap();
    let mut subjects = Vec::new();
    for entry in index["entries"].as_array().unwrap() {
        let label = match entry["label"].as_str().unwrap() {
            "real" => Label::Real,
            "emulator" => Label::Emulator,
            "ambiguous" => Label::Ambiguous,
            other => panic!("{other}: what is that?"),
        };
        let json = fs::read(folder.join(entry["file"].as_str().unwrap())).unwrap();
        let name = entry["id"].as_str().unwrap().to_owned();
        subjects.extend(records(&json, &name).map(|record| Subject {
            name: name.clone(),
            label,
            record,
        }));
    }
    subjects.extend(cases(&fs::read(folder.join("clone_cases.json")).unwrap()));
    assert_eq!(subjects.len(), SUBJECTS);
    Some(subjects)
}

fn records(json: &[u8], name: &str) -> impl Iterator<Item = Record> + use<> {
    let recording = recorded::read(json, Platform::Android);
    assert_eq!(recording.problems, [], "{name}");
    recording.records.into_iter()
}

fn cases(json: &[u8]) -> Vec<Subject> {
    let labels: Json = serde_json::from_slice(json).unwrap();
    let labels =
        labels["cases"]
            .as_array()
            .unwrap()
            .iter()
            .map(|case| match case["label"].as_str().unwrap() {
                "clone" => Label::Clone,
                "legit" => Label::Profile,
                other => panic!("{other}: what is that?"),
            });
    labels
        .zip(records(json, "clone_cases"))
        .map(|(label, record)| Subject {
            name: record.case.clone().unwrap(),
            label,
            record,
        })
        .collect()
}
