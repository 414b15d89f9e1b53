//! The Attestor: a thin asynchronous driver of the machine over a host's implementations. It spawns nothing and knows no
//! runtime; nothing holds a lock across a wait, and any future of it may be dropped at any moment.

mod drive;
mod send;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use attest_core::device::DeviceId;
use futures_util::FutureExt as _;
use futures_util::future::{Either, Shared, WeakShared, select};
use ring::rand::SecureRandom;

use crate::config::{AttestConfig, ConfigError, Settings};
use crate::error::AttestError;
use crate::failure::Failure;
use crate::foreign::{
    BoxFuture, Clock, DeviceKey, KeyError, Observations, Observer, StepUpPrompt, Storage, Timer, Transport,
};
use crate::machine::{Demand, Machine, Now, STATE_BLOB, Status, Step, ToSign};
use crate::request::{AppRequest, Authorization};
use crate::signal::Signal;

pub use self::send::Sent;

type Work = BoxFuture<'static, ()>;

/// A host's implementations.
#[derive(Clone)]
pub struct Host {
    /// The way to the service.
    pub transport: Arc<dyn Transport>,
    /// The device key.
    pub key: Arc<dyn DeviceKey>,
    /// Persisted blobs.
    pub storage: Arc<dyn Storage>,
    /// The phone's clocks.
    pub clock: Arc<dyn Clock>,
    /// Wakes futures by that clock.
    pub timer: Arc<dyn Timer>,
    /// Hears notices.
    pub observer: Arc<dyn Observer>,
    /// Lets the user confirm.
    pub step_up: Arc<dyn StepUpPrompt>,
    /// The probes.
    pub observations: Arc<dyn Observations>,
    /// Randomness.
    pub random: Arc<dyn SecureRandom + Send + Sync>,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Host")
    }
}

struct Inner {
    settings: Arc<Settings>,
    host: Host,
    machine: Mutex<Machine>,
    changed: Signal,
    /// The one piece of work that everybody waits for; it lives as long as somebody does.
    work: Mutex<Option<WeakShared<Work>>>,
}

