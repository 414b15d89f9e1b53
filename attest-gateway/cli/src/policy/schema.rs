//! `attest policy schema`: the JSON Schema of a policy source, for editors.

use std::io;

use clap::Args;

use crate::out::{Exit, Out};

/// Print the JSON Schema of a policy source.
///
/// Editors complete and check YAML by it. With the YAML language server, the first line of the policy is:
///
///   # yaml-language-server: $schema=./policy.schema.json
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "Example:\n  attest policy schema > policy.schema.json\n\n\
                  Exit codes: 0 printed, 2 wrong arguments."
)]
pub(super) struct Schema {}

impl Schema {
    pub(super) fn run(&self, out: &mut Out<'_>) -> io::Result<Exit> {
        write!(out.out, "{}", attest_policy::schema())?;
        Ok(Exit::Clean)
    }
}
