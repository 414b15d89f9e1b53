//! What a candidate would make of one logged request: shares of certainty, because a roll-out may include its device or not,
//! and because the log may not tell.

use std::collections::BTreeMap;

use attest_core::{
    facts::{FactId, FactRef, Value},
    policy::{
        Action, CompiledGateway, CompiledRoute, Condition, Matcher, Mode, Outcome, Require, Rule, StepUp,
        StepUpKind, TokenKind,
    },
};

use super::{
    facts::LoggedFacts,
    line::{Decided, Effect, Facts, Line, LineError, Standing},
    privacy::condition_digest,
};

/// Combinations of seconds that are tried for facts told by the day.
const MAX_TRIES: usize = 256;

/// What would decide.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum By {
    /// A rule, by its position in the candidate.
    Rule(usize),
    /// No rule.
    Nobody,
    /// What the route requires.
    Route(&'static str),
}

/// A part of what would become of a request.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    /// The outcome, `None` if the log does not tell.
    pub(super) outcome: Option<Decided>,
    pub(super) by: By,
    /// The clause that decides.
    pub(super) clause: Option<u16>,
    /// What is missing.
    pub(super) missing: Option<String>,
    /// How much of the request.
    pub(super) weight: f64,
}

/// A rule that holds and would act, were it enforced for everybody.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Enforced {
    pub(super) rule: usize,
    pub(super) outcome: Decided,
    pub(super) clause: Option<u16>,
    pub(super) weight: f64,
}

/// All that would become of a request; the weights of the parts add up to one.
#[derive(Debug, Default)]
pub(super) struct Settled {
    pub(super) parts: Vec<Part>,
    pub(super) enforced: Vec<Enforced>,
}

/// A candidate, prepared.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) policy: CompiledGateway,
    /// By rule: the digest of its condition, and the numbers that it compares ages with.
    rules: Vec<(String, BTreeMap<FactId, Vec<i64>>)>,
}

/// What a condition is found to be.
enum Holds {
    Yes(Option<u16>),
    No,
    Unknown(String),
}

impl Candidate {
    pub(super) fn new(policy: CompiledGateway) -> Self {
        let rules = policy.policy().rules.iter().map(|rule| {
            let mut numbers = BTreeMap::new();
            collect_numbers(&rule.when, &mut numbers);
            (condition_digest(policy.policy(), rule), numbers)
        });
        Self {
            rules: rules.collect(),
            policy,
        }
    }

    /// What becomes of the request of a line.
    pub(super) fn settle(&self, line: &Line<'_, Facts>) -> Result<(Settled, Option<LoggedFacts>), LineError> {
        let Some(route) = self.policy.routes().by_id(&line.route) else {
            return Ok((Settled::unknown(By::Route("route-gone"), "the route"), None));
        };
        let written = route.route();
        if !written.methods.iter().any(|method| *method == line.method) {
            return Ok((Settled::unknown(By::Route("route-method"), "the route"), None));
        }
        let enforced = written.require == Require::Enforce;
        let settled = match line.standing {
            Standing::Public if enforced => {
                Settled::unknown(By::Route("require-enforce"), "whether there was a token")
            }
            Standing::Unattested if enforced => Settled::certain(Decided::Deny, By::Route("require-enforce")),
            Standing::Public | Standing::Unattested => Settled::certain(Decided::Allow, By::Nobody),
            Standing::Attested => {
                let facts = LoggedFacts::new(line, self.policy.policy())?;
                let mut settled = self.attested(line, route, &facts);
                if !enforced {
                    settled.pass();
                }
                return Ok((settled, Some(facts)));
            }
        };
        Ok((settled, None))
    }

    fn attested(&self, line: &Line<'_, Facts>, route: &CompiledRoute, facts: &LoggedFacts) -> Settled {
        let written = route.route();
        if written.require == Require::None {
            return Settled::certain(Decided::Allow, By::Nobody);
        }
        if !line.app.as_deref().is_some_and(|app| route.accepts_app(app)) {
            return Settled::certain(Decided::Deny, By::Route("app-refused"));
        }
        let proof = line.facts.get("token.kind").and_then(|kind| kind.as_str()) == Some("proof");
        if written.token == TokenKind::Proof && !proof {
            return Settled::certain(Decided::StepUp, By::Route("proof-token"));
        }
        let mut settled = Settled::default();
        let asking = Asking {
            candidate: self,
            line,
            facts,
            proof,
        };
        asking.walk(
            route.rules(),
            1.0,
            Some(&mut settled.enforced),
            &mut settled.parts,
        );
        settled
    }
}

