//! The certificate that a command shows to listeners that ask for one.

use std::path::PathBuf;

use attest_gateway::tls;
use clap::Args;

/// Both or neither.
#[derive(Debug, Args)]
pub(crate) struct Identity {
    /// Certificate to show, where a listener asks for one.
    #[arg(long, value_name = "FILE", requires = "client_key")]
    client_certificate: Option<PathBuf>,
    /// Its private key.
    #[arg(long, value_name = "FILE", requires = "client_certificate")]
    client_key: Option<PathBuf>,
}

impl Identity {
    /// The files, if they were named.
    pub(crate) fn files(&self) -> Option<tls::Identity> {
        Some(tls::Identity {
            certificate: self.client_certificate.clone()?,
            key: self.client_key.clone()?,
        })
    }
}
