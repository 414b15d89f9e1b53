//! Recent decisions, and what stands behind a support code. Names come from the policy in force.

use attest_core::policy::GatewayPolicy;
use attest_core::support_code::{Cause, NameHash};
use serde::Deserialize;

use super::super::ask::{Ask, Reply};
use super::super::model::{Because, DecisionList, DecisionView, Explanation, ShadowView};
use super::super::problem::{AdminCode, AdminProblem};
use crate::decisions::Decision;
use crate::explain::{Deciding, Names};

type Answer = Result<Reply, AdminProblem>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    limit: Option<usize>,
    route: Option<String>,
    code: Option<String>,
}

impl Wanted {
    fn accepts(&self, decision: &Decision) -> bool {
        let on_route = self
            .route
            .as_deref()
            .is_none_or(|route| match (&decision.route, &decision.cause) {
                (Some(known), _) => known == route,
                (None, Some(cause)) => cause.route == NameHash::of(route),
                (None, None) => false,
            });
        on_route
            && self.code.as_deref().is_none_or(|code| {
                let outcome = decision.outcome;
                outcome.code().map_or(outcome.as_str(), |known| known.as_str()) == code
            })
    }
}

pub(in super::super) fn list(ask: &Ask) -> Answer {
    let wanted: Wanted = ask.query()?;
    let gateway = &ask.shared.gateway;
    let newest = gateway
        .decisions
        .newest(super::limit(wanted.limit)?, |decision| wanted.accepts(decision));
    let active = gateway.policies.active();
    let policy = active.compiled().policy();
    let names = Names::new(Some(policy));
    let decisions = newest
        .into_iter()
        .map(|decision| view(decision, policy, &names))
        .collect();
    Reply::json(&DecisionList { decisions })
}

fn view(decision: Decision, policy: &GatewayPolicy, names: &Names<'_>) -> DecisionView {
    let (app, pseudonym) = decision.party.map(|party| (party.app, party.pseudonym)).unzip();
    let route = decision.route.or_else(|| route(decision.cause.as_ref()?, policy));
    DecisionView {
        at_s: decision.at_s,
        decision: decision.outcome.as_str().to_owned(),
        code: decision.outcome.code().map(|code| code.as_str().to_owned()),
        route,
        app,
        pseudonym,
        because: decision.cause.map(|cause| because(&cause, names)),
        shadows: decision
            .shadows
            .into_iter()
            .map(|(rule, decision)| ShadowView {
                rule,
                decision: decision.to_owned(),
            })
            .collect(),
        support: decision.support.filter(|code| !code.is_empty()),
        policy_version: decision.policy_version,
    }
}

fn route(cause: &Cause, policy: &GatewayPolicy) -> Option<String> {
    let mut routes = policy.routes.iter();
    let route = routes.find(|route| !cause.route.is_none() && NameHash::of(&route.id) == cause.route)?;
    Some(route.id.clone())
}

fn because(cause: &Cause, names: &Names<'_>) -> Because {
    let fact = names.fact(cause.fact);
    let mut because = Because {
        value: names.value(cause.value, fact.as_deref()),
        fact,
        ..Because::default()
    };
    match names.deciding(cause) {
        Deciding::Rule(rule) => {
            because.rule = Some(rule.id.to_owned());
            because.why = Some(rule.why.to_owned());
            (because.clause, because.text) = rule.clause.map(|clause| (clause.path, clause.text)).unzip();
        }
        Deciding::Reason(reason) => because.reason = Some(reason.to_owned()),
        Deciding::Unknown => {}
    }
    because
}

pub(in super::super) fn explain(ask: &Ask) -> Answer {
    let gateway = &ask.shared.gateway;
    let cause = gateway
        .open_support_code(ask.parameter("code"))
        .map_err(|error| AdminProblem::new(AdminCode::NotFound, error.to_string()))?;
    let active = gateway.policies.active();
    let policy = active.compiled().policy();
    Reply::json(&Explanation {
        at_s: cause.at_s.into(),
        code: cause.code.as_str().to_owned(),
        route: route(&cause, policy),
        because: because(&cause, &Names::new(Some(policy))),
        policy_version: cause.policy_version,
        same_version: cause.policy_version == active.version(),
    })
}
