//! Puts a gateway together and runs it: store, policy, cores, and the chores beside them (watching the policy file and certificates,
//! sweeping what expired).

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use ring::rand::SystemRandom;

use crate::admin::{AdminListener, AdminStartError};
use crate::clock::{Clock, Moment, SettledTime};
use crate::config::Config;
use crate::descriptors;
use crate::faults::Faults;
use crate::gateway::{AssemblyError, Gateway, Parts};
use crate::keys::{KeyFileError, Keys};
use crate::policy::repository::Following;
use crate::policy::{Policies, PolicyOpenError};
use crate::runtime::{self, DrainReport, HeadRefusal, Running, ServerOptions, StartError};
use crate::stack::stack;
use crate::store::{EmbeddedStore, Store, StoreOpenError, StoreOptions};

/// Why a gateway does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// A key file.
    #[error("keys: {0}")]
    Keys(#[from] KeyFileError),
    /// The policy, and there is no last good one.
    #[error("policy: {0}")]
    Policy(#[from] PolicyOpenError),
    /// The store's file.
    #[error("store: {0}")]
    Store(#[from] StoreOpenError),
    /// What the cores share.
    #[error(transparent)]
    Assembly(#[from] AssemblyError),
    /// The listeners.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The listener for operators.
    #[error(transparent)]
    Admin(#[from] AdminStartError),
    /// A thread beside the cores.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

/// A running gateway. Dropping it cuts connections off; [`Server::drain`] is the polite way.
#[derive(Debug)]
pub struct Server {
    gateway: Arc<Gateway>,
    following: Option<Following>,
    running: Running,
    // Dropped with the server: the chore thread sees it and ends.
    stop: Sender<()>,
    chores: JoinHandle<()>,
    admin: Option<AdminListener>,
}

impl Server {
    /// Reads keys and policy, opens the store and starts serving.
    ///
    /// # Errors
    /// [`ServerError`] names the part and the place.
    pub async fn start(config: Config, clock: Arc<dyn Clock>, faults: Faults) -> Result<Self, ServerError> {
        let keys = Arc::new(Keys::read(&config.keys.directory, &SystemRandom::new())?);
        descriptors::reserve(descriptors::needed(&config));
        let policies = Policies::open(&config, Arc::clone(&keys), Arc::clone(&clock));
        let policies = Box::pin(policies).await?;
        report(&policies);
        let options = StoreOptions::of(&config.store);
        let store: Arc<dyn Store> = Arc::new(EmbeddedStore::open(
            &config.store.path,
            options,
            Arc::clone(&clock),
        )?);
        let gateway = Gateway::assemble(Parts {
            config,
            keys,
            policies,
            store,
            clock,
            faults,
        })
        .await?;
        Self::serve(Arc::new(gateway))
    }

    /// Serves with what was assembled.
    ///
    /// # Errors
    /// [`ServerError::Start`], [`ServerError::Admin`] and [`ServerError::Thread`].
    pub fn serve(gateway: Arc<Gateway>) -> Result<Self, ServerError> {
        // Before the first enrolment.
        gateway.poll_revocations();
        let refusing = Arc::clone(&gateway);
        let options = ServerOptions {
            head_refusal: HeadRefusal::new(move |reason| refusing.refuse_head(reason)),
            tls: gateway.tls().cloned(),
            ..ServerOptions::from(&gateway.live().config)
        };
        let shared = Arc::clone(&gateway);
        let running = runtime::start(&options, move |_| stack(Arc::clone(&shared)))?;
        let admin = match gateway.live().config.admin.enabled {
            true => Some(AdminListener::start(&gateway, running.view())?),
            false => None,
        };
        let (stop, stopped) = channel();
        let there = Arc::clone(&gateway);
        let chores = std::thread::Builder::new()
            .name("chores".to_owned())
            .spawn(move || chores(&there, &stopped))
            .map_err(ServerError::Thread)?;
        let following = gateway.policies.take_parked();
        let following = following.map(|parked| Following::start(parked, Arc::clone(&gateway)));
        let following = following.transpose().map_err(ServerError::Thread)?;
        Ok(Self {
            gateway,
            following,
            running,
            stop,
            chores,
            admin,
        })
    }

    /// What all cores share.
    #[must_use]
    pub const fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> std::net::SocketAddr {
        self.running.address()
    }

    /// The listener for operators, if the configuration enables it.
    #[must_use]
    pub const fn admin(&self) -> Option<&AdminListener> {
        self.admin.as_ref()
    }

    /// The cores and their connections.
    #[must_use]
    pub const fn running(&self) -> &Running {
        &self.running
    }

    /// Waits until a core ends although nobody asked it to.
    pub async fn core_ended(&self) {
        self.running.core_ended().await;
    }

    /// Stops accepting and lets requests in flight finish, for as long as the configuration allows. The store is closed when
    /// it returns, unless somebody else still holds the gateway: another one may open the same folder.
    pub async fn drain(self) -> DrainReport {
        let Self {
            gateway,
            following,
            running,
            stop,
            chores,
            admin,
        } = self;
        let grace = Duration::from_secs(gateway.live().config.limits.drain_s);
        let report = running.drain(grace).await;
        drop(stop);
        // Both wait for a thread: the chores, and the store that writes what is queued.
        let closed = tokio::task::spawn_blocking(move || {
            let _panicked = chores.join().is_err();
            drop(following);
            // Last of all, so that operators see the drain to its end.
            if let Some(admin) = admin {
                admin.stop();
            }
            drop(gateway);
        });
        let _panicked = closed.await.is_err();
        report
    }
}

/// Looks at the policy file and the certificates, and sweeps the store until the server is gone.
fn chores(gateway: &Gateway, stopped: &std::sync::mpsc::Receiver<()>) {
    let pause = || Duration::from_millis(gateway.live().config.policy.poll_ms);
    let sweep_interval_ms = || gateway.live().config.store.sweep_interval_s.saturating_mul(1000);
    let mut next_sweep_ms = gateway.clock.monotonic_ms().saturating_add(sweep_interval_ms());
    let mut settled = SettledTime::new(Moment::of(&*gateway.clock));
    while stopped.recv_timeout(pause()) == Err(RecvTimeoutError::Timeout) {
        if !gateway.faults.has(crate::faults::Fault::IgnorePolicyChange) {
            gateway.watch_policy();
        }
        gateway.poll_certificates();
        gateway.poll_revocations();
        follow_revocations(gateway);
        let now_ms = gateway.clock.monotonic_ms();
        let settled_s = settled.follow(Moment::of(&*gateway.clock));
        if now_ms >= next_sweep_ms {
            next_sweep_ms = now_ms.saturating_add(sweep_interval_ms());
            // Queued; its outcome matters to nobody, and what remains is swept next time.
            drop(gateway.store().sweep(settled_s));
        }
    }
}

/// Cuts off the devices of newly revoked certificates. What the store cannot take now is tried again at the next round.
fn follow_revocations(gateway: &Gateway) {
    if !gateway.revocations.is_behind() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let cut = runtime.map(|runtime| runtime.block_on(gateway.cut_revoked()));
    if let Ok(Err(error)) = cut {
        tracing::error!(%error, "revoked devices cannot be cut off yet");
    }
}

fn report(policies: &Policies) {
    let status = policies.status();
    for warning in &status.warnings {
        tracing::warn!(%warning, "policy");
    }
    match &status.problem {
        None => tracing::info!(version = status.active_version, "policy active"),
        Some(problem) => {
            tracing::error!(version = status.active_version, %problem, "the policy file was refused; the last good policy is active");
        }
    }
}
