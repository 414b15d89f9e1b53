//! `attest token`: look into tokens and verify them.

mod inspect;
mod key;
mod payload;
mod redact;
mod verify;

use std::io;

use attest_core::policy::MAX_POLICY_BYTES;
use clap::{Args, Subcommand};

use crate::out::{Exit, Out};

/// A JWS beyond this is not read: the largest policy in base64, with room for header and signature.
const MAX_JWS_BYTES: usize = MAX_POLICY_BYTES.div_ceil(3) * 4 + 1024;

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
