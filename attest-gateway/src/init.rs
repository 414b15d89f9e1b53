//! Makes the directory of a new development gateway: configuration, policy, keys and admin token, ready to run.
//!
//! It writes everything or nothing: whatever exists already is never touched, and what was begun is taken back when a later
//! file cannot be written. Configuration and policy were read back before the first byte is written. It prints nothing.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use attest_core::environment::Environment;
use attest_policy::Problem;
use ring::rand::SystemRandom;
use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, value};

use crate::admin::AdminSecret;
use crate::config::{Config, ConfigProblem};
use crate::keys::{KeyFileError, Keys};

/// The configuration's file name.
pub const CONFIG_FILE: &str = "attest.toml";
/// The policy's file name.
pub const POLICY_FILE: &str = "policy.yaml";
/// The folder of the key files.
pub const KEYS_FOLDER: &str = "keys";
/// The admin token's file name.
pub const ADMIN_TOKEN_FILE: &str = "admin.token";

/// How the example policy spells its origins.
const EXAMPLE_ORIGINS: &str = "origins: ['https://api.bank.example']";

/// What a new gateway is told.
#[derive(Debug, Clone)]
pub struct InitOptions {
    /// Where it listens: loopback, because it is a development gateway. Port 0 takes a free one at each start.
    pub listen: SocketAddr,
    /// Lets it listen beyond loopback, where its software evidence is accepted from whoever reaches it: for containers.
    pub public: bool,
    /// The origin that apps use, where it is not the address that it listens on.
    pub origin: Option<String>,
    /// Where every upstream that the policy names is found, as `http://host:port`.
    pub upstream_url: String,
    /// The YAML source of its policy; `None` for the commented example, with origins that fit `listen`.
    pub policy: Option<String>,
}

impl Default for InitOptions {
    /// The addresses of the configuration's template.
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080),
            public: false,
            origin: None,
            upstream_url: "http://127.0.0.1:9000".to_owned(),
            policy: None,
        }
    }
}

/// The files that were made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Initialised {
    /// `attest.toml`.
    pub config: PathBuf,
    /// `policy.yaml`.
    pub policy: PathBuf,
    /// The folder of the keys, mode 0700, each of its files 0600.
    pub keys: PathBuf,
    /// `admin.token`, mode 0600: 256 random bits in base64url.
    pub admin_token: PathBuf,
}

/// Why nothing was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InitError {
    /// These are there already.
    #[error("{} there already; nothing was written", exists(.0))]
    Exists(Vec<PathBuf>),
    /// The options do not make a configuration that loads.
    #[error("{}", join(.0))]
    Config(Vec<ConfigProblem>),
    /// The policy does not compile.
    #[error("{}", join(.0))]
    Policy(Vec<Problem>),
    /// A file or folder cannot be made.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// A key file cannot be made.
    #[error(transparent)]
    Keys(#[from] KeyFileError),
}

impl InitError {
    /// Stable kebab-case code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Exists(_) => "init-exists",
            Self::Config(_) => "init-config",
            Self::Policy(_) => "init-policy",
            Self::Io { .. } => "init-io",
            Self::Keys(error) => error.code(),
        }
    }
}

fn exists(paths: &[PathBuf]) -> String {
    let names: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    format!(
        "{} {}",
        names.join(", "),
        if names.len() == 1 { "is" } else { "are" }
    )
}

