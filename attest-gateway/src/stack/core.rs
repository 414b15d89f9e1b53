//! What one core owns: prepared ticket keys, its view of the policy, its upstream connections. Not `Send`, so never locked.

use std::cell::RefCell;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

use attest_core::ticket::TicketKeys;

use super::attestations::Attestations;
use super::suspects::Suspects;
use crate::gateway::Gateway;
use crate::policy::ActivePolicy;
use crate::upstream::Upstreams;

/// One core's state.
#[derive(Debug)]
pub(crate) struct Core {
    pub(super) gateway: Arc<Gateway>,
    pub(super) tickets: RefCell<TicketKeys>,
    pub(super) upstreams: Upstreams,
    pub(super) attestations: RefCell<Attestations>,
    pub(super) suspects: Suspects,
    policy: RefCell<Rc<PolicyInForce>>,
}

/// A policy as one core counts its users, so that cores do not fight over one cache line.
#[derive(Debug)]
pub(super) struct PolicyInForce(Arc<ActivePolicy>);

impl Deref for PolicyInForce {
    type Target = ActivePolicy;

    fn deref(&self) -> &ActivePolicy {
        &self.0
    }
}

impl Core {
    pub(super) fn new(gateway: Arc<Gateway>) -> Self {
        Self {
            tickets: RefCell::new(gateway.ticket_keys()),
            // Refused at start already; without upstreams every request would be refused.
            upstreams: Upstreams::new(&gateway.config.upstreams).unwrap_or_default(),
            attestations: RefCell::new(Attestations::new(
                gateway.issuer_keys.clone(),
                gateway.config.environment,
            )),
            suspects: Suspects::new(gateway.config.limits.suspect_verifications_per_second),
            policy: RefCell::new(Rc::new(PolicyInForce(Arc::clone(&gateway.policies.active())))),
            gateway,
        }
    }

    /// The policy in force.
    pub(super) fn policy(&self) -> Rc<PolicyInForce> {
        let active = self.gateway.policies.active();
        let mut known = self.policy.borrow_mut();
        if !Arc::ptr_eq(&known.0, &active) {
            *known = Rc::new(PolicyInForce(Arc::clone(&active)));
        }
        Rc::clone(&known)
    }

    pub(super) fn now_s(&self) -> u64 {
        self.gateway.clock.now_s()
    }
}
