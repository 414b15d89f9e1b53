//! A candidate policy over recorded decisions: who would newly be refused, asked for more or let through, and by which rule.
//!
//! Reads one line at a time and keeps counts, never lines: memory is bounded whatever the log holds. What the log does not
//! tell is counted as undecided, never guessed; a line that cannot be read is counted and named. Phones are not asked again:
//! a change of detectors shows only in what rules make of the findings that were reported.

mod budget;
mod facts;
mod line;
mod privacy;
mod report;
mod settle;
mod sketch;
mod tally;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use attest_core::policy::{Action, GatewayPolicy, Mode, PolicyError};

pub use self::{
    budget::{Budget, BudgetError, Verdict},
    facts::UNKNOWN_DETECTOR,
    line::{Decided, Effect, FORMAT, Facts, Held, Line, LineError, MAX_LINE_BYTES, Sealed, Standing},
    privacy::{DAY_S, Written, asks_more, by_the_day, condition_digest, written},
    report::{BadLine, Change, Example, Group, Report},
    sketch::Count,
};
use self::{
    settle::{By, Candidate, Part},
    tally::{Place, Tallies},
};

/// How a candidate is put to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Every rule that is not off counts, for everybody: shadow is enforced, roll-outs are complete.
    pub if_enforced: bool,
    /// Examples of each change.
    pub examples: usize,
}

/// A replay under way.
#[derive(Debug)]
pub struct Replay {
    candidate: Candidate,
    tallies: Tallies,
    report: Report,
    policies: BTreeSet<u64>,
}

/// Bad lines that are named.
const BAD_LINES_NAMED: usize = 10;
/// Policy versions that are named.
const POLICIES_NAMED: usize = 32;

impl Replay {
    /// A replay of this candidate.
    ///
    /// # Errors
    /// Every problem of the candidate.
    pub fn new(mut candidate: GatewayPolicy, options: Options) -> Result<Self, Vec<PolicyError>> {
        if options.if_enforced {
            for rule in candidate.rules.iter_mut().filter(|rule| rule.mode != Mode::Off) {
                (rule.mode, rule.rollout_percent) = (Mode::Enforce, 100);
            }
        }
        let version = candidate.version;
        Ok(Self {
            candidate: Candidate::new(candidate.compile()?),
            tallies: Tallies::new(options.examples),
            report: Report::new(version, options.if_enforced),
            policies: BTreeSet::new(),
        })
    }

    /// Takes one line of a log. An empty one is nothing.
    pub fn line(&mut self, file: &str, number: u64, text: &[u8]) {
        let text = text.trim_ascii();
        if text.is_empty() {
            return;
        }
        if let Err(error) = self.decision(Place { file, number }, text) {
            self.bad(file, number, &error);
        }
    }

    /// Counts a line that cannot be used.
    pub fn bad(&mut self, file: &str, line: u64, error: &LineError) {
        self.report.bad += 1;
        if self.report.bad_lines.len() < BAD_LINES_NAMED {
            self.report.bad_lines.push(BadLine {
                file: file.to_owned(),
                line,
                code: error.code(),
                message: error.to_string(),
            });
        }
    }

    fn decision(&mut self, place: Place<'_>, text: &[u8]) -> Result<(), LineError> {
        let line = Line::read(text)?;
        let (settled, facts) = self.candidate.settle(&line)?;
        let report = &mut self.report;
        let requests = line.stands_for();
        report.lines += 1;
        report.requests += requests;
        report.from_s = Some(report.from_s.map_or(line.at_s, |from_s| from_s.min(line.at_s)));
        report.to_s = report.to_s.max(Some(line.at_s));
        if self.policies.len() < POLICIES_NAMED {
            self.policies.insert(line.policy);
        }
        let before = line.outcome();
        if before == Decided::Allow {
            report.allowed += requests;
        }
        for part in &settled.parts {
            let change = Change::of(before, part.outcome);
            report.add(change, part.weight * requests, before);
            if change == Change::Same {
                continue;
            }
            let named = match change {
                // Who let it through is nobody in the candidate: the rule that is missing tells more.
                Change::Allowed => line.rule.as_deref().unwrap_or("-").to_owned(),
                Change::Denied
                | Change::SteppedUp
                | Change::Eased
                | Change::Undecided
                | Change::IfEnforced
                | Change::Same => name(&self.candidate, &part.by, &line),
            };
            let shown = || shown(&self.candidate, part, facts.as_ref());
            self.tallies
                .add((change, named), &line, part.weight, place, shown);
        }
        for enforced in &settled.enforced {
            let change = Change::of(before, Some(enforced.outcome));
            if !matches!(change, Change::Denied | Change::SteppedUp) {
                continue;
            }
            let name = name(&self.candidate, &By::Rule(enforced.rule), &line);
            let key = (Change::IfEnforced, name);
            self.tallies.add(key, &line, enforced.weight, place, || None);
        }
        Ok(())
    }

    /// What was found.
    #[must_use]
    pub fn finish(self) -> Report {
        let mut report = self.report;
        report.policies = self.policies.into_iter().collect();
        let rules = &self.candidate.policy.policy().rules;
        for ((change, name), tally) in self.tallies.into_groups() {
            let rule = rules.iter().find(|rule| rule.id == name);
            let group = Group {
                change,
                mode: rule.map(|rule| rule.mode),
                percent: rule.map(|rule| rule.rollout_percent),
                then: rule.map(|rule| match rule.then {
                    Action::Allow => Decided::Allow,
                    Action::Deny => Decided::Deny,
                    Action::StepUp(_) => Decided::StepUp,
                }),
                name,
                lines: tally.lines,
                requests: tally.requests,
                devices: tally.devices.count(),
                apps: tally.apps.largest(),
                versions: tally.versions.largest(),
                missing: tally.missing.largest(),
                examples: tally.examples,
            };
            report.groups.push(group);
        }
        // The largest first.
        report.groups.sort_by(|left, right| {
            let order = left.change.cmp(&right.change);
            order.then(right.requests.total_cmp(&left.requests))
        });
        report
    }
}

fn name(candidate: &Candidate, by: &By, line: &Line<'_, Facts>) -> String {
    match by {
        By::Rule(position) => {
            let rule = candidate.policy.policy().rules.get(*position);
            rule.map_or_else(String::new, |rule| rule.id.clone())
        }
        By::Nobody => "-".to_owned(),
        By::Route(code) => format!("{code} {}", line.route),
    }
}

/// The fact that decides, with its value; or what is missing.
fn shown(candidate: &Candidate, part: &Part, facts: Option<&facts::LoggedFacts>) -> Option<(String, String)> {
    if let Some(missing) = &part.missing {
        return Some((missing.clone(), String::new()));
    }
    let (By::Rule(rule), Some(clause), Some(facts)) = (&part.by, part.clause, facts) else {
        return None;
    };
    let explained = candidate.policy.condition(*rule)?.explain(clause, facts);
    Some((explained.fact.unwrap_or_default(), explained.value))
}
