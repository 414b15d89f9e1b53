//! What an app configures, and the settings that follow from it. A configuration that could not work, or that would trust
//! more than it should, is refused before anything is sent.

use attest_core::bundle;
use attest_core::device::Platform;
use attest_core::encoding::sha256_base64url;
use attest_core::environment::Environment;
use attest_core::token::binding::normal_origin;
use attest_core::tuf::TufError;

use crate::request::Target;

/// An app's configuration.
#[derive(Debug, Clone)]
pub struct AttestConfig {
    /// URL of the attestation service, such as `https://api.bank.example/.attest/v1`.
    pub service_url: String,
    /// The app's id in policy.
    pub app: String,
    /// The app's version.
    pub app_version: String,
    /// The operating system.
    pub platform: Platform,
    /// The environment that the app is built for.
    pub environment: Environment,
    /// The first root of the policy repository, byte for byte: device policy counts only if the chain of roots that begins here
    /// vouches for it. A later root may be configured with a new version of the app.
    pub policy_root: Vec<u8>,
    /// Origins of the protected API. Requests to others pass at once without a token. Empty: those that the policy names.
    pub origins: Vec<String>,
    /// Mint a session token also where the policy names the origin but no requirement matches.
    pub token_by_default: bool,
    /// How long one foreign call may take, milliseconds: a stuck network or key must not hold requests for ever.
    pub call_timeout_ms: u64,
    /// How long a request waits for a session, milliseconds: longer than a first enrolment in slow hardware takes.
    pub patience_ms: u64,
    /// A request waits out failures that pass within this time, milliseconds: a gateway's restart should go unnoticed.
    pub ride_out_ms: u64,
}

impl AttestConfig {
    /// A configuration with the default bounds; origins and the policy root are the caller's to add.
    #[must_use]
    pub fn new(
        service_url: impl Into<String>,
        app: impl Into<String>,
        app_version: impl Into<String>,
        platform: Platform,
        environment: Environment,
    ) -> Self {
        Self {
            service_url: service_url.into(),
            app: app.into(),
            app_version: app_version.into(),
            platform,
            environment,
            policy_root: Vec::new(),
            origins: Vec::new(),
            token_by_default: false,
            call_timeout_ms: 15_000,
            patience_ms: 30_000,
            ride_out_ms: 2_000,
        }
    }
}

/// What is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Not an absolute http or https URL without query.
    #[error("service_url: not an absolute http or https URL without query")]
    ServiceUrl,
    /// Plain http outside development.
    #[error("service_url, origins: plain http is for environment development only")]
    PlainHttp,
    /// Empty, or longer than the service reads.
    #[error("app: must have 1 to 128 bytes")]
    App,
    /// Empty, or longer than the service reads.
    #[error("app_version: must have 1 to 128 bytes")]
    AppVersion,
    /// No root: no device policy could ever be accepted.
    #[error("policy_root: the repository's root metadata is needed to verify device policy")]
    NoPolicyRoot,
    /// What is there is no root, or its own keys did not sign it.
    #[error("policy_root: {0}")]
    PolicyRoot(TufError),
    /// Not an origin.
    #[error("origins[{index}]: not an http or https origin")]
    Origin {
        /// Which one.
        index: usize,
    },
    /// A bound of zero, or beyond an hour.
    #[error("{name}: must be 1 to 3600000 ms")]
    Bound {
        /// Which one.
        name: &'static str,
    },
}

impl ConfigError {
    /// Stable kebab-case code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ServiceUrl => "config-service-url",
            Self::PlainHttp => "config-plain-http",
            Self::App => "config-app",
            Self::AppVersion => "config-app-version",
            Self::NoPolicyRoot => "config-policy-root-missing",
            Self::PolicyRoot(_) => "config-policy-root",
            Self::Origin { .. } => "config-origin",
            Self::Bound { .. } => "config-bound",
        }
    }
}

/// A configuration that was accepted.
#[derive(Debug, Clone)]
pub struct Settings {
    pub(crate) config: AttestConfig,
    /// Ties persisted state to this service, app and environment.
    pub(crate) scope: String,
    /// The version of the configured root.
    pub(crate) root_version: u64,
}

