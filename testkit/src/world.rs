//! The sample bank with a gateway in front of it, on loopback, in a folder of its own that goes when the world goes.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use attest_core::policy::Mode;
use attest_gateway::clock::Clock;
use attest_gateway::config::Config;
use attest_gateway::faults::Faults;
use attest_gateway::keys::{KeyFileError, Keys, POLICY_ROOT_PUBLIC_FILE};
use attest_gateway::runtime::StartError;
use attest_gateway::server::{Server, ServerError};
use attest_policy::Compiled;
use attest_policy::repository::{Repository, RepositoryError};
use ring::rand::SystemRandom;
use tempfile::TempDir;

use crate::bank::Bank;
use crate::evidence::simulated::Chip;
use crate::evidence::{BuildError, TestRoots};
use crate::phone::{Evidence, PhoneOptions};
use crate::policy::{ANDROID_APP, PolicySettings};
use crate::publisher::{Forgery, Publisher};

const POLICY_FILE: &str = "policy.yaml";
/// Where admins publish, and the root that they began with.
const PUBLISHED_FOLDER: &str = "published";
const ROOT_FILE: &str = "root.json";
/// The keys of the roots that simulated hardware is vouched for by, for phones in other processes.
const TEST_ROOTS_FILE: &str = "test-roots.pem";
/// Free addresses tried before a start is given up.
const ADDRESSES_TRIED: u32 = 3;

