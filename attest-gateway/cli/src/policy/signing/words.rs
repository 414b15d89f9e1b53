//! What would be signed, in words: whoever signs sees the meaning, not a hash.

use std::{collections::BTreeMap, io};

use attest_core::policy::{Brake, DevicePolicy, GatewayPolicy};
use attest_policy::{
    diff::{Edition, Group, diff},
    repository::{
        BRAKE_TARGET, DEVICE_TARGET, GATEWAY_TARGET, KeyIds, PublishedPolicy, Repository, Root, Targets,
    },
};

use super::{Document, Draft, Stop, request::title};
use crate::{
    out::{Out, printable},
    policy::count,
    when,
};

/// What there is to compare with, and how keys are called.
pub(super) struct Context<'a> {
    pub(super) name: &'a dyn Fn(&str) -> String,
    pub(super) root: Option<&'a Root>,
    pub(super) policy: Option<&'a PublishedPolicy>,
}

/// Says what a document means.
pub(super) fn describe(
    draft: Draft,
    document: &Document,
    artifacts: &BTreeMap<String, Vec<u8>>,
    context: &Context<'_>,
    out: &mut Out<'_>,
) -> Result<(), Stop> {
    writeln!(out.out, "{}", printable(&title(draft, document)))?;
    match (draft, document) {
        (_, Document::Root(root)) => root_in_words(&root.signed, context.root, context.name, out)?,
        (Draft::Brake, Document::Targets(_)) => brake(artifacts, out)?,
        (_, Document::Targets(targets)) => {
            policy(artifacts, context.policy, out)?;
            delegations(&targets.signed, context.name, out)?;
        }
    }
    Ok(())
}

/// Who holds which role, and what that changes.
fn root_in_words(
    root: &Root,
    before: Option<&Root>,
    name: &dyn Fn(&str) -> String,
    out: &mut Out<'_>,
) -> io::Result<()> {
    let roles = |root: &Root| {
        [
            root.roles.root.clone(),
            root.roles.targets.clone(),
            root.roles.timestamp.clone(),
        ]
    };
    let before = before.map(roles);
    for (index, (role, held)) in ["root", "targets", "online"]
        .into_iter()
        .zip(roles(root))
        .enumerate()
    {
        let earlier = before.as_ref().and_then(|before| before.get(index));
        writeln!(
            out.out,
            "  {role:<8} {}",
            printable(&held_by(&held, earlier, name))
        )?;
    }
    Ok(())
}

fn held_by(held: &KeyIds, earlier: Option<&KeyIds>, name: &dyn Fn(&str) -> String) -> String {
    let mut text = format!(
        "{} of {}: {}",
        held.threshold,
        held.keyids.len(),
        list(&held.keyids, name)
    );
    if let Some(earlier) = earlier.filter(|earlier| *earlier != held) {
        let new: Vec<_> = held
            .keyids
            .iter()
            .filter(|id| !earlier.keyids.contains(id))
            .cloned()
            .collect();
        let gone: Vec<_> = earlier
            .keyids
            .iter()
            .filter(|id| !held.keyids.contains(id))
            .cloned()
            .collect();
        for (word, ids) in [("new", new), ("removed", gone)] {
            if !ids.is_empty() {
                text += &format!("; {word}: {}", list(&ids, name));
            }
        }
        if earlier.threshold != held.threshold {
            text += &format!("; was {} of {}", earlier.threshold, earlier.keyids.len());
        }
    }
    text
}

/// Keys by their names, in the order of these.
pub(crate) fn list(ids: &[String], name: &dyn Fn(&str) -> String) -> String {
    let mut names: Vec<String> = ids.iter().map(|id| name(id)).collect();
    names.sort_unstable();
    names.join(", ")
}

fn delegations(targets: &Targets, name: &dyn Fn(&str) -> String, out: &mut Out<'_>) -> io::Result<()> {
    for role in targets
        .delegations
        .iter()
        .flat_map(|delegations| &delegations.roles)
    {
        let held = format!(
            "{} of {}: {}",
            role.threshold,
            role.keyids.len(),
            list(&role.keyids, name)
        );
        let paths = role
            .paths
            .as_ref()
            .map_or_else(String::new, |paths| paths.join(", "));
        writeln!(
            out.out,
            "  {:<8} {} (may publish {})",
            printable(&role.name),
            printable(&held),
            printable(&paths)
        )?;
    }
    Ok(())
}

fn brake(artifacts: &BTreeMap<String, Vec<u8>>, out: &mut Out<'_>) -> Result<(), Stop> {
    let bytes = artifacts.get(BRAKE_TARGET).map_or(&[][..], Vec::as_slice);
    let brake = Brake::from_json(bytes).map_err(|error| Stop::refused(format!("{BRAKE_TARGET}: {error}")))?;
    let until = when::rfc3339(brake.expires_at);
    for (rule, mode) in &brake.rules {
        writeln!(
            out.out,
            "  {} is set to {} until {until}",
            printable(rule),
            mode.as_str()
        )?;
    }
    if brake.rules.is_empty() {
        writeln!(out.out, "  lifts the brake before it")?;
    }
    Ok(())
}

fn policy(
    artifacts: &BTreeMap<String, Vec<u8>>,
    now: Option<&PublishedPolicy>,
    out: &mut Out<'_>,
) -> Result<(), Stop> {
    let repository = Repository {
        artifacts: artifacts.clone(),
        ..Repository::default()
    };
    // Nobody signs what gateways refuse.
    if let Some(flaw) = repository.flaws_of_policy().first() {
        return Err(Stop::refused(format!(
            "{}: {}[{}]",
            flaw.place, flaw.message, flaw.code
        )));
    }
    let next = repository
        .policy()
        .map_err(|flaw| Stop::refused(format!("{}: {}", flaw.place, flaw.message)))?;
    let known = [DEVICE_TARGET, GATEWAY_TARGET, "tests.json"];
    for other in artifacts.keys().filter(|name| !known.contains(&name.as_str())) {
        writeln!(out.out, "  publishes {} too", printable(other))?;
    }
    let (device, gateway) = (&next.device, &next.gateway);
    writeln!(
        out.out,
        "  policy version {} for {}: {}, {}, {}",
        gateway.version,
        gateway.environment,
        count(device.detectors.len(), "detector"),
        count(gateway.rules.len(), "rule"),
        count(gateway.routes.len(), "route")
    )?;
    match now {
        Some(now) => changes(now, device, gateway, out)?,
        None => writeln!(out.out, "  it is the first policy here")?,
    }
    Ok(())
}

fn changes(
    now: &PublishedPolicy,
    device: &DevicePolicy,
    gateway: &GatewayPolicy,
    out: &mut Out<'_>,
) -> io::Result<()> {
    let edition = |device, gateway| Edition {
        device,
        gateway,
        packs: None,
    };
    let difference = diff(&edition(&now.device, &now.gateway), &edition(device, gateway));
    writeln!(out.out, "  changes from policy version {}:", difference.from)?;
    if difference.without_effect() {
        writeln!(out.out, "    none that has an effect")?;
    }
    for group in Group::ALL {
        for change in difference.of(group) {
            writeln!(out.out, "    {}", printable(&change.text).replace('\n', " "))?;
        }
    }
    for warning in &difference.warnings {
        writeln!(out.out, "    warning: {}", printable(warning))?;
    }
    Ok(())
}
