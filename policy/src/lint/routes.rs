//! Routes that are never reached, and those of which another wins where both fit.

use std::collections::BTreeMap;

use attest_core::policy::{PathPattern, Route};

use super::Steps;
use crate::report::Report;

pub(super) fn routes(routes: &[Route], steps: &mut Steps, report: &mut Report) {
    shadowed(routes, report);
    overlapping(routes, steps, report);
}

/// The same method and pattern twice.
fn shadowed(routes: &[Route], report: &mut Report) {
    let mut taken: BTreeMap<(&str, String), &str> = BTreeMap::new();
    for (index, route) in routes.iter().enumerate() {
        let Ok(pattern) = route.path.parse::<PathPattern>() else {
            continue;
        };
        for (at, method) in route.methods.iter().enumerate() {
            match taken.get(&(method.as_str(), pattern.to_string())) {
                Some(first) => report.warning(
                    format_args!("routes[{index}].methods[{at}]"),
                    "route-shadowed",
                    format_args!(
                        "`{method} {pattern}` already goes to route `{first}`, this one is never reached: leave it out"
                    ),
                ),
                None => {
                    taken.insert((method, pattern.to_string()), &route.id);
                }
            }
        }
    }
}

/// Patterns that share paths although neither is the special case of the other.
fn overlapping(routes: &[Route], steps: &mut Steps, report: &mut Report) {
    let patterns: Vec<Option<PathPattern>> = routes.iter().map(|route| route.path.parse().ok()).collect();
    for (index, (route, pattern)) in routes.iter().zip(&patterns).enumerate() {
        let Some(pattern) = pattern else { continue };
        let winner = routes.iter().zip(&patterns).find_map(|(other, winner)| {
            steps.spend(1);
            let winner = winner.as_ref().filter(|winner| winner.precedes(pattern))?;
            let shared = route
                .methods
                .iter()
                .find(|method| other.methods.contains(method))?;
            let path = winner.common(pattern)?;
            let apart = !winner.covers(pattern) && !pattern.covers(winner);
            apart.then_some((&other.id, shared, path))
        });
        if let Some((winner, method, path)) = winner {
            report.warning(
                format_args!("routes[{index}].path"),
                "route-overlap",
                format_args!(
                    "`{method} {path}` fits this route and route `{winner}`, which wins: write a route for what both fit"
                ),
            );
        }
        if steps.are_spent() {
            return;
        }
    }
}
