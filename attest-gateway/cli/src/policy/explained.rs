//! Explanations in print: a tree with marks in at most 100 columns, or JSON. It decides nothing.

use attest_core::policy::{Mode, Outcome};
use attest_policy::TestRequest;
use attest_policy::explain::{
    Clauses, DecisionTrace, DetectorTrace, Effect, RouteFit, RuleTrace, outcome_word,
};
use serde_json::{Value, json};

use super::input::count;
use crate::out::printable;

const COLUMNS: usize = 100;

/// Lines that never get longer than the page.
#[derive(Default)]
struct Page(String);

impl Page {
    fn line(&mut self, indent: usize, text: &str) {
        let text = printable(text).replace('\n', " ");
        let room = COLUMNS.saturating_sub(indent);
        let long = text.chars().count() > room;
        let shown: String = if long {
            text.chars().take(room - 1).chain(['…']).collect()
        } else {
            text
        };
        self.0.push_str(&" ".repeat(indent));
        self.0.push_str(&shown);
        self.0.push('\n');
    }

    fn heading(&mut self, text: &str) {
        self.0.push('\n');
        self.line(0, text);
    }

    /// A clause and those within it.
    fn clauses(&mut self, clauses: &Clauses, indent: usize) {
        let mark = mark(clauses.outcome);
        let decides = if clauses.decides { "   <- decides" } else { "" };
        let found = match &clauses.found {
            Some((fact, value)) => {
                let said = ["absent", "not observed", "a variable has no value here"];
                let found = if said.contains(&value.as_str()) || value.starts_with("error ") {
                    value.clone()
                } else {
                    format!("found {value}")
                };
                // A variable in its parameter was filled in.
                let filled = !clauses.text.starts_with(fact.as_str());
                if filled {
                    format!(": {fact}: {found}")
                } else {
                    format!(": {found}")
                }
            }
            None => String::new(),
        };
        let whole = format!("{mark} {}{found}{decides}", clauses.text);
        let fits = indent + whole.chars().count() <= COLUMNS;
        if fits || found.is_empty() {
            self.line(indent, &whole);
        } else {
            self.line(indent, &format!("{mark} {}", clauses.text));
            let found = found.trim_start_matches(": ");
            let room = COLUMNS.saturating_sub(indent + 4 + decides.len());
            let found: String = found.chars().take(room).collect();
            self.line(indent + 4, &format!("{found}{decides}"));
        }
        for inner in &clauses.within {
            self.clauses(inner, indent + 2);
        }
    }
}

const fn mark(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::True => "✓",
        Outcome::False => "✗",
        Outcome::Inconclusive => "?",
    }
}

/// A decision for people.
pub(super) fn decision_text(request: &TestRequest, version: u64, trace: &DecisionTrace) -> String {
    let mut page = Page::default();
    let TestRequest {
        method,
        path,
        app,
        token,
        step_up,
    } = request;
    let token = token
        .map(|token| format!(", {} token", token.as_str()))
        .unwrap_or_default();
    let step_up = step_up
        .iter()
        .map(|issuer| format!(", confirmed by {issuer}"))
        .collect::<String>();
    page.line(
        0,
        &format!("{method} {path} by {app}{token}{step_up}; policy version {version}"),
    );
    page.heading("Route");
    let mut elsewhere = 0;
    for route in &trace.routes {
        let (mark, why) = match route.fit {
            RouteFit::Chosen => ("✓", "answers"),
            RouteFit::Matches => (
                "✗",
                "matches too; the one that answers is more specific or before it",
            ),
            RouteFit::OtherMethod => ("✗", "its path matches, not its methods"),
            RouteFit::OtherPath => {
                elsewhere += 1;
                continue;
            }
        };
        let methods = route.methods.join("|");
        page.line(
            2,
            &format!("{mark} {}: {methods} {}: {why}", route.id, route.path),
        );
    }
    if elsewhere > 0 {
        page.line(2, &format!("✗ {} with another path", count(elsewhere, "route")));
    }
    if let Some(because) = trace.before_rules {
        page.heading("Rules");
        page.line(2, &format!("none is asked: {because}"));
    } else if !trace.rules.is_empty() {
        page.heading("Rules");
        for rule in &trace.rules {
            rule_text(rule, trace.rule.as_deref(), &mut page);
        }
    }
    let by = trace
        .rule
        .as_ref()
        .map(|rule| format!(", by rule {rule}"))
        .unwrap_or_default();
    page.heading(&format!("Decision: {}{by}", decided(trace)));
    if let Some(rule) = trace.rules.iter().find(|rule| rule.effect == Effect::Decides) {
        page.line(2, &rule.why);
    }
    for rule in trace
        .rules
        .iter()
        .filter(|rule| rule.effect == Effect::WouldDecide)
    {
        page.line(0, &format!("In shadow: {} would {}", rule.id, rule.then));
    }
    page.0
}

