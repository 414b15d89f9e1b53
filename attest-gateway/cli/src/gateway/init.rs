//! `attest gateway init`: a new development gateway in a directory. It overwrites nothing.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use attest_gateway::init::{self, InitError, InitOptions};
use clap::Args;

use crate::out::{Exit, Out, printable};

/// Make the directory of a new development gateway: configuration, policy, keys and admin token.
///
/// Nothing is ever overwritten: if any of the files is there already, none is written.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  attest gateway init my-gateway --listen 127.0.0.1:8080 --upstream http://127.0.0.1:9000\n\n\
                        Exit codes: 0 made, 1 refused (nothing was written), 2 wrong arguments."
)]
pub(crate) struct Init {
    /// The directory; it is made if it is not there.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Where the gateway listens: a loopback address, because it accepts software evidence.
    #[arg(long, value_name = "ADDRESS:PORT", default_value_t = InitOptions::default().listen)]
    listen: SocketAddr,
    /// Let it listen beyond loopback, where it accepts software evidence from whoever reaches it: for containers.
    #[arg(long)]
    public_development: bool,
    /// The origin that apps use, where it is not the address that it listens on.
    #[arg(long, value_name = "ORIGIN")]
    origin: Option<String>,
    /// Where your backend is.
    #[arg(long, value_name = "URL", default_value_t = InitOptions::default().upstream_url)]
    upstream: String,
}

impl Init {
    pub(super) fn run(self, out: &mut Out<'_>) -> io::Result<Exit> {
        let options = InitOptions {
            listen: self.listen,
            public: self.public_development,
            origin: self.origin,
            upstream_url: self.upstream,
            policy: None,
        };
        let made = match init::write(&self.dir, &options) {
            Ok(made) => made,
            Err(error) => {
                let mend = mend(&error);
                writeln!(
                    out.err,
                    "attest: {} [{}]{mend}",
                    printable(&error.to_string()),
                    error.code()
                )?;
                return Ok(Exit::Refused);
            }
        };
        let config = made.config.display();
        writeln!(out.out, "Made a development gateway:")?;
        for (path, what) in [
            (
                &made.config,
                "configuration; every key with its default and reason",
            ),
            (
                &made.policy,
                "policy: apps, detectors, rules, routes and their tests",
            ),
            (
                &made.keys,
                "secrets (mode 0700); policy-root.json in it is public, your app is built with it",
            ),
            (
                &made.admin_token,
                "admin token (mode 0600); `attest gateway status` reads it",
            ),
        ] {
            writeln!(out.out, "  {}  {what}", path.display())?;
        }
        writeln!(
            out.out,
            "\nNext:\n  attest gateway check --config {config}\n  attest gateway run --config {config}"
        )?;
        Ok(Exit::Clean)
    }
}

/// What to do about it, where that is not said already.
const fn mend(error: &InitError) -> &'static str {
    if matches!(error, InitError::Exists(_)) {
        "\n  Choose another directory, or remove them yourself if they are not needed any more."
    } else {
        ""
    }
}