fn join(problems: &[impl ToString]) -> String {
    problems
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Makes a development gateway in `directory`, which is made, too, if need be.
///
/// # Errors
/// [`InitError`]; nothing that it made is left behind.
pub fn write(directory: &Path, options: &InitOptions) -> Result<Initialised, InitError> {
    let made = Initialised {
        config: directory.join(CONFIG_FILE),
        policy: directory.join(POLICY_FILE),
        keys: directory.join(KEYS_FOLDER),
        admin_token: directory.join(ADMIN_TOKEN_FILE),
    };
    let all = [&made.config, &made.policy, &made.keys, &made.admin_token];
    // A dangling link is there, too: writing through it would make a file elsewhere.
    let there: Vec<_> = all
        .into_iter()
        .filter(|path| path.symlink_metadata().is_ok())
        .cloned()
        .collect();
    if !there.is_empty() {
        return Err(InitError::Exists(there));
    }
    let policy = options.policy.clone().unwrap_or_else(|| example(options));
    let rng = SystemRandom::new();
    let keys = Keys::generate(&rng)?;
    let token = AdminSecret::generate(&rng).map_err(|_| KeyFileError::Random)?;
    let config = config(options, &upstreams(&policy)?, &token.sha256_hex())?;

    let mut begun = Begun::default();
    begun.folders(directory)?;
    begun.private_folder(&made.keys)?;
    keys.write(&made.keys)?;
    begun.file(&made.admin_token, 0o600, &format!("{}\n", token.reveal()))?;
    begun.file(&made.policy, 0o644, &policy)?;
    begun.file(&made.config, 0o644, &config)?;
    begun.keep();
    Ok(made)
}

/// The example policy for a gateway that clients reach at its origin, or where it listens.
fn example(options: &InitOptions) -> String {
    let origin = options
        .origin
        .clone()
        .unwrap_or_else(|| format!("http://{}", options.listen));
    // A default port is not spelled in an origin.
    let origin = origin.strip_suffix(":80").unwrap_or(&origin);
    attest_policy::EXAMPLE.replacen(EXAMPLE_ORIGINS, &format!("origins: ['{origin}']"), 1)
}

/// The upstreams that the routes of a policy name, each once.
fn upstreams(policy: &str) -> Result<Vec<String>, InitError> {
    let compiled = attest_policy::compile(POLICY_FILE, policy).map_err(InitError::Policy)?;
    let mut names: Vec<_> = compiled
        .gateway
        .routes
        .into_iter()
        .map(|route| route.upstream)
        .collect();
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// The commented template with these addresses, read back.
fn config(options: &InitOptions, upstreams: &[String], token_sha256: &str) -> Result<String, InitError> {
    let template = Config::template(Environment::Development);
    let text = fill(&template, options, upstreams, token_sha256).unwrap_or(template);
    Config::parse(&text).map_err(InitError::Config)?;
    Ok(text)
}

/// `None` if the template is not what this expects, which a test would have seen.
fn fill(template: &str, options: &InitOptions, upstreams: &[String], token_sha256: &str) -> Option<String> {
    let mut document: DocumentMut = template.parse().ok()?;
    let set = |item: &mut Item, text: &str| *item = value(text);
    let table = document.as_table_mut();
    set(
        table.get_mut("listen")?.get_mut("address")?,
        &options.listen.to_string(),
    );
    if options.public {
        table.insert("allow_public_development", value(true));
    }
    let shown = table.get_mut("upstreams")?.as_array_of_tables_mut()?;
    let first = shown.get(0)?.clone();
    let mut all = ArrayOfTables::new();
    for (at, name) in upstreams.iter().enumerate() {
        let mut one = first.clone();
        set(one.get_mut("name")?, name);
        set(one.get_mut("url")?, &options.upstream_url);
        if at > 0 {
            // The comment above the first table introduces all of them.
            one.decor_mut().set_prefix("\n");
        }
        all.push(one);
    }
    *shown = all;
    let admin = table.get_mut("admin")?.as_table_mut()?;
    *admin.get_mut("enabled")? = value(true);
    set(
        admin.get_mut("address")?,
        &admin_address(options.listen).to_string(),
    );
    let mut token = Table::new();
    token.insert("name", value("operator"));
    token.insert("scopes", value(Array::from_iter(["read", "operate", "publish"])));
    token.insert("sha256", value(token_sha256));
    let mut tokens = ArrayOfTables::new();
    tokens.push(token);
    admin.insert("tokens", Item::ArrayOfTables(tokens));
    Some(document.to_string())
}

/// Where operators connect: the next port on loopback, so that two gateways of one machine seldom meet.
const fn admin_address(listen: SocketAddr) -> SocketAddr {
    let port = match listen.port() {
        0 => 0,
        u16::MAX => u16::MAX - 1,
        port => port + 1,
    };
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

/// Removes one file or folder.
type TakeBack = fn(&Path) -> std::io::Result<()>;

/// What was made so far, each with how it is taken back unless all of it is kept.
#[derive(Debug, Default)]
struct Begun {
    made: Vec<(PathBuf, TakeBack)>,
}

impl Begun {
    /// Makes `directory` and those above it that are missing.
    fn folders(&mut self, directory: &Path) -> Result<(), InitError> {
        let is_missing = |path: &&Path| !path.as_os_str().is_empty() && !path.exists();
        let missing: Vec<_> = directory.ancestors().take_while(is_missing).collect();
        for path in missing.into_iter().rev() {
            fs::create_dir(path).map_err(failed(path))?;
            // Only if nobody else has put something there since.
            self.made.push((path.to_owned(), |path| fs::remove_dir(path)));
        }
        Ok(())
    }

    fn private_folder(&mut self, path: &Path) -> Result<(), InitError> {
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path).map_err(failed(path))?;
        self.made.push((path.to_owned(), |path| fs::remove_dir_all(path)));
        Ok(())
    }

    /// Makes a file that must not be there.
    #[cfg_attr(not(unix), expect(unused_variables, reason = "only Unix files have a mode"))]
    fn file(&mut self, path: &Path, mode: u32, content: &str) -> Result<(), InitError> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
        let mut file = options.open(path).map_err(failed(path))?;
        self.made.push((path.to_owned(), |path| fs::remove_file(path)));
        file.write_all(content.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(failed(path))
    }

    fn keep(mut self) {
        self.made.clear();
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        for (path, take_back) in self.made.iter().rev() {
            // What cannot be removed stays, and the next attempt names it.
            let _left = take_back(path).is_err();
        }
    }
}

fn failed(path: &Path) -> impl Fn(std::io::Error) -> InitError {
    move |source| InitError::Io {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests;
