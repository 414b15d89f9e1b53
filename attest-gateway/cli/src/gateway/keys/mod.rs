//! `attest gateway keys`: what keys a gateway has, and their rotation.

mod list;
mod rotate;

use std::io;

use attest_core::policy::Limits;
use attest_gateway::config::Config;
use attest_gateway::keys::{Family, Overlap, Phase, Step};
use attest_gateway::policy::configured_policy;
use clap::{Args, Subcommand, ValueEnum};

use super::{ConfigFile, config_lines};
use crate::out::{Exit, Out};

/// List and rotate a gateway's keys.
#[derive(Debug, Args)]
pub(crate) struct Keys {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    List(list::List),
    Rotate(rotate::Rotate),
}

impl Keys {
    pub(super) fn run(self, out: &mut Out<'_>) -> io::Result<Exit> {
        match self.command {
            KeysCommand::List(list) => list.run(out),
            KeysCommand::Rotate(rotate) => rotate.run(out),
        }
    }
}

/// A kind of key, as a word of the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// Seals tickets, the gateways' own memory of sessions.
    Ticket,
    /// Signs attestations and the service's responses.
    Attestation,
    /// Signs assertions for backends.
    Assertion,
    /// Seals support codes.
    Support,
}

impl From<Kind> for Family {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Ticket => Self::Ticket,
            Kind::Attestation => Self::Attestation,
            Kind::Assertion => Self::Assertion,
            Kind::Support => Self::Support,
        }
    }
}

/// The configuration, or its problems on the error stream.
fn configuration(file: &ConfigFile, out: &mut Out<'_>) -> io::Result<Option<Config>> {
    match Config::read(&file.config) {
        Ok(config) => Ok(Some(config)),
        Err(problems) => {
            for line in config_lines(&file.config, &problems) {
                writeln!(out.err, "{line}")?;
            }
            Ok(None)
        }
    }
}

/// The waits of a rotation under this configuration's policy; the longest there can be where the policy cannot be read.
pub(super) fn overlap(family: Family, config: &Config) -> Overlap {
    let limits = configured_policy(config).map_or_else(
        || Limits {
            session_lifetime_s: 86_400,
            clock_skew_s: 300,
            ..Limits::default()
        },
        |policy| policy.limits,
    );
    family.overlap(limits, config.attestation.response_ttl_s)
}

const fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Settled => "settled",
        Phase::Published => "published, not used yet",
        Phase::Used => "used, the old one is still accepted",
    }
}

const fn stage(step: Step) -> &'static str {
    match step {
        Step::Publish => "publish",
        Step::Use => "use",
        Step::Retire => "retire",
        Step::All => "all",
        Step::Emergency => "emergency",
    }
}
