//! The table of docs/accuracy.md, as Markdown.

use crate::corpus::{Label, Subject};

/// How many of some subjects, and which, each with the detectors that say so.
pub(crate) struct Row {
    /// How many there are.
    pub(crate) of: usize,
    /// Which were found.
    pub(crate) named: Vec<(String, String)>,
}

impl Row {
    /// Those that are not in `other`.
    pub(crate) fn without(&self, other: &Self) -> Self {
        let kept = self
            .named
            .iter()
            .filter(|(name, _)| !other.named.iter().any(|(known, _)| known == name));
        Self {
            of: self.of,
            named: kept.cloned().collect(),
        }
    }
}

/// The subjects that were not found, by name.
pub(crate) struct Misses(Vec<String>);

impl Misses {
    pub(crate) fn of(subjects: &[Subject], label: Label, found: &Row) -> Self {
        let missed = subjects.iter().filter(|subject| {
            subject.label == label && !found.named.iter().any(|(name, _)| *name == subject.name)
        });
        Self(missed.map(|subject| subject.name.clone()).collect())
    }
}

pub(crate) fn print_ours(rows: &[(&str, &Row)]) {
    println!("\n| shipped packs | count | of |\n|---|---|---|");
    for (what, row) in rows {
        println!("| {what} | {} | {} |", row.named.len(), row.of);
    }
    println!();
    for (what, row) in rows.iter().filter(|(_, row)| !row.named.is_empty()) {
        println!("{what}:\n");
        for (name, detectors) in &row.named {
            println!("- {name}: {detectors}");
        }
        println!();
    }
}

pub(crate) fn print_misses(kinds: &[(&str, Misses)]) {
    for (kind, Misses(names)) in kinds {
        match names.as_slice() {
            [] => println!("no {kind} was missed"),
            names => println!("missed, {kind}: {}", names.join(", ")),
        }
    }
}

/// Hits, and of how many devices the check can tell at all: others were recorded without what it asks for.
type Count = (usize, usize);

pub(crate) fn print_popular(rows: &[(&str, Count, Count)]) {
    println!("\n| popular check | real devices hit | emulators hit |\n|---|---|---|");
    for (id, real, emulator) in rows {
        println!(
            "| `{id}` | {} of {} | {} of {} |",
            real.0, real.1, emulator.0, emulator.1
        );
    }
    println!();
}
