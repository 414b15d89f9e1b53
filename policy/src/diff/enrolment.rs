//! Apps, revocation and anchors: who may enrol.

use attest_core::policy::App;
use serde_json::Value as Json;

use super::{
    Changes, Group, Sides,
    fields::{self, Field, flow, json, or_none},
};

pub(super) fn compare(sides: &Sides<'_>, changes: &mut Changes) {
    let (old, new) = (&sides.old.gateway.apps, &sides.new.gateway.apps);
    for app in new {
        let path = format!("apps.{}", app.id);
        match old.iter().find(|other| other.id == app.id) {
            None => {
                let text = format!("app {} is new: {}", app.id, kind(app));
                changes.add(Group::Enrolment, path, text, (None, Some(&json(app))));
            }
            Some(before) => {
                for field in fields::compare(&json(before), &json(app)) {
                    let text = format!("app {}: {}", app.id, phrase(&field));
                    changes.add(
                        Group::Enrolment,
                        format!("{path}.{}", field.path),
                        text,
                        field.values(),
                    );
                }
            }
        }
    }
    for app in old {
        if !new.iter().any(|other| other.id == app.id) {
            let text = format!(
                "app {} is removed ({}): its phones are no longer served",
                app.id,
                kind(app)
            );
            changes.add(
                Group::Enrolment,
                format!("apps.{}", app.id),
                text,
                (Some(&json(app)), None),
            );
        }
    }
    rest(sides, changes);
}

/// `android com.example.bank by android_key`
fn kind(app: &App) -> String {
    let name = app.package.as_ref().or(app.bundle.as_ref());
    let evidence: Vec<_> = app.evidence.iter().map(|kind| kind.as_str()).collect();
    format!(
        "{} {} by {}",
        app.platform.as_str(),
        name.map_or("", String::as_str),
        evidence.join(" and ")
    )
}

/// What holds where a field is not written.
fn unwritten(path: &str) -> Option<&'static str> {
    Some(match path {
        "boot" | "boot.require" => "verified",
        "key_level_min" => "what its environment asks for",
        "play_integrity" => "optional",
        "app_attest_environment" => "production",
        "android" | "android.unknown_tags" | "android.name_mismatch" => "refuse",
        _ => return None,
    })
}

fn phrase(field: &Field) -> String {
    let said = |value: Option<&Json>| match (value, unwritten(&field.path)) {
        (None, Some(word)) => word.to_owned(),
        (value, _) => or_none(value),
    };
    let (was, now) = (said(field.before.as_ref()), said(field.after.as_ref()));
    let oldest = |what: &str| match &field.after {
        Some(_) => format!("phones with {what} before {now} can no longer enrol (was {was})"),
        None => format!("phones with any {what} can enrol (was {was})"),
    };
    match field.path.as_str() {
        "signers" => format!("accepted signing certificates: {}", field.change()),
        "previous_signers" => format!("signing certificates of earlier releases: {}", field.change()),
        "evidence" => format!("accepted evidence: {}", field.change()),
        "min_version" => oldest("version"),
        "min_version_code" => oldest("version code"),
        "patch_min.os" => oldest("system patch"),
        "patch_min.vendor" => oldest("vendor patch"),
        "patch_min.boot" => oldest("boot patch"),
        "key_level_min" => format!("keys must live at least in {now} (was {was})"),
        "boot.keys" => format!(
            "accepted systems of other makers, by boot key: {}",
            field.change()
        ),
        path if unwritten(path).is_some() => format!("{path}: {was} → {now}"),
        path => format!("{path}: {}", field.change()),
    }
}

fn rest(sides: &Sides<'_>, changes: &mut Changes) {
    let (old, new) = (sides.old.gateway, sides.new.gateway);
    for field in fields::compare(&json(&old.revocation), &json(&new.revocation)) {
        let path = if field.path.is_empty() {
            "revocation".to_owned()
        } else {
            format!("revocation.{}", field.path)
        };
        let text = match (&old.revocation, &new.revocation) {
            (None, _) => format!(
                "revoked keys are refused now, by {}",
                flow(&json(&new.revocation))
            ),
            (_, None) => {
                "keys that leaked and were revoked are accepted again (no revocation list)".to_owned()
            }
            (Some(_), Some(_)) => format!("list of revoked keys: {} {}", field.path, field.change()),
        };
        changes.add(Group::Enrolment, path, text, field.values());
    }
    for anchor in &new.anchors {
        if !old.anchors.contains(anchor) {
            let text = format!(
                "evidence may end at anchor {} now ({})",
                anchor.name,
                anchor.evidence.as_str()
            );
            let path = format!("anchors.{}", anchor.name);
            changes.add(Group::Enrolment, path, text, (None, Some(&json(anchor))));
        }
    }
    for anchor in &old.anchors {
        if !new.anchors.contains(anchor) {
            let text = format!("evidence may no longer end at anchor {}", anchor.name);
            let path = format!("anchors.{}", anchor.name);
            changes.add(Group::Enrolment, path, text, (Some(&json(anchor)), None));
        }
    }
}
