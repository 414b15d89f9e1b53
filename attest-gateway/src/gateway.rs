//! What all cores of one gateway share. Cheap to read on the request path: immutable, lock-free, or sharded.

use std::sync::Arc;

use attest_core::challenge::ChallengeKey;
use attest_core::device::Pseudonyms;
use attest_core::fleet::{FleetSecret, KeyUse};
use attest_core::jose::JwkSet;
use attest_core::step_up::StepUps;
use attest_core::support_code::{Cause, SupportCodeError, SupportCodes};
use attest_core::ticket::{TicketKeys, TicketSealer};
use http::{HeaderValue, Response};
use ring::hmac;
use ring::rand::SystemRandom;

use crate::appraisal_pool::AppraisalPool;
use crate::bans::Bans;
use crate::clock::Clock;
use crate::config::Config;
use crate::counters::Counters;
use crate::faults::Faults;
use crate::guard::Reason;
use crate::keys::Keys;
use crate::policy::Policies;
use crate::rates::RateTable;
use crate::refusal::unreadable;
use crate::single_use::SingleUse;
use crate::stack::rescue::POLICY_HEADER;
use crate::store::{Store, StoreError};
use crate::tally::Tally;
use crate::telemetry::{ExportError, Telemetry};
use crate::upstream::ResponseBody;

/// The shared state of a gateway process.
#[derive(Debug)]
pub struct Gateway {
    pub(crate) config: Config,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rng: SystemRandom,
    pub(crate) keys: Arc<Keys>,
    pub(crate) policies: Policies,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) bans: Bans,
    pub(crate) single_use: SingleUse,
    pub(crate) rates: RateTable,
    pub(crate) counters: Counters,
    pub(crate) pool: AppraisalPool,
    pub(crate) tally: Tally,
    pub(crate) telemetry: Telemetry,
    pub(crate) faults: Faults,
    pub(crate) challenges: ChallengeKey,
    pub(crate) sealer: TicketSealer,
    pub(crate) issuer_keys: JwkSet,
    pub(crate) pseudonyms: Pseudonyms,
    pub(crate) rollout_key: hmac::Key,
    pub(crate) step_ups: StepUps,
    pub(crate) support: SupportCodes,
}

/// What a gateway is assembled from.
#[derive(Debug)]
pub struct Parts {
    /// `attest.toml`.
    pub config: Config,
    /// The key directory's content.
    pub keys: Arc<Keys>,
    /// The policy in force.
    pub policies: Policies,
    /// Durable state.
    pub store: Arc<dyn Store>,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Deliberate faults; none in a deployable build.
    pub faults: Faults,
}

/// Why a gateway cannot be assembled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AssemblyError {
    /// The bans cannot be read.
    #[error("the bans cannot be read: {0}")]
    Store(#[from] StoreError),
    /// The appraisal threads cannot be started.
    #[error("the appraisal threads cannot be started: {0}")]
    Threads(#[from] std::io::Error),
    /// Traces cannot be exported.
    #[error(transparent)]
    Telemetry(#[from] ExportError),
    /// The support-code key is not accepted by the AEAD.
    #[error("the support-code key is not usable")]
    SupportKey,
}

impl Gateway {
    /// Reads the bans and starts the appraisal threads.
    ///
    /// # Errors
    /// [`AssemblyError`].
    pub async fn assemble(parts: Parts) -> Result<Self, AssemblyError> {
        let Parts {
            config,
            keys,
            policies,
            store,
            clock,
            faults,
        } = parts;
        let fleet: &FleetSecret = &keys.fleet;
        let limits = &config.limits;
        let workers = match limits.appraisal_workers {
            0 => std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2)),
            workers => workers,
        };
        // Policy may shorten the life of tokens; they are remembered for the longest life and twice the largest skew.
        let remembered_s = 300 + 2 * 300;
        Ok(Self {
            bans: Bans::load(Arc::clone(&store)).await?,
            single_use: SingleUse::new(limits.single_use_max, remembered_s, clock.now_s()),
            rates: RateTable::new(limits.rate_sources_max),
            counters: Counters::new(limits.rate_sources_max),
            pool: AppraisalPool::start(workers, limits.appraisal_queue)?,
            tally: Tally::default(),
            telemetry: Telemetry::start(&config, &clock)?,
            challenges: ChallengeKey::new(fleet),
            sealer: TicketSealer::new(fleet, keys.ticket.current, config.environment),
            issuer_keys: keys.attestation_jwks(),
            pseudonyms: Pseudonyms::new(fleet),
            rollout_key: hmac::Key::new(hmac::HMAC_SHA256, &fleet.subkey(KeyUse::Rollout, 1)),
            step_ups: StepUps::new(fleet),
            support: SupportCodes::new(fleet, keys.support.current).ok_or(AssemblyError::SupportKey)?,
            rng: SystemRandom::new(),
            config,
            clock,
            keys,
            policies,
            store,
            faults,
        })
    }

    /// The counts of what was decided.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// What is told about single requests.
    #[must_use]
    pub const fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    /// The bans, to ban and unban.
    #[must_use]
    pub const fn bans(&self) -> &Bans {
        &self.bans
    }

    /// The policy in force and its source.
    #[must_use]
    pub const fn policies(&self) -> &Policies {
        &self.policies
    }

    /// Durable state.
    #[must_use]
    pub const fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// One-time tokens that were used.
    #[must_use]
    pub const fn single_use(&self) -> &SingleUse {
        &self.single_use
    }

    /// Rates of sources and devices.
    #[must_use]
    pub const fn rates(&self) -> &RateTable {
        &self.rates
    }

    /// The configuration it runs with.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Public keys that verify attestations.
    #[must_use]
    pub const fn issuer_keys(&self) -> &JwkSet {
        &self.issuer_keys
    }

    /// The cause behind a support code.
    ///
    /// # Errors
    /// [`SupportCodeError`].
    pub fn open_support_code(&self, code: &str) -> Result<Cause, SupportCodeError> {
        open_support_code(&self.keys, code)
    }

    /// What a client hears whose request the guard did not let through.
    pub(crate) fn refuse_head(&self, reason: Reason) -> Response<ResponseBody> {
        let refusal = unreadable(reason);
        let version = self.policies.active().version();
        self.tally.refuse(refusal.code);
        self.telemetry.unread(&refusal, version);
        let (mut response, _) = refusal.into_response(&self.support, version, self.clock.now_s(), &self.rng);
        response
            .headers_mut()
            .insert(POLICY_HEADER, HeaderValue::from(version));
        response
    }

    /// Ticket keys for one core.
    pub(crate) fn ticket_keys(&self) -> TicketKeys {
        TicketKeys::new(
            &self.keys.fleet,
            &self.keys.ticket.accepted,
            self.config.environment,
        )
    }
}

/// The cause behind a support code, under any accepted generation of these keys.
///
/// # Errors
/// [`SupportCodeError`].
pub fn open_support_code(keys: &Keys, code: &str) -> Result<Cause, SupportCodeError> {
    let mut result = Err(SupportCodeError::Sealed);
    for generation in &keys.support.accepted {
        if let Some(codes) = SupportCodes::new(&keys.fleet, *generation) {
            result = codes.open(code);
            if !matches!(result, Err(SupportCodeError::Sealed)) {
                break;
            }
        }
    }
    result
}
