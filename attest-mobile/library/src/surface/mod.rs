//! What Kotlin and Swift call: one object, [`Attest`], over the Attestor. Thin: values are passed on, and what it decides is where work runs.
//!
//! Nothing that takes time runs on the caller's thread, nothing but typed results crosses, and a panic is one of them.

mod attempts;
mod diagnostics;
mod executor;
mod failure;
mod foreign;
mod probes;
mod records;
mod threads;
mod timer;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use attest_mobile::{AttestConfig, Attestor, Host};
use futures_util::FutureExt as _;
use ring::rand::SystemRandom;

use self::attempts::Attempts;
use self::diagnostics::Diary;
use self::executor::Executor;
pub use self::failure::{AttestError, HostFailure};
pub use self::foreign::{Clock, DeviceKey, Observer, StepUpPrompt, Storage, Transport};
use self::probes::Probed;
pub use self::records::{
    Authorization, Config, Environment, Finding, Followed, Named, Platform, PlatformProof, Purpose, Refusal,
    Reply, Request, ServiceRequest, Status, StepUp, Vouched,
};
use self::threads::Threads;
use self::timer::ThreadTimer;

/// Answers one question for the app's backend: is this the genuine app, on an accepted device, right now. One per process.
#[derive(uniffi::Object)]
pub struct Attest {
    core: Arc<Core>,
    executor: Executor,
    timer: Arc<ThreadTimer>,
}

/// What work on the library's own thread needs.
struct Core {
    attestor: Attestor,
    attempts: Attempts,
    diary: Arc<Diary>,
    probed: Probed,
}

#[uniffi::export]
impl Attest {
    /// Begins: a thread of the library's own enrols, renews, and keeps the policy fresh from here on. Returns at once.
    ///
    /// # Errors
    /// [`AttestError::Misconfigured`] names the member of `config` that cannot work; [`AttestError::TryLater`] without threads.
    #[uniffi::constructor]
    pub fn start(
        config: Config,
        transport: Box<dyn Transport>,
        key: Box<dyn DeviceKey>,
        storage: Box<dyn Storage>,
        observer: Box<dyn Observer>,
        step_up: Box<dyn StepUpPrompt>,
        clock: Option<Box<dyn Clock>>,
    ) -> Result<Arc<Self>, AttestError> {
        let begun = AssertUnwindSafe(|| {
            let clock = foreign::clock(clock);
            let diary = Arc::new(Diary::new(observer, Arc::clone(&clock)));
            let timer = ThreadTimer::start(Arc::clone(&clock)).ok_or_else(AttestError::no_thread)?;
            let threads = Arc::new(Threads::default());
            let probed = Probed::new(Arc::clone(&clock), config.variables());
            let host = Host {
                transport: foreign::transport(transport, &threads),
                key: foreign::key(key, &threads),
                storage: foreign::storage(storage, &threads),
                step_up: foreign::step_up(step_up, &threads),
                observations: probed.in_background(Arc::clone(&timer) as Arc<_>),
                observer: Arc::clone(&diary) as Arc<_>,
                random: Arc::new(SystemRandom::new()),
                timer: Arc::clone(&timer) as Arc<_>,
                clock,
            };
            let attestor = Attestor::new(AttestConfig::from(config), host)
                .map_err(|error| AttestError::misconfigured(error.code()))?;
            let running = attestor.clone();
            // Without it requests would still begin and renew sessions by themselves.
            let endless = async move { running.run().await };
            let executor = Executor::start(endless).ok_or_else(AttestError::no_thread)?;
            let core = Core {
                attestor,
                attempts: Attempts::default(),
                diary,
                probed,
            };
            Ok(Arc::new(Self {
                core: Arc::new(core),
                executor,
                timer,
            }))
        });
        catch_unwind(begun).unwrap_or_else(|_| Err(AttestError::panicked()))
    }

    /// Completes once there is a session, so that the first request need not wait for one.
    ///
    /// # Errors
    /// [`AttestError`].
    pub async fn ready(&self) -> Result<(), AttestError> {
        let core = Arc::clone(&self.core);
        self.executor
            .run(async move { Ok(core.attestor.ready().await?) })
            .await
    }

