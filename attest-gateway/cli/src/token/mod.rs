//! `attest token`: look into tokens and verify them.

mod inspect;
mod key;
mod payload;
mod redact;
mod verify;

use std::io;

use clap::{Args, Subcommand};

use crate::out::{Exit, Out};

/// Look into tokens and verify them.
#[derive(Debug, Args)]
pub(crate) struct Token {
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    Inspect(inspect::Inspect),
    Verify(verify::Verify),
}

impl Token {
    pub(crate) fn run(self, out: &mut Out<'_>) -> io::Result<Exit> {
        match self.command {
            TokenCommand::Inspect(inspect) => inspect.run(out),
            TokenCommand::Verify(verify) => verify.run(out),
        }
    }
}
