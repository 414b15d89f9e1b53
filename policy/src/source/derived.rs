//! What of a policy follows from its other parts: the lists of its apps, and which detectors and rules are in effect.

use std::collections::BTreeMap;

use attest_core::policy::{APP_LISTS, App, Detector, Mode, Rule};

use super::{DetectorSource, PolicySource};

impl PolicySource {
    /// The detectors; those that the kill switch names are off.
    pub(super) fn detectors_in_effect(&self) -> impl Iterator<Item = Detector> {
        let detectors = self.detectors.iter().map(DetectorSource::detector);
        detectors.map(|mut detector| {
            if self.kill_switch.contains(&detector.id) {
                detector.mode = Mode::Off;
            }
            detector
        })
    }

    /// The rules; those that the kill switch names are off.
    pub(super) fn rules_in_effect(&self) -> impl Iterator<Item = Rule> {
        self.rules.iter().map(|rule| {
            let mut rule = rule.clone();
            if self.kill_switch.contains(&rule.id) {
                rule.mode = Mode::Off;
            }
            rule
        })
    }

    /// The lists that are named, also those that follow from the apps.
    pub(super) fn lists_named(&self, named: impl Fn(&str) -> bool) -> BTreeMap<String, Vec<String>> {
        let own = self.lists.clone().into_iter();
        own.chain(app_lists(&self.apps))
            .filter(|(name, _)| named(name))
            .collect()
    }

    /// All lists of the policy, and those of its apps that rules name.
    pub(super) fn lists_of_gateways(&self) -> BTreeMap<String, Vec<String>> {
        self.lists_named(|name| {
            self.lists.contains_key(name) || self.rules.iter().any(|rule| rule.when.names_list(name))
        })
    }

    /// Only the values that detectors ask for go to phones.
    pub(super) fn values_of_detectors(&self) -> BTreeMap<String, String> {
        let asked = |name: &str| self.detectors.iter().any(|one| one.when.names_value(name));
        let values = self.values.iter().filter(|(name, _)| asked(name));
        values
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }
}

/// The lists that follow from apps, without those that would have no entry.
pub(crate) fn app_lists(apps: &[App]) -> impl Iterator<Item = (String, Vec<String>)> {
    let entries = |name: &str| -> Vec<String> {
        let of_app = |app: &App| -> Vec<String> {
            match name {
                "apps.signers" => app.signers.iter().chain(&app.previous_signers).cloned().collect(),
                "apps.packages" => app.package.iter().cloned().collect(),
                "apps.teams" => app.team.iter().cloned().collect(),
                _ => app.bundle.iter().cloned().collect(),
            }
        };
        let mut entries: Vec<String> = apps.iter().flat_map(of_app).collect();
        entries.sort_unstable();
        entries.dedup();
        entries
    };
    APP_LISTS
        .map(|name| (name.to_owned(), entries(name)))
        .into_iter()
        .filter(|(_, entries)| !entries.is_empty())
}
