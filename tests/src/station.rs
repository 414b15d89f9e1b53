//! A gateway that follows a signed repository, with a backend behind it, and a session that asks it to decide.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use attest_core::response::Session;
use attest_gateway::admin::AdminSecret;
use attest_gateway::clock::{Clock, ManualClock};
use attest_gateway::config::Config;
use attest_gateway::faults::Faults;
use attest_gateway::gateway::Gateway;
use attest_gateway::keys::Keys;
use attest_gateway::policy::repository::Verdict;
use attest_gateway::policy::{FollowStatus, Polled};
use attest_gateway::server::{Server, ServerError};
use attest_mobile::{Headers, HttpReply};
use attest_policy::repository::Repository;
use attest_testkit::client::HttpClient;
use ring::rand::SystemRandom;
use tempfile::TempDir;

use crate::attacker::Attacker;
use crate::backend::Backend;
use crate::publisher::Publisher;
use crate::request::{Request, header};
use crate::scene::START_S;

/// What the public calls this gateway, whatever port it has.
pub const ORIGIN: &str = "https://api.bank.example";

/// A gateway's place, with or without the gateway.
#[derive(Debug)]
pub struct Station {
    /// Its folder, with `published/` in it.
    pub folder: TempDir,
    /// Where its routes lead.
    pub backend: Backend,
    /// Its clock.
    pub clock: Arc<ManualClock>,
    /// Who signs its policy.
    pub publisher: Publisher,
    keys: Keys,
    token: AdminSecret,
    /// `development` unless a test says otherwise.
    pub environment: &'static str,
    server: Option<Server>,
}

impl Station {
    /// A place where a gateway may be opened. Nothing is published yet.
    pub async fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("attest-air-").tempdir().unwrap();
        let rng = SystemRandom::new();
        let keys = Keys::generate(&rng).unwrap();
        let place = folder.path().join("keys");
        std::fs::create_dir(&place).unwrap();
        keys.write(&place).unwrap();
        let publisher = Publisher::new(ORIGIN, &keys.attestation_jwks());
        std::fs::write(folder.path().join("root.json"), publisher.roots.first().unwrap()).unwrap();
        Self {
            folder,
            backend: Backend::open().await,
            clock: Arc::new(ManualClock::at(START_S)),
            publisher,
            keys,
            token: AdminSecret::generate(&rng).unwrap(),
            environment: "development",
            server: None,
        }
    }

    /// The watched folder.
    #[must_use]
    pub fn published(&self) -> PathBuf {
        self.folder.path().join("published")
    }

    /// The gateway's own copy.
    #[must_use]
    pub fn mirror(&self) -> PathBuf {
        self.folder.path().join("policy")
    }

    /// Publishes to the watched folder.
    pub fn publish(&self, repository: &Repository) {
        repository.write_to(&self.published()).unwrap();
    }

    /// Starts the gateway on the watched folder, which it looks at only when it is told to.
    ///
    /// # Errors
    /// Why it does not start.
    pub async fn open(&mut self) -> Result<(), ServerError> {
        self.open_with("repository = 'published'\npoll_ms = 60000\n")
            .await?;
        // It looks once by itself as it begins, and need not any more.
        self.look().await;
        Ok(())
    }

    /// Starts the gateway with this source of policy.
    ///
    /// # Errors
    /// Why it does not start.
    pub async fn open_with(&mut self, policy: &str) -> Result<(), ServerError> {
        let mut text = format!(
            "environment = '{}'\n[listen]\naddress = '127.0.0.1:0'\ncores = 2\n\
             [keys]\ndirectory = 'keys'\n[store]\npath = 'attest.redb'\n\
             [policy]\nroot = 'root.json'\n{policy}\n\
             [[upstreams]]\nname = 'bank'\nurl = '{}'\n",
            self.environment,
            self.backend.url()
        );
        write!(
            text,
            "[admin]\nenabled = true\naddress = '127.0.0.1:0'\n[[admin.tokens]]\nname = 'publisher'\n\
             scopes = ['read', 'publish']\nsha256 = '{}'\n",
            self.token.sha256_hex()
        )
        .unwrap();
        let file = self.folder.path().join("attest.toml");
        std::fs::write(&file, text).unwrap();
        let config = Config::read(&file).unwrap();
        let clock: Arc<dyn Clock> = Arc::clone(&self.clock) as _;
        self.server = Some(Server::start(config, clock, Faults::default()).await?);
        Ok(())
    }

    /// Stops the gateway.
    pub async fn close(&mut self) {
        if let Some(server) = self.server.take() {
            server.drain().await;
        }
    }

    /// The running gateway.
    #[must_use]
    pub fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    /// The running gateway's shared state.
    #[must_use]
    pub fn gateway(&self) -> &Arc<Gateway> {
        self.server().gateway()
    }

    /// Has the gateway look at its source now.
    pub async fn look(&self) -> Polled {
        let gateway = Arc::clone(self.gateway());
        tokio::task::spawn_blocking(move || gateway.poll_policy())
            .await
            .unwrap()
    }

    /// What it shows of the repository.
    #[must_use]
    pub fn followed(&self) -> FollowStatus {
        self.gateway().policies().status().followed.clone().unwrap()
    }

    /// The version in force.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.gateway().policies().active().version()
    }

    /// What was refused last.
    #[must_use]
    pub fn nack(&self) -> Option<Verdict> {
        self.followed().last_nack
    }

    /// Someone who speaks the protocol by hand, and a session of theirs.
    pub async fn caller(&self) -> (Attacker, Session) {
        let at = format!("http://{}", self.server().address());
        let caller = Attacker::of(&at, ORIGIN, self.keys.attestation_jwks());
        let session = caller.session(None).await;
        (caller, session)
    }

    /// The status of a login: 200, or 403 while a rule stops it.
    pub async fn login(&self, (caller, session): &(Attacker, Session)) -> u16 {
        let login = Request::login();
        let claims = caller.claims(&login, self.clock.now_s());
        let token = caller.session_token(session, &claims);
        login.send(&caller.client, &token).await.status
    }

    /// Calls the admin listener.
    pub async fn admin(&self, method: &str, path: &str, body: &[u8]) -> HttpReply {
        let address = self.server().admin().unwrap().url();
        let bearer = format!("Bearer {}", self.token.reveal());
        let headers: Headers = vec![
            header("content-type", "application/json"),
            header("authorization", &bearer),
        ];
        HttpClient::new(&address, "publisher/1")
            .unwrap()
            .app(method, &format!("/admin/v1{path}"), &headers, body)
            .await
            .unwrap()
    }
}

/// A repository as it is pushed.
#[must_use]
pub fn pushed(repository: &Repository) -> Vec<u8> {
    let (mut metadata, mut targets) = (serde_json::Map::new(), serde_json::Map::new());
    for (name, bytes) in repository.files().unwrap() {
        let text = String::from_utf8(bytes.to_vec()).unwrap().into();
        match name.split_once('/') {
            Some(("metadata", name)) => metadata.insert(name.to_owned(), text),
            Some((_, name)) => targets.insert(name.to_owned(), text),
            None => None,
        };
    }
    serde_json::json!({"metadata": metadata, "targets": targets})
        .to_string()
        .into_bytes()
}
