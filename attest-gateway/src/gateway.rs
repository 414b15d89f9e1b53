//! What all cores of one gateway share. Cheap to read on the request path: immutable, lock-free, or sharded.

use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use attest_core::challenge::ChallengeKey;
use attest_core::device::Pseudonyms;
use attest_core::fleet::{FleetSecret, KeyUse};
use attest_core::jose::JwkSet;
use attest_core::step_up::StepUps;
use attest_core::support_code::{Cause, SupportCodeError};
use http::{HeaderValue, Response};
use ring::hmac;
use ring::rand::SystemRandom;

use crate::appraisal_pool::AppraisalPool;
use crate::bans::Bans;
use crate::clock::Clock;
use crate::config::Config;
use crate::counters::Counters;
use crate::decision_log::{DecisionLog, DecisionLogError};
use crate::decisions::Decisions;
use crate::faults::Faults;
use crate::guard::Reason;
use crate::keys::Keys;
use crate::live::Live;
use crate::metrics::Metrics;
use crate::policy::repository::{Answer, Refreshed, RepositoryFiles, Subject, Verdict};
use crate::policy::{NotFollowedError, Policies, Polled};
use crate::rates::RateTable;
use crate::refusal::unreadable;
use crate::revocations::Revocations;
use crate::single_use::SingleUse;
use crate::stack::rescue::POLICY_HEADER;
use crate::store::{Event, Store, StoreError};
use crate::tally::Tally;
use crate::telemetry::{ExportError, Telemetry};
use crate::tls::{ServerTls, TlsError};
use crate::upstream::{Plans, ResponseBody, UpstreamConfigError};

