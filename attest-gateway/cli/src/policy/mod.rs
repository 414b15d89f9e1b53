//! `attest policy`: write policies, look through them, test, build, compare and explain them. Each command is one file.

mod new;
mod schema;

use std::io;

use clap::{Args, Subcommand};

use crate::out::{Exit, Out};

/// Write policies, look through them, test, build, compare and explain them.
#[derive(Debug, Args)]
#[command(
    after_help = "Start here:\n  attest policy new detector --category cloner\n\n\
                        Exit codes: 0 good, 1 problems found, 2 wrong use or unreadable file."
)]
pub(crate) struct Policy {
    #[command(subcommand)]
    command: PolicyCommand,
}

#[derive(Debug, Subcommand)]
enum PolicyCommand {
    New(new::New),
    Schema(schema::Schema),
}

impl Policy {
    pub(crate) fn run(self, out: &mut Out<'_>) -> io::Result<Exit> {
        match self.command {
            PolicyCommand::New(new) => new.run(out),
            PolicyCommand::Schema(schema) => schema.run(out),
        }
    }
}
