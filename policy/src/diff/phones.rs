//! Detectors and requirements: what phones look for and what they send.

use attest_core::policy::{Bind, Detector, DetectorEntry, Mode, Requirement};
use serde_json::Value as Json;

use super::{
    Changes, Edition, Group, Sides, condition,
    fields::{self, json, signed},
};

pub(super) fn compare(sides: &Sides<'_>, changes: &mut Changes) {
    packs(sides, changes);
    detectors(sides, changes);
    entries(sides, changes);
    requirements(sides, changes);
    keys(sides, changes);
}

fn packs(sides: &Sides<'_>, changes: &mut Changes) {
    let (Some(old), Some(new)) = (sides.old.packs, sides.new.packs) else {
        return;
    };
    let count = |edition: &Edition<'_>| edition.device.detectors.len();
    for pack in new.iter().filter(|pack| !old.contains(pack)) {
        let text = format!(
            "pack {pack} is used now ({} → {} detectors in all)",
            count(sides.old),
            count(sides.new)
        );
        changes.add(
            Group::Phones,
            format!("packs.{pack}"),
            text,
            (None, Some(&json(pack))),
        );
    }
    for pack in old.iter().filter(|pack| !new.contains(pack)) {
        let text = format!(
            "pack {pack} is no longer used ({} → {} detectors in all)",
            count(sides.old),
            count(sides.new)
        );
        changes.add(
            Group::Phones,
            format!("packs.{pack}"),
            text,
            (Some(&json(pack)), None),
        );
    }
}

fn detectors(sides: &Sides<'_>, changes: &mut Changes) {
    let (old, new) = (&sides.old.device.detectors, &sides.new.device.detectors);
    for detector in new {
        match old.iter().find(|other| other.id == detector.id) {
            Some(before) => changed(before, detector, sides.new, changes),
            None => {
                let text = format!(
                    "detector {} is new, {}: {}{}",
                    detector.id,
                    detector.mode.as_str(),
                    kind(detector),
                    seen(detector, sides.new)
                );
                let path = format!("detectors.{}", detector.id);
                changes.add(Group::Phones, path, text, (None, Some(&json(detector))));
            }
        }
    }
    for detector in old {
        if !new.iter().any(|other| other.id == detector.id) {
            let text = format!(
                "detector {} is removed (was {}): {}{}",
                detector.id,
                detector.mode.as_str(),
                kind(detector),
                seen(detector, sides.old)
            );
            let path = format!("detectors.{}", detector.id);
            changes.add(Group::Phones, path, text, (Some(&json(detector)), None));
        }
    }
}

/// `android cloner, high`
fn kind(detector: &Detector) -> String {
    format!(
        "{} {}, {}",
        detector.platform.as_str(),
        detector.category.as_str(),
        detector.severity.as_str()
    )
}

/// Which rules ask for its findings.
fn seen(detector: &Detector, edition: &Edition<'_>) -> String {
    if detector.mode != Mode::Enforce {
        return String::new();
    }
    let rules: Vec<String> = edition
        .gateway
        .rules
        .iter()
        .filter(|rule| rule.mode != Mode::Off)
        .filter(|rule| asks(&json(&rule.when), detector))
        .map(|rule| match rule.mode {
            Mode::Enforce => rule.id.clone(),
            Mode::Shadow | Mode::Off => format!("{} ({})", rule.id, rule.mode.as_str()),
        })
        .collect();
    if rules.is_empty() {
        "; no rule asks for it".to_owned()
    } else {
        format!("; asked for by {}", super::some_of(&rules))
    }
}

fn asks(condition: &Json, detector: &Detector) -> bool {
    match condition {
        Json::Object(members) => {
            let fact = members.get("fact").and_then(Json::as_str).unwrap_or_default();
            let wanted = match fact.split('@').next().unwrap_or_default() {
                "findings.category" => detector.category.as_str(),
                "findings.hit" => detector.id.as_str(),
                _ => return members.values().any(|inner| asks(inner, detector)),
            };
            match members.get("value") {
                Some(Json::String(one)) => one == wanted,
                Some(Json::Array(many)) => many.iter().any(|one| one == wanted),
                // A count of findings, or a list by name.
                Some(Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_)) | None => true,
            }
        }
        Json::Array(items) => items.iter().any(|inner| asks(inner, detector)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => false,
    }
}

