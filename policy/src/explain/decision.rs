//! Why a request is decided as it is: which route it meets, what each of its rules finds, which one decides.

use attest_core::policy::{
    CompiledGateway, Decided, Decision, GatewayPolicy, Mode, Outcome, PathPattern, Route, Rule,
};

use super::{
    ExplainError,
    facts::Facts,
    tree::{Clauses, clauses},
};
use crate::{
    run::{Asked, Put, for_everyone, put},
    source::{ExpectedDecision, TestRequest},
};

/// A decision over stated facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionTrace {
    /// Every route of the policy, in its order.
    pub routes: Vec<RouteTrace>,
    /// Why no rule was asked, if none was.
    pub before_rules: Option<&'static str>,
    /// Every rule of the policy, in its order; none if none was asked.
    pub rules: Vec<RuleTrace>,
    /// What is decided.
    pub decision: ExpectedDecision,
    /// Of a step-up: the kind and the issuer.
    pub step_up: Option<(&'static str, Option<String>)>,
    /// The rule that decides; `None` if none fires.
    pub rule: Option<String>,
}

/// How a route fits a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteTrace {
    /// Its id.
    pub id: String,
    /// Its methods.
    pub methods: Vec<String>,
    /// Its path pattern.
    pub path: String,
    /// How it fits.
    pub fit: RouteFit,
}

/// How a route fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteFit {
    /// It answers.
    Chosen,
    /// It matches too; another one is more specific, or as specific and before it.
    Matches,
    /// Its path matches, its methods do not.
    OtherMethod,
    /// Its path does not match.
    OtherPath,
}

impl RouteFit {
    /// The word in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chosen => "chosen",
            Self::Matches => "matches",
            Self::OtherMethod => "other-method",
            Self::OtherPath => "other-path",
        }
    }
}

/// What became of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleTrace {
    /// Its id.
    pub id: String,
    /// Its mode.
    pub mode: Mode,
    /// Its roll-out, for an admin who asks about one device.
    pub rollout_percent: u8,
    /// What follows from it, such as `deny` or `step_up user bank-otp`.
    pub then: String,
    /// Why it exists.
    pub why: String,
    /// What became of it.
    pub effect: Effect,
    /// Its condition; `None` if it was not asked.
    pub clauses: Option<Clauses>,
}

/// What became of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It decides.
    Decides,
    /// It is in shadow and would have decided.
    WouldDecide,
    /// Its condition does not hold.
    DoesNotFire,
    /// Its condition cannot be decided, so it does not fire.
    Undecided,
    /// It holds and asks for a step-up that the request has completed.
    Completed,
    /// It holds, for no device yet: its roll-out is at 0 %.
    NotRolledOut,
    /// A rule before it decided.
    NotAsked,
    /// It is not evaluated on this route.
    Elsewhere,
    /// It is off.
    Off,
}

impl Effect {
    /// The word in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Decides => "decides",
            Self::WouldDecide => "would-decide",
            Self::DoesNotFire => "does-not-fire",
            Self::Undecided => "undecided",
            Self::Completed => "completed",
            Self::NotRolledOut => "not-rolled-out",
            Self::NotAsked => "not-asked",
            Self::Elsewhere => "elsewhere",
            Self::Off => "off",
        }
    }
}

