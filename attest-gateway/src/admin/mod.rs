//! The listener for operators: health, metrics, decisions, devices, bans, events. On its own thread, so that nothing asked here
//! ever waits in line with, or before, a request.
//!
//! Every call but `health` and `ready` needs a token whose scope allows it; whatever changes something leaves a durable event
//! that names the token. It shows no secret and no address. A flood of bad tokens never keeps the right one out.

mod ask;
mod calls;
mod client;
mod gate;
mod listener;
pub mod model;
mod openapi;
mod operation;
mod problem;
mod secret;
mod tls;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use attest_core::encoding::base64url;
use attest_core::fleet::KeyUse;
use ring::hmac;

pub use self::client::{AdminClient, AdminClientError, ClientTls};
pub use self::listener::{AdminListener, AdminStartError, inspect};
pub use self::openapi::document;
pub(crate) use self::operation::BASE;
pub use self::operation::{Method, Operation, Parameter, operations};
pub use self::problem::{AdminCode, AdminProblem, MEDIA_TYPE, ProblemDocument, TYPE_PREFIX};
pub use self::secret::{AdminSecret, AdminTokens, Caller, HashFileError};
pub use self::tls::AdminTlsError;

use crate::gateway::Gateway;
use crate::rates::RateTable;
use crate::runtime::RunningView;

/// Sources and tokens whose rates are remembered: operators are few, and a flood displaces only those that wait least.
const RATES: usize = 4096;
/// A store that takes longer is not answering.
const STORE_PATIENCE: Duration = Duration::from_secs(2);

/// What all calls share.
#[derive(Debug)]
struct Shared {
    gateway: Arc<Gateway>,
    running: RunningView,
    tokens: ArcSwap<AdminTokens>,
    rates: RateTable,
    source_key: hmac::Key,
}

impl Shared {
    fn new(gateway: Arc<Gateway>, running: RunningView, tokens: AdminTokens) -> Self {
        let source_key = gateway.live().keys.fleet.subkey(KeyUse::AuditSource, 1);
        Self {
            running,
            tokens: ArcSwap::from_pointee(tokens),
            rates: RateTable::new(RATES),
            source_key: hmac::Key::new(hmac::HMAC_SHA256, &source_key),
            gateway,
        }
    }

    /// The number of registered devices; `None` while the store does not answer.
    async fn devices(&self) -> Option<u64> {
        let count = tokio::time::timeout(STORE_PATIENCE, self.gateway.store.device_count());
        count.await.ok()?.ok()
    }

    /// What stands for a source in events: equal for equal addresses, and no address.
    fn source_hash(&self, source: IpAddr) -> String {
        let tag = hmac::sign(&self.source_key, source.to_canonical().to_string().as_bytes());
        base64url(tag.as_ref().split_at(9).0)
    }
}
