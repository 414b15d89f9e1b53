//! The policy as an admin writes it: one YAML file, from which device and gateway policy are made.

mod derived;
mod detector;

use std::collections::BTreeMap;

use attest_core::{
    environment::Environment,
    facts::Observation,
    policy::{
        Anchor, App, DetectorEntry, DevicePolicy, GatewayPolicy, Limits, Require, Requirement, Revocation,
        Route, Rule, StepUpIssuer, StepUpKind, TokenKind,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

pub(crate) use self::derived::app_lists;
pub use self::detector::DetectorSource;
use crate::packs::PackUse;

/// A policy source. In an [`Analysis`](crate::Analysis) the detectors, lists and tests of its packs are part of it, after
/// its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicySource {
    /// Rises with every change; gateways and phones never go back.
    pub version: u64,
    /// The environment it is made for.
    pub environment: Environment,
    /// The oldest engine that understands it.
    #[serde(default = "first_engine")]
    pub engine_min: u32,
    /// The public origins of routes that name none.
    #[serde(default)]
    pub origins: Vec<String>,
    /// The apps and their reference values.
    #[serde(default)]
    pub apps: Vec<App>,
    /// Packs of detectors that it takes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub packs: Vec<PackUse>,
    /// What phones look for.
    #[serde(default)]
    pub detectors: Vec<DetectorSource>,
    /// What phones must send.
    #[serde(default)]
    pub requirements: RequirementSource,
    /// What follows from findings and facts; the first rule that fires decides.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// The routes; a request that none matches is refused.
    #[serde(default)]
    pub routes: Vec<Route>,
    /// Bounds.
    #[serde(default)]
    pub limits: Limits,
    /// Lists that rules and detectors name.
    #[serde(default)]
    pub lists: BTreeMap<String, Vec<String>>,
    /// Who may confirm a step-up of kind `user`.
    #[serde(default)]
    pub step_up_issuers: BTreeMap<String, StepUpIssuer>,
    /// Where gateways find the list of revoked attestation keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation: Option<Revocation>,
    /// Trust anchors beside those that ship with a release.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub anchors: Vec<Anchor>,
    /// The public keys (JWK) that sign the attestation service's responses.
    #[serde(default)]
    pub response_keys: Vec<Json>,
    /// When it becomes stale, in Unix seconds: it stays in force with an alarm, and routes with
    /// `when_policy_stale: closed` refuse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
    /// Texts that detectors ask for as `${policy.NAME}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, String>,
    /// Detectors and rules that are off whatever their mode says: the fastest way to undo one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kill_switch: Vec<String>,
    /// Rules that the brake may turn to `shadow` or `off` for at most a day: none that asks for platform evidence, a
    /// binding or a single device, and none that allows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub brake_rules: Vec<String>,
    /// Tests that must pass before the policy is used.
    #[serde(default)]
    pub tests: Vec<TestCase>,
}

const fn first_engine() -> u32 {
    1
}

/// What phones must send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequirementSource {
    /// Derive them from the routes that ask for tokens.
    #[serde(default = "yes")]
    pub from_routes: bool,
    /// Further ones, for example of gateways with another policy.
    #[serde(default)]
    pub extra: Vec<Requirement>,
}

const fn yes() -> bool {
    true
}

impl Default for RequirementSource {
    fn default() -> Self {
        Self {
            from_routes: true,
            extra: Vec::new(),
        }
    }
}

/// One test: of a decision or of a detector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestCase {
    /// What it shows.
    pub name: String,
    /// A request and what is decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecisionTest>,
    /// Observations and what a detector concludes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detector: Option<DetectorTest>,
}

/// A request and what is decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionTest {
    /// The request.
    pub request: TestRequest,
    /// What is known beside the request. Categories and severities follow from `findings.hit` unless stated.
    #[serde(default)]
    pub facts: BTreeMap<String, Observation>,
    /// What is expected.
    pub expect: Expected,
}