impl Settled {
    fn certain(outcome: Decided, by: By) -> Self {
        let part = Part {
            outcome: Some(outcome),
            by,
            clause: None,
            missing: None,
            weight: 1.0,
        };
        Self {
            parts: vec![part],
            enforced: Vec::new(),
        }
    }

    fn unknown(by: By, missing: &str) -> Self {
        let part = Part {
            outcome: None,
            by,
            clause: None,
            missing: Some(missing.to_owned()),
            weight: 1.0,
        };
        Self {
            parts: vec![part],
            enforced: Vec::new(),
        }
    }

    /// The route only observes: whatever is decided, the request passes.
    fn pass(&mut self) {
        *self = Self::certain(Decided::Allow, By::Nobody);
    }
}

/// One line under one candidate.
struct Asking<'a> {
    candidate: &'a Candidate,
    line: &'a Line<'a, Facts>,
    facts: &'a LoggedFacts,
    proof: bool,
}

impl Asking<'_> {
    /// Goes through these rules in their order and adds the parts of `weight` that each decides.
    fn walk(
        &self,
        rules: &[usize],
        weight: f64,
        mut enforced: Option<&mut Vec<Enforced>>,
        parts: &mut Vec<Part>,
    ) {
        let mut left = weight;
        for (at, position) in rules.iter().enumerate() {
            let policy = self.candidate.policy.policy();
            let (Some(rule), Some(matcher)) = (
                policy.rules.get(*position),
                self.candidate.policy.condition(*position),
            ) else {
                continue;
            };
            if self.is_done(rule) {
                continue;
            }
            let outcome = outcome_of(&rule.then);
            let by = By::Rule(*position);
            match self.holds(*position, rule, matcher) {
                Holds::No => {}
                Holds::Yes(clause) => {
                    if let Some(enforced) = enforced.as_mut() {
                        enforced.push(Enforced {
                            rule: *position,
                            outcome,
                            clause,
                            weight: left,
                        });
                    }
                    if rule.mode == Mode::Enforce {
                        let share = left * self.rolled_out(rule);
                        if share > 0.0 {
                            parts.push(Part {
                                outcome: Some(outcome),
                                by,
                                clause,
                                missing: None,
                                weight: share,
                            });
                        }
                        left -= share;
                        if left <= f64::EPSILON {
                            return;
                        }
                    }
                }
                Holds::Unknown(missing) if rule.mode == Mode::Enforce => {
                    // Whatever it does is the same if all that follows comes to its decision.
                    let mut rest = Vec::new();
                    let following = rules.get(at + 1..).unwrap_or_default();
                    self.walk(following, left, None, &mut rest);
                    if rest.iter().all(|part| part.outcome == Some(outcome)) {
                        parts.append(&mut rest);
                    } else {
                        parts.push(Part {
                            outcome: None,
                            by,
                            clause: None,
                            missing: Some(missing),
                            weight: left,
                        });
                    }
                    return;
                }
                Holds::Unknown(_) => {}
            }
        }
        parts.push(Part {
            outcome: Some(Decided::Allow),
            by: By::Nobody,
            clause: None,
            missing: None,
            weight: left,
        });
    }

    /// True if what the rule asks for was given.
    fn is_done(&self, rule: &Rule) -> bool {
        match &rule.then {
            Action::Allow | Action::Deny => false,
            Action::StepUp(StepUp {
                kind: StepUpKind::Proof,
                ..
            }) => self.proof,
            Action::StepUp(StepUp {
                kind: StepUpKind::User,
                issuer,
            }) => {
                let by = self.line.step_up_issuer.as_deref();
                issuer
                    .as_deref()
                    .map_or(by.is_some(), |issuer| by == Some(issuer))
            }
        }
    }

    /// How likely it is that the device is inside the roll-out. A device stays on its side as a share grows.
    fn rolled_out(&self, rule: &Rule) -> f64 {
        let to = f64::from(rule.rollout_percent.min(100)) / 100.0;
        let before = self
            .line
            .held
            .iter()
            .find(|held| held.rule == rule.id && held.effect != Effect::StepUpDone);
        let Some(before) = before else { return to };
        let from = f64::from(before.percent.unwrap_or(100).min(100)) / 100.0;
        match before.effect {
            Effect::RolloutOutside if to <= from => 0.0,
            Effect::RolloutOutside => (to - from) / (1.0 - from),
            Effect::Decided | Effect::Shadow if to >= from => 1.0,
            Effect::Decided | Effect::Shadow => to / from,
            Effect::StepUpDone => to,
        }
    }

    fn holds(&self, position: usize, rule: &Rule, matcher: &Matcher) -> Holds {
        let found = self.tried(position, matcher);
        let Holds::Unknown(missing) = found else {
            return found;
        };
        // The gateway knew what is not in the log; if the condition is the same, so is what it found.
        let when = self
            .candidate
            .rules
            .get(position)
            .map(|(digest, _)| digest.as_str());
        let sealed = self.line.sealed.iter().find(|sealed| Some(&*sealed.when) == when);
        match sealed {
            Some(sealed) if sealed.held => {
                let held = self.line.held.iter().find(|held| held.rule == rule.id);
                Holds::Yes(held.map(|held| held.clause))
            }
            Some(_) => Holds::No,
            None => Holds::Unknown(missing),
        }
    }

    /// Whether the condition holds, whichever second the facts that are told by the day had.
    fn tried(&self, position: usize, matcher: &Matcher) -> Holds {
        let asked = |fact: FactId| matcher.facts().any(|question| question.fact() == fact);
        let aged: Vec<_> = self.facts.aged().iter().filter(|aged| asked(aged.fact)).collect();
        let numbers = self.candidate.rules.get(position).map(|(_, numbers)| numbers);
        let mut tries: Vec<Vec<i64>> = vec![Vec::new()];
        for aged in &aged {
            let compared = numbers
                .and_then(|numbers| numbers.get(&aged.fact))
                .into_iter()
                .flatten();
            let within =
                compared.flat_map(|number| [number.saturating_sub(1), *number, number.saturating_add(1)]);
            let mut seconds: Vec<i64> = within
                .filter(|second| (aged.from..=aged.to).contains(second))
                .collect();
            seconds.extend([aged.from, aged.to]);
            seconds.sort_unstable();
            seconds.dedup();
            if tries.len().saturating_mul(seconds.len()) > MAX_TRIES {
                return Holds::Unknown(aged.fact.name().to_owned());
            }
            tries = tries
                .iter()
                .flat_map(|one| seconds.iter().map(|second| [one.as_slice(), &[*second]].concat()))
                .collect();
        }
        let mut agreed = None;
        for seconds in tries {
            for (aged, second) in aged.iter().zip(seconds) {
                aged.try_second(second);
            }
            self.facts.take_missing();
            let verdict = matcher.verdict(self.facts);
            let missing = self.facts.take_missing();
            if verdict.outcome == Outcome::Inconclusive
                && let Some(missing) = missing
            {
                return Holds::Unknown(missing.to_string());
            }
            let fires = verdict.outcome == Outcome::True;
            match agreed {
                Some((before, _)) if before != fires => {
                    let names = aged.iter().map(|aged| aged.fact.name());
                    return Holds::Unknown(names.collect::<Vec<_>>().join(", "));
                }
                Some(_) => {}
                None => agreed = Some((fires, verdict.clause)),
            }
        }
        match agreed {
            Some((true, clause)) => Holds::Yes(Some(clause)),
            Some((false, _)) | None => Holds::No,
        }
    }
}

const fn outcome_of(action: &Action) -> Decided {
    match action {
        Action::Allow => Decided::Allow,
        Action::Deny => Decided::Deny,
        Action::StepUp(_) => Decided::StepUp,
    }
}

/// The numbers that a condition compares each fact with.
fn collect_numbers(condition: &Condition, numbers: &mut BTreeMap<FactId, Vec<i64>>) {
    match condition {
        Condition::Fact(test) => {
            let Ok(fact) = test.fact.parse::<FactRef>() else {
                return;
            };
            let into = numbers.entry(fact.fact()).or_default();
            match &test.value {
                Some(Value::Integer(number)) => into.push(*number),
                Some(Value::List(items)) => {
                    into.extend(items.iter().filter_map(|item| item.parse::<i64>().ok()))
                }
                Some(Value::Text(_) | Value::Boolean(_) | Value::Rows(_)) | None => {}
            }
        }
        Condition::All(children) | Condition::Any(children) => {
            for child in children {
                collect_numbers(child, numbers);
            }
        }
        Condition::Not(child) => collect_numbers(child, numbers),
        Condition::AtLeast(at_least) => {
            for child in &at_least.of {
                collect_numbers(child, numbers);
            }
        }
    }
}
