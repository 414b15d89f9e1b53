//! `attest app`: what a built app says about itself.

mod android;
mod archive;
mod digest;
mod ios;
mod measure;
mod policy_block;
mod show;

use std::io;

use clap::{Args, Subcommand};

use crate::out::{Exit, Out};

/// Measure built apps for a policy.
#[derive(Debug, Args)]
pub(crate) struct App {
    #[command(subcommand)]
    command: AppCommand,
}

#[derive(Debug, Subcommand)]
enum AppCommand {
    Measure(measure::Measure),
}

impl App {
    pub(crate) fn run(self, out: &mut Out<'_>) -> io::Result<Exit> {
        match self.command {
            AppCommand::Measure(measure) => measure.run(out),
        }
    }
}
