//! The decision log: what rules decided and why, so that a later policy can be put to the same requests.
//!
//! Off unless configured. A core that notes a decision writes one line into a bounded queue and never waits; one thread of its
//! own takes them to the disk. No line has a device's id or pseudonym, a token, an address, a path or a query; a device is a tag
//! whose key changes every day and is never stored. The form of a line is [`attest_policy::replay::Line`].

mod facts;
mod file;
mod line;
mod plan;
mod tag;
mod writer;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use attest_core::policy::{Decided, Decision, SparedBy};
use attest_core::problem::ProblemCode;
use attest_core::token::binding::Bound;
use ring::rand::SystemRandom;

pub(crate) use self::plan::Plan;
use self::tag::Tags;
use self::writer::Writer;
use crate::clock::Clock;
use crate::config::{self, Ratio, Recorded, RecordedFacts};
use crate::stack::route::RouteHandle;
use crate::telemetry::Ids;

/// Why decisions cannot be recorded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecisionLogError {
    /// The file cannot be opened.
    #[error("`decision_log.file`: {0}")]
    File(#[source] io::Error),
    /// The thread cannot be started.
    #[error("the thread of the decision log cannot be started: {0}")]
    Thread(#[source] io::Error),
}

/// The log of one gateway process.
#[derive(Debug)]
pub struct DecisionLog {
    shared: Arc<Shared>,
    writer: Writer,
}

/// What cores and thread share.
#[derive(Debug)]
struct Shared {
    /// The share of plain passes that is written.
    passes: Ratio,
    facts: RecordedFacts,
    tags: Tags,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    written: AtomicU64,
    dropped: AtomicU64,
}

/// Where one core notes its decisions. Not `Sync`.
#[derive(Debug)]
pub(crate) struct Recorder {
    shared: Arc<Shared>,
    queue: writer::Queue,
    ids: Ids,
    tags: tag::OnCore,
    clock: Arc<dyn Clock>,
    rng: SystemRandom,
}

/// A decision about a request that a token vouches for.
pub(crate) struct Attested<'a, 'p> {
    pub(crate) route: &'a RouteHandle,
    pub(crate) method: &'a str,
    pub(crate) token: &'a Bound,
    pub(crate) facts: &'a dyn attest_core::facts::FactSource,
    /// Who confirmed a step-up of kind `user`.
    pub(crate) user: Option<&'a str>,
    pub(crate) decided: &'a Decided<'p>,
}

impl DecisionLog {
    /// Opens the file and starts the thread, if decisions are recorded.
    ///
    /// # Errors
    /// [`DecisionLogError`].
    pub fn start(
        config: &config::DecisionLog,
        clock: &Arc<dyn Clock>,
    ) -> Result<Option<Self>, DecisionLogError> {
        let passes = match config.record {
            Recorded::Off => return Ok(None),
            Recorded::Sampled => config.sample_ratio,
            Recorded::Full => Ratio::from_per_million(1_000_000),
        };
        let shared = Arc::new(Shared {
            passes,
            facts: config.facts,
            tags: Tags::default(),
            counts: Counts::default(),
        });
        let writer = Writer::start(config, Arc::clone(&shared), Arc::clone(clock))?;
        Ok(Some(Self { shared, writer }))
    }

    /// A place for one core's decisions.
    pub(crate) fn join(&self, clock: &Arc<dyn Clock>) -> Recorder {
        Recorder {
            shared: Arc::clone(&self.shared),
            queue: self.writer.queue(),
            ids: Ids::new(),
            tags: tag::OnCore::default(),
            clock: Arc::clone(clock),
            rng: SystemRandom::new(),
        }
    }

    /// Lines that were written.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.shared.counts.written.load(Relaxed)
    }

    /// Lines that were lost, because the disk was slow, full or away.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared.counts.dropped.load(Relaxed)
    }
}

impl Recorder {
    /// Notes what rules decided.
    pub(crate) fn attested(&self, noted: &Attested<'_, '_>) {
        let decided = noted.decided;
        let outside = decided
            .spared
            .iter()
            .any(|spared| spared.because == SparedBy::RollOut);
        let eventful = decided.decision != Decision::Allow || !decided.shadows.is_empty() || outside;
        let Some(share) = self.share(eventful) else { return };
        let result = noted.token.token().result();
        let now_s = self.clock.now_s();
        let device = self.tags.of(
            &self.shared.tags,
            now_s,
            &self.rng,
            &result.app,
            result.device.as_bytes(),
        );
        let Some(route) = noted.route.route() else { return };
        let policy = noted.route.policy().compiled();
        let plan = noted
            .route
            .log_plan(|| Plan::new(policy.policy(), self.shared.facts));
        self.offer(line::attested(
            noted,
            route,
            plan,
            line::At { now_s, share },
            device.as_ref(),
        ));
    }

    /// Notes that nothing was decided: the route is public, or only observes a request without a good token.
    pub(crate) fn undecided(&self, route: &RouteHandle, method: &str, code: Option<ProblemCode>) {
        let Some(share) = self.share(false) else { return };
        let now_s = self.clock.now_s();
        let version = route.policy().version();
        if let Some(route) = route.route() {
            self.offer(line::undecided(
                route,
                method,
                code,
                version,
                line::At { now_s, share },
            ));
        }
    }

    /// The share of such decisions that is written, if this one is.
    fn share(&self, eventful: bool) -> Option<f64> {
        let passes = self.shared.passes;
        if eventful {
            return Some(1.0);
        }
        passes
            .takes(self.ids.next())
            .then(|| f64::from(passes.per_million()) / 1_000_000.0)
    }

    fn offer(&self, line: Option<Vec<u8>>) {
        let taken = line.is_some_and(|line| self.queue.offer(line));
        if !taken {
            self.shared.counts.dropped.fetch_add(1, Relaxed);
        }
    }
}
