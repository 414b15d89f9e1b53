//! The store's file, where no running gateway holds it, and rotations that somebody forgot.

use std::sync::Arc;

use attest_gateway::clock::{Clock as _, SystemClock};
use attest_gateway::config::Config;
use attest_gateway::keys::{Family, Keys};
use attest_gateway::store::{EmbeddedStore, StoreOpenError, StoreOptions};

use super::finding::{Findings, State};
use crate::gateway::keys::overlap;
use crate::when;

/// A rotation that waits so long for its next step was forgotten.
const FORGOTTEN_S: u64 = 86_400;

pub(super) fn rotations(config: &Config, keys: &Keys, findings: &mut Findings) {
    let now_s = SystemClock::new().now_s();
    for family in Family::ALL {
        let next = keys.generations(family).next_step(overlap(family, config));
        if let Some((_, due_s)) = next.filter(|(_, due_s)| due_s.saturating_add(FORGOTTEN_S) < now_s) {
            let word = family.as_str();
            let seen = format!("a rotation of {word} has been due since {}", when::rfc3339(due_s));
            findings.add(
                State::Warn,
                "keys",
                seen,
                format!("go on with `attest gateway keys rotate {word}`"),
            );
        }
    }
}

pub(super) fn store(config: &Config, gateway_answers: bool, findings: &mut Findings) {
    let path = &config.store.path;
    if !path.is_file() {
        // Its folder was looked at with the configuration.
        return;
    }
    let options = StoreOptions::of(&config.store);
    match EmbeddedStore::open(path, options, Arc::new(SystemClock::new())) {
        Ok(_) => {
            if gateway_answers {
                let seen = format!("{} is not held by the gateway that answers", path.display());
                findings.add(
                    State::Fail,
                    "store",
                    seen,
                    "another gateway listens there: is this its configuration?",
                );
            } else {
                findings.ok("store", format!("{} opens", path.display()));
            }
        }
        Err(StoreOpenError::InUse { .. }) if gateway_answers => {
            findings.ok(
                "store",
                format!("{} is held by the running gateway", path.display()),
            );
        }
        Err(error @ StoreOpenError::InUse { .. }) => {
            let mend = "end that process, or find out why it does not answer";
            findings.add(State::Fail, "store", format!("{error} [{}]", error.code()), mend);
        }
        Err(error @ (StoreOpenError::Format { .. } | StoreOpenError::Unusable { .. })) => {
            let mend = "run it as the gateway's user; restore the file from a backup if it is damaged";
            findings.add(State::Fail, "store", format!("{error} [{}]", error.code()), mend);
        }
    }
}
