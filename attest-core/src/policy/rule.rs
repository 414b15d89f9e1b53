//! Rules: the first enforced rule that holds decides; shadow rules are recorded and change nothing.
//!
//! Deciding allocates nothing but for patterns unless a rule's condition holds. A rule fires only on a condition that is true.

use ring::hmac;
use serde::{Deserialize, Serialize};

use super::{Clause, CompiledRoute, Condition, Matcher, Mode, Outcome, Verdict};
use crate::facts::FactSource;
pub use crate::problem::StepUpKind;

/// A named condition and what follows from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The id that explanations name.
    pub id: String,
    /// Whether it counts.
    #[serde(default)]
    pub mode: Mode,
    /// For how many of a hundred devices it counts; the same device always falls on the same side.
    #[serde(default = "everyone")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 100)))]
    pub rollout_percent: u8,
    /// The routes it is evaluated on; absent: every route with `require: enforce`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routes: Option<Vec<String>>,
    /// Why it exists, for the person who meets its decision.
    pub why: String,
    /// When it fires.
    pub when: Condition,
    /// What follows.
    pub then: Action,
}

const fn everyone() -> u8 {
    100
}

/// What follows from a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Forward; later rules are not asked.
    Allow,
    /// Refuse.
    Deny,
    /// Ask for more. Once it is given, this rule no longer decides and later rules are asked.
    StepUp(StepUp),
}

/// What more is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StepUp {
    /// Who gives it.
    pub kind: StepUpKind,
    /// Kind `user`: the issuer, by its name in `step_up_issuers`; absent: any of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
}

/// What the rules decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision<'p> {
    /// Forward.
    Allow,
    /// Ask for more.
    StepUp {
        /// Who gives it.
        kind: StepUpKind,
        /// The issuer, by its name; `None`: any.
        issuer: Option<&'p str>,
    },
    /// Refuse.
    Deny,
}

impl Decision<'_> {
    /// The word used in policy tests, headers and metrics.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::StepUp { .. } => "step_up",
            Self::Deny => "deny",
        }
    }
}

/// Which step-ups this request has completed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Completed<'a> {
    /// It carries a verified proof token.
    pub proof: bool,
    /// It carries a verified step-up of this issuer, by the issuer's name in the policy.
    pub user: Option<&'a str>,
}

impl Completed<'_> {
    fn satisfies(self, step_up: &StepUp) -> bool {
        match step_up.kind {
            StepUpKind::Proof => self.proof,
            StepUpKind::User => match &step_up.issuer {
                None => self.user.is_some(),
                Some(issuer) => self.user == Some(issuer.as_str()),
            },
        }
    }
}

/// Who is asking.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The device's id; decides on which side of a roll-out it falls.
    pub device: &'a [u8],
    /// The fleet's key for roll-outs.
    pub rollout_key: &'a hmac::Key,
    /// What it has already completed.
    pub completed: Completed<'a>,
}

/// A decision and all that is needed to explain it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided<'p> {
    /// The decision.
    pub decision: Decision<'p>,
    /// The rule that decided; `None` if no rule fired.
    pub cause: Option<Cause<'p>>,
    /// What rules in shadow would have decided, in their order.
    pub shadows: Vec<Shadow<'p>>,
    /// Rules whose condition holds and that do not count for this request, in their order.
    pub spared: Vec<Spared<'p>>,
    /// How many enforced rules could not be decided.
    pub inconclusive: u16,
}

/// The rule behind a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause<'p> {
    /// The rule.
    pub rule: &'p str,
    /// Why it exists.
    pub why: &'p str,
    /// The clause that decided, with its fact and value.
    pub clause: Clause,
}

/// What a rule in shadow would have decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shadow<'p> {
    /// The rule.
    pub rule: &'p str,
    /// Its decision.
    pub decision: Decision<'p>,
    /// The clause that would have decided, by its position in preorder.
    pub clause: u16,
}

