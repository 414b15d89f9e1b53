//! `attest gateway`: make, check, run and operate a gateway.

mod bans;
mod check;
mod doctor;
mod health;
mod identity;
mod init;
mod keys;
mod operator;
mod reference;
mod run;
mod status;
mod supervisor;
mod token;

use std::io;
use std::path::{Path, PathBuf};

pub(crate) use self::identity::Identity;
use attest_gateway::config::ConfigProblem;
use clap::{Args, Subcommand};

use crate::out::{Exit, Out, printable};

/// Make, check, run and operate a verifying gateway.
#[derive(Debug, Args)]
pub(crate) struct Gateway {
    #[command(subcommand)]
    command: GatewayCommand,
}

#[derive(Debug, Subcommand)]
enum GatewayCommand {
    Init(init::Init),
    Check(check::Check),
    Run(run::Run),
    Status(status::Status),
    Bans(bans::Bans),
    Token(token::Token),
    Doctor(doctor::Doctor),
    Health(health::Health),
    Keys(keys::Keys),
    Reference(reference::Reference),
}

/// The configuration file of a gateway.
#[derive(Debug, Args)]
pub(crate) struct ConfigFile {
    /// The gateway's configuration; paths in it are relative to its folder.
    #[arg(long, value_name = "FILE", default_value = "attest.toml")]
    pub(crate) config: PathBuf,
}

impl Gateway {
    pub(crate) fn run(self, out: &mut Out<'_>) -> io::Result<Exit> {
        match self.command {
            GatewayCommand::Init(init) => init.run(out),
            GatewayCommand::Check(check) => check.run(out),
            GatewayCommand::Run(run) => run.run(out),
            GatewayCommand::Status(status) => status.run(out),
            GatewayCommand::Bans(bans) => bans.run(out),
            GatewayCommand::Token(token) => token.run(out),
            GatewayCommand::Doctor(doctor) => doctor.run(out),
            GatewayCommand::Health(health) => health.run(out),
            GatewayCommand::Keys(keys) => keys.run(out),
            GatewayCommand::Reference(reference) => reference.run(out),
        }
    }
}

/// The problems of a configuration file, each a line that names file, line, column and key.
pub(crate) fn config_lines(path: &Path, problems: &[ConfigProblem]) -> Vec<String> {
    problems
        .iter()
        .map(|problem| printable(&format!("{}:{problem}", path.display())))
        .collect()
}
