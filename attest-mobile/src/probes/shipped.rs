//! The detectors that ship, compiled as on a phone. For tests.

use std::collections::BTreeMap;

use attest_core::facts::Platform;
use attest_core::policy::{Detector, DetectorSet, Scope, Side, Variables};
use serde::Deserialize;

/// What a phone gets of a pack.
#[derive(Deserialize)]
struct Pack {
    detectors: Vec<serde_json::Value>,
    #[serde(default)]
    lists: BTreeMap<String, Vec<String>>,
}

/// What is for people only stays with the gateway.
fn detector(mut source: serde_json::Value) -> Detector {
    let members = source.as_object_mut().unwrap();
    members.remove("false_positives");
    members.remove("evasion");
    serde_json::from_value(source).unwrap()
}

/// The detectors of these packs, with what the policy of one app adds to their lists.
pub(in crate::probes) fn detectors(
    platform: Platform,
    packs: &[&str],
    app: &[(&str, &str)],
    variables: &Variables,
) -> DetectorSet {
    let one = |(name, value): &(&str, &str)| ((*name).to_owned(), vec![(*value).to_owned()]);
    let mut lists: BTreeMap<_, _> = app.iter().map(one).collect();
    let mut shipped = Vec::new();
    for pack in packs {
        let pack: Pack = serde_saphyr::from_str(pack).unwrap();
        lists.extend(pack.lists);
        shipped.extend(pack.detectors.into_iter().map(detector));
    }
    let scope = Scope::new(Side::Device(platform), &lists, variables.clone());
    DetectorSet::compile(&shipped, platform, &scope).unwrap()
}
