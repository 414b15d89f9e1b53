//! The attest command: gateway, policy, tokens, simulated phones and the demo.
//!
//! Each command is one file that takes its arguments and two streams and returns how it ended. Nothing here panics on a closed
//! pipe, and nothing is printed but through [`out`].

mod app;
#[cfg(feature = "dev")]
mod clock;
#[cfg(feature = "dev")]
mod demo;
#[cfg(feature = "dev")]
mod device;
mod evidence;
mod explain;
mod gateway;
mod input;
mod logging;
mod out;
mod policy;
mod token;
mod when;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::out::{Exit, Out};

/// What a build is for.
#[cfg(feature = "dev")]
macro_rules! kind {
    () => {
        "development build: simulated phones and deliberate faults are in it (feature dev)"
    };
}
/// What a build is for.
#[cfg(not(feature = "dev"))]
macro_rules! kind {
    () => {
        "deployable build: no simulated phones, no deliberate faults"
    };
}

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Version, commit and kind of this build.
const VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (",
    env!("ATTEST_BUILD_COMMIT"),
    ")\n",
    env!("ATTEST_BUILD_FACTS"),
    "\n",
    kind!()
);

/// Lets a backend know that a request comes from your genuine mobile app, on a device that you accept.
#[derive(Debug, Parser)]
#[command(
    name = "attest",
    version,
    long_version = VERSION,
    propagate_version = true,
    after_help = "Exit codes: 0 all is well, 1 refused or problems found, 2 wrong arguments or unreadable input.\n\n\
                  Start here:\n  attest gateway init my-gateway\n  attest gateway check --config my-gateway/attest.toml\n  \
                  attest gateway run --config my-gateway/attest.toml"
)]
struct Attest {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Gateway(gateway::Gateway),
    Policy(policy::Policy),
    Token(token::Token),
    App(app::App),
    Evidence(evidence::Evidence),
    Explain(explain::Explain),
    #[cfg(feature = "dev")]
    Demo(demo::Demo),
    #[cfg(feature = "dev")]
    Device(device::Device),
}

impl Command {
    fn run(self, out: &mut Out<'_>) -> std::io::Result<Exit> {
        match self {
            Self::Gateway(gateway) => gateway.run(out),
            Self::Policy(policy) => policy.run(out),
            Self::Token(token) => token.run(out),
            Self::App(app) => app.run(out),
            Self::Evidence(evidence) => evidence.run(out),
            Self::Explain(explain) => explain.run(out),
            #[cfg(feature = "dev")]
            Self::Demo(demo) => demo.run(out),
            #[cfg(feature = "dev")]
            Self::Device(device) => device.run(out),
        }
    }
}

fn main() -> ExitCode {
    match Attest::try_parse() {
        Ok(attest) => out::on_standard_streams(|out| attest.command.run(out)),
        Err(error) => {
            // Help into a closed pipe is nobody's problem.
            let _unread = error.print().is_err();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Attest::command().debug_assert();
    }
}
