//! The commented `attest.toml` that `attest gateway init` writes. It always reads without a problem.

use attest_core::environment::Environment;

use super::Config;

impl Config {
    /// A complete, commented configuration of this environment. Commented-out keys show the defaults.
    #[must_use]
    pub fn template(environment: Environment) -> String {
        include_str!("template.toml").replace("{environment}", environment.as_str())
    }
}
