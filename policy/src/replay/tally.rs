//! Counts of one replay, by change and rule. Every list is bounded: beyond, what is counted goes to the rest.

use std::collections::BTreeMap;

use super::{
    line::{Facts, Line},
    report::{Change, Example},
    sketch::Sketch,
};

/// Changes that are told apart.
const GROUPS: usize = 2_000;
/// Words of one group that are told apart.
const WORDS: usize = 64;
/// What is counted beyond the bounds.
const REST: &str = "(others)";

/// Where a line stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) file: &'a str,
    pub(super) number: u64,
}

#[derive(Debug)]
pub(super) struct Tallies {
    groups: BTreeMap<(Change, String), Tally>,
    examples: usize,
}

/// One change by one rule.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) lines: f64,
    pub(super) requests: f64,
    pub(super) devices: Sketch,
    pub(super) apps: Words,
    pub(super) versions: Words,
    pub(super) missing: Words,
    pub(super) examples: Vec<Example>,
}

/// Requests by a word.
#[derive(Debug, Default)]
pub(super) struct Words(BTreeMap<String, f64>);

impl Words {
    fn add(&mut self, word: &str, requests: f64) {
        let known = self.0.contains_key(word) || self.0.len() < WORDS;
        let word = if known { word } else { REST };
        *self.0.entry(word.to_owned()).or_default() += requests;
    }

    /// The words, those with most requests first.
    pub(super) fn largest(&self) -> Vec<(String, f64)> {
        let mut words: Vec<_> = self.0.clone().into_iter().collect();
        words.sort_by(|left, right| right.1.total_cmp(&left.1));
        words
    }
}

impl Tallies {
    pub(super) const fn new(examples: usize) -> Self {
        Self {
            groups: BTreeMap::new(),
            examples,
        }
    }

    /// Counts a part of a line. `shown` is the deciding fact and its value, or what is missing.
    pub(super) fn add(
        &mut self,
        (change, name): (Change, String),
        line: &Line<'_, Facts>,
        weight: f64,
        place: Place<'_>,
        shown: impl FnOnce() -> Option<(String, String)>,
    ) {
        let requests = weight * line.stands_for();
        let known = self.groups.len() < GROUPS || self.groups.contains_key(&(change, name.clone()));
        let name = if known { name } else { REST.to_owned() };
        let tally = self.groups.entry((change, name)).or_default();
        tally.lines += weight;
        tally.requests += requests;
        if let Some(tag) = line.device_tag() {
            tally.devices.add(tag);
        }
        if let Some(app) = &line.app {
            tally.apps.add(app, requests);
        }
        if let Some(version) = &line.app_version {
            tally.versions.add(version, requests);
        }
        let wanted = change == Change::Undecided || tally.examples.len() < self.examples;
        let shown = if wanted { shown() } else { None };
        if let (Change::Undecided, Some((missing, _))) = (change, &shown) {
            tally.missing.add(missing, requests);
        }
        if tally.examples.len() < self.examples {
            let (fact, value) = shown.unzip();
            tally.examples.push(Example {
                file: place.file.to_owned(),
                line: place.number,
                route: line.route.clone().into_owned(),
                fact: fact.filter(|fact| !fact.is_empty()),
                value: value.filter(|value| !value.is_empty()),
            });
        }
    }

    pub(super) fn into_groups(self) -> BTreeMap<(Change, String), Tally> {
        self.groups
    }
}
