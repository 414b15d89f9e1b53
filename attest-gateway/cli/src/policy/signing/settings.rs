//! What the folder of who publishes remembers beside metadata: how long things hold, what keys are called, and who else may publish.

use std::collections::BTreeMap;

use attest_policy::repository::{BRAKE_ROLE, BRAKE_TARGET, DelegatedRole, Delegations, KeyIds, PublicKey};
use clap::Args;
use serde::{Deserialize, Serialize};

const DAY_S: u64 = 86_400;

/// `settings.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Of this file.
    pub(crate) format: u32,
    pub(crate) expiries: Expiries,
    /// What people call the keys, by key id.
    pub(crate) names: BTreeMap<String, String>,
    /// Who publishes beside `targets`; taken into the next version of it.
    pub(crate) delegations: Delegations,
}

/// How long new metadata holds, in days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Args)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expiries {
    /// How long a root holds: its keys meet at least so often.
    #[arg(long, value_name = "DAYS", default_value_t = 365, value_parser = clap::value_parser!(u64).range(1..=3650))]
    pub(crate) root_days: u64,
    /// How long a policy holds before gateways raise an alarm.
    #[arg(long, value_name = "DAYS", default_value_t = 180, value_parser = clap::value_parser!(u64).range(1..=3650))]
    pub(crate) targets_days: u64,
    /// How long a snapshot holds; it is made anew with each publication.
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3650))]
    pub(crate) snapshot_days: u64,
    /// How long a timestamp holds: the longest that an old policy can be passed off as the newest. Run `publish --refresh` more often.
    #[arg(long, value_name = "DAYS", default_value_t = 7, value_parser = clap::value_parser!(u64).range(1..=3650))]
    pub(crate) timestamp_days: u64,
}

impl Expiries {
    pub(crate) const fn at(days: u64, now_s: u64) -> u64 {
        now_s.saturating_add(days.saturating_mul(DAY_S))
    }

    /// For metadata of the role `brake`: what it names ends by itself within a day, so this need not.
    pub(crate) const BRAKE_DAYS: u64 = 3650;
}

/// Two where there are two keys or more: no one person, and no one lost key of three.
pub(crate) const fn default_threshold(keys: usize) -> u64 {
    if keys < 2 { 1 } else { 2 }
}

impl Settings {
    pub(crate) fn new(expiries: Expiries) -> Self {
        Self {
            format: 1,
            expiries,
            names: BTreeMap::new(),
            delegations: Delegations::default(),
        }
    }

    /// Remembers what a key is called. Two keys of one name are told apart by their ids.
    pub(crate) fn call(&mut self, key: &PublicKey, name: &str) {
        let id = key.id();
        let taken = self
            .names
            .iter()
            .any(|(other, known)| *other != id && known == name);
        let name = if taken {
            format!("{name}-{}", id.chars().take(8).collect::<String>())
        } else {
            name.to_owned()
        };
        self.names.entry(id).or_insert(name);
    }

    /// What people call a key.
    pub(crate) fn name(&self, id: &str) -> String {
        let short = || format!("key {}", id.chars().take(8).collect::<String>());
        self.names.get(id).cloned().unwrap_or_else(short)
    }

    /// Lets these keys publish what the patterns name, from the next version of `targets` on.
    pub(crate) fn delegate(&mut self, role: &str, keys: &[PublicKey], threshold: u64, paths: Vec<String>) {
        let held = KeyIds::new(keys, threshold);
        let delegated = DelegatedRole {
            name: role.to_owned(),
            keyids: held.keyids,
            threshold,
            // Nobody else is asked for what this role does not have.
            terminating: true,
            paths: Some(paths),
            path_hash_prefixes: None,
            other: BTreeMap::new(),
        };
        let roles = &mut self.delegations.roles;
        match roles.iter_mut().find(|known| known.name == role) {
            Some(known) => *known = delegated,
            None => roles.push(delegated),
        }
        self.delegations
            .keys
            .extend(keys.iter().map(|key| (key.id(), key.clone())));
        let used: Vec<String> = self
            .delegations
            .roles
            .iter()
            .flat_map(|role| role.keyids.clone())
            .collect();
        self.delegations.keys.retain(|id, _| used.contains(id));
    }

    pub(crate) fn brake(&mut self, keys: &[PublicKey], threshold: u64) {
        self.delegate(BRAKE_ROLE, keys, threshold, vec![BRAKE_TARGET.to_owned()]);
    }
}
