//! Detectors and rules that no test shows: a detector where it hits and where it does not, a rule where it decides.

use std::collections::{BTreeMap, BTreeSet};

use attest_core::policy::Mode;

use crate::{
    report::Report,
    source::{ExpectedDetection, PolicySource},
};

pub(super) fn untested(source: &PolicySource, report: &mut Report) {
    detectors(source, report);
    rules(source, report);
}

fn detectors(source: &PolicySource, report: &mut Report) {
    let mut shown: BTreeMap<&str, [bool; 2]> = BTreeMap::new();
    for test in source.tests.iter().filter_map(|test| test.detector.as_ref()) {
        let [hit, clear] = shown.entry(test.id.as_str()).or_default();
        match test.expect {
            ExpectedDetection::Hit => *hit = true,
            ExpectedDetection::Clear => *clear = true,
            ExpectedDetection::Inconclusive => {}
        }
    }
    for (index, detector) in source.detectors.iter().enumerate() {
        if detector.mode == Mode::Off {
            continue;
        }
        let (code, lacks) = match shown.get(detector.id.as_str()) {
            None => ("detector-untested", "no test"),
            Some([false, _]) => (
                "detector-hit-untested",
                "no test that expects `hit`: it may never find anything",
            ),
            Some([true, false]) => (
                "detector-clear-untested",
                "no test that expects `clear`: it may hit everybody",
            ),
            Some([true, true]) => continue,
        };
        let message = format!("detector `{}` has {lacks}", detector.id);
        report.warning(format_args!("detectors[{index}].id"), code, message);
    }
}

fn rules(source: &PolicySource, report: &mut Report) {
    let mut shown = BTreeSet::new();
    for test in source.tests.iter().filter_map(|test| test.decision.as_ref()) {
        shown.extend(test.expect.rule.as_deref());
        shown.extend(test.expect.shadow.iter().flatten().map(String::as_str));
    }
    for (index, rule) in source.rules.iter().enumerate() {
        if rule.mode != Mode::Off && !shown.contains(rule.id.as_str()) {
            let message = format!("rule `{}` has no test", rule.id);
            report.warning(format_args!("rules[{index}].id"), "rule-untested", message);
        }
    }
}