impl TryFrom<AttestConfig> for Settings {
    type Error = ConfigError;

    fn try_from(mut config: AttestConfig) -> Result<Self, ConfigError> {
        while config.service_url.ends_with('/') {
            config.service_url.pop();
        }
        let service = Target::parse(&config.service_url).map_err(|_| ConfigError::ServiceUrl)?;
        if service.query.is_some() || config.service_url.contains('#') {
            return Err(ConfigError::ServiceUrl);
        }
        let service_is_plain = service.origin.starts_with("http:");
        let named = |text: &str| (1..=NAME_BYTES_MAX).contains(&text.len());
        if !named(&config.app) {
            return Err(ConfigError::App);
        }
        if !named(&config.app_version) {
            return Err(ConfigError::AppVersion);
        }
        if config.policy_root.is_empty() {
            return Err(ConfigError::NoPolicyRoot);
        }
        let root_version = bundle::root_version(&config.policy_root).map_err(ConfigError::PolicyRoot)?;
        for (index, origin) in config.origins.iter_mut().enumerate() {
            *origin = normal_origin(origin).ok_or(ConfigError::Origin { index })?;
        }
        let plain = service_is_plain || config.origins.iter().any(|origin| origin.starts_with("http:"));
        if plain && config.environment == Environment::Production {
            return Err(ConfigError::PlainHttp);
        }
        for (name, bound_ms) in [
            ("call_timeout_ms", config.call_timeout_ms),
            ("patience_ms", config.patience_ms),
            ("ride_out_ms", config.ride_out_ms),
        ] {
            if !(1..=3_600_000).contains(&bound_ms) {
                return Err(ConfigError::Bound { name });
            }
        }
        let scope = [&config.service_url, &config.app, config.environment.as_str()].join("\0");
        let scope = sha256_base64url(scope.as_bytes());
        Ok(Self {
            config,
            scope,
            root_version,
        })
    }
}

impl Settings {
    /// Whether requests to `origin` can need a token at all, as far as the configuration tells.
    pub(crate) fn may_concern(&self, origin: &str) -> bool {
        self.config.origins.is_empty() || self.config.origins.iter().any(|known| known == origin)
    }
}

/// The service reads app ids and versions up to this length.
const NAME_BYTES_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::Repository;

    #[test]
    fn every_mistake_has_its_own_code() {
        let root = Repository::new().root().to_owned();
        let check = |spoil: &dyn Fn(&mut AttestConfig), expect: Result<(), &str>| {
            let mut config = AttestConfig::new(
                "https://api.bank.example/.attest/v1/",
                "bank",
                "1.0",
                Platform::Android,
                Environment::Production,
            );
            config.policy_root = root.clone().into_bytes();
            spoil(&mut config);
            let got = Settings::try_from(config)
                .map(|_| ())
                .map_err(|error| error.code());
            assert_eq!(got, expect);
        };
        check(&|_| (), Ok(()));
        check(
            &|config| config.service_url = "api.bank.example".to_owned(),
            Err("config-service-url"),
        );
        check(
            &|config| config.service_url = "https://x/y?z".to_owned(),
            Err("config-service-url"),
        );
        check(
            &|config| config.service_url = "http://127.0.0.1:1".to_owned(),
            Err("config-plain-http"),
        );
        check(
            &|config| config.origins.push("http://x".to_owned()),
            Err("config-plain-http"),
        );
        check(
            &|config| config.origins.push("x".to_owned()),
            Err("config-origin"),
        );
        check(&|config| config.app.clear(), Err("config-app"));
        check(
            &|config| config.app_version = "1".repeat(129),
            Err("config-app-version"),
        );
        check(
            &|config| config.policy_root.clear(),
            Err("config-policy-root-missing"),
        );
        check(
            &|config| config.policy_root.truncate(100),
            Err("config-policy-root"),
        );
        check(
            &|config| {
                let other = Repository::new();
                config.policy_root = other.forged_root(&Repository::new()).into_bytes();
            },
            Err("config-policy-root"),
        );
        check(&|config| config.patience_ms = 0, Err("config-bound"));
    }
}
