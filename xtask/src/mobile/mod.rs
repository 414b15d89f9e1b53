//! `cargo xtask mobile`: the phone's library on a machine without NDK, Xcode or phone.

mod archive;
mod build;
mod check;
mod elf;
mod rules;
mod sizes;
mod standard;
mod stubs;
mod symbols;
mod table;
mod target;
mod tools;

use clap::{Args, Subcommand};

pub(crate) use self::rules::{EXPORT_LIST, exports};
use crate::workspace::Workspace;

/// What to do with the phone's library.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Lints and links for every phone target and looks at what came out: docs/mobile-check.md.
    Check(check::Arguments),
}

/// Does it; whether everything held.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> bool {
    match &arguments.chore {
        Chore::Check(arguments) => check::run(workspace, arguments),
    }
}
