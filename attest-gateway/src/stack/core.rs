//! What one core owns: prepared ticket keys, its view of the policy, its upstream connections. Not `Send`, so never locked.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use attest_core::ticket::TicketKeys;

use crate::gateway::Gateway;
use crate::policy::ActivePolicy;
use crate::upstream::Upstreams;

/// One core's state.
#[derive(Debug)]
pub(crate) struct Core {
    pub(super) gateway: Arc<Gateway>,
    pub(super) tickets: RefCell<TicketKeys>,
    pub(super) upstreams: Upstreams,
    policy: RefCell<Rc<Arc<ActivePolicy>>>,
}

impl Core {
    pub(super) fn new(gateway: Arc<Gateway>) -> Self {
        Self {
            tickets: RefCell::new(gateway.ticket_keys()),
            // Refused at start already; without upstreams every request would be refused.
            upstreams: Upstreams::new(&gateway.config.upstreams).unwrap_or_default(),
            policy: RefCell::new(Rc::new(Arc::clone(&gateway.policies.active()))),
            gateway,
        }
    }

    /// The policy in force. The count of its users is per core, so that cores do not fight over one cache line.
    pub(super) fn policy(&self) -> Rc<Arc<ActivePolicy>> {
        let active = self.gateway.policies.active();
        let mut known = self.policy.borrow_mut();
        if !Arc::ptr_eq(&known, &active) {
            *known = Rc::new(Arc::clone(&active));
        }
        Rc::clone(&known)
    }

    pub(super) fn now_s(&self) -> u64 {
        self.gateway.clock.now_s()
    }
}
