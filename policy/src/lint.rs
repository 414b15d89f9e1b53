//! What is allowed but probably not meant, and what only the whole source can tell.
//!
//! Every lint has a code, a place, and its mend in the message. What a lint may cost is bounded by [`MAX_LINT_STEPS`], and
//! no policy within the bounds of its format comes near.

mod conditions;
mod findings;
mod identity;
mod keys;
mod kill_switch;
mod literals;
mod names;
mod patterns;
mod production;
mod routes;
mod rules;
mod untested;
mod unused;
mod walk;

#[cfg(test)]
mod tests;

use crate::{report::Report, source::PolicySource};

/// The most steps of all lints of a policy together: comparisons of two routes, or visits of a clause or a rule's route.
const MAX_LINT_STEPS: u64 = 1_000_000;

pub(crate) fn lint(source: &PolicySource, report: &mut Report) {
    let steps = &mut Steps::default();
    keys::keys(source, report);
    production::production(source, report);
    routes::routes(&source.routes, steps, report);
    unused::unused(source, report);
    names::names(source, report);
    kill_switch::kill_switch(source, report);
    untested::untested(source, report);
    findings::findings(source, report);
    patterns::patterns(source, report);
    conditions::conditions(source, steps, report);
    rules::rules(source, steps, report);
    if steps.are_spent() {
        report.warning(
            "",
            "lint-cut-short",
            "this policy is too intertwined for every lint: rules with fewer routes and clauses are looked at as a whole",
        );
    }
}

/// What lints have cost.
#[derive(Debug, Default)]
struct Steps(u64);

impl Steps {
    fn spend(&mut self, steps: usize) {
        self.0 = self.0.saturating_add(u64::try_from(steps).unwrap_or(u64::MAX));
    }

    const fn are_spent(&self) -> bool {
        self.0 > MAX_LINT_STEPS
    }
}
