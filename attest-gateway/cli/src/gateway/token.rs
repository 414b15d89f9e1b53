//! `attest gateway token`: makes a token for the admin listener. It changes no file; the token is shown once.

use std::io;

use attest_gateway::admin::AdminSecret;
use clap::{Args, ValueEnum};
use ring::rand::SystemRandom;

use crate::out::{Exit, Out};

/// Make a token for the admin listener, and the lines that the configuration keeps of it.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  attest gateway token --name prometheus --scope read 2>> attest.toml > prometheus.token\n\n\
                        The token goes to standard output, the lines for attest.toml to standard error. They hold its SHA-256 only: it \
                        is 256 random bits, so the hash tells nobody what it is.\n\n\
                        Exit codes: 0 made, 2 wrong arguments or no randomness."
)]
pub(crate) struct Token {
    /// Who will hold it; stands in audit events. Letters, digits, - and _.
    #[arg(long, value_name = "NAME", value_parser = name)]
    name: String,
    /// What it allows; give it more than once for more. None includes another.
    #[arg(long, value_name = "SCOPE", required = true)]
    scope: Vec<ScopeWord>,
}

/// What a token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ScopeWord {
    /// Everything but secrets.
    Read,
    /// Bans, and looking at the policy file at once.
    Operate,
    /// Publishing policy.
    Publish,
}

impl ScopeWord {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Operate => "operate",
            Self::Publish => "publish",
        }
    }
}

fn name(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
        Ok(text.to_owned())
    } else {
        Err("expected letters, digits, `-` and `_`, at most 64".to_owned())
    }
}

impl Token {
    pub(super) fn run(mut self, out: &mut Out<'_>) -> io::Result<Exit> {
        let Ok(secret) = AdminSecret::generate(&SystemRandom::new()) else {
            writeln!(out.err, "attest: the source of randomness failed")?;
            return Ok(Exit::Unusable);
        };
        self.scope.dedup();
        let scopes: Vec<_> = self
            .scope
            .iter()
            .map(|scope| format!("\"{}\"", scope.as_str()))
            .collect();
        writeln!(
            out.err,
            "\n[[admin.tokens]]\nname = \"{}\"\nscopes = [{}]\nsha256 = \"{}\"",
            self.name,
            scopes.join(", "),
            secret.sha256_hex()
        )?;
        writeln!(out.out, "{}", secret.reveal())?;
        Ok(Exit::Clean)
    }
}
