//! What another policy changes, in sentences: for phones, for requests, for who may enrol, for limits and lists.
//!
//! Two compiled policies are compared, never their texts, so comments, order of keys, aliases and other ways to write the
//! same say nothing here. Whatever differs in what phones or gateways get is told: what no sentence was written for is
//! told by its field.

mod bounds;
pub(crate) mod condition;
mod enrolment;
mod fields;
mod phones;
mod routes;
mod rules;

use attest_core::policy::{CompiledGateway, DevicePolicy, GatewayPolicy, Mode};
use serde_json::Value as Json;

/// One side of a comparison.
#[derive(Debug, Clone, Copy)]
pub struct Edition<'a> {
    /// What phones get.
    pub device: &'a DevicePolicy,
    /// What gateways get.
    pub gateway: &'a GatewayPolicy,
    /// The packs in use, where they are known.
    pub packs: Option<&'a [String]>,
}

/// What differs.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The version of the old policy.
    pub from: u64,
    /// The version of the new one.
    pub to: u64,
    /// The changes, by group.
    pub changes: Vec<Change>,
    /// What is probably not meant.
    pub warnings: Vec<String>,
}

/// Whom a change concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// What phones will do.
    Phones,
    /// What requests will meet.
    Requests,
    /// Who may enrol.
    Enrolment,
    /// Limits, lists and names.
    Bounds,
    /// What people read; nothing is decided by it.
    Words,
}

impl Group {
    /// All, in the order in which they are told.
    pub const ALL: [Self; 5] = [
        Self::Phones,
        Self::Requests,
        Self::Enrolment,
        Self::Bounds,
        Self::Words,
    ];

    /// The heading.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Phones => "What phones will do",
            Self::Requests => "What requests will meet",
            Self::Enrolment => "Who may enrol",
            Self::Bounds => "Limits and lists",
            Self::Words => "Explanations",
        }
    }

    /// The word in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Phones => "phones",
            Self::Requests => "requests",
            Self::Enrolment => "enrolment",
            Self::Bounds => "bounds",
            Self::Words => "words",
        }
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Whom it concerns.
    pub group: Group,
    /// Where it is, by names instead of positions, such as `rules.cloner-on-payments.mode`.
    pub path: String,
    /// A sentence without full stop.
    pub text: String,
    /// What was there.
    pub before: Option<Json>,
    /// What is there now.
    pub after: Option<Json>,
}

impl Difference {
    /// True if phones and gateways do the same by both; words may differ.
    #[must_use]
    pub fn without_effect(&self) -> bool {
        self.changes.iter().all(|change| change.group == Group::Words)
    }

    /// The changes of a group.
    pub fn of(&self, group: Group) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(move |change| change.group == group)
    }
}

/// What the new policy changes.
#[must_use]
pub fn diff(old: &Edition<'_>, new: &Edition<'_>) -> Difference {
    let sides = Sides::new(old, new);
    let mut changes = Changes::default();
    phones::compare(&sides, &mut changes);
    routes::compare(&sides, &mut changes);
    rules::compare(&sides, &mut changes);
    enrolment::compare(&sides, &mut changes);
    bounds::compare(&sides, &mut changes);
    let mut changes = changes.0;
    changes.sort_by_key(|change| change.group);
    let (from, to) = (old.gateway.version, new.gateway.version);
    let mut warnings = Vec::new();
    if !changes.is_empty() && to <= from {
        warnings.push(format!(
            "the version is not raised ({from} → {to}): gateways and phones that have version {from} will refuse this; make it {}",
            from.saturating_add(1)
        ));
    }
    if old.gateway.environment != new.gateway.environment {
        warnings.push(format!(
            "the environment changes ({} → {}): gateways of the old one will refuse this",
            old.gateway.environment, new.gateway.environment
        ));
    }
    Difference {
        from,
        to,
        changes,
        warnings,
    }
}

/// Both sides with what is derived from them once.
struct Sides<'a> {
    old: &'a Edition<'a>,
    new: &'a Edition<'a>,
    old_table: Option<CompiledGateway>,
    new_table: Option<CompiledGateway>,
}

impl<'a> Sides<'a> {
    fn new(old: &'a Edition<'a>, new: &'a Edition<'a>) -> Self {
        Self {
            old,
            new,
            old_table: table(old.gateway),
            new_table: table(new.gateway),
        }
    }
}

/// The policy with its rules that are off in shadow, so that every rule has routes.
fn table(policy: &GatewayPolicy) -> Option<CompiledGateway> {
    let mut policy = policy.clone();
    for rule in &mut policy.rules {
        if rule.mode == Mode::Off {
            rule.mode = Mode::Shadow;
        }
    }
    policy.compile().ok()
}

/// Collects changes.
#[derive(Debug, Default)]
struct Changes(Vec<Change>);

impl Changes {
    fn add(
        &mut self,
        group: Group,
        path: impl Into<String>,
        text: impl Into<String>,
        values: (Option<&Json>, Option<&Json>),
    ) {
        self.0.push(Change {
            group,
            path: path.into(),
            text: text.into(),
            before: values.0.cloned(),
            after: values.1.cloned(),
        });
    }
}

/// Some of many names, so that a sentence stays one.
fn some_of(names: &[String]) -> String {
    const SHOWN: usize = 4;
    let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests;