fn decided(trace: &DecisionTrace) -> String {
    let kind = match &trace.step_up {
        Some((kind, Some(issuer))) => format!(" {kind}, {issuer}"),
        Some((kind, None)) => format!(" {kind}"),
        None => String::new(),
    };
    format!("{}{kind}", trace.decision.as_str())
}

fn rule_text(rule: &RuleTrace, decided_by: Option<&str>, page: &mut Page) {
    let outcome = rule.clauses.as_ref().map(|clauses| clauses.outcome);
    let mark = outcome.map_or("-", mark);
    let rollout = match (rule.mode, rule.rollout_percent) {
        (Mode::Off, _) | (_, 100..) => String::new(),
        (Mode::Shadow | Mode::Enforce, percent) => format!(" for {percent} % of devices"),
    };
    let effect = match rule.effect {
        Effect::Decides => "decides".to_owned(),
        Effect::WouldDecide => "would decide".to_owned(),
        Effect::DoesNotFire => "does not fire".to_owned(),
        Effect::Undecided => "cannot be decided, so it does not fire".to_owned(),
        Effect::Completed => "holds, and what it asks for was given".to_owned(),
        Effect::NotRolledOut => "holds, for no device yet".to_owned(),
        Effect::NotAsked => format!("not asked, {} decided", decided_by.unwrap_or("another")),
        Effect::Elsewhere => "not evaluated on this route".to_owned(),
        Effect::Off => "off".to_owned(),
    };
    let mode = rule.mode.as_str();
    page.line(
        2,
        &format!("{mark} {} ({mode}{rollout} -> {}): {effect}", rule.id, rule.then),
    );
    if let Some(clauses) = &rule.clauses {
        page.clauses(clauses, 6);
    }
}

/// A decision for machines.
pub(super) fn decision_json(request: &TestRequest, trace: &DecisionTrace) -> Value {
    let routes: Vec<_> = trace
        .routes
        .iter()
        .map(|route| {
            json!({
                "id": route.id, "methods": route.methods, "path": route.path, "fit": route.fit.as_str(),
            })
        })
        .collect();
    let rules: Vec<_> = trace
        .rules
        .iter()
        .map(|rule| {
            json!({
                "id": rule.id,
                "mode": rule.mode.as_str(),
                "rollout_percent": rule.rollout_percent,
                "then": rule.then,
                "effect": rule.effect.as_str(),
                "why": rule.why,
                "clauses": rule.clauses.as_ref().map(clauses_json),
            })
        })
        .collect();
    let step_up = trace.step_up.as_ref();
    json!({
        "request": request,
        "routes": routes,
        "before_rules": trace.before_rules,
        "rules": rules,
        "decision": trace.decision.as_str(),
        "step_up": step_up.map(|(kind, issuer)| json!({ "kind": kind, "issuer": issuer })),
        "rule": trace.rule,
    })
}

fn clauses_json(clauses: &Clauses) -> Value {
    let within: Vec<_> = clauses.within.iter().map(clauses_json).collect();
    json!({
        "path": clauses.path,
        "clause": clauses.text,
        "outcome": outcome_word(clauses.outcome),
        "fact": clauses.found.as_ref().map(|(fact, _)| fact),
        "value": clauses.found.as_ref().map(|(_, value)| value),
        "decides": clauses.decides,
        "within": within,
    })
}

/// A detector for people.
pub(super) fn detector_text(trace: &DetectorTrace) -> String {
    let mut page = Page::default();
    let (category, severity) = (trace.category.as_str(), trace.severity.as_str());
    page.line(
        0,
        &format!(
            "detector {} ({}): {category}, {severity}",
            trace.id,
            trace.mode.as_str()
        ),
    );
    page.line(2, &trace.why);
    page.heading("Condition");
    match &trace.clauses {
        Some(clauses) => page.clauses(clauses, 2),
        None => page.line(2, "this engine does not understand it"),
    }
    page.heading(&format!("Conclusion: {}", trace.detection.as_str()));
    page.0
}

/// A detector for machines.
pub(super) fn detector_json(trace: &DetectorTrace) -> Value {
    json!({
        "detector": trace.id,
        "mode": trace.mode.as_str(),
        "category": trace.category.as_str(),
        "severity": trace.severity.as_str(),
        "why": trace.why,
        "detection": trace.detection.as_str(),
        "clauses": trace.clauses.as_ref().map(clauses_json),
    })
}
