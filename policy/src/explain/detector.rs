//! Why a detector concludes what it does.

use std::collections::BTreeMap;

use attest_core::{
    facts::FactMap,
    policy::{Category, Detection, DetectorSet, Mode, Scope, Severity, Side, Variables},
};

use super::{
    ExplainError,
    facts::Facts,
    tree::{Clauses, clauses},
};
use crate::{PolicySource, run::sample};

/// A detector over stated facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetectorTrace {
    /// Its id.
    pub id: String,
    /// Its mode in the policy; it is run whatever that says.
    pub mode: Mode,
    /// What it looks for.
    pub category: Category,
    /// How bad that is.
    pub severity: Severity,
    /// Why it exists.
    pub why: String,
    /// What it concludes.
    pub detection: Detection,
    /// Its condition; `None` if this engine does not understand it.
    pub clauses: Option<Clauses>,
}

/// What a detector concludes from these facts, and why. Variables that are not given are those of a phone with the
/// policy's first app of the platform.
///
/// # Errors
/// [`ExplainError`] if there is no such detector or variable.
pub fn detector(
    source: &PolicySource,
    id: &str,
    variables: &BTreeMap<String, String>,
    facts: &Facts,
) -> Result<DetectorTrace, ExplainError> {
    let known = source.detectors.iter().map(|one| one.id.as_str());
    let written = source
        .detectors
        .iter()
        .find(|one| one.id == id)
        .ok_or_else(|| ExplainError::unknown("detector", id, known))?;
    let mut of_phone = sample(&source.apps, written.platform);
    for (name, value) in variables {
        if !Variables::NAMES.contains(&name.as_str()) {
            return Err(ExplainError::unknown(
                "variable",
                name,
                Variables::NAMES.into_iter(),
            ));
        }
        of_phone = of_phone.with(name, value);
    }
    let mut running = written.detector();
    let mode = if source.kill_switch.contains(&running.id) {
        Mode::Off
    } else {
        running.mode
    };
    running.mode = Mode::Enforce;
    let mut alive = source.clone();
    alive.kill_switch.clear();
    let device = alive.device();
    let scope = Scope::new(
        Side::Device(running.platform),
        device.lists.iter(),
        device.variables(of_phone),
    );
    let set = DetectorSet::compile(std::slice::from_ref(&running), running.platform, &scope)
        .map_err(|_| ExplainError::Broken)?;
    let stated: FactMap = facts.0.clone().into_iter().collect();
    let detection = set
        .scan(&stated)
        .next()
        .map_or(Detection::Unsupported, |scanned| scanned.detection);
    let condition = set.condition(id);
    Ok(DetectorTrace {
        id: running.id.clone(),
        mode,
        category: running.category,
        severity: running.severity,
        why: running.why.clone(),
        detection,
        clauses: condition.map(|matcher| clauses(&running.when, matcher, &stated)),
    })
}
