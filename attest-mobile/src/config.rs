//! What an app configures, and the settings that follow from it. A configuration that could not work, or that would trust
//! more than it should, is refused before anything is sent.

use attest_core::device::Platform;
use attest_core::encoding::sha256_base64url;
use attest_core::environment::Environment;
use attest_core::jose::{Algorithm, JwkError, JwkSet};
use attest_core::token::binding::normal_origin;

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
    /// Public keys that may sign device policy.
    pub policy_roots: JwkSet,
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
    /// A configuration with the default bounds; origins and roots are the caller's to add.
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
            policy_roots: JwkSet::default(),
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
    #[error("policy_roots: at least one key is needed to verify device policy")]
    NoPolicyRoot,
    /// A root that cannot verify.
    #[error("policy_roots[{index}]: {fault}")]
    PolicyRoot {
        /// Which one.
        index: usize,
        /// What is wrong with it.
        fault: JwkError,
    },
    /// A root without `kid`, or a second one of the same `kid`.
    #[error("policy_roots[{index}]: needs a `kid` of its own")]
    PolicyRootId {
        /// Which one.
        index: usize,
    },
    /// A symmetric root: whoever holds the app could sign policy.
    #[error("policy_roots[{index}]: must be a public P-256 key")]
    PolicyRootSymmetric {
        /// Which one.
        index: usize,
    },
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
            Self::NoPolicyRoot => "config-policy-roots",
            Self::PolicyRoot { fault, .. } => fault.code(),
            Self::PolicyRootId { .. } => "config-policy-root-id",
            Self::PolicyRootSymmetric { .. } => "config-policy-root-symmetric",
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
        verify_roots(&config.policy_roots)?;
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
        Ok(Self { config, scope })
    }
}

fn verify_roots(roots: &JwkSet) -> Result<(), ConfigError> {
    if roots.keys.is_empty() {
        return Err(ConfigError::NoPolicyRoot);
    }
    for (index, root) in roots.keys.iter().enumerate() {
        let key = root
            .verifying_key()
            .map_err(|fault| ConfigError::PolicyRoot { index, fault })?;
        if key.algorithm() != Algorithm::Es256 {
            return Err(ConfigError::PolicyRootSymmetric { index });
        }
        let is_second = roots.keys.iter().take(index).any(|other| other.kid == root.kid);
        if root.kid.is_none() || is_second {
            return Err(ConfigError::PolicyRootId { index });
        }
    }
    Ok(())
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
    use attest_core::jose::{Jwk, SigningKey};
    use ring::rand::SystemRandom;

    use super::*;

    #[test]
    fn every_mistake_has_its_own_code() {
        let root = Jwk::published(&SigningKey::generate(&SystemRandom::new()).unwrap().public_point());
        let check = |spoil: &dyn Fn(&mut AttestConfig), expect: Result<(), &str>| {
            let mut config = AttestConfig::new(
                "https://api.bank.example/.attest/v1/",
                "bank",
                "1.0",
                Platform::Android,
                Environment::Production,
            );
            config.policy_roots.keys.push(root.clone());
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
            &|config| config.policy_roots.keys.clear(),
            Err("config-policy-roots"),
        );
        check(
            &|config| config.policy_roots.keys.push(root.clone()),
            Err("config-policy-root-id"),
        );
        check(
            &|config| config.policy_roots.keys[0].kid = None,
            Err("config-policy-root-id"),
        );
        check(
            &|config| config.policy_roots.keys[0].key_use = Some("enc".to_owned()),
            Err("jwk-use"),
        );
        check(
            &|config| {
                let secret = r#"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_","kid":"x"}"#;
                config.policy_roots.keys = vec![serde_json::from_str(secret).unwrap()];
            },
            Err("jwk-material"),
        );
        check(
            &|config| {
                let secret = format!(r#"{{"kty":"oct","k":"{}","kid":"x"}}"#, "A".repeat(43));
                config.policy_roots.keys = vec![serde_json::from_str(&secret).unwrap()];
            },
            Err("config-policy-root-symmetric"),
        );
        check(&|config| config.patience_ms = 0, Err("config-bound"));
    }
}