/// Why a world could not be made.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// A folder or socket.
    #[error("cannot prepare the sample bank: {0}")]
    Io(#[from] std::io::Error),
    /// The keys.
    #[error(transparent)]
    Keys(#[from] KeyFileError),
    /// The configuration, which is written here.
    #[error("configuration: {0}")]
    Config(String),
    /// The roots of simulated hardware.
    #[error("test roots: {0}")]
    Roots(#[from] BuildError),
    /// The policy, which is written here and by tests.
    #[error("policy: {0}")]
    Policy(String),
    /// Signing or publishing it.
    #[error("policy: {0}")]
    Repository(#[from] RepositoryError),
    /// Nobody signs the policy of this world.
    #[error("the policy of this world is not signed by admins")]
    Unsigned,
    /// The gateway.
    #[error("gateway: {0}")]
    Gateway(#[from] ServerError),
}

/// What a world is made from.
#[derive(Debug, Clone)]
pub struct WorldOptions {
    /// Where the gateway's time comes from.
    pub clock: Arc<dyn Clock>,
    /// Deliberate faults of the gateway.
    pub faults: Faults,
    /// Threads that serve requests.
    pub cores: usize,
    /// Lines added to `attest.toml`.
    pub config: String,
    /// The upstream that routes lead to.
    pub upstream: &'static str,
    /// Changes the first policy before it is published.
    pub policy: fn(&mut PolicySettings),
    /// Whether admins sign the policy; else the gateway does, for development.
    pub signed: bool,
}

impl WorldOptions {
    /// A sound gateway on two cores with this clock.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            faults: Faults::default(),
            cores: 2,
            config: String::new(),
            upstream: "bank",
            policy: |_| (),
            signed: false,
        }
    }
}

/// A running bank and gateway.
#[derive(Debug)]
pub struct World {
    bank: Arc<Bank>,
    server: Server,
    policy: Mutex<PolicySettings>,
    /// Who signs the policy, where admins do.
    publisher: Option<Publisher>,
    root: Vec<u8>,
    test_roots: Arc<TestRoots>,
    origin: String,
    clock: Arc<dyn Clock>,
    faults: Faults,
    folder: TempDir,
}

impl World {
    /// Opens the bank and starts the gateway in front of it.
    ///
    /// # Errors
    /// [`WorldError`].
    pub async fn start(options: WorldOptions) -> Result<Self, WorldError> {
        let folder = tempfile::Builder::new().prefix("attest-").tempdir()?;
        let bank = Arc::new(Bank::open(Arc::clone(&options.clock)).await?);
        let keys_folder = folder.path().join("keys");
        std::fs::create_dir(&keys_folder)?;
        let keys = Keys::generate(&SystemRandom::new())?;
        keys.write(&keys_folder)?;
        let publisher = if options.signed {
            Some(Publisher::new(options.clock.now_s())?)
        } else {
            None
        };
        let root = match &publisher {
            Some(publisher) => publisher.root().to_vec(),
            None => std::fs::read(keys_folder.join(POLICY_ROOT_PUBLIC_FILE))?,
        };
        let test_roots = Arc::new(TestRoots::generate()?);
        test_roots.write(&folder.path().join(TEST_ROOTS_FILE))?;
        let mut attempts = 0;
        let (server, origin, policy) = loop {
            attempts += 1;
            let first = First {
                bank: &bank,
                keys: &keys,
                test_roots: &test_roots,
                publisher: publisher.as_ref(),
            };
            match open(&options, &folder, first).await {
                // Somebody else took the port between the look and the listening.
                Err(WorldError::Gateway(ServerError::Start(StartError::AddressInUse { .. })))
                    if attempts < ADDRESSES_TRIED => {}
                opened => break opened?,
            }
        };
        Ok(Self {
            bank,
            server,
            policy: Mutex::new(policy),
            publisher,
            root,
            test_roots,
            origin,
            clock: options.clock,
            faults: options.faults,
            folder,
        })
    }

    /// Stops the gateway politely and starts another one in the same folder and on the same address.
    ///
    /// # Errors
    /// [`WorldError`].
    pub async fn restart(self) -> Result<Self, WorldError> {
        let config = read(&self.folder.path().join("attest.toml"))?;
        self.server.drain().await;
        let server = Server::start(config, Arc::clone(&self.clock), self.faults).await?;
        Ok(Self { server, ..self })
    }

    /// The bank.
    #[must_use]
    pub const fn bank(&self) -> &Arc<Bank> {
        &self.bank
    }

    /// The gateway.
    #[must_use]
    pub const fn server(&self) -> &Server {
        &self.server
    }

    /// The public origin, which is also where the gateway listens.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The folder with `attest.toml`, `policy.yaml`, `test-roots.pem` and `keys/`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Options of a genuine Android phone in this world.
    #[must_use]
    pub fn phone(&self) -> PhoneOptions {
        PhoneOptions::new(self.origin.clone(), ANDROID_APP, self.root.clone())
    }

    /// Hardware of this world, for [`PhoneOptions::evidence`]: what its policy trusts.
    #[must_use]
    pub fn hardware(&self, chip: Chip) -> Evidence {
        Evidence::Hardware {
            roots: Arc::clone(&self.test_roots),
            chip,
        }
    }

    /// The roots that the policy trusts beside the platforms' own.
    #[must_use]
    pub const fn test_roots(&self) -> &Arc<TestRoots> {
        &self.test_roots
    }

    /// Publishes a changed policy under the next version, as an admin would.
    ///
    /// # Errors
    /// [`WorldError`].
    pub fn publish(&self, change: impl FnOnce(&mut PolicySettings)) -> Result<u64, WorldError> {
        let mut policy = self.settings();
        policy.version += 1;
        change(&mut policy);
        self.publish_text(&policy.source())?;
        Ok(policy.version)
    }

    /// Publishes any text: signed, or as the gateway's policy file.
    ///
    /// # Errors
    /// [`WorldError`].
    pub fn publish_text(&self, source: &str) -> Result<(), WorldError> {
        match &self.publisher {
            Some(publisher) => self.put(&publisher.publish(&compiled(source)?, self.clock.now_s())?),
            None => replace(&self.folder.path().join(POLICY_FILE), source),
        }
    }

    /// Pulls the brake: for so long these rules are in these modes. Without rules it is let go.
    ///
    /// # Errors
    /// [`WorldError`].
    pub fn brake(&self, rules: &[(&str, Mode)], for_s: u64) -> Result<(), WorldError> {
        self.put(&self.publisher()?.brake(rules, self.clock.now_s(), for_s)?)
    }

    /// Publishes what is in force once more, over whatever a forger has put there.
    ///
    /// # Errors
    /// [`WorldError`].
    pub fn publish_again(&self) -> Result<(), WorldError> {
        self.put(&self.publisher()?.sign_again(self.clock.now_s())?)
    }

    /// What a forger would publish so that a changed policy comes into force.
    ///
    /// # Errors
    /// [`WorldError`].
    pub fn forge(
        &self,
        forgery: Forgery,
        change: impl FnOnce(&mut PolicySettings),
    ) -> Result<Repository, WorldError> {
        let mut policy = self.settings().clone();
        policy.version += 1;
        change(&mut policy);
        let policy = compiled(&policy.source())?;
        Ok(self.publisher()?.forge(forgery, &policy, self.clock.now_s())?)
    }

    /// Puts a repository, whoever signed it, where the gateway looks for one.
    ///
    /// # Errors
    /// [`WorldError`].
    pub fn put(&self, repository: &Repository) -> Result<(), WorldError> {
        Ok(repository.write_to(&self.folder.path().join(PUBLISHED_FOLDER))?)
    }

    fn settings(&self) -> MutexGuard<'_, PolicySettings> {
        self.policy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publisher(&self) -> Result<&Publisher, WorldError> {
        self.publisher.as_ref().ok_or(WorldError::Unsigned)
    }

    /// Stops the gateway politely and the bank after it.
    pub async fn stop(self) -> attest_gateway::runtime::DrainReport {
        self.server.drain().await
    }
}

fn read(file: &Path) -> Result<Config, WorldError> {
    Config::read(file).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        WorldError::Config(lines.join("; "))
    })
}

