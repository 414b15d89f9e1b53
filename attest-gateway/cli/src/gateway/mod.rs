//! `attest gateway`: make, check and run a gateway.

mod check;
mod init;
mod run;

use std::io;
use std::path::{Path, PathBuf};

use attest_gateway::config::ConfigProblem;
use clap::{Args, Subcommand};

use crate::out::{Exit, Out, printable};

/// Make, check and run a verifying gateway.
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
