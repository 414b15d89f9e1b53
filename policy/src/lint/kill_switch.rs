//! What the kill switch names: it must exist, and nobody should forget that it is off.

use std::collections::BTreeSet;

use attest_core::policy::Mode;

use crate::{nearest::hint, report::Report, source::PolicySource};

pub(super) fn kill_switch(source: &PolicySource, report: &mut Report) {
    let detectors = source.detectors.iter().map(|detector| detector.id.as_str());
    let known: BTreeSet<&str> = detectors
        .chain(source.rules.iter().map(|rule| rule.id.as_str()))
        .collect();
    let mut seen = BTreeSet::new();
    for (at, id) in source.kill_switch.iter().enumerate() {
        let place = format!("kill_switch[{at}]");
        if !known.contains(id.as_str()) {
            let near = hint(id, known.iter().copied());
            let message = format!("no detector and no rule has the id `{}`{near}", short(id));
            report.error(place, "kill-switch-unknown", message);
        } else if !seen.insert(id) {
            report.warning(
                place,
                "kill-switch-twice",
                format_args!("`{id}` is named already"),
            );
        }
    }
    let killed = |id: &String, mode: Mode| mode != Mode::Off && seen.contains(id);
    for (at, detector) in source.detectors.iter().enumerate() {
        if killed(&detector.id, detector.mode) {
            let message = format!("detector `{}` is off: `kill_switch` names it", detector.id);
            report.warning(format_args!("detectors[{at}].id"), "detector-killed", message);
        }
    }
    for (at, rule) in source.rules.iter().enumerate() {
        if killed(&rule.id, rule.mode) {
            let message = format!("rule `{}` is off: `kill_switch` names it", rule.id);
            report.warning(format_args!("rules[{at}].id"), "rule-killed", message);
        }
    }
}

fn short(text: &str) -> String {
    text.chars().take(80).collect()
}
