//! The sample bank with a gateway in front of it, on loopback, in a folder of its own that goes when the world goes.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use attest_gateway::clock::Clock;
use attest_gateway::config::Config;
use attest_gateway::faults::Faults;
use attest_gateway::keys::{KeyFileError, Keys, POLICY_ROOT_PUBLIC_FILE};
use attest_gateway::runtime::StartError;
use attest_gateway::server::{Server, ServerError};
use ring::rand::SystemRandom;
use tempfile::TempDir;

use crate::bank::Bank;
use crate::evidence::simulated::Chip;
use crate::evidence::{BuildError, TestRoots};
use crate::phone::{Evidence, PhoneOptions};
use crate::policy::{ANDROID_APP, PolicySettings};

const POLICY_FILE: &str = "policy.yaml";
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
        }
    }
}

/// A running bank and gateway.
#[derive(Debug)]
pub struct World {
    bank: Arc<Bank>,
    server: Server,
    policy: Mutex<PolicySettings>,
    policy_file: PathBuf,
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
        let root = std::fs::read(keys_folder.join(POLICY_ROOT_PUBLIC_FILE))?;
        let test_roots = Arc::new(TestRoots::generate()?);
        test_roots.write(&folder.path().join(TEST_ROOTS_FILE))?;
        let mut attempts = 0;
        let (server, origin, policy) = loop {
            attempts += 1;
            match open(&options, &folder, &bank, &test_roots).await {
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
            policy_file: folder.path().join(POLICY_FILE),
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
    pub fn folder(&self) -> &std::path::Path {
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

    /// Publishes a changed policy under the next version, as an admin would: the file is replaced as a whole.
    ///
    /// # Errors
    /// The system's reason.
    pub fn publish(&self, change: impl FnOnce(&mut PolicySettings)) -> std::io::Result<u64> {
        let mut policy = self.policy.lock().unwrap_or_else(PoisonError::into_inner);
        policy.version += 1;
        change(&mut policy);
        self.publish_text(&policy.source())?;
        Ok(policy.version)
    }

    /// Replaces the policy file by any text.
    ///
    /// # Errors
    /// The system's reason.
    pub fn publish_text(&self, source: &str) -> std::io::Result<()> {
        let next = self.policy_file.with_extension("next");
        std::fs::write(&next, source)?;
        std::fs::rename(&next, &self.policy_file)
    }

    /// Stops the gateway politely and the bank after it.
    pub async fn stop(self) -> attest_gateway::runtime::DrainReport {
        self.server.drain().await
    }
}

fn read(file: &std::path::Path) -> Result<Config, WorldError> {
    Config::read(file).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        WorldError::Config(lines.join("; "))
    })
}

/// Writes policy and configuration for a free address and starts the gateway there. The policy names the public origin, so the
/// port must be known before the gateway listens on it.
async fn open(
    options: &WorldOptions,
    folder: &TempDir,
    bank: &Bank,
    test_roots: &TestRoots,
) -> Result<(Server, String, PolicySettings), WorldError> {
    let address = free_address()?;
    let origin = format!("http://{address}");
    bank.set_audience(&origin);
    let mut policy = PolicySettings::new(origin.clone(), bank.otp_key());
    policy.upstream = options.upstream;
    policy.anchors = test_roots.policy_anchors();
    (options.policy)(&mut policy);
    std::fs::write(folder.path().join(POLICY_FILE), policy.source())?;
    let config_file = folder.path().join("attest.toml");
    let text = config(address, options.cores, &bank.url(), &options.config);
    std::fs::write(&config_file, text)?;
    let server = Server::start(read(&config_file)?, Arc::clone(&options.clock), options.faults).await?;
    Ok((server, origin, policy))
}

fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

fn config(address: SocketAddr, cores: usize, upstream: &str, more: &str) -> String {
    format!(
        "environment = \"development\"\n\n\
         [listen]\naddress = \"{address}\"\ncores = {cores}\n\n\
         [keys]\ndirectory = \"keys\"\n\n\
         [store]\npath = \"attest.redb\"\n\n\
         [policy]\nfile = \"policy.yaml\"\npoll_ms = 50\n\n\
         [[upstreams]]\nname = \"bank\"\nurl = \"{upstream}\"\n\n{more}\n"
    )
}