/// Enrols, renews, mints, and follows refusals. Clones share one session.
#[derive(Clone)]
pub struct Attestor {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Attestor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attestor")
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

impl Attestor {
    /// An Attestor that has not done anything yet. One per app: two would fight over the device key.
    ///
    /// # Errors
    /// [`ConfigError`] names the field that cannot work.
    pub fn new(config: AttestConfig, host: Host) -> Result<Self, ConfigError> {
        let settings = Arc::new(Settings::try_from(config)?);
        let machine = Machine::new(Arc::clone(&settings), host.observations.variables());
        let inner = Inner {
            settings,
            host,
            machine: Mutex::new(machine),
            changed: Signal::default(),
            work: Mutex::new(None),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Keeps a session alive and the policy fresh; never completes. The host spawns it once and drops it to stop. Without
    /// it, requests begin and renew sessions when they need one.
    pub async fn run(&self) {
        loop {
            self.join().await;
            let seen = self.inner.changed.changes();
            let now = self.inner.now();
            let wake_at_ms = self.inner.machine().wake_at(now).max(now.after_ms(PAUSE_MS));
            select(
                self.inner.host.timer.sleep_until(wake_at_ms),
                self.inner.changed.changed_since(seen),
            )
            .await;
        }
    }

    /// Begins a session if there is none, so that the first request need not wait for it.
    ///
    /// # Errors
    /// [`AttestError`] if there is none within the configured patience.
    pub async fn ready(&self) -> Result<(), AttestError> {
        self.until(&mut |inner, now| inner.machine().session_step(now))
            .await
            .map(|_| ())
    }

    /// The headers for `request`; none where the policy asks for no token. With a session in memory a session token is
    /// minted at once; otherwise it waits for the one enrolment or renewal that is under way.
    ///
    /// # Errors
    /// [`AttestError`].
    pub async fn authorize(&self, request: &AppRequest<'_>) -> Result<Authorization, AttestError> {
        self.authorize_with(request, &Demand::default()).await
    }

    /// The headers for `request` if no waiting is needed for them; `None` if it is, or if the device key has to sign.
    #[must_use]
    pub fn try_authorize(&self, request: &AppRequest<'_>) -> Option<Authorization> {
        let now = self.inner.now();
        let step = self
            .inner
            .machine()
            .authorize(request, &Demand::default(), now, self.inner.rng());
        if let Step::Ready(authorization) = step {
            Some(authorization)
        } else {
            None
        }
    }

    pub(crate) async fn authorize_with(
        &self,
        request: &AppRequest<'_>,
        demand: &Demand,
    ) -> Result<Authorization, AttestError> {
        let mut key_was_gone = false;
        loop {
            let mut step = |inner: &Inner, now| inner.machine().authorize(request, demand, now, inner.rng());
            let to_sign = match self.until(&mut step).await? {
                Settled::Ready(authorization) => return Ok(authorization),
                Settled::Sign(to_sign) => to_sign,
            };
            match self.inner.sign(to_sign.signing_input()).await {
                Ok(signature) => return Ok(to_sign.attach(&signature)),
                Err(KeyError::Gone) if !key_was_gone => {
                    key_was_gone = true;
                    self.inner.machine().key_gone();
                    self.inner.publish();
                }
                Err(error) => return Err(Failure::from(error).to_public(0)),
            }
        }
    }

    /// Tells the Attestor that the network may be back, so that it does not rest any longer.
    pub fn connectivity_restored(&self) {
        self.inner.machine().connectivity_restored();
        self.inner.changed.change();
    }

    /// Forgets the registration, the session and the device key, as after a new installation. The next request enrols anew.
    ///
    /// # Errors
    /// [`AttestError::TryLater`] if key or state could not be removed; in memory they are gone.
    pub async fn forget(&self) -> Result<(), AttestError> {
        self.inner.machine().forget();
        self.inner.publish();
        self.inner
            .host
            .key
            .delete()
            .await
            .map_err(|error| Failure::from(error).to_public(0))?;
        self.inner
            .host
            .storage
            .delete(STATE_BLOB)
            .await
            .map_err(|_| Failure::Storage.to_public(0))
    }

    /// What the phone is now.
    #[must_use]
    pub fn status(&self) -> Status {
        let now = self.inner.now();
        self.inner.machine().status(now)
    }

    /// The registration's id, for the app's own support screens and tests. Not for logs.
    #[must_use]
    pub fn device(&self) -> Option<DeviceId> {
        self.inner.machine().device()
    }

    /// Takes steps until one settles, waiting for work in between.
    async fn until(
        &self,
        step: &mut (dyn FnMut(&Inner, Now) -> Step + Send),
    ) -> Result<Settled, AttestError> {
        let config = &self.inner.settings.config;
        let begun_ms = self.inner.now().monotonic_ms;
        let patience_ends_ms = begun_ms.saturating_add(config.patience_ms);
        let ride_out_ends_ms = begun_ms.saturating_add(config.ride_out_ms);
        let mut work: Option<Shared<Work>> = None;
        loop {
            let seen = self.inner.changed.changes();
            let now = self.inner.now();
            // Who waited for a session also waits until it is written, or it would be lost with the process.
            let is_writing =
                || work.is_some() && now.monotonic_ms < patience_ends_ms && self.inner.machine().is_writing();
            let next = if is_writing() {
                Step::Work
            } else {
                step(&self.inner, now)
            };
            match next {
                Step::Ready(authorization) => return Ok(Settled::Ready(authorization)),
                Step::Sign(to_sign) => return Ok(Settled::Sign(to_sign)),
                Step::Failed(failure) => return Err(failure.to_public(0)),
                Step::Rest { until_ms, failure } if until_ms > ride_out_ends_ms => {
                    return Err(failure.to_public(until_ms.saturating_sub(now.monotonic_ms)));
                }
                Step::Rest { until_ms, .. } => {
                    let rested = self.inner.host.timer.sleep_until(until_ms);
                    select(rested, self.inner.changed.changed_since(seen)).await;
                }
                Step::Work if now.monotonic_ms >= patience_ends_ms => {
                    return Err(Failure::TimedOut.to_public(0));
                }
                Step::Work => {
                    // It is held from one round to the next: dropping the last handle abandons the work.
                    let current = work.get_or_insert_with(|| self.join());
                    let progress = select(current, self.inner.changed.changed_since(seen));
                    let impatient = self.inner.host.timer.sleep_until(patience_ends_ms);
                    let has_ended = match select(progress, impatient).await {
                        Either::Left((progress, _)) => matches!(progress, Either::Left(_)),
                        Either::Right(((), _)) => return Err(Failure::TimedOut.to_public(0)),
                    };
                    if has_ended {
                        work = None;
                    }
                }
            }
        }
    }

    /// The work that is under way, or a new piece of it.
    fn join(&self) -> Shared<Work> {
        let mut slot = self.inner.work.lock().unwrap_or_else(PoisonError::into_inner);
        let running = slot
            .as_ref()
            .and_then(WeakShared::upgrade)
            .filter(|work| work.peek().is_none());
        running.unwrap_or_else(|| {
            let work: Work = Box::pin(drive::drive(Arc::clone(&self.inner)));
            let work = work.shared();
            *slot = work.downgrade();
            work
        })
    }
}

/// How a request can go on without waiting.
enum Settled {
    Ready(Authorization),
    Sign(Box<ToSign>),
}

impl Inner {
    fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Now {
        Now {
            wall_s: self.host.clock.wall_s(),
            monotonic_ms: self.host.clock.monotonic_ms(),
        }
    }

    fn rng(&self) -> &dyn SecureRandom {
        &*self.host.random
    }

    /// Wakes who waits for the machine, and tells the observer what happened.
    fn publish(&self) {
        let notices = self.machine().take_notices();
        for notice in &notices {
            tracing::debug!(code = notice.code(), "attestor");
            self.host.observer.notice(notice);
        }
        self.changed.change();
    }
}

/// The background work pauses at least this long between two rounds, whatever the machine says.
const PAUSE_MS: u64 = 10;

#[cfg(test)]
impl Attestor {
    /// Everything that could end in a log, for a test that looks for secrets in it.
    pub(crate) fn debug_of_everything(&self) -> String {
        format!("{:?} {:?}", self.inner.machine(), self.inner.host)
    }
}
