//! What appraisal needs beside the evidence itself: a revocation list that is young enough, and keys for Play Integrity tokens.

use std::path::Path;
use std::time::UNIX_EPOCH;

use attest_core::environment::Environment;
use attest_core::policy::{App, EvidenceKind, Revocation};
use attest_gateway::clock::{Clock as _, SystemClock};
use attest_gateway::config::Config;
use attest_gateway::keys::{Keys, PLAY_FOLDER};
use attest_gateway::policy::configured_policy;
use attest_gateway::verifier::revocation::RevocationList;

use super::finding::{Findings, State};

pub(super) fn look(config: &Config, keys: Option<&Keys>, findings: &mut Findings) {
    // A policy that does not compile was said to be one.
    let Some(policy) = configured_policy(config) else {
        return;
    };
    let takes = |app: &App, kind| app.evidence.contains(&kind);
    if policy.apps.iter().any(|app| takes(app, EvidenceKind::AndroidKey)) {
        let from = config.policy.root.as_ref().unwrap_or(&config.policy.file);
        let folder = from.parent().unwrap_or_else(|| Path::new("."));
        revocation(policy.revocation.as_ref(), config.environment, folder, findings);
    }
    let Some(keys) = keys else { return };
    for app in policy
        .apps
        .iter()
        .filter(|app| takes(app, EvidenceKind::PlayIntegrity))
    {
        if keys.play.contains_key(&app.id) {
            findings.ok("play-integrity", format!("there are keys for `{}`", app.id));
            continue;
        }
        let file = config
            .keys
            .directory
            .join(PLAY_FOLDER)
            .join(format!("{}.json", app.id));
        findings.add(
            State::Fail,
            "play-integrity",
            format!("there are no keys for `{}`: whoever sends a token cannot enrol", app.id),
            format!(
                "put `{{\"decryption_key\": …, \"verification_key\": …}}`, as the Play Console shows them, into {}",
                file.display()
            ),
        );
    }
}

fn revocation(asked: Option<&Revocation>, environment: Environment, folder: &Path, findings: &mut Findings) {
    let Some(asked) = asked else {
        if environment == Environment::Development {
            return findings.ok(
                "revocation",
                "policy names no list of revoked keys; production needs one",
            );
        }
        findings.add(
            State::Warn,
            "revocation",
            "policy names no list of revoked keys: evidence made with a leaked key passes",
            "keep a copy of the platform's status list and name it in the policy's `revocation.file`",
        );
        return;
    };
    let file = folder.join(&asked.file);
    let mend = "fetch the platform's status list again, and see that it is fetched at least daily";
    let list = std::fs::read(&file)
        .map_err(|error| error.to_string())
        .and_then(|json| RevocationList::parse(&json).map_err(|error| error.to_string()));
    let list = match list {
        Ok(list) => list,
        Err(problem) => {
            let seen = format!(
                "{}: {problem}: nobody can enrol with Android keys",
                file.display()
            );
            return findings.add(State::Fail, "revocation", seen, mend);
        }
    };
    let written = std::fs::metadata(&file).and_then(|file| file.modified()).ok();
    let written_s = written.and_then(|written| written.duration_since(UNIX_EPOCH).ok());
    let age_s = SystemClock::new()
        .now_s()
        .saturating_sub(written_s.map_or(0, |since| since.as_secs()));
    let seen = format!(
        "{} certificates, written {} hours ago; enrolment stops after {} hours",
        list.len(),
        age_s / 3600,
        asked.max_age_s / 3600
    );
    match age_s {
        _ if age_s > asked.max_age_s => findings.add(State::Fail, "revocation", seen, mend),
        _ if age_s > asked.max_age_s / 2 => findings.add(State::Warn, "revocation", seen, mend),
        _ => findings.ok("revocation", seen),
    }
}