/// A rule whose condition holds and that does not count for this request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spared<'p> {
    /// The rule.
    pub rule: &'p str,
    /// Its mode: `shadow` or `enforce`.
    pub mode: Mode,
    /// What it would have decided.
    pub decision: Decision<'p>,
    /// The clause that would have decided, by its position in preorder.
    pub clause: u16,
    /// Why it does not count.
    pub because: SparedBy,
}

/// Why a rule does not count for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SparedBy {
    /// The device is outside of the roll-out.
    RollOut,
    /// What it asks for was given.
    StepUp,
}

/// A rule with its condition compiled.
#[derive(Debug, Clone)]
pub(super) struct CompiledRule {
    pub(super) rule: Rule,
    pub(super) matcher: Matcher,
}

impl CompiledRule {
    fn decision(&self) -> Decision<'_> {
        match &self.rule.then {
            Action::Allow => Decision::Allow,
            Action::Deny => Decision::Deny,
            Action::StepUp(StepUp { kind, issuer }) => Decision::StepUp {
                kind: *kind,
                issuer: issuer.as_deref(),
            },
        }
    }

    /// Why it does not count for this subject; `None` if it does.
    fn spares(&self, subject: &Subject<'_>) -> Option<SparedBy> {
        match &self.rule.then {
            Action::StepUp(step_up) if subject.completed.satisfies(step_up) => Some(SparedBy::StepUp),
            Action::StepUp(_) | Action::Allow | Action::Deny => {
                (!rolled_out(&self.rule, subject)).then_some(SparedBy::RollOut)
            }
        }
    }
}

/// HMAC-SHA256(key, rule ‖ 0 ‖ device) mod 10,000 below the percentage: sticky per rule and device.
fn rolled_out(rule: &Rule, subject: &Subject<'_>) -> bool {
    if rule.rollout_percent >= 100 {
        return true;
    }
    let mut context = hmac::Context::with_key(subject.rollout_key);
    context.update(rule.id.as_bytes());
    context.update(&[0]);
    context.update(subject.device);
    let tag = context.sign();
    let head = tag.as_ref().first_chunk::<8>().copied().unwrap_or([u8::MAX; 8]);
    u64::from_be_bytes(head) % 10_000 < u64::from(rule.rollout_percent) * 100
}

/// The decision of `rules`, those of the route in their order; without a rule that fires it is `Allow`.
pub(super) fn decide<'p>(
    rules: &'p [CompiledRule],
    route: &CompiledRoute,
    source: &dyn FactSource,
    subject: &Subject<'_>,
) -> Decided<'p> {
    let mut decided = Decided {
        decision: Decision::Allow,
        cause: None,
        shadows: Vec::new(),
        spared: Vec::new(),
        inconclusive: 0,
    };
    for rule in route.rules.iter().filter_map(|index| rules.get(*index)) {
        let Verdict { outcome, clause } = rule.matcher.verdict(source);
        match (outcome, rule.rule.mode) {
            (Outcome::True, mode @ (Mode::Enforce | Mode::Shadow)) => match (rule.spares(subject), mode) {
                (Some(because), mode) => decided.spared.push(Spared {
                    rule: &rule.rule.id,
                    mode,
                    decision: rule.decision(),
                    clause,
                    because,
                }),
                (None, Mode::Enforce) => {
                    decided.decision = rule.decision();
                    decided.cause = Some(Cause {
                        rule: &rule.rule.id,
                        why: &rule.rule.why,
                        clause: rule.matcher.explain(clause, source),
                    });
                    break;
                }
                (None, Mode::Shadow | Mode::Off) => decided.shadows.push(Shadow {
                    rule: &rule.rule.id,
                    decision: rule.decision(),
                    clause,
                }),
            },
            (Outcome::Inconclusive, Mode::Enforce) => {
                decided.inconclusive = decided.inconclusive.saturating_add(1);
            }
            (
                Outcome::True | Outcome::False | Outcome::Inconclusive,
                Mode::Off | Mode::Shadow | Mode::Enforce,
            ) => {}
        }
    }
    decided
}
