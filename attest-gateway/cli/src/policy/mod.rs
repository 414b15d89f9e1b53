//! `attest policy`: write policies, look through them, test, build, compare and explain them; sign, publish and undo them. Each command
//! is one file.

mod build;
mod diff;
mod explain;
mod explained;
mod init;
mod input;
mod keys;
mod lint;
mod new;
mod publish;
mod replay;
mod scan;
mod schema;
mod sign;
mod signing;
mod status;
mod test;
mod undo;
mod verify;

use std::io;

use clap::{Args, Subcommand};

pub(crate) use self::input::{count, line};
#[cfg(feature = "dev")]
pub(crate) use self::scan::scanner;
use crate::out::{Exit, Out};

/// Write policies, look through them, test, build, compare and explain them; sign, publish and undo them.
#[derive(Debug, Args)]
#[command(
    after_help = "Start here:\n  attest policy new detector --category cloner\n  attest policy lint policy.yaml\n  \
                        attest policy test policy.yaml\n\n\
                        Exit codes: 0 good, 1 problems found, 2 wrong use or unreadable file."
)]
pub(crate) struct Policy {
    #[command(subcommand)]
    command: PolicyCommand,
}

#[derive(Debug, Subcommand)]
enum PolicyCommand {
    Lint(lint::Lint),
    Test(test::Test),
    Build(build::Build),
    Diff(diff::Diff),
    Explain(Box<explain::Explain>),
    New(new::New),
    Replay(replay::Replay),
    Scan(scan::Scan),
    Schema(schema::Schema),
    Init(Box<init::Init>),
    Keys(keys::Keys),
    Sign(sign::Sign),
    Publish(publish::Publish),
    Undo(undo::Undo),
    Verify(verify::Verify),
    Status(status::Status),
}

impl Policy {
    pub(crate) fn run(self, out: &mut Out<'_>) -> io::Result<Exit> {
        match self.command {
            PolicyCommand::Lint(lint) => lint.run(out),
            PolicyCommand::Test(test) => test.run(out),
            PolicyCommand::Build(build) => build.run(out),
            PolicyCommand::Diff(diff) => diff.run(out),
            PolicyCommand::Explain(explain) => explain.run(out),
            PolicyCommand::New(new) => new.run(out),
            PolicyCommand::Replay(replay) => replay.run(out),
            PolicyCommand::Scan(scan) => scan.run(out),
            PolicyCommand::Schema(schema) => schema.run(out),
            PolicyCommand::Init(init) => init.run(out),
            PolicyCommand::Keys(keys) => keys.run(out),
            PolicyCommand::Sign(sign) => sign.run(out),
            PolicyCommand::Publish(publish) => publish.run(out),
            PolicyCommand::Undo(undo) => undo.run(out),
            PolicyCommand::Verify(verify) => verify.run(out),
            PolicyCommand::Status(status) => status.run(out),
        }
    }
}
