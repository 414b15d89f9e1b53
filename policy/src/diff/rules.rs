//! Rules: what is decided, on which routes, for whom, and which of two that fire decides.

use std::collections::BTreeMap;

use attest_core::policy::{Action, CompiledGateway, Mode, Require, Route, Rule, StepUpKind};
use serde_json::Value as Json;

use super::{
    Changes, Edition, Group, Sides, condition,
    fields::{self, json},
    routes::{counterpart, label},
    some_of,
};

/// The routes on which each rule is evaluated, by the rule's id.
type Reach<'a> = BTreeMap<&'a str, Vec<&'a Route>>;

fn reach<'a>(edition: &Edition<'a>, table: Option<&CompiledGateway>) -> Reach<'a> {
    let policy = edition.gateway;
    let mut reach = Reach::new();
    let routes = table.map(CompiledGateway::routes);
    for route in &policy.routes {
        let rules = routes
            .and_then(|routes| routes.by_id(&route.id))
            .map(|route| route.rules());
        for rule in rules.into_iter().flatten().filter_map(|at| policy.rules.get(*at)) {
            reach.entry(rule.id.as_str()).or_default().push(route);
        }
    }
    reach
}

/// One side of a rule.
#[derive(Clone, Copy)]
struct Placed<'a> {
    rule: &'a Rule,
    routes: &'a [&'a Route],
    policy: &'a Edition<'a>,
}

pub(super) fn compare(sides: &Sides<'_>, changes: &mut Changes) {
    let old_reach = reach(sides.old, sides.old_table.as_ref());
    let new_reach = reach(sides.new, sides.new_table.as_ref());
    let (old, new) = (&sides.old.gateway.rules, &sides.new.gateway.rules);
    for rule in new {
        let now_routes = routes_of(&new_reach, rule);
        let now = Placed {
            rule,
            routes: &now_routes,
            policy: sides.new,
        };
        match old.iter().find(|other| other.id == rule.id) {
            None => added(now, changes),
            Some(before) => {
                let was_routes = routes_of(&old_reach, before);
                let was = Placed {
                    rule: before,
                    routes: &was_routes,
                    policy: sides.old,
                };
                changed(was, now, sides, changes);
            }
        }
    }
    for rule in old {
        if !new.iter().any(|other| other.id == rule.id) {
            let routes = routes_of(&old_reach, rule);
            removed(
                Placed {
                    rule,
                    routes: &routes,
                    policy: sides.old,
                },
                changes,
            );
        }
    }
    order(sides, (&old_reach, &new_reach), changes);
}

fn routes_of<'a>(reach: &Reach<'a>, rule: &Rule) -> Vec<&'a Route> {
    reach.get(rule.id.as_str()).cloned().unwrap_or_default()
}

/// `every route that needs a token`, or their names.
fn place(routes: &[&Route], policy: &Edition<'_>) -> String {
    let asked = |route: &&Route| route.require == Require::Enforce;
    let all = policy.gateway.routes.iter().filter(asked).count();
    if routes.is_empty() {
        "no route".to_owned()
    } else if routes.len() > 1 && all == routes.len() && routes.iter().all(asked) {
        "every route that needs a token".to_owned()
    } else {
        some_of(&routes.iter().map(|route| label(route)).collect::<Vec<_>>())
    }
}

impl Placed<'_> {
    /// Where it is evaluated, for a sentence.
    fn place(&self) -> String {
        place(self.routes, self.policy)
    }

    fn about(&self) -> String {
        condition::about(&condition::normal(&self.rule.when))
    }

    /// `shadow`, `enforce` or `enforce for 10 % of devices`.
    fn strength(&self) -> String {
        let mode = self.rule.mode.as_str();
        match (self.rule.mode, self.rule.rollout_percent) {
            (Mode::Off, _) | (_, 100..) => mode.to_owned(),
            (Mode::Shadow | Mode::Enforce, percent) => format!("{mode} for {percent} % of devices"),
        }
    }
}

/// What an action does to requests, as a route does it: `denies cloner`.
fn does(action: &Action, about: &str) -> String {
    match action {
        Action::Allow => format!("lets {about} pass"),
        Action::Deny => format!("denies {about}"),
        Action::StepUp(_) => format!("asks {about} for {}", asked(action)),
    }
}

/// The same after `would`.
fn would(action: &Action, about: &str) -> String {
    match action {
        Action::Allow => format!("let {about} pass"),
        Action::Deny => format!("deny {about}"),
        Action::StepUp(_) => format!("ask {about} for {}", asked(action)),
    }
}

fn asked(action: &Action) -> String {
    let Action::StepUp(step_up) = action else {
        return String::new();
    };
    match (step_up.kind, &step_up.issuer) {
        (StepUpKind::Proof, _) => "a proof token".to_owned(),
        (StepUpKind::User, Some(issuer)) => format!("a confirmation by {issuer}"),
        (StepUpKind::User, None) => "a confirmation by the user".to_owned(),
    }
}

