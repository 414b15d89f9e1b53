//! `attest policy schema`: the JSON Schemas of policies and packs, for editors.

use std::io;

use clap::Args;

use crate::out::{Exit, Out};

/// Print the JSON Schema of policies, or of packs.
///
/// Editors complete and check YAML by it. With the YAML language server, the first line of the policy is:
///
///   # yaml-language-server: $schema=./policy.schema.json
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "Example:\n  attest policy schema > policy.schema.json\n  attest policy schema --pack > pack.schema.json\n\n\
                  Exit codes: 0 printed, 2 wrong arguments."
)]
pub(super) struct Schema {
    /// Print that of a pack.
    #[arg(long)]
    pack: bool,
}

impl Schema {
    pub(super) fn run(&self, out: &mut Out<'_>) -> io::Result<Exit> {
        let schema = if self.pack {
            attest_policy::pack_schema()
        } else {
            attest_policy::schema()
        };
        write!(out.out, "{schema}")?;
        Ok(Exit::Clean)
    }
}