fn compiled(source: &str) -> Result<Compiled, WorldError> {
    attest_policy::compile(POLICY_FILE, source).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        WorldError::Policy(lines.join("; "))
    })
}

fn replace(file: &Path, text: &str) -> Result<(), WorldError> {
    let next = file.with_extension("next");
    std::fs::write(&next, text)?;
    Ok(std::fs::rename(&next, file)?)
}

/// What the first policy follows from.
struct First<'a> {
    bank: &'a Bank,
    keys: &'a Keys,
    test_roots: &'a TestRoots,
    publisher: Option<&'a Publisher>,
}

/// Publishes the policy and writes the configuration for a free address, and starts the gateway there. The policy names the public
/// origin, so the port must be known before the gateway listens on it.
async fn open(
    options: &WorldOptions,
    folder: &TempDir,
    first: First<'_>,
) -> Result<(Server, String, PolicySettings), WorldError> {
    let address = free_address()?;
    let origin = format!("http://{address}");
    first.bank.set_audience(&origin);
    let mut policy = PolicySettings::new(origin.clone(), first.bank.otp_key());
    policy.upstream = options.upstream;
    policy.anchors = first.test_roots.policy_anchors();
    (options.policy)(&mut policy);
    let folder = folder.path();
    let from = match first.publisher {
        Some(publisher) => {
            let keys = first.keys.attestation_jwks().keys;
            let keys: Result<Vec<_>, _> = keys.iter().map(serde_json::to_string).collect();
            policy.response_keys = keys.map_err(std::io::Error::from)?.join(", ");
            let signed = publisher.publish(&compiled(&policy.source())?, options.clock.now_s())?;
            signed.write_to(&folder.join(PUBLISHED_FOLDER))?;
            std::fs::write(folder.join(ROOT_FILE), publisher.root())?;
            format!("repository = \"{PUBLISHED_FOLDER}\"\nroot = \"{ROOT_FILE}\"")
        }
        None => {
            std::fs::write(folder.join(POLICY_FILE), policy.source())?;
            format!("file = \"{POLICY_FILE}\"")
        }
    };
    let config_file = folder.join("attest.toml");
    let text = config(address, options, &first.bank.url(), &from);
    std::fs::write(&config_file, text)?;
    let server = Server::start(read(&config_file)?, Arc::clone(&options.clock), options.faults).await?;
    Ok((server, origin, policy))
}

fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

fn config(address: SocketAddr, options: &WorldOptions, upstream: &str, policy: &str) -> String {
    let (cores, more) = (options.cores, &options.config);
    format!(
        "environment = \"development\"\n\n\
         [listen]\naddress = \"{address}\"\ncores = {cores}\n\n\
         [keys]\ndirectory = \"keys\"\n\n\
         [store]\npath = \"attest.redb\"\n\n\
         [policy]\n{policy}\npoll_ms = 50\n\n\
         [[upstreams]]\nname = \"bank\"\nurl = \"{upstream}\"\n\n{more}\n"
    )
}
