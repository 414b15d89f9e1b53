//! Values and the lists of apps: names that nobody asks for, and those that a policy cannot take.

use attest_core::policy::{APP_LISTS, Condition};

use crate::{report::Report, source::PolicySource, source::app_lists};

pub(super) fn names(source: &PolicySource, report: &mut Report) {
    for name in source.values.keys() {
        if !source.detectors.iter().any(|one| one.when.names_value(name)) {
            let message = format!("no detector asks for `${{policy.{name}}}`");
            report.warning(format_args!("values.{name}"), "value-unused", message);
        }
    }
    for name in source
        .lists
        .keys()
        .filter(|name| APP_LISTS.contains(&name.as_str()))
    {
        let message = format!("`{name}` follows from `apps`: use another name");
        report.error(format_args!("lists.{name}"), "list-reserved", message);
    }
    let known: Vec<String> = app_lists(&source.apps).map(|(name, _)| name).collect();
    let empty: Vec<&str> = APP_LISTS
        .into_iter()
        .filter(|name| !known.iter().any(|known| known == name))
        .collect();
    let detectors = source.detectors.iter().enumerate();
    let detectors = detectors.map(|(at, one)| (format!("detectors[{at}].when"), &one.when));
    let rules = source.rules.iter().enumerate();
    let rules = rules.map(|(at, one)| (format!("rules[{at}].when"), &one.when));
    for (place, when) in detectors.chain(rules) {
        undecided(&place, when, &empty, report);
    }
}

/// A clause about apps of which there are none is never decided.
fn undecided(place: &str, when: &Condition, empty: &[&str], report: &mut Report) {
    for name in empty.iter().filter(|name| when.names_list(name)) {
        let message =
            format!("`{name}` is empty: no app in `apps` has what it lists, so this clause is never decided");
        report.warning(place, "list-empty", message);
    }
}
