//! The detectors of packs over what Java says, as a phone has them. Never shipped.

use std::collections::BTreeMap;

use attest_core::facts::{FactMap, FactRef, Platform};
use attest_core::policy::{Detection, Detector, DetectorSet, Scope, Side, Variables};
use serde::Deserialize;

/// What a phone gets of a pack.
#[derive(Deserialize)]
struct Pack {
    detectors: Vec<serde_json::Value>,
    #[serde(default)]
    lists: BTreeMap<String, Vec<String>>,
}

/// The detectors of these packs; `None` if one is no pack.
pub(super) fn detectors(packs: &[String]) -> Option<DetectorSet> {
    let one = |name: &str| (name.to_owned(), vec!["x".to_owned()]);
    let mut lists: BTreeMap<_, _> = ["apps.packages", "apps.signers"].map(one).into();
    let mut shipped = Vec::new();
    for pack in packs {
        let pack: Pack = serde_saphyr::from_str(pack).ok()?;
        lists.extend(pack.lists);
        for mut source in pack.detectors {
            // What is for people only stays with the gateway.
            let members = source.as_object_mut()?;
            members.remove("false_positives");
            members.remove("evasion");
            shipped.push(serde_json::from_value::<Detector>(source).ok()?);
        }
    }
    let scope = Scope::new(Side::Device(Platform::Android), &lists, Variables::default());
    DetectorSet::compile(&shipped, Platform::Android, &scope).ok()
}

/// What they ask.
pub(super) fn questions(detectors: &DetectorSet) -> Vec<FactRef> {
    detectors.facts().into_iter().cloned().collect()
}

/// The ids of those that hit.
pub(super) fn hits(detectors: &DetectorSet, facts: &FactMap) -> Vec<String> {
    detectors
        .scan(facts)
        .filter(|scanned| scanned.detection == Detection::Hit)
        .map(|scanned| scanned.id.to_owned())
        .collect()
}
