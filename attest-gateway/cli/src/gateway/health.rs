//! `attest gateway health`: whether the gateway of this configuration answers, in one word and an exit code, for orchestrators.

use std::io;

use attest_gateway::config::{ClientAuth, Config};
use attest_gateway::probe::Probe;
use clap::Args;

use super::identity::Identity;
use super::{ConfigFile, config_lines};
use crate::out::{Exit, Out, printable};

/// Ask whether the gateway of this configuration answers.
///
/// For health probes of containers and load balancers: one request to its own key set, nothing else is looked at. Where it speaks
/// TLS, it must serve a certificate that the configuration names.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  attest gateway health --config my-gateway/attest.toml\n\n\
                        Exit codes: 0 it answers, 1 it does not, 2 the configuration or a certificate cannot be read."
)]
pub(crate) struct Health {
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    identity: Identity,
}

impl Health {
    pub(super) fn run(self, out: &mut Out<'_>) -> io::Result<Exit> {
        let path = self.file.config;
        let config = match Config::read(&path) {
            Ok(config) => config,
            Err(problems) => {
                for line in config_lines(&path, &problems) {
                    writeln!(out.err, "{line}")?;
                }
                return Ok(Exit::Unusable);
            }
        };
        let identity = self.identity.files();
        let probe = match Probe::of_gateway(&config, identity.as_ref()) {
            Ok(probe) => probe,
            Err(error) => {
                writeln!(
                    out.err,
                    "attest: {} [{}]",
                    printable(&error.to_string()),
                    error.code()
                )?;
                return Ok(Exit::Unusable);
            }
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let address = probe.address();
        match runtime.block_on(probe.ask("GET", "/jwks.json", "")) {
            Ok(reply) if reply.status() == 200 => {
                writeln!(out.out, "healthy")?;
                Ok(Exit::Clean)
            }
            Ok(reply) => {
                writeln!(
                    out.err,
                    "attest: {address} answers with status {}",
                    reply.status()
                )?;
                Ok(Exit::Refused)
            }
            Err(error) => {
                writeln!(out.err, "attest: {address}: {}", printable(&error.to_string()))?;
                if config.tls.client_auth == ClientAuth::Required && identity.is_none() {
                    // Its refusal is not always heard: writing may fail first.
                    writeln!(
                        out.err,
                        "  It asks for a certificate: name --client-certificate and --client-key."
                    )?;
                }
                Ok(Exit::Refused)
            }
        }
    }
}
