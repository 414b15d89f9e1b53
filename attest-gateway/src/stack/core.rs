//! What one core owns: its view of settings, keys and policy, prepared ticket keys, its upstream connections. Not `Send`, so never
//! locked.

use std::cell::{OnceCell, RefCell};
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

use attest_core::ticket::TicketKeys;

use super::attestations::Attestations;
use super::suspects::Suspects;
use crate::assertion::Assertions;
use crate::decision_log;
use crate::decisions::Recorder;
use crate::gateway::Gateway;
use crate::live::Live;
use crate::metrics::{CoreMetrics, RouteMetrics};
use crate::policy::ActivePolicy;
use crate::upstream::Upstreams;

/// One core's state.
#[derive(Debug)]
pub(crate) struct Core {
    pub(super) gateway: Arc<Gateway>,
    pub(super) upstreams: Upstreams,
    /// Where the attestation service is: a setting that waits for a restart.
    pub(super) base_path: String,
    live: RefCell<Rc<LiveOnCore>>,
    pub(super) metrics: Arc<CoreMetrics>,
    pub(super) decisions: Recorder,
    pub(super) decision_log: Option<decision_log::Recorder>,
    pub(super) suspects: Suspects,
    policy: RefCell<Rc<PolicyInForce>>,
}

/// Settings and keys in force, and what this core has prepared from them.
#[derive(Debug)]
pub(super) struct LiveOnCore {
    shared: Arc<Live>,
    pub(super) tickets: RefCell<TicketKeys>,
    pub(super) attestations: RefCell<Attestations>,
    pub(super) assertions: RefCell<Assertions>,
}

impl LiveOnCore {
    fn new(shared: Arc<Live>) -> Self {
        Self {
            tickets: RefCell::new(shared.ticket_keys()),
            attestations: RefCell::new(Attestations::new(
                shared.keys.attestation_jwks(),
                shared.config.environment,
            )),
            assertions: RefCell::default(),
            shared,
        }
    }
}

impl Deref for LiveOnCore {
    type Target = Live;

    fn deref(&self) -> &Live {
        &self.shared
    }
}

/// A policy as one core counts its users, so that cores do not fight over one cache line.
#[derive(Debug)]
pub(super) struct PolicyInForce {
    policy: Arc<ActivePolicy>,
    /// By the position of the route.
    routes: Vec<Arc<RouteMetrics>>,
    /// What the decision log writes under it.
    pub(super) logged: OnceCell<decision_log::Plan>,
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
            logged: OnceCell::new(),
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
            upstreams: Upstreams::new(&gateway.upstreams),
            base_path: gateway.live().config.listen.base_path.clone(),
            live: RefCell::new(Rc::new(LiveOnCore::new(Arc::clone(&gateway.live())))),
            policy: RefCell::new(PolicyInForce::new(&gateway.policies.active(), &metrics)),
            metrics,
            decisions: gateway.decisions.join(),
            decision_log: gateway.decision_log.as_ref().map(|log| log.join(&gateway.clock)),
            suspects: Suspects::new(gateway.live().config.limits.suspect_verifications_per_second),
            gateway,
        }
    }

    /// Settings and keys in force.
    pub(super) fn live(&self) -> Rc<LiveOnCore> {
        let shared = self.gateway.live();
        let mut known = self.live.borrow_mut();
        if !Arc::ptr_eq(&known.shared, &shared) {
            *known = Rc::new(LiveOnCore::new(Arc::clone(&shared)));
        }
        Rc::clone(&known)
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