/// An action in a word or two.
fn word(action: &Action) -> String {
    match action {
        Action::Allow => "allow".to_owned(),
        Action::Deny => "deny".to_owned(),
        Action::StepUp(_) => format!("ask for {}", asked(action)),
    }
}

fn added(now: Placed<'_>, changes: &mut Changes) {
    let Rule { id, then, mode, .. } = now.rule;
    let (place, about, strength) = (now.place(), now.about(), now.strength());
    let text = match mode {
        Mode::Enforce => format!("{place} now {} (rule {id}: new, {strength})", does(then, &about)),
        Mode::Shadow => format!(
            "rule {id} is new, {strength}: would {} on {place}",
            would(then, &about)
        ),
        Mode::Off => format!("rule {id} is new, off"),
    };
    changes.add(
        Group::Requests,
        format!("rules.{id}"),
        text,
        (None, Some(&json(now.rule))),
    );
}

fn removed(was: Placed<'_>, changes: &mut Changes) {
    let Rule { id, then, mode, .. } = was.rule;
    let text = match mode {
        Mode::Enforce => format!(
            "{} no longer {} (rule {id} is removed)",
            was.place(),
            does(then, &was.about())
        ),
        Mode::Shadow | Mode::Off => format!("rule {id} is removed (was {})", mode.as_str()),
    };
    changes.add(
        Group::Requests,
        format!("rules.{id}"),
        text,
        (Some(&json(was.rule)), None),
    );
}

fn changed(was: Placed<'_>, now: Placed<'_>, sides: &Sides<'_>, changes: &mut Changes) {
    let id = &now.rule.id;
    let known = ["id", "mode", "rollout_percent", "routes", "why", "when", "then"];
    let (before, after) = (json(was.rule), json(now.rule));
    let mut add = |field: &str, group, text: String| {
        let values = (before.get(field), after.get(field));
        changes.add(group, format!("rules.{id}.{field}"), text, values);
    };
    let silent = was.rule.mode == Mode::Off && now.rule.mode == Mode::Off;
    let note = match now.rule.mode {
        Mode::Enforce => String::new(),
        Mode::Shadow | Mode::Off => format!(" ({})", now.rule.mode.as_str()),
    };
    if was.rule.mode != now.rule.mode {
        add("mode", Group::Requests, turned(was, now));
    } else if was.rule.rollout_percent != now.rule.rollout_percent {
        let (from, to) = (was.rule.rollout_percent, now.rule.rollout_percent);
        let text = match now.rule.mode {
            Mode::Enforce => format!(
                "{} {} for {to} % of devices (rule {id}: roll-out {from} % → {to} %)",
                now.place(),
                does(&now.rule.then, &now.about())
            ),
            Mode::Shadow | Mode::Off => {
                format!("rule {id}{note} is counted for {to} % of devices (roll-out {from} % → {to} %)")
            }
        };
        add("rollout_percent", Group::Requests, text);
    }
    let (old_when, new_when) = (
        condition::normal(&was.rule.when),
        condition::normal(&now.rule.when),
    );
    if old_when != new_when {
        let text = format!("rule {id}{note} {}", condition::change(&old_when, &new_when));
        add("when", Group::Requests, text);
    }
    if was.rule.then != now.rule.then {
        let (place, about, then) = (now.place(), now.about(), &now.rule.then);
        let switch = format!("(rule {id}: {} → {})", word(&was.rule.then), word(then));
        let text = match now.rule.mode {
            Mode::Enforce => format!("{place} now {} {switch}", does(then, &about)),
            Mode::Shadow | Mode::Off => {
                format!(
                    "rule {id}{note} would {} on {place} {switch}",
                    would(then, &about)
                )
            }
        };
        add("then", Group::Requests, text);
    }
    if let Some(text) = moved(was, now, sides)
        && !silent
    {
        add("routes", Group::Requests, format!("rule {id}{note} {text}"));
    }
    if was.rule.why != now.rule.why {
        add(
            "why",
            Group::Words,
            format!("rule {id} has another reason: {}", now.rule.why),
        );
    }
    for field in fields::compare(&before, &after) {
        let name = field.path.split('.').next().unwrap_or_default();
        if !known.contains(&name) {
            let text = format!("rule {id}: {}: {}", field.path, field.change());
            changes.add(
                Group::Requests,
                format!("rules.{id}.{}", field.path),
                text,
                field.values(),
            );
        }
    }
}

