//! Limits, lists, step-up issuers, and every other field of the two policies.

use serde_json::Value as Json;

use super::{
    Changes, Edition, Group, Sides,
    fields::{self, json, signed},
};

/// What other files of this folder tell.
const TOLD: &[&str] = &[
    "version",
    "detectors",
    "requirements",
    "response_keys",
    "apps",
    "rules",
    "routes",
    "revocation",
    "anchors",
    "lists",
    "limits",
];

pub(super) fn compare(sides: &Sides<'_>, changes: &mut Changes) {
    limits(sides, changes);
    lists(sides, changes);
    rest(sides, changes);
}

fn limits(sides: &Sides<'_>, changes: &mut Changes) {
    let of_gateways = fields::compare(&json(&sides.old.gateway.limits), &json(&sides.new.gateway.limits));
    let of_phones = fields::compare(&json(&sides.old.device.limits), &json(&sides.new.device.limits));
    let own = of_phones
        .iter()
        .filter(|field| !of_gateways.contains(field))
        .map(|field| ("phones' ", field));
    for (whose, field) in of_gateways.iter().map(|field| ("", field)).chain(own) {
        let text = format!("{whose}{} {}", field.path, field.change());
        changes.add(
            Group::Bounds,
            format!("limits.{}", field.path),
            text,
            field.values(),
        );
    }
}

fn lists(sides: &Sides<'_>, changes: &mut Changes) {
    let of_gateways = fields::compare(&json(&sides.old.gateway.lists), &json(&sides.new.gateway.lists));
    let of_phones = fields::compare(&json(&sides.old.device.lists), &json(&sides.new.device.lists));
    let own = of_phones.iter().filter(|field| !of_gateways.contains(field));
    for field in of_gateways.iter().chain(own) {
        let name = &field.path;
        let (came, went) = field.items().unwrap_or_default();
        let entries = signed(&came, &went);
        let named_by = users(
            name,
            if field.after.is_some() {
                sides.new
            } else {
                sides.old
            },
        );
        let text = match (&field.before, &field.after) {
            (None, _) => format!("list {name} is new: {entries}{named_by}"),
            (_, None) => format!("list {name} is removed: {entries}{named_by}"),
            (Some(_), Some(_)) => format!("list {name}: {entries}{named_by}"),
        };
        changes.add(Group::Bounds, format!("lists.{name}"), text, field.values());
    }
}

/// Who names a list.
fn users(list: &str, edition: &Edition<'_>) -> String {
    let detectors = edition
        .device
        .detectors
        .iter()
        .filter(|one| one.when.names_list(list))
        .map(|one| format!("detector {}", one.id));
    let rules = edition
        .gateway
        .rules
        .iter()
        .filter(|one| one.when.names_list(list))
        .map(|one| format!("rule {}", one.id));
    let users: Vec<_> = detectors.chain(rules).collect();
    if users.is_empty() {
        String::new()
    } else {
        format!(" ({})", super::some_of(&users))
    }
}

fn rest(sides: &Sides<'_>, changes: &mut Changes) {
    let untold = |whole: Json| match whole {
        Json::Object(mut members) => {
            members.retain(|name, _| !TOLD.contains(&name.as_str()));
            Json::Object(members)
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => whole,
    };
    let of = |old: Json, new: Json| fields::compare(&untold(old), &untold(new));
    let of_gateways = of(json(sides.old.gateway), json(sides.new.gateway));
    let of_phones = of(json(sides.old.device), json(sides.new.device));
    let own: Vec<_> = of_phones
        .iter()
        .filter(|field| !of_gateways.contains(field))
        .collect();
    for field in of_gateways.iter().chain(own) {
        let change = field.change();
        let (group, text) = match field.path.as_str() {
            "environment" => (Group::Bounds, format!("environment {change}")),
            "engine_min" => (
                Group::Phones,
                format!("phones and gateways must understand engine {change}"),
            ),
            "origins" => (
                Group::Requests,
                format!("clients reach the routes under other origins: {change}"),
            ),
            "kill_switch" => (Group::Requests, format!("switched off by kill_switch: {change}")),
            "brake_rules" => (Group::Bounds, format!("the brake may relax: {change}")),
            "expires_at" => (Group::Bounds, format!("expires (Unix seconds): {change}")),
            "issued_at" => (Group::Bounds, format!("issued (Unix seconds): {change}")),
            path if path.starts_with("step_up_issuers.") => (
                Group::Requests,
                format!("who may confirm a step-up: {path}: {change}"),
            ),
            path => (Group::Bounds, format!("{path}: {change}")),
        };
        changes.add(group, field.path.clone(), text, field.values());
    }
}
