//! Rules that contradict each other, that are never asked, or that count for nobody.
//!
//! The first enforced rule whose condition holds decides. Rules are gone through once, in their order; what earlier ones
//! decide is kept per condition and route, so that the cost is rules times routes, never rules times rules.

use std::collections::BTreeMap;

use attest_core::{
    facts::{FactId, FactRef, Value},
    policy::{Action, Condition, FactTest, Mode, Require, Rule},
};

use super::{
    Steps,
    identity::{Identity, identity},
};
use crate::{report::Report, source::PolicySource};

pub(super) fn rules(source: &PolicySource, steps: &mut Steps, report: &mut Report) {
    let reach = Reach::new(source);
    let mut by_condition: BTreeMap<Identity, BTreeMap<usize, usize>> = BTreeMap::new();
    let mut unconditional: BTreeMap<usize, usize> = BTreeMap::new();
    for (index, rule) in source.rules.iter().enumerate() {
        if steps.are_spent() {
            return;
        }
        if rule.mode == Mode::Off {
            continue;
        }
        if rule.rollout_percent == 0 {
            report.warning(
                format_args!("rules[{index}].rollout_percent"),
                "rollout-none",
                "this rule counts for no device: `mode: shadow` records what it would do, `mode: off` turns it off",
            );
        }
        let routes = reach.routes_of(rule);
        let (condition, visited) = identity(&rule.when, false);
        steps.spend(visited + routes.len());
        let same = by_condition.entry(condition).or_default();
        let told = never_asked(source, index, &routes, &unconditional, report);
        if !told {
            contradicted(source, index, &routes, same, report);
        }
        if rule.mode != Mode::Enforce || rule.rollout_percent < 100 {
            continue;
        }
        let certain = !matches!(rule.then, Action::StepUp(_)) && is_certain(&rule.when);
        for route in routes {
            same.entry(route).or_insert(index);
            if certain {
                unconditional.entry(route).or_insert(index);
            }
        }
    }
}

/// True, and reported, if on all of these routes an earlier rule decides whatever is known.
fn never_asked(
    source: &PolicySource,
    index: usize,
    routes: &[usize],
    unconditional: &BTreeMap<usize, usize>,
    report: &mut Report,
) -> bool {
    let mut deciding = routes.iter().map(|route| unconditional.get(route));
    let first = deciding
        .next()
        .flatten()
        .and_then(|first| source.rules.get(*first));
    let Some(first) = first.filter(|_| deciding.all(|rule| rule.is_some())) else {
        return false;
    };
    report.warning(
        format_args!("rules[{index}].id"),
        "rule-never-asked",
        format_args!(
            "rule `{}` always decides before this one: move this rule above it, or leave it out",
            first.id
        ),
    );
    true
}

/// Reports what an earlier rule with the same condition leaves this one to decide: nothing, or something else.
fn contradicted(
    source: &PolicySource,
    index: usize,
    routes: &[usize],
    same: &BTreeMap<usize, usize>,
    report: &mut Report,
) {
    let Some(rule) = source.rules.get(index) else {
        return;
    };
    let shared: Vec<_> = routes.iter().filter(|route| same.contains_key(*route)).collect();
    let earlier = shared.iter().find_map(|route| {
        source
            .rules
            .get(*same.get(*route)?)
            .filter(|earlier| rule.mode == Mode::Enforce || earlier.then != rule.then)
    });
    let Some(earlier) = earlier else { return };
    let place = format!("rules[{index}].then");
    let once_done = matches!(earlier.then, Action::StepUp(_));
    match (earlier.then == rule.then, &rule.then) {
        (false, Action::Deny) if once_done => report.warning(
            place,
            "step-up-in-vain",
            format_args!(
                "who does what rule `{}` asks for is refused here on the same condition: keep one of the two",
                earlier.id
            ),
        ),
        (false, _) if !once_done => report.warning(
            place,
            "rule-contradicts",
            format_args!(
                "rule `{}` has the same condition and decides first{}, so this never happens: keep one of the two",
                earlier.id,
                on_some(source, routes, &shared)
            ),
        ),
        (true, _) if shared.len() == routes.len() => report.warning(
            format_args!("rules[{index}].id"),
            "rule-repeated",
            format_args!("rule `{}` says the same before: leave this one out", earlier.id),
        ),
        (true | false, _) => {}
    }
}

fn on_some(source: &PolicySource, routes: &[usize], shared: &[&usize]) -> String {
    let first = shared.first().and_then(|route| source.routes.get(**route));
    match first {
        Some(route) if shared.len() < routes.len() => format!(" on route `{}`", route.id),
        _ => String::new(),
    }
}

/// Which routes a rule is asked on.
struct Reach<'a> {
    source: &'a PolicySource,
    by_id: BTreeMap<&'a str, Vec<usize>>,
    /// Of routes that name their rules: those, by their ids.
    named: BTreeMap<usize, Vec<&'a str>>,
}

impl<'a> Reach<'a> {
    fn new(source: &'a PolicySource) -> Self {
        let mut by_id: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        let mut named = BTreeMap::new();
        for (index, route) in source.routes.iter().enumerate() {
            by_id.entry(&route.id).or_default().push(index);
            if let Some(rules) = &route.rules {
                let mut rules: Vec<_> = rules.iter().map(String::as_str).collect();
                rules.sort_unstable();
                named.insert(index, rules);
            }
        }
        Self { source, by_id, named }
    }

    fn routes_of(&self, rule: &Rule) -> Vec<usize> {
        let require = |index: &usize| self.source.routes.get(*index).map(|route| route.require);
        let mut routes: Vec<usize> = match &rule.routes {
            Some(ids) => ids
                .iter()
                .filter_map(|id| self.by_id.get(id.as_str()))
                .flatten()
                .copied()
                .filter(|index| require(index) != Some(Require::None))
                .collect(),
            None => (0..self.source.routes.len())
                .filter(|index| require(index) == Some(Require::Enforce))
                .collect(),
        };
        routes.sort_unstable();
        routes.dedup();
        routes.retain(|index| {
            let named = self.named.get(index);
            named.is_none_or(|rules| rules.binary_search(&rule.id.as_str()).is_ok())
        });
        routes
    }
}

/// True if the condition holds for every request, because what it asks is always known.
fn is_certain(condition: &Condition) -> bool {
    match condition {
        Condition::Fact(test) => always_holds(test),
        Condition::All(children) => children.iter().all(is_certain),
        Condition::Any(children) => children.iter().any(is_certain),
        Condition::Not(_) => false,
        Condition::AtLeast(at_least) => {
            let certain = at_least.of.iter().filter(|child| is_certain(child)).count();
            certain >= usize::from(at_least.n)
        }
    }
}

fn always_holds(test: &FactTest) -> bool {
    let known = test.fact.parse::<FactRef>().is_ok_and(|fact| {
        matches!(
            fact.fact(),
            FactId::REQUEST_METHOD
                | FactId::REQUEST_PATH
                | FactId::ROUTE_ID
                | FactId::TOKEN_KIND
                | FactId::APP_ID
                | FactId::APP_PLATFORM
        )
    });
    let anything = match (test.op.as_str(), &test.value) {
        ("exists", None) => true,
        ("matches", Some(Value::Text(pattern))) => {
            ["", "^", "$", ".*", "^.*", ".*$", "^.*$"].contains(&pattern.as_str())
        }
        _ => false,
    };
    known && anything
}