/// What a gateway decides about a request over these facts, and why.
///
/// # Errors
/// [`ExplainError`] if the policy has no such app or issuer, or has errors.
pub fn decision(
    policy: &GatewayPolicy,
    request: &TestRequest,
    facts: &Facts,
) -> Result<DecisionTrace, ExplainError> {
    let compiled = for_everyone(policy).compile().map_err(|_| ExplainError::Broken)?;
    let apps = policy.apps.iter().map(|app| app.id.as_str());
    let app = compiled
        .app(&request.app)
        .ok_or_else(|| ExplainError::unknown("app", &request.app, apps))?;
    if let Some(issuer) = &request.step_up
        && !policy.step_up_issuers.contains_key(issuer)
    {
        let known = policy.step_up_issuers.keys().map(String::as_str);
        return Err(ExplainError::unknown("step-up issuer", issuer, known));
    }
    let mut trace = DecisionTrace {
        routes: routes(&compiled, request),
        before_rules: None,
        rules: Vec::new(),
        decision: ExpectedDecision::Allow,
        step_up: None,
        rule: None,
    };
    match put(request, app, facts.0.clone(), &compiled) {
        Put::Answered(decision, because) => {
            trace.decision = decision;
            trace.before_rules = Some(because);
        }
        Put::Asked(asked) => {
            let decided = asked.decide(&compiled);
            trace.rules = rules(policy, &compiled, &asked, &decided);
            trace.rule = decided.cause.as_ref().map(|cause| cause.rule.to_owned());
            (trace.decision, trace.step_up) = match decided.decision {
                Decision::Allow => (ExpectedDecision::Allow, None),
                Decision::Deny => (ExpectedDecision::Deny, None),
                Decision::StepUp { kind, issuer } => (
                    ExpectedDecision::StepUp,
                    Some((kind.as_str(), issuer.map(str::to_owned))),
                ),
            };
        }
    }
    Ok(trace)
}

fn routes(compiled: &CompiledGateway, request: &TestRequest) -> Vec<RouteTrace> {
    let chosen = compiled.routes().find(&request.method, &request.path);
    let chosen = chosen.map(|route| route.route().id.as_str());
    let fit = |route: &Route| {
        let pattern = route.path.parse::<PathPattern>();
        if chosen == Some(route.id.as_str()) {
            RouteFit::Chosen
        } else if !pattern.is_ok_and(|pattern| pattern.matches(&request.path)) {
            RouteFit::OtherPath
        } else if route.methods.contains(&request.method) {
            RouteFit::Matches
        } else {
            RouteFit::OtherMethod
        }
    };
    let routes = compiled.policy().routes.iter();
    routes
        .map(|route| RouteTrace {
            id: route.id.clone(),
            methods: route.methods.clone(),
            path: route.path.clone(),
            fit: fit(route),
        })
        .collect()
}

fn rules(
    policy: &GatewayPolicy,
    compiled: &CompiledGateway,
    asked: &Asked<'_>,
    decided: &Decided<'_>,
) -> Vec<RuleTrace> {
    let mut over = false;
    let mut traces = Vec::new();
    for (index, rule) in policy.rules.iter().enumerate() {
        let here = asked.route.rules().contains(&index);
        let tree = compiled
            .condition(index)
            .filter(|_| here && !over)
            .map(|matcher| clauses(&rule.when, matcher, asked));
        let effect = match (&tree, rule.mode) {
            (_, Mode::Off) => Effect::Off,
            (None, _) if here => Effect::NotAsked,
            (None, _) => Effect::Elsewhere,
            (Some(tree), _) => effect(rule, tree.outcome, decided),
        };
        over |= effect == Effect::Decides;
        traces.push(RuleTrace {
            id: rule.id.clone(),
            mode: rule.mode,
            rollout_percent: rule.rollout_percent,
            then: then(rule),
            why: rule.why.clone(),
            effect,
            clauses: tree,
        });
    }
    traces
}

/// What a rule that was asked did, by what was decided.
fn effect(rule: &Rule, outcome: Outcome, decided: &Decided<'_>) -> Effect {
    let causes = decided.cause.as_ref().is_some_and(|cause| cause.rule == rule.id);
    let shadows = decided.shadows.iter().any(|shadow| shadow.rule == rule.id);
    match outcome {
        _ if causes => Effect::Decides,
        _ if shadows => Effect::WouldDecide,
        Outcome::False => Effect::DoesNotFire,
        Outcome::Inconclusive => Effect::Undecided,
        Outcome::True if rule.rollout_percent == 0 => Effect::NotRolledOut,
        Outcome::True => Effect::Completed,
    }
}

fn then(rule: &Rule) -> String {
    use attest_core::policy::Action;
    match &rule.then {
        Action::Allow => "allow".to_owned(),
        Action::Deny => "deny".to_owned(),
        Action::StepUp(step_up) => {
            let issuer = step_up.issuer.iter().map(|issuer| format!(" {issuer}"));
            format!("step_up {}{}", step_up.kind.as_str(), issuer.collect::<String>())
        }
    }
}