    /// The headers that `request` has to carry: none where the policy asks for no token.
    ///
    /// # Errors
    /// [`AttestError`].
    pub async fn authorize(&self, request: Request) -> Result<Authorization, AttestError> {
        if let Some(authorization) = self.try_authorize(request.clone()) {
            return Ok(authorization);
        }
        let core = Arc::clone(&self.core);
        self.executor
            .run(async move {
                let authorized = core.attestor.authorize(&request.borrowed()).await?;
                Ok(core.attempts.first(authorized))
            })
            .await
    }

    /// The headers that `request` has to carry, if they are to be had without waiting; otherwise nothing.
    pub fn try_authorize(&self, request: Request) -> Option<Authorization> {
        let minted = AssertUnwindSafe(|| {
            let authorized = self.core.attestor.try_authorize(&request.borrowed())?;
            Some(self.core.attempts.first(authorized))
        });
        match self.executor.has_stopped() {
            true => None,
            false => catch_unwind(minted).unwrap_or(None),
        }
    }

    /// What the reply to a request means: whether to send it once more, and with which headers. A refusal is followed by its retry
    /// class; a step-up asks the prompt. To be called with each reply of a protected origin; the body matters from status 400 on.
    ///
    /// # Errors
    /// [`AttestError`], above all [`AttestError::StepUpDeclined`].
    pub async fn follow(
        &self,
        request: Request,
        sent: Authorization,
        reply: Reply,
    ) -> Result<Followed, AttestError> {
        let is_refusal = reply.status >= 400;
        let core = Arc::clone(&self.core);
        let following = async move { core.follow(&request, sent.attempt, reply).await };
        if is_refusal {
            return self.executor.run(following).await;
        }
        // Nothing is waited for then.
        match self.executor.has_stopped() {
            true => Err(AttestError::stopped()),
            false => AssertUnwindSafe(following)
                .catch_unwind()
                .await
                .unwrap_or_else(|_| Err(AttestError::panicked())),
        }
    }

    /// Forgets the registration, the session and the device key. The next request enrols anew.
    ///
    /// # Errors
    /// [`AttestError::TryLater`] if key or state could not be removed; in memory they are gone.
    pub async fn forget(&self) -> Result<(), AttestError> {
        let core = Arc::clone(&self.core);
        self.executor
            .run(async move { Ok(core.attestor.forget().await?) })
            .await
    }

    /// To be called when the network may be back.
    pub fn connectivity_restored(&self) {
        drop(catch_unwind(AssertUnwindSafe(|| {
            self.core.attestor.connectivity_restored();
        })));
    }

    /// To be called when the app comes to the foreground, or a clock was set: the phone may have slept, and timers with it.
    pub fn resumed(&self) {
        self.timer.look_again();
    }

    /// What the phone is now.
    pub fn status(&self) -> Status {
        catch_unwind(AssertUnwindSafe(|| self.core.status())).unwrap_or_default()
    }

    /// The same and more as text, for support: no token, key or challenge is in it.
    pub fn diagnostics(&self) -> String {
        let text = AssertUnwindSafe(|| self.core.diagnostics(self.executor.has_stopped()));
        catch_unwind(text).unwrap_or_default()
    }

    /// Ends all work. Every later call is answered with [`AttestError::Misconfigured`], code `stopped`; to do it twice changes nothing.
    pub fn stop(&self) {
        self.executor.stop();
        self.timer.stop();
    }
}

impl Drop for Attest {
    fn drop(&mut self) {
        self.stop();
    }
}

impl std::fmt::Debug for Attest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attest").finish_non_exhaustive()
    }
}

impl Core {
    async fn follow(&self, request: &Request, attempt: u64, reply: Reply) -> Result<Followed, AttestError> {
        let Some((mut attempt, sent)) = self.attempts.take(attempt) else {
            return Ok(Followed::default());
        };
        let request = request.borrowed();
        let reply = reply.into();
        let (again, refusal) = self
            .attestor
            .follow(&mut attempt, &request, &sent, &reply)
            .await?;
        let again = if again {
            let authorized = self.attestor.authorize_again(&attempt, &request).await?;
            Some(self.attempts.next(attempt, authorized))
        } else {
            None
        };
        let refusal = refusal.map(Refusal::from);
        if let Some(refusal) = &refusal {
            self.diary.refused(refusal);
        }
        Ok(Followed { again, refusal })
    }
}
