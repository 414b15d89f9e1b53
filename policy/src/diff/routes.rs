//! Routes: which requests pass, what they need, where they go.

use attest_core::policy::{CompiledGateway, Require, Route};
use serde_json::Value as Json;

use super::{
    Changes, Group, Sides,
    fields::{self, Field, json, or_none, signed},
};

pub(super) fn compare(sides: &Sides<'_>, changes: &mut Changes) {
    let (old, new) = (&sides.old.gateway.routes, &sides.new.gateway.routes);
    for route in old {
        match counterpart(route, old, new) {
            Some(now) => fields_of(route, now, sides, changes),
            None => removed(route, sides, changes),
        }
    }
    for route in new {
        if counterpart(route, new, old).is_none() {
            added(route, sides, changes);
        }
    }
    overlaps(sides, changes);
}

/// `POST /v1/payments/**`
pub(super) fn label(route: &Route) -> String {
    format!("{} {}", route.methods.join("|"), route.path)
}

/// The same route on the other side: of the same id, else an otherwise unknown id at the same place.
pub(super) fn counterpart<'a>(route: &Route, own: &[Route], others: &'a [Route]) -> Option<&'a Route> {
    let by_id = others.iter().find(|other| other.id == route.id);
    by_id.or_else(|| {
        others.iter().find(|other| {
            let renamed = !own.iter().any(|one| one.id == other.id);
            let same = |left: &[String], right: &[String]| left.iter().all(|one| right.contains(one));
            renamed
                && other.path == route.path
                && same(&other.methods, &route.methods)
                && same(&route.methods, &other.methods)
        })
    })
}

/// A path that the pattern matches.
fn sample(path: &str) -> String {
    path.split('/')
        .map(|segment| if segment.starts_with('*') { "any" } else { segment })
        .collect::<Vec<_>>()
        .join("/")
}

/// The route that answers instead, if another one does.
fn answers<'t>(table: Option<&'t CompiledGateway>, route: &Route) -> Option<&'t Route> {
    let path = sample(&route.path);
    let found = route
        .methods
        .iter()
        .find_map(|method| table?.routes().find(method, &path))?;
    Some(found.route())
}

fn removed(route: &Route, sides: &Sides<'_>, changes: &mut Changes) {
    let label = label(route);
    let text = match answers(sides.new_table.as_ref(), route) {
        Some(other) => format!(
            "{label} now goes to route {} (route {} is removed)",
            other.id, route.id
        ),
        None => format!("{label} is refused from now on (route {} is removed)", route.id),
    };
    let path = format!("routes.{}", route.id);
    changes.add(Group::Requests, path, text, (Some(&json(route)), None));
}

fn added(route: &Route, sides: &Sides<'_>, changes: &mut Changes) {
    let need = match route.require {
        Require::None => "public, no token is looked at".to_owned(),
        Require::Observe => format!(
            "{} tokens are looked at, and nobody is refused",
            route.token.as_str()
        ),
        Require::Enforce => format!(
            "needs a {} token of {}",
            route.token.as_str(),
            route.apps.join(", ")
        ),
    };
    let before = match answers(sides.old_table.as_ref(), route) {
        Some(other) => format!("; so far route {} answered", other.id),
        None => String::new(),
    };
    let text = format!(
        "{} is a new route, {}: {need}, goes to upstream {}{before}",
        label(route),
        route.id,
        route.upstream
    );
    let path = format!("routes.{}", route.id);
    changes.add(Group::Requests, path, text, (None, Some(&json(route))));
}

fn fields_of(before: &Route, after: &Route, sides: &Sides<'_>, changes: &mut Changes) {
    let place = label(after);
    for field in fields::compare(&json(before), &json(after)) {
        let Some(phrase) = phrase(&field, before, after, sides) else {
            continue;
        };
        let path = format!("routes.{}.{}", after.id, field.path);
        changes.add(Group::Requests, path, format!("{place} {phrase}"), field.values());
    }
}

/// What a field says about requests; `None` for `rules`, which are told as rules.
fn phrase(field: &Field, before: &Route, after: &Route, sides: &Sides<'_>) -> Option<String> {
    let (was, now) = (or_none(field.before.as_ref()), or_none(field.after.as_ref()));
    let from_to = format!("({was} → {now})");
    let (came, went) = field.items().unwrap_or_default();
    let each = |one: &str, other: &str| {
        let part = |words: &str, items: &[String]| {
            (!items.is_empty()).then(|| format!("{words} {}", items.join(", ")))
        };
        let parts = [part(one, &came), part(other, &went)].into_iter().flatten();
        parts.collect::<Vec<_>>().join(", and ")
    };
    Some(match field.path.as_str() {
        "rules" => return None,
        // What a public route says of tokens means nothing.
        "apps" | "bind" | "token" | "single_use" | "min_policy" | "step_up_valid_s"
            if after.require == Require::None =>
        {
            return None;
        }
        "apps" | "token" if before.require == Require::None => return None,
        "id" => format!("is called {now} (was {was})"),
        "methods" => format!(
            "{} (route {})",
            each("now answers", "no longer answers"),
            after.id
        ),
        "path" => {
            let before = match answers(sides.new_table.as_ref(), before) {
                Some(other) => format!("{} goes to route {}", label(before), other.id),
                None => format!("{} is refused", label(before)),
            };
            format!("goes to route {} now; {before} from now on", after.id)
        }
        "upstream" => format!("goes to upstream {now} (was {was})"),
        "require" if after.require == Require::Enforce && before.require == Require::None => {
            let apps = after.apps.join(", ");
            format!("now needs a {} token of {apps} {from_to}", after.token.as_str())
        }
        "require" => format!("{} {from_to}", required(before.require, after.require)),
        "apps" => each("now accepts app", "no longer accepts app"),
        "token" if now == "proof" => format!("now needs a proof token {from_to}"),
        "token" => format!("is content with a {now} token {from_to}"),
        "bind" => each("now wants tokens bound to", "no longer wants tokens bound to"),
        "single_use" if now == "true" => "now lets a token pass only once".to_owned(),
        "single_use" => "now lets a token pass more than once".to_owned(),
        "min_policy" => match &field.after {
            Some(_) => {
                format!("counts findings from device policy {now} on, older ones must renew {from_to}")
            }
            None => format!("counts findings of any device policy {from_to}"),
        },
        "limits.per_device_per_minute" => format!("lets a device make {now} requests a minute (was {was})"),
        "when_store_down" if now == "open" => format!("goes on while the store is down {from_to}"),
        "when_store_down" => format!("is refused while the store is down {from_to}"),
        "when_policy_stale" if now == "closed" => {
            "is refused once the policy has expired (open → closed)".to_owned()
        }
        "when_policy_stale" => "goes on once the policy has expired (closed → open)".to_owned(),
        "step_up_valid_s" => format!("counts a confirmed step-up for {now} s (was {was} s)"),
        "origins" => return origins(before, after, sides),
        other => format!("has another {other}: {}", field.change()),
    })
}

