//! What a reload replaces as a whole: the live settings and the keys, with everything made from them. Immutable; who holds one
//! sees settings and keys that belong together.

use std::sync::Arc;

use attest_core::support_code::SupportCodes;
use attest_core::ticket::{TicketKeys, TicketSealer};

use crate::config::Config;
use crate::gateway::AssemblyError;
use crate::keys::Keys;

/// Settings and keys as they are in force.
#[derive(Debug)]
pub struct Live {
    /// The settings; those that wait for a restart are as they were at the start.
    pub config: Config,
    pub(crate) keys: Arc<Keys>,
    pub(crate) sealer: Arc<TicketSealer>,
    pub(crate) support: SupportCodes,
}

impl Live {
    pub(crate) fn new(config: Config, keys: Arc<Keys>) -> Result<Self, AssemblyError> {
        Ok(Self {
            sealer: Arc::new(keys.ticket_sealer(config.environment)),
            support: keys
                .support_codes(keys.support.current)
                .ok_or(AssemblyError::SupportKey)?,
            config,
            keys,
        })
    }

    /// What follows on this one.
    pub(crate) fn followed_by(&self, config: Config, keys: Arc<Keys>) -> Result<Self, AssemblyError> {
        let mut next = Self::new(config, keys)?;
        if self.keys.seals_as(&next.keys) {
            // It counts what it seals, and must not forget that.
            next.sealer = Arc::clone(&self.sealer);
        }
        Ok(next)
    }

    /// Ticket keys for one core.
    pub(crate) fn ticket_keys(&self) -> TicketKeys {
        self.keys.ticket_keys(self.config.environment)
    }
}
