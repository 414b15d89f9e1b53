//! Makes the lines.

use std::borrow::Cow;

use attest_core::policy::{CompiledRoute, Decision, GatewayPolicy, Mode, SparedBy};
use attest_core::problem::ProblemCode;
use attest_policy::replay::{Decided, Effect, FORMAT, Held, Line, Sealed, Standing};
use serde::Serialize;

use super::facts::{Facts, Nothing};
use super::{Attested, Plan};

/// When, and for how many.
#[derive(Clone, Copy)]
pub(super) struct At {
    pub(super) now_s: u64,
    pub(super) share: f64,
}

/// What rules decided about a request that a token vouches for.
pub(super) fn attested(
    noted: &Attested<'_, '_>,
    route: &CompiledRoute,
    plan: &Plan,
    at: At,
    device: Option<&String>,
) -> Option<Vec<u8>> {
    let policy = noted.route.policy().compiled().policy();
    let result = noted.token.token().result();
    let cause = noted.decided.cause.as_ref();
    let held = held(noted, policy);
    let facts = Facts {
        plan,
        source: noted.facts,
        token: noted.token,
        policy,
    };
    text(&Line {
        rule: cause.map(|cause| Cow::Borrowed(cause.rule)),
        clause: cause.map(|cause| cause.clause.ordinal),
        decision: word(noted.decided.decision),
        sealed: sealed(noted, route, plan, policy, &held),
        held,
        inconclusive: noted.decided.inconclusive,
        app: Some(Cow::Borrowed(&result.app)),
        app_version: is_version(&result.app_version).then_some(Cow::Borrowed(&result.app_version)),
        device: device.map(|tag| Cow::Borrowed(tag.as_str())),
        step_up_issuer: noted.user.map(Cow::Borrowed),
        by_the_day: facts.by_the_day().map(Cow::Borrowed).collect(),
        withheld: plan.withheld.iter().copied().map(Cow::Borrowed).collect(),
        ..bare(route, noted.method, policy.version, at, Standing::Attested, facts)
    })
}

/// That nothing was decided, because nothing vouched for the request.
pub(super) fn undecided(
    route: &CompiledRoute,
    method: &str,
    code: Option<ProblemCode>,
    policy: u64,
    at: At,
) -> Option<Vec<u8>> {
    let standing = if code.is_some() {
        Standing::Unattested
    } else {
        Standing::Public
    };
    text(&Line {
        code: code.map(|code| Cow::Borrowed(code.as_str())),
        ..bare(route, method, policy, at, standing, Nothing)
    })
}

fn bare<'a, F>(
    route: &'a CompiledRoute,
    method: &'a str,
    policy: u64,
    at: At,
    standing: Standing,
    facts: F,
) -> Line<'a, F> {
    Line {
        v: FORMAT,
        at_s: at.now_s,
        policy,
        route: Cow::Borrowed(&route.route().id),
        method: Cow::Borrowed(method),
        require: route.route().require,
        standing,
        decision: Decided::None,
        share: at.share,
        code: None,
        rule: None,
        clause: None,
        held: Vec::new(),
        sealed: Vec::new(),
        inconclusive: 0,
        app: None,
        app_version: None,
        device: None,
        step_up_issuer: None,
        facts,
        by_the_day: Vec::new(),
        withheld: Vec::new(),
    }
}

/// The line as it is written, with its end.
fn text<F: Serialize>(line: &Line<'_, F>) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(1_024);
    serde_json::to_writer(&mut text, line).ok()?;
    text.push(b'\n');
    Some(text)
}

/// The rules whose condition held, in the policy's order.
fn held<'a>(noted: &Attested<'_, 'a>, policy: &GatewayPolicy) -> Vec<Held<'a>> {
    let one = |rule: &'a str, mode, decision, clause, effect| Held {
        rule: Cow::Borrowed(rule),
        mode,
        decision: word(decision),
        clause,
        effect,
        percent: None,
    };
    let decided = noted.decided;
    let shadows = decided.shadows.iter().map(|shadow| {
        one(
            shadow.rule,
            Mode::Shadow,
            shadow.decision,
            shadow.clause,
            Effect::Shadow,
        )
    });
    let spared = decided.spared.iter().map(|spared| {
        let effect = match spared.because {
            SparedBy::RollOut => Effect::RolloutOutside,
            SparedBy::StepUp => Effect::StepUpDone,
        };
        one(spared.rule, spared.mode, spared.decision, spared.clause, effect)
    });
    let cause = decided.cause.iter().map(|cause| {
        one(
            cause.rule,
            Mode::Enforce,
            decided.decision,
            cause.clause.ordinal,
            Effect::Decided,
        )
    });
    let mut held: Vec<_> = shadows.chain(spared).chain(cause).collect();
    let position = |held: &Held<'_>| policy.rules.iter().position(|rule| rule.id == held.rule);
    held.sort_by_key(position);
    for held in &mut held {
        let percent = position(held)
            .and_then(|at| policy.rules.get(at))
            .map(|rule| rule.rollout_percent);
        held.percent = percent.filter(|percent| *percent < 100);
    }
    held
}

/// What became of the rules that ask for what is not in the log, as far as rules were asked.
fn sealed<'a>(
    noted: &Attested<'_, '_>,
    route: &CompiledRoute,
    plan: &'a Plan,
    policy: &'a GatewayPolicy,
    held: &[Held<'_>],
) -> Vec<Sealed<'a>> {
    if plan.sealed.iter().all(Option::is_none) {
        return Vec::new();
    }
    let decided_by = noted.decided.cause.as_ref().map(|cause| cause.rule);
    let rules = route
        .rules()
        .iter()
        .filter_map(|position| Some((policy.rules.get(*position)?, plan.sealed.get(*position)?)));
    let mut sealed = Vec::new();
    for (rule, digest) in rules {
        if let Some(when) = digest {
            sealed.push(Sealed {
                rule: Cow::Borrowed(&rule.id),
                when: Cow::Borrowed(when),
                held: held.iter().any(|held| held.rule == rule.id),
            });
        }
        if decided_by == Some(rule.id.as_str()) {
            break;
        }
    }
    sealed
}

const fn word(decision: Decision<'_>) -> Decided {
    match decision {
        Decision::Allow => Decided::Allow,
        Decision::StepUp { .. } => Decided::StepUp,
        Decision::Deny => Decided::Deny,
    }
}

/// True if a text that a phone chose can be nothing but a version.
fn is_version(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-+_".contains(&byte);
    text.len() <= 32 && text.bytes().all(plain) && text.starts_with(|first: char| first.is_ascii_digit())
}
