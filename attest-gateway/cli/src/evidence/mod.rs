//! `attest evidence`: verify platform evidence as a gateway does, and look into it.

mod android;
mod android_view;
mod apple;
mod apple_view;
mod input;
mod inspect;
mod play;
mod verdict;
mod verify;

use std::io;

use clap::{Args, Subcommand};

use crate::out::{Exit, Out};

/// Verify platform evidence and look into it.
#[derive(Debug, Args)]
pub(crate) struct Evidence {
    #[command(subcommand)]
    command: EvidenceCommand,
}

#[derive(Debug, Subcommand)]
enum EvidenceCommand {
    Verify(Box<verify::Verify>),
    Inspect(inspect::Inspect),
}

impl Evidence {
    pub(crate) fn run(self, out: &mut Out<'_>) -> io::Result<Exit> {
        match self.command {
            EvidenceCommand::Verify(verify) => verify.run(out),
            EvidenceCommand::Inspect(inspect) => inspect.run(out),
        }
    }
}