/// The request of a test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestRequest {
    /// The HTTP method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The app that calls.
    pub app: String,
    /// The kind of its token; absent: what the route asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenKind>,
    /// The step-up by a user that it carries, by the issuer's name in `step_up_issuers`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_up: Option<String>,
}

/// What a test expects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// The decision.
    pub decision: ExpectedDecision,
    /// The rule that decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The rules in shadow that would have decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<Vec<String>>,
    /// The kind of step-up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_up: Option<StepUpKind>,
}

/// A decision that a test expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExpectedDecision {
    /// Forwarded.
    Allow,
    /// Refused: by a rule, or because no route, app or token fits.
    Deny,
    /// Asked for more.
    StepUp,
}

impl ExpectedDecision {
    /// The word used in a policy.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::StepUp => "step_up",
        }
    }
}

/// Observations and what a detector concludes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DetectorTest {
    /// The detector.
    pub id: String,
    /// Values of `${…}`; the package comes from the first app of the platform, unless stated.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// Lists that stand in for those of the policy, such as `apps.signers`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lists: BTreeMap<String, Vec<String>>,
    /// What probes observed; anything else was not observed.
    #[serde(default)]
    pub facts: BTreeMap<String, Observation>,
    /// What is expected.
    pub expect: ExpectedDetection,
}

/// A conclusion that a test expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExpectedDetection {
    /// It hits.
    Hit,
    /// It does not.
    Clear,
    /// It cannot tell.
    Inconclusive,
}

impl ExpectedDetection {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Clear => "clear",
            Self::Inconclusive => "inconclusive",
        }
    }
}

impl PolicySource {
    /// What phones get.
    #[must_use]
    pub fn device(&self) -> DevicePolicy {
        let mut requirements = self.requirements.extra.clone();
        if self.requirements.from_routes {
            requirements.extend(self.routes.iter().flat_map(|route| self.required_by(route)));
        }
        DevicePolicy {
            version: self.version,
            environment: self.environment,
            engine_min: self.engine_min,
            issued_at: None,
            expires_at: self.expires_at,
            detectors: self.detectors_in_effect().collect(),
            requirements,
            response_keys: self.response_keys.clone(),
            limits: self.limits.into(),
            lists: self
                .lists_named(|name| self.detectors.iter().any(|one| one.when.names_list(name)))
                .into_iter()
                .collect(),
            values: self.values_of_detectors().into_iter().collect(),
        }
    }

    /// What gateways get.
    #[must_use]
    pub fn gateway(&self) -> GatewayPolicy {
        GatewayPolicy {
            version: self.version,
            environment: self.environment,
            engine_min: self.engine_min,
            issued_at: None,
            expires_at: self.expires_at,
            origins: self.origins.clone(),
            apps: self.apps.clone(),
            detectors: self
                .detectors_in_effect()
                .map(|detector| (detector.id.clone(), DetectorEntry::from(&detector)))
                .collect(),
            rules: self.rules_in_effect().collect(),
            routes: self.routes.clone(),
            limits: self.limits,
            lists: self.lists_of_gateways(),
            step_up_issuers: self.step_up_issuers.clone(),
            revocation: self.revocation.clone(),
            anchors: self.anchors.clone(),
            kill_switch: self.kill_switch.clone(),
            brake_rules: self.brake_rules.clone(),
        }
    }

    fn required_by<'a>(&'a self, route: &'a Route) -> impl Iterator<Item = Requirement> + 'a {
        let origins = if route.origins.is_empty() {
            &self.origins
        } else {
            &route.origins
        };
        let asked = route.require != Require::None;
        origins.iter().filter(move |_| asked).map(|origin| Requirement {
            origin: origin.clone(),
            methods: route.methods.clone(),
            path: route.path.clone(),
            token: route.token,
            bind: route.bind.clone(),
            single_use: route.single_use,
        })
    }
}
