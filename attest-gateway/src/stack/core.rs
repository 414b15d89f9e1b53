//! What one core owns: prepared ticket keys, its view of the policy, its upstream connections. Not `Send`, so never locked.

use std::cell::RefCell;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

use attest_core::ticket::TicketKeys;

use super::attestations::Attestations;
use crate::assertion::Assertions;
use crate::decisions::Recorder;
use crate::gateway::Gateway;
use crate::metrics::{CoreMetrics, RouteMetrics};
use crate::policy::ActivePolicy;
use crate::upstream::Upstreams;

/// One core's state.
#[derive(Debug)]
pub(crate) struct Core {
    pub(super) gateway: Arc<Gateway>,
    pub(super) tickets: RefCell<TicketKeys>,
    pub(super) upstreams: Upstreams,
    pub(super) attestations: RefCell<Attestations>,
    pub(super) metrics: Arc<CoreMetrics>,
    pub(super) decisions: Recorder,
    pub(super) assertions: RefCell<Assertions>,
    policy: RefCell<Rc<PolicyInForce>>,
}

/// A policy as one core counts its users, so that cores do not fight over one cache line.
#[derive(Debug)]
pub(super) struct PolicyInForce {
    policy: Arc<ActivePolicy>,
    /// By the position of the route.
    routes: Vec<Arc<RouteMetrics>>,
}

impl Deref for PolicyInForce {
    type Target = ActivePolicy;

    fn deref(&self) -> &ActivePolicy {
        &self.policy
    }
}

impl PolicyInForce {
    fn new(policy: &Arc<ActivePolicy>, metrics: &CoreMetrics) -> Rc<Self> {
        Rc::new(Self {
            policy: Arc::clone(policy),
            routes: metrics.routes_of(policy),
        })
    }

    /// The counters of a route.
    pub(super) fn metrics(&self, route: usize) -> Option<&RouteMetrics> {
        self.routes.get(route).map(Arc::as_ref)
    }
}

impl Core {
    pub(super) fn new(gateway: Arc<Gateway>) -> Self {
        let metrics = gateway.metrics.join();
        Self {
            tickets: RefCell::new(gateway.ticket_keys()),
            upstreams: Upstreams::new(&gateway.upstreams),
            attestations: RefCell::new(Attestations::new(
                gateway.issuer_keys.clone(),
                gateway.config.environment,
            )),
            policy: RefCell::new(PolicyInForce::new(&gateway.policies.active(), &metrics)),
            metrics,
            decisions: gateway.decisions.join(),
            assertions: RefCell::default(),
            gateway,
        }
    }

    /// The policy in force.
    pub(super) fn policy(&self) -> Rc<PolicyInForce> {
        let active = self.gateway.policies.active();
        let mut known = self.policy.borrow_mut();
        if !Arc::ptr_eq(&known.policy, &active) {
            *known = PolicyInForce::new(&active, &self.metrics);
        }
        Rc::clone(&known)
    }

    pub(super) fn now_s(&self) -> u64 {
        self.gateway.clock.now_s()
    }
}