/// A rule that was switched.
fn turned(was: Placed<'_>, now: Placed<'_>) -> String {
    let id = &now.rule.id;
    let switch = format!("(rule {id}: {} → {})", was.strength(), now.strength());
    let (place, about, then) = (now.place(), now.about(), &now.rule.then);
    match (was.rule.mode, now.rule.mode) {
        (_, Mode::Enforce) => format!("{place} now {} {switch}", does(then, &about)),
        (Mode::Enforce, _) => format!(
            "{} no longer {} {switch}",
            was.place(),
            does(&was.rule.then, &was.about())
        ),
        (_, Mode::Shadow) => format!(
            "rule {id} is counted now: would {} on {place} {switch}",
            would(then, &about)
        ),
        (_, Mode::Off) => format!("rule {id} is no longer counted {switch}"),
    }
}

/// Where it is evaluated now and was not, and the other way round; routes that are new, gone or differ in whether they need a
/// token are told themselves.
fn moved(was: Placed<'_>, now: Placed<'_>, sides: &Sides<'_>) -> Option<String> {
    let (old, new) = (&sides.old.gateway.routes, &sides.new.gateway.routes);
    let came = now.routes.iter().filter(|route| {
        counterpart(route, new, old).is_some_and(|before| {
            before.require == route.require && !was.routes.iter().any(|one| one.id == before.id)
        })
    });
    let went = was.routes.iter().filter(|route| {
        counterpart(route, old, new).is_some_and(|after| {
            after.require == route.require && !now.routes.iter().any(|one| one.id == after.id)
        })
    });
    let labels =
        |routes: Vec<&&Route>| some_of(&routes.into_iter().map(|route| label(route)).collect::<Vec<_>>());
    let (came, went): (Vec<_>, Vec<_>) = (came.collect(), went.collect());
    match (came.is_empty(), went.is_empty()) {
        (true, true) => None,
        (false, true) => Some(format!("is asked on {} too", labels(came))),
        (true, false) => Some(format!("is no longer asked on {}", labels(went))),
        (false, false) => Some(format!(
            "is asked on {} and no longer on {}",
            labels(came),
            labels(went)
        )),
    }
}

/// Rules that both sides have and that stand in another order, where that decides something.
fn order(sides: &Sides<'_>, (old_reach, new_reach): (&Reach<'_>, &Reach<'_>), changes: &mut Changes) {
    let old = &sides.old.gateway.rules;
    let position = |rule: &Rule| {
        old.iter()
            .position(|other| other.id == rule.id && other.mode != Mode::Off)
    };
    let rules: Vec<(usize, &Rule)> = sides
        .new
        .gateway
        .rules
        .iter()
        .filter(|rule| rule.mode != Mode::Off)
        .filter_map(|rule| Some((position(rule)?, rule)))
        .collect();
    for (index, (at, first)) in rules.iter().enumerate() {
        // Those that it was behind and is before now, by what that means and where.
        let mut passed: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        for (_, second) in rules.iter().skip(index + 1).filter(|(other, _)| other < at) {
            let shared = shared(old_reach, new_reach, first, second);
            if let Some(meaning) = meaning(first, second)
                && !shared.is_empty()
            {
                let key = (meaning, place(&shared, sides.new));
                passed.entry(key).or_default().push(second.id.clone());
            }
        }
        for ((meaning, place), others) in passed {
            let text = format!(
                "rule {} is asked before {} now: {meaning}, on {place}",
                first.id,
                some_of(&others)
            );
            let ids = |one: &[String]| Json::from(one.to_vec());
            let own = std::slice::from_ref(&first.id);
            let (was, now) = ([&others, own].concat(), [own, &others].concat());
            changes.add(
                Group::Requests,
                "rules",
                text,
                (Some(&ids(&was)), Some(&ids(&now))),
            );
        }
    }
}

/// What it means that the first rule is asked before the second now; `None` if nothing.
fn meaning(first: &Rule, second: &Rule) -> Option<String> {
    match (first.mode, second.mode) {
        (Mode::Enforce, Mode::Enforce) if first.then != second.then => Some(format!(
            "where both fire, {} instead of {}",
            word(&first.then),
            word(&second.then)
        )),
        (Mode::Enforce, Mode::Shadow) => Some(format!(
            "what {} decides is no longer counted for it (shadow)",
            first.id
        )),
        (Mode::Shadow, Mode::Enforce) => Some(format!(
            "{} (shadow) is counted even where those decide",
            first.id
        )),
        (Mode::Off | Mode::Shadow | Mode::Enforce, Mode::Off | Mode::Shadow | Mode::Enforce) => None,
    }
}

/// The routes on which both rules are asked, now and before.
fn shared<'a>(old: &Reach<'a>, new: &Reach<'a>, first: &Rule, second: &Rule) -> Vec<&'a Route> {
    let of = |reach: &Reach<'a>| {
        let mut routes = routes_of(reach, first);
        let others = routes_of(reach, second);
        routes.retain(|route| others.iter().any(|other| other.id == route.id));
        routes
    };
    if of(old).is_empty() { Vec::new() } else { of(new) }
}
