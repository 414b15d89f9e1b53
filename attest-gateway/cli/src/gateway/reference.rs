//! `attest gateway reference`: every setting of `attest.toml`, as Markdown.

use std::io;

use attest_gateway::config::Config;
use clap::Args;

use crate::out::{Exit, Out};

/// Print the reference of the configuration: every key with type, default, range, meaning, and when a change takes effect.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  attest gateway reference > configuration.md")]
pub(crate) struct Reference {}

impl Reference {
    pub(super) fn run(self, out: &mut Out<'_>) -> io::Result<Exit> {
        out.out.write_all(Config::reference().as_bytes())?;
        Ok(Exit::Clean)
    }
}