/// The shared state of a gateway process.
#[derive(Debug)]
pub struct Gateway {
    pub(crate) live: ArcSwap<Live>,
    pub(crate) reloading: Mutex<()>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rng: SystemRandom,
    pub(crate) policies: Policies,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) bans: Bans,
    pub(crate) single_use: SingleUse,
    pub(crate) rates: RateTable,
    pub(crate) counters: Counters,
    pub(crate) pool: AppraisalPool,
    /// Of what happens beside the cores' stacks; the cores count for themselves.
    pub(crate) tally: Tally,
    pub(crate) metrics: Metrics,
    pub(crate) decisions: Decisions,
    pub(crate) decision_log: Option<DecisionLog>,
    pub(crate) telemetry: Telemetry,
    pub(crate) faults: Faults,
    pub(crate) challenges: ChallengeKey,
    pub(crate) pseudonyms: Pseudonyms,
    pub(crate) revocations: Revocations,
    pub(crate) rollout_key: hmac::Key,
    pub(crate) step_ups: StepUps,
    pub(crate) upstreams: Plans,
    pub(crate) tls: Option<Arc<ServerTls>>,
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
    /// An upstream's address or certificates.
    #[error("upstreams: {0}")]
    Upstream(#[from] UpstreamConfigError),
    /// Traces cannot be exported.
    #[error(transparent)]
    Telemetry(#[from] ExportError),
    /// Decisions cannot be recorded.
    #[error(transparent)]
    DecisionLog(#[from] DecisionLogError),
    /// The support-code key is not accepted by the AEAD.
    #[error("the support-code key is not usable")]
    SupportKey,
    /// The certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
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
            metrics: Metrics::new(
                config
                    .upstreams
                    .iter()
                    .map(|upstream| upstream.name.clone())
                    .collect(),
                clock.now_s(),
            ),
            decisions: Decisions::new(config.admin.decisions_per_outcome),
            decision_log: DecisionLog::start(&config.decision_log, &clock)?,
            telemetry: Telemetry::start(&config, &clock)?,
            challenges: ChallengeKey::new(fleet),
            pseudonyms: Pseudonyms::new(fleet),
            revocations: Revocations::new(fleet),
            rollout_key: hmac::Key::new(hmac::HMAC_SHA256, &fleet.subkey(KeyUse::Rollout, 1)),
            step_ups: StepUps::new(fleet),
            upstreams: Plans::new(&config.upstreams)?,
            tls: ServerTls::load(&config.tls, &config.listen.protocols, clock.now_s())?.map(Arc::new),
            rng: SystemRandom::new(),
            live: ArcSwap::from_pointee(Live::new(config, keys)?),
            reloading: Mutex::new(()),
            clock,
            policies,
            store,
            faults,
        })
    }

    /// The counts of what was decided until now.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let sum = Tally::default();
        self.tally.add_to(&sum);
        self.metrics.add_tallies(&sum);
        sum
    }

    /// What is counted.
    #[must_use]
    pub const fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The newest decisions.
    #[must_use]
    pub const fn decisions(&self) -> &Decisions {
        &self.decisions
    }

    /// Looks at the policy's source and puts a newer policy into force. Not for request cores: it compiles and runs tests.
    pub fn poll_policy(&self) -> Polled {
        let polled = self.policies.poll();
        self.note_polled(&polled);
        polled
    }

    /// Looks at the policy file, if there is one; a repository is followed by itself.
    pub(crate) fn watch_policy(&self) {
        self.note_polled(&self.policies.watch());
    }

    fn note_polled(&self, polled: &Polled) {
        match polled {
            // Whoever follows a repository noted it.
            Polled::Activated(_) | Polled::Refused(_) if self.policies.are_followed() => {}
            Polled::Unchanged => {}
            Polled::Activated(version) => {
                self.metrics.policy_activated(self.clock.now_s());
                tracing::info!(version, "policy activated");
            }
            Polled::Refused(problem) => {
                self.metrics.policy_refused();
                tracing::error!(%problem, "policy refused; the last good one stays");
            }
        }
        if let Some(stale) = self.policies.newly_stale(self.clock.now_s()) {
            let (version, expires_at_s) = (stale.version(), stale.expires_at_s());
            tracing::error!(
                version,
                expires_at_s,
                "the policy is past its end and stays in force; publish a newer one"
            );
        }
    }

    /// Takes a repository that an operator sent, if it is good. Not for request cores: it compiles and runs tests.
    pub(crate) fn push_policy(&self, files: RepositoryFiles) -> Result<Refreshed, NotFollowedError> {
        self.policies.push(files).unwrap_or_else(|| {
            let verdict = Verdict {
                verdict: Answer::Nack,
                subject: Subject::Policy,
                version: None,
                metadata: None,
                code: "policy-not-followed".to_owned(),
                reason: "this gateway makes its policy from `policy.file`; with `policy.repository` or `policy.url` it takes signed ones"
                    .to_owned(),
                source: "push".to_owned(),
                at_s: self.clock.now_s(),
                took_ms: 0,
            };
            self.note_verdict(&verdict);
            Ok(Refreshed {
                policy: verdict,
                brake: None,
                news: Vec::new(),
            })
        })
    }

    /// Counts, logs and records what became of an offered policy or brake.
    pub(crate) fn note_verdict(&self, verdict: &Verdict) {
        if verdict.code == "unchanged" {
            return;
        }
        self.metrics.policy_judged(verdict);
        let Verdict {
            code,
            reason,
            source,
            took_ms,
            ..
        } = verdict;
        let version = verdict.version.unwrap_or_default();
        let timestamp = verdict.metadata.map_or(0, |metadata| metadata.timestamp);
        match (verdict.verdict, verdict.subject) {
            (Answer::Ack, Subject::Policy) if code == "metadata" => {
                tracing::debug!(version, timestamp, source, "newer metadata of the same policy");
                return;
            }
            (Answer::Ack, Subject::Policy) => {
                self.metrics.policy_activated(self.clock.now_s());
                tracing::info!(version, timestamp, source, took_ms, "policy activated");
            }
            (Answer::Ack, Subject::Brake) => {
                tracing::warn!(
                    version,
                    code,
                    source,
                    took_ms,
                    "the brake over the policy changed"
                );
            }
            (Answer::Nack, Subject::Policy) => {
                self.metrics.policy_refused();
                tracing::error!(version, timestamp, code, %reason, source, "policy refused; the last good one stays");
            }
            (Answer::Nack, Subject::Brake) => {
                tracing::error!(version, code, %reason, source, "brake refused; the policy is as it was");
            }
        }
        let subject = match verdict.subject {
            Subject::Policy => "policy",
            Subject::Brake => "brake",
        };
        let mut detail = format!("version={version} timestamp={timestamp} source={source} took_ms={took_ms}");
        if !reason.is_empty() {
            detail.push_str(" reason=");
            detail.extend(reason.chars().take(EVENT_REASON_CHARS));
        }
        self.store.record(Event {
            at_s: verdict.at_s,
            kind: format!("{subject}-{}", verdict.verdict.as_str()),
            device: None,
            app: None,
            code: code.clone(),
            detail,
            by: None,
            from: None,
        });
    }

    /// The log of what rules decided, if there is one.
    #[must_use]
    pub const fn decision_log(&self) -> Option<&DecisionLog> {
        self.decision_log.as_ref()
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

    /// The revocation list in force.
    #[must_use]
    pub const fn revocations(&self) -> &Revocations {
        &self.revocations
    }

    /// The policy in force and its source.
    #[must_use]
    pub const fn policies(&self) -> &Policies {
        &self.policies
    }

    /// Reads certificates that changed, and logs what became of them.
    pub(crate) fn poll_certificates(&self) {
        match self.tls.as_ref().and_then(|tls| tls.poll(self.clock.now_s())) {
            None => {}
            Some(Ok(())) => tracing::info!("certificates reloaded"),
            Some(Err(problem)) => tracing::error!(%problem, "certificates refused; the old ones stay"),
        }
    }

    /// TLS towards clients, if the gateway ends it: reloads certificates and knows when they expire.
    #[must_use]
    pub const fn tls(&self) -> Option<&Arc<ServerTls>> {
        self.tls.as_ref()
    }

    /// Durable state.
    #[must_use]
    pub const fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Settings and keys in force. Loaded again for each use: what is held across a reload is what was before it.
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
    pub fn live(&self) -> arc_swap::Guard<Arc<Live>> {
        self.live.load()
    }

    /// Public keys that verify attestations.
    #[must_use]
    pub fn issuer_keys(&self) -> JwkSet {
        self.live().keys.attestation_jwks()
    }

    /// The cause behind a support code.
    ///
    /// # Errors
    /// [`SupportCodeError`].
    pub fn open_support_code(&self, code: &str) -> Result<Cause, SupportCodeError> {
        open_support_code(&self.live().keys, code)
    }

    /// What a client hears whose request the guard did not let through.
    pub(crate) fn refuse_head(&self, reason: Reason) -> Response<ResponseBody> {
        let refusal = unreadable(reason);
        let version = self.policies.active().version();
        self.tally.refuse(refusal.code);
        self.telemetry.unread(&refusal, version);
        let support = refusal.support(&self.live().support, version, self.clock.now_s(), &self.rng);
        let mut response = refusal.into_response(support);
        response
            .headers_mut()
            .insert(POLICY_HEADER, HeaderValue::from(version));
        response
    }
}

/// Of a reason, which may be the list of everything wrong with a policy, an event keeps the beginning.
const EVENT_REASON_CHARS: usize = 500;

/// The cause behind a support code, under any accepted generation of these keys.
///
/// # Errors
/// [`SupportCodeError`].
pub fn open_support_code(keys: &Keys, code: &str) -> Result<Cause, SupportCodeError> {
    let mut result = Err(SupportCodeError::Sealed);
    for generation in &keys.support.accepted {
        if let Some(codes) = keys.support_codes(*generation) {
            result = codes.open(code);
            if !matches!(result, Err(SupportCodeError::Sealed)) {
                break;
            }
        }
    }
    result
}
