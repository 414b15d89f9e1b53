//! Gateways as they are deployed: processes of the built binary in folders of their own, which share keys and policy. The public
//! origin is none of their addresses, so that a token is good at each of them.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Mutex, PoisonError};

use attest_core::jose::{Jwk, JwkSet, SigningKey};
use attest_gateway::keys::{Keys, POLICY_ROOT_PUBLIC_FILE};
use attest_testkit::phone::{Phone, PhoneOptions};
use attest_testkit::policy::{ANDROID_APP, PolicySettings};
use ring::rand::SystemRandom;
use tempfile::TempDir;

use crate::attacker::Attacker;
use crate::binary::attest;
use crate::instance::Instance;

/// What apps call the API by.
pub const PUBLIC_ORIGIN: &str = "https://api.bank.example";

/// Keys and policy of a fleet, in a folder that goes with it.
#[derive(Debug)]
pub struct Deployment {
    folder: TempDir,
    policy: Mutex<PolicySettings>,
    root: Vec<u8>,
    response_keys: JwkSet,
}

/// One gateway's place: its configuration and its own state.
#[derive(Debug)]
pub struct Node {
    /// Its `attest.toml`.
    pub config: PathBuf,
    /// Where it listens each time it runs.
    pub address: SocketAddr,
}

impl Deployment {
    /// New keys and the sample bank's policy with a change.
    #[must_use]
    pub fn new(change: impl FnOnce(&mut PolicySettings)) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("attest-field-")
            .tempdir()
            .unwrap();
        let place = folder.path().join("keys");
        std::fs::create_dir(&place).unwrap();
        let keys = Keys::generate(&SystemRandom::new()).unwrap();
        keys.write(&place).unwrap();
        let otp = SigningKey::generate(&SystemRandom::new()).unwrap();
        let mut policy = PolicySettings::new(PUBLIC_ORIGIN, Jwk::published(&otp.public_point()));
        change(&mut policy);
        std::fs::write(folder.path().join("policy.yaml"), policy.source()).unwrap();
        Self {
            folder,
            policy: Mutex::new(policy),
            root: std::fs::read(place.join(POLICY_ROOT_PUBLIC_FILE)).unwrap(),
            response_keys: keys.attestation_jwks(),
        }
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A place for a gateway with the upstream `bank` at this URL. `upstream` is added to the upstream's section, `more` after it.
    #[must_use]
    pub fn node(&self, name: &str, bank: &str, upstream: &str, more: &str) -> Node {
        let place = self.folder().join(name);
        std::fs::create_dir(&place).unwrap();
        let address = free_address();
        let text = format!(
            "environment = \"development\"\n\n[listen]\naddress = \"{address}\"\ncores = 2\n\n\
             [keys]\ndirectory = \"../keys\"\n\n[store]\npath = \"attest.redb\"\n\n\
             [policy]\nfile = \"../policy.yaml\"\npoll_ms = 50\n\n\
             [[upstreams]]\nname = \"bank\"\nurl = \"{bank}\"\n{upstream}\n\n{more}\n"
        );
        let config = place.join("attest.toml");
        std::fs::write(&config, text).unwrap();
        Node { config, address }
    }

    /// Publishes a changed policy under the next version: the file is replaced as a whole.
    pub fn publish(&self, change: impl FnOnce(&mut PolicySettings)) -> u64 {
        let mut policy = self.policy.lock().unwrap_or_else(PoisonError::into_inner);
        policy.version += 1;
        change(&mut policy);
        let file = self.folder().join("policy.yaml");
        let next = file.with_extension("next");
        std::fs::write(&next, policy.source()).unwrap();
        std::fs::rename(next, file).unwrap();
        policy.version
    }

    /// Options of a genuine phone that reaches the fleet at `host:port`.
    #[must_use]
    pub fn phone_options(&self, authority: impl std::fmt::Display) -> PhoneOptions {
        let mut options = PhoneOptions::new(format!("http://{authority}"), ANDROID_APP, self.root.clone());
        options.origins = vec![PUBLIC_ORIGIN.to_owned()];
        options
    }

    /// A genuine phone.
    #[must_use]
    pub fn phone(&self, authority: impl std::fmt::Display) -> Phone {
        Phone::new(self.phone_options(authority)).unwrap()
    }

    /// Someone who speaks the protocol by hand.
    #[must_use]
    pub fn attacker(&self, authority: impl std::fmt::Display) -> Attacker {
        let at = format!("http://{authority}");
        Attacker::of(&at, PUBLIC_ORIGIN, self.response_keys.clone())
    }
}

impl Node {
    /// Runs it; it serves when this returns.
    #[must_use]
    pub fn start(&self) -> Instance {
        Instance::start(&self.config).unwrap_or_else(|log| panic!("the gateway does not start: {log}"))
    }

    /// Runs it after a command of the shell, such as one that sets limits.
    ///
    /// # Errors
    /// What it printed, if it ended instead.
    pub fn start_limited(&self, limit: &str) -> Result<Instance, String> {
        Instance::start_limited(&self.config, limit)
    }

    /// What `attest gateway check` says.
    #[must_use]
    pub fn check(&self) -> Output {
        let mut command = Command::new(attest());
        command.args(["gateway", "check", "--config"]).arg(&self.config);
        command.stdin(Stdio::null()).output().unwrap()
    }
}

/// A loopback address that nobody listens on now, from ports that the system gives to no outgoing connection: a gateway that
/// restarts must find its port free.
#[must_use]
pub fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    const FIRST: u16 = 15_000;
    const COUNT: u16 = 15_000;
    let begin = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap_or(0);
    loop {
        let step = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_mul(7);
        let port = FIRST + begin.wrapping_add(step) % COUNT;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        }
    }
}
