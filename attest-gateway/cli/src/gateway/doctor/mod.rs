//! `attest gateway doctor`: a deployment from end to end, each finding with its mend. It changes nothing, but that in development
//! a simulated phone enrols if the gateway runs.

mod admin;
mod certificates;
mod evidence;
mod files;
mod finding;
mod machine;
#[cfg(feature = "dev")]
mod phone;
mod running;
mod upstreams;

use std::io;

use attest_gateway::config::Config;
use attest_gateway::keys::Keys;
use clap::Args;
use ring::rand::SystemRandom;

use self::finding::{Findings, State};
use super::identity::Identity;
use super::{ConfigFile, check};
use crate::out::{Exit, Out};

/// Look at a whole deployment: files, machine, upstreams, and the gateway if it runs.
///
/// Everything that `check` reports, and more: disk space, clock and file descriptors; whether upstreams can be reached; whether
/// the running gateway answers, serves this policy and publishes these keys; whether operators are answered; when certificates
/// expire. In development a simulated phone enrols and mints a token.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  attest gateway doctor --config my-gateway/attest.toml\n\n\
                        Run it as the user that the gateway runs as, or permissions are not what they will be.\n\n\
                        Exit codes: 0 nothing failed (there may be warnings), 1 something failed."
)]
pub(crate) struct Doctor {
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    identity: Identity,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub(super) fn run(self, out: &mut Out<'_>) -> io::Result<Exit> {
        let mut findings = Findings::default();
        let mut report = check::Report::default();
        check::inspect(&self.file.config, &mut report);
        for (state, lines) in [
            (State::Fail, report.problems),
            (State::Warn, report.warnings),
            (State::Ok, report.sound),
        ] {
            for line in lines {
                findings.add(state, "files", line, "");
            }
        }
        // Without a configuration there is nothing else to look at, and that was said.
        if let Ok(config) = Config::read(&self.file.config) {
            let keys = Keys::read(&config.keys.directory, &SystemRandom::new()).ok();
            if let Some(keys) = &keys {
                files::rotations(&config, keys, &mut findings);
            }
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            let identity = self.identity.files();
            machine::look(&config, &mut findings);
            evidence::look(&config, keys.as_ref(), &mut findings);
            certificates::look(&config, &mut findings);
            runtime.block_on(upstreams::look(&config, &mut findings));
            let gateway = running::look(
                &config,
                identity.as_ref(),
                keys.as_ref(),
                report.offered,
                &runtime,
                &mut findings,
            );
            files::store(&config, gateway.is_some(), &mut findings);
            if gateway.is_some() {
                runtime.block_on(admin::look(&config.admin, identity.as_ref(), &mut findings));
            }
            #[cfg(feature = "dev")]
            if let (Some(gateway), Some(keys)) = (gateway, keys) {
                phone::look(&config, &gateway, &keys, &mut findings);
            }
        }
        findings.show(self.json, out)?;
        Ok(if findings.failed() {
            Exit::Refused
        } else {
            Exit::Clean
        })
    }
}
