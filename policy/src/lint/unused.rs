//! Lists, apps and rules that nothing uses.

use attest_core::policy::{Require, Route};

use crate::{report::Report, source::PolicySource};

pub(super) fn unused(source: &PolicySource, report: &mut Report) {
    for name in source.lists.keys() {
        let mut conditions = source
            .detectors
            .iter()
            .map(|one| &one.when)
            .chain(source.rules.iter().map(|one| &one.when));
        if !conditions.any(|condition| condition.names_list(name)) {
            report.warning(
                format_args!("lists.{name}"),
                "list-unused",
                format_args!("no clause names list `{name}`"),
            );
        }
    }
    for (index, app) in source.apps.iter().enumerate() {
        if !source.routes.iter().any(|route| route.apps.contains(&app.id)) {
            let message = format!("no route accepts app `{}`", app.id);
            report.warning(format_args!("apps[{index}].id"), "app-unused", message);
        }
    }
    for (index, rule) in source.rules.iter().enumerate() {
        let reaches = |route: &Route| {
            let meant = match &rule.routes {
                Some(routes) => routes.contains(&route.id),
                None => route.require == Require::Enforce,
            };
            meant && route.rules.as_ref().is_none_or(|rules| rules.contains(&rule.id))
        };
        if !source.routes.iter().any(reaches) {
            let message = format!("rule `{}` is evaluated on no route", rule.id);
            report.warning(format_args!("rules[{index}].id"), "rule-unused", message);
        }
    }
}
