//! Routes, and what a phone must send for each: the most specific pattern wins, ties go to the first.
//!
//! A request that no route matches has no route; nothing is guessed.

use serde::{Deserialize, Serialize};

use super::PathPattern;
pub use crate::{device::TokenKind, token::binding::Bind};

/// One route of the gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The id that rules, logs and metrics use.
    pub id: String,
    /// The HTTP methods, in capitals.
    pub methods: Vec<String>,
    /// The path pattern: exact segments, `*` for one, `**` at the end for any rest.
    pub path: String,
    /// The upstream, by its name in the gateway's configuration.
    pub upstream: String,
    /// The public origins under which clients reach it; absent: those of the policy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<String>,
    /// Whether a token is needed.
    pub require: Require,
    /// The apps that may call it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub apps: Vec<String>,
    /// The kind of token.
    #[serde(default)]
    pub token: TokenKind,
    /// What the token must be bound to, beside method and URL.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bind: Vec<Bind>,
    /// Whether a token passes only once.
    #[serde(default)]
    pub single_use: bool,
    /// The rules that are evaluated; absent: all that apply to this route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<Vec<String>>,
    /// The oldest device policy whose findings count here; older tickets are asked to renew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_policy: Option<u64>,
    /// Limits per device.
    #[serde(default, skip_serializing_if = "RouteLimits::is_empty")]
    pub limits: RouteLimits,
    /// What happens while the store cannot be asked.
    #[serde(default)]
    pub when_store_down: WhenStoreDown,
    /// How long a completed user step-up is good for, in seconds.
    #[serde(default = "five_minutes")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 86_400)))]
    pub step_up_valid_s: u64,
    /// What happens once the policy is past its `expires_at`.
    #[serde(default, skip_serializing_if = "WhenPolicyStale::is_open")]
    pub when_policy_stale: WhenPolicyStale,
}

const fn five_minutes() -> u64 {
    300
}

/// Whether a route needs a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Require {
    /// Public: forwarded without a look at tokens.
    None,
    /// A missing or bad token is forwarded, counted and marked.
    Observe,
    /// Nothing passes without a good token.
    Enforce,
}

/// What happens while the store cannot be asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WhenStoreDown {
    /// Refuse, to be tried later.
    #[default]
    Closed,
    /// Go on without what the store would have said.
    Open,
}

/// What happens once the policy is past its `expires_at`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WhenPolicyStale {
    /// The policy stays in force.
    #[default]
    Open,
    /// Refuse, to be tried later: where a decision by old rules is worse than none.
    Closed,
}

impl WhenPolicyStale {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde's skip_serializing_if passes a reference"
    )]
    fn is_open(&self) -> bool {
        *self == Self::Open
    }
}

/// Limits of one route.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RouteLimits {
    /// The most requests of one device in a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 100_000)))]
    pub per_device_per_minute: Option<u32>,
}

impl RouteLimits {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What a phone must send for some requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// The public origin.
    pub origin: String,
    /// The HTTP methods, in capitals.
    pub methods: Vec<String>,
    /// The path pattern.
    pub path: String,
    /// The kind of token.
    #[serde(default)]
    pub token: TokenKind,
    /// What the token must be bound to, beside method and URL.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bind: Vec<Bind>,
    /// Whether a token passes only once.
    #[serde(default)]
    pub single_use: bool,
}

/// A route with its pattern compiled and its rules resolved.
#[derive(Debug, Clone)]
pub struct CompiledRoute {
    route: Route,
    pattern: PathPattern,
    origins: Box<[String]>,
    pub(super) rules: Box<[usize]>,
}

impl CompiledRoute {
    pub(super) fn new(route: Route, pattern: PathPattern, origins: &[String], rules: Vec<usize>) -> Self {
        let origins = if route.origins.is_empty() {
            origins
        } else {
            &route.origins
        };
        Self {
            origins: origins.into(),
            route,
            pattern,
            rules: rules.into(),
        }
    }

    /// The route as written.
    #[must_use]
    pub const fn route(&self) -> &Route {
        &self.route
    }

    /// The public origins: the route's own, else the policy's.
    #[must_use]
    pub fn origins(&self) -> &[String] {
        &self.origins
    }

    /// The rules that are evaluated here, by their positions in the policy; those that are off are not among them.
    #[must_use]
    pub fn rules(&self) -> &[usize] {
        &self.rules
    }

    /// True if the token must be bound so.
    #[must_use]
    pub fn binds(&self, bind: Bind) -> bool {
        self.route.bind.contains(&bind)
    }

    /// True if this app may call the route.
    #[must_use]
    pub fn accepts_app(&self, app: &str) -> bool {
        self.route.apps.iter().any(|accepted| accepted == app)
    }
}

/// The routes of a gateway.
#[derive(Debug, Clone)]
pub struct RouteTable {
    routes: Box<[CompiledRoute]>,
}

impl RouteTable {
    pub(super) fn new(mut routes: Vec<CompiledRoute>) -> Self {
        routes.sort_by_cached_key(|route| route.pattern.rank());
        Self {
            routes: routes.into(),
        }
    }

    /// Asks these rules, by their positions in the policy, on no route.
    pub(super) fn leave_out(&mut self, rule: impl Fn(&usize) -> bool) {
        for route in &mut self.routes {
            route.rules = route.rules.iter().copied().filter(|at| !rule(at)).collect();
        }
    }

    /// The route of a request, `None` if there is none; `path` is the raw path without query.
    #[must_use]
    pub fn find(&self, method: &str, path: &str) -> Option<&CompiledRoute> {
        self.at(self.position(method, path)?)
    }

    /// The position of a request's route, for [`RouteTable::at`]; `None` if there is none.
    #[must_use]
    pub fn position(&self, method: &str, path: &str) -> Option<usize> {
        self.routes.iter().position(|route| {
            route.route.methods.iter().any(|accepted| accepted == method) && route.pattern.matches(path)
        })
    }

    /// The route at a position.
    #[must_use]
    pub fn at(&self, position: usize) -> Option<&CompiledRoute> {
        self.routes.get(position)
    }

    /// The route of an id.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<&CompiledRoute> {
        self.routes.iter().find(|route| route.route.id == id)
    }

    /// The routes, the more specific patterns first.
    pub fn iter(&self) -> impl Iterator<Item = &CompiledRoute> {
        self.routes.iter()
    }
}

/// What a phone must send, by origin, method and path.
#[derive(Debug, Clone, Default)]
pub struct RequirementTable {
    requirements: Box<[(PathPattern, Requirement)]>,
}

impl RequirementTable {
    pub(super) fn new(mut requirements: Vec<(PathPattern, Requirement)>) -> Self {
        requirements.sort_by_cached_key(|(pattern, _)| pattern.rank());
        Self {
            requirements: requirements.into(),
        }
    }

    /// What a request needs, `None` if the policy does not say; `path` is the raw path without query.
    #[must_use]
    pub fn find(&self, origin: &str, method: &str, path: &str) -> Option<&Requirement> {
        self.requirements
            .iter()
            .find(|(pattern, requirement)| {
                requirement.origin == origin
                    && requirement.methods.iter().any(|accepted| accepted == method)
                    && pattern.matches(path)
            })
            .map(|(_, requirement)| requirement)
    }
}
