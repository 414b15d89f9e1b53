//! Finds the route. What no route matches is refused; there is no default route. A route that is closed once the policy is stale
//! refuses here, before anything is spent on the token.

use std::rc::Rc;

use attest_core::policy::{CompiledRoute, WhenPolicyStale};
use attest_core::problem::ProblemCode;
use attest_core::support_code::NameHash;

use super::Core;
use super::core::PolicyInForce;
use super::hygiene::Clean;
use super::step::Step;
use crate::decision_log;
use crate::metrics::RouteMetrics;
use crate::policy::ActivePolicy;
use crate::refusal::Refusal;
use crate::telemetry::notes::Notes;

/// A request and the route that it takes, under one policy for its whole life.
#[derive(Debug)]
pub struct Routed {
    /// The request.
    pub request: Clean,
    /// Its route.
    pub route: RouteHandle,
}

/// A route together with the policy that it is part of.
#[derive(Debug, Clone)]
pub struct RouteHandle {
    policy: Rc<PolicyInForce>,
    index: usize,
}

impl RouteHandle {
    /// The policy.
    #[must_use]
    pub fn policy(&self) -> &ActivePolicy {
        &self.policy
    }

    /// The route; `None` never happens, because routes of a policy do not change.
    #[must_use]
    pub fn route(&self) -> Option<&CompiledRoute> {
        self.policy.compiled().routes().at(self.index)
    }

    /// The route.
    ///
    /// # Errors
    /// A refusal in place of a panic, should the index not be the policy's.
    pub fn get(&self) -> Result<&CompiledRoute, Refusal> {
        self.route()
            .ok_or_else(|| Refusal::new(ProblemCode::RouteUnknown, "route-index"))
    }

    /// What the decision log writes under this policy, made once on each core.
    pub(crate) fn log_plan(&self, make: impl FnOnce() -> decision_log::Plan) -> &decision_log::Plan {
        self.policy.logged.get_or_init(make)
    }

    /// What this core counts of the route.
    #[must_use]
    pub fn metrics(&self) -> Option<&RouteMetrics> {
        self.policy.metrics(self.index)
    }

    /// The route's id as support codes carry it.
    #[must_use]
    pub fn name_hash(&self) -> NameHash {
        self.route()
            .map_or(NameHash::NONE, |route| NameHash::of(&route.route().id))
    }

    /// A refusal on this route.
    #[must_use]
    pub fn refuse(&self, code: ProblemCode, reason: &'static str) -> Refusal {
        Refusal::new(code, reason).on_route(self.name_hash())
    }
}

/// The layer.
#[derive(Debug, Clone)]
pub struct FindRoute {
    core: Rc<Core>,
}

impl FindRoute {
    pub(super) fn new(core: &Rc<Core>) -> Self {
        Self {
            core: Rc::clone(core),
        }
    }
}

impl Step for FindRoute {
    type In = Clean;
    type Out = Routed;

    fn step(&self, request: Clean) -> Result<Routed, Refusal> {
        let policy = self.core.policy();
        let index = policy
            .compiled()
            .routes()
            .position(request.parts.method.as_str(), request.parts.uri.path())
            .ok_or_else(|| Refusal::new(ProblemCode::RouteUnknown, "route-unknown"))?;
        let route = RouteHandle { policy, index };
        Notes::note(&request.parts.extensions, |noted| {
            if let Some(route) = route.route() {
                noted.route = Some(route.route().id.clone());
                noted.pattern = Some(route.route().path.clone());
            }
        });
        if route.get()?.route().when_policy_stale == WhenPolicyStale::Closed
            && route.policy().is_stale(self.core.now_s())
        {
            return Err(route.refuse(ProblemCode::PolicyStale, "policy-stale"));
        }
        Ok(Routed { request, route })
    }
}