/// What is said of the origins under which a route is reached: its own, else those of the policy.
fn origins(before: &Route, after: &Route, sides: &Sides<'_>) -> Option<String> {
    let of = |route: &Route, policy: &[String]| {
        let own = &route.origins;
        if own.is_empty() {
            policy.to_vec()
        } else {
            own.clone()
        }
    };
    let was = of(before, &sides.old.gateway.origins);
    let now = of(after, &sides.new.gateway.origins);
    let without = |these: &[String], those: &[String]| -> Vec<String> {
        these.iter().filter(|one| !those.contains(one)).cloned().collect()
    };
    let (came, went) = (without(&now, &was), without(&was, &now));
    let differs = !(came.is_empty() && went.is_empty());
    differs.then(|| format!("is reached under other origins: {}", signed(&came, &went)))
}

const fn required(before: Require, after: Require) -> &'static str {
    match (before, after) {
        (Require::Enforce | Require::Observe, Require::None) => "no longer needs a token",
        (Require::None | Require::Observe, Require::Enforce) => "now needs a token",
        (Require::None, Require::Observe) => "now looks at tokens, and refuses nobody",
        (Require::Enforce, Require::Observe) => "lets requests without a good token pass, counted and marked",
        (Require::None, Require::None)
        | (Require::Observe, Require::Observe)
        | (Require::Enforce, Require::Enforce) => "needs what it needed",
    }
}

/// A path that both patterns match, if there is one.
fn common(left: &str, right: &str) -> Option<String> {
    let (left, right): (Vec<_>, Vec<_>) = (left.split('/').collect(), right.split('/').collect());
    let mut path = Vec::new();
    for at in 0..left.len().max(right.len()) {
        match (left.get(at).copied(), right.get(at).copied()) {
            (Some("**"), _) => {
                path.extend(right.iter().skip(at).map(|segment| sample(segment)));
                break;
            }
            (_, Some("**")) => {
                path.extend(left.iter().skip(at).map(|segment| sample(segment)));
                break;
            }
            (Some("*"), Some(one)) | (Some(one), Some("*")) => path.push(sample(one)),
            (Some(one), Some(other)) if one == other => path.push(one.to_owned()),
            _ => return None,
        }
    }
    Some(path.join("/"))
}

/// Requests that two routes match and that go to the other one now, because patterns tie and their order changed.
fn overlaps(sides: &Sides<'_>, changes: &mut Changes) {
    let (Some(old), Some(new)) = (&sides.old_table, &sides.new_table) else {
        return;
    };
    let place = |id: &str| sides.old.gateway.routes.iter().position(|route| route.id == id);
    let routes: Vec<(usize, &Route)> = sides
        .new
        .gateway
        .routes
        .iter()
        .filter_map(|route| Some((place(&route.id)?, route)))
        .collect();
    for (index, (at, first)) in routes.iter().enumerate() {
        for (_, second) in routes.iter().skip(index + 1).filter(|(other, _)| other < at) {
            let Some(path) = common(&first.path, &second.path) else {
                continue;
            };
            for method in first.methods.iter().filter(|one| second.methods.contains(one)) {
                let pair = [Some(first.id.as_str()), Some(second.id.as_str())];
                let (was, now) = (answered_by(old, method, &path), answered_by(new, method, &path));
                if was == now || !pair.contains(&was) || !pair.contains(&now) {
                    continue;
                }
                let (was, now) = (was.unwrap_or_default(), now.unwrap_or_default());
                let text = format!(
                    "{method} {path} goes to route {now} now (was {was}): their patterns tie, and the first wins"
                );
                let values = (Some(&Json::from(was)), Some(&Json::from(now)));
                changes.add(Group::Requests, format!("routes.{now}"), text, values);
            }
        }
    }
}

fn answered_by<'t>(table: &'t CompiledGateway, method: &str, path: &str) -> Option<&'t str> {
    let found = table.routes().find(method, path)?;
    Some(found.route().id.as_str())
}