fn changed(before: &Detector, after: &Detector, edition: &Edition<'_>, changes: &mut Changes) {
    let id = &after.id;
    let (was, now) = (json(before), json(after));
    let (old_when, new_when) = (condition::normal(&before.when), condition::normal(&after.when));
    if old_when != new_when {
        let text = format!("detector {id} {}", condition::change(&old_when, &new_when));
        let values = (was.get("when"), now.get("when"));
        changes.add(Group::Phones, format!("detectors.{id}.when"), text, values);
    }
    for field in fields::compare(&was, &now) {
        let change = field.change();
        let name = field.path.as_str();
        let (group, text) = match name {
            path if path == "when" || path.starts_with("when.") => continue,
            "why" => (
                Group::Words,
                format!("detector {id} has another reason: {}", after.why),
            ),
            "mode" => {
                let effect = match after.mode {
                    Mode::Enforce => format!("its hits count now{}", seen(after, edition)),
                    Mode::Shadow => "its hits are recorded and no longer count".to_owned(),
                    Mode::Off => "phones no longer look for it".to_owned(),
                };
                let effect = if before.mode == Mode::Off && after.mode == Mode::Shadow {
                    "its hits are recorded now and do not count".to_owned()
                } else {
                    effect
                };
                (Group::Phones, format!("detector {id}: {change}: {effect}"))
            }
            path => (Group::Phones, format!("detector {id}: {path} {change}")),
        };
        changes.add(group, format!("detectors.{id}.{name}"), text, field.values());
    }
}

/// What gateways know of detectors, where it is not what phones got.
fn entries(sides: &Sides<'_>, changes: &mut Changes) {
    let known = |edition: &Edition<'_>| {
        let derived = edition.device.detectors.iter();
        let derived: std::collections::BTreeMap<String, DetectorEntry> = derived
            .map(|one| (one.id.clone(), DetectorEntry::from(one)))
            .collect();
        let mut only = json(&edition.gateway.detectors);
        if let Json::Object(entries) = &mut only {
            entries.retain(|id, entry| derived.get(id).map(json).as_ref() != Some(entry));
        }
        only
    };
    for field in fields::compare(&known(sides.old), &known(sides.new)) {
        let text = format!(
            "gateways know detector {} differently: {}",
            field.path,
            field.change()
        );
        changes.add(
            Group::Requests,
            format!("detectors.{}", field.path),
            text,
            field.values(),
        );
    }
}

fn requirements(sides: &Sides<'_>, changes: &mut Changes) {
    let (old, new) = (&sides.old.device.requirements, &sides.new.device.requirements);
    let mut unmatched: Vec<&Requirement> = old.iter().collect();
    for requirement in new {
        let same = |other: &&Requirement| place(other) == place(requirement);
        let before = unmatched.iter().position(same).map(|at| unmatched.remove(at));
        let text = match before {
            Some(before) if sent(before) == sent(requirement) => continue,
            Some(before) => {
                let (was, now) = (sent(before), sent(requirement));
                format!("{}: phones send {now} (was {was})", place(requirement))
            }
            None => format!("{}: phones now send {}", place(requirement), sent(requirement)),
        };
        let values = (before.map(json), Some(json(requirement)));
        changes.add(
            Group::Phones,
            "requirements",
            text,
            (values.0.as_ref(), values.1.as_ref()),
        );
    }
    for gone in unmatched {
        let text = format!("{}: phones no longer send a token", place(gone));
        changes.add(Group::Phones, "requirements", text, (Some(&json(gone)), None));
    }
}

fn place(requirement: &Requirement) -> String {
    let mut methods = requirement.methods.clone();
    methods.sort_unstable();
    format!("{} {}{}", methods.join("|"), requirement.origin, requirement.path)
}

fn sent(requirement: &Requirement) -> String {
    let mut text = format!("a {} token", requirement.token.as_str());
    let mut bound: Vec<Bind> = requirement.bind.clone();
    bound.sort_unstable_by_key(|bind| json(bind).to_string());
    bound.dedup();
    if !bound.is_empty() {
        let bound: Vec<_> = bound.iter().map(|bind| fields::flow(&json(bind))).collect();
        text.push_str(&format!(" bound to {}", bound.join(", ")));
    }
    if requirement.single_use {
        text.push_str(", a new one each time");
    }
    text
}

fn keys(sides: &Sides<'_>, changes: &mut Changes) {
    let (was, now) = (
        json(&sides.old.device.response_keys),
        json(&sides.new.device.response_keys),
    );
    for field in fields::compare(&was, &now) {
        let (came, went) = field.items().unwrap_or_default();
        let text = format!(
            "phones trust other keys of the attestation service: {}",
            signed(&came, &went)
        );
        changes.add(Group::Phones, "response_keys", text, field.values());
    }
}
