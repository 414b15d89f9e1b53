//! `attest gateway run`: serves until it is told to stop, then lets requests in flight finish. A second signal ends it at once.

use std::io;
use std::path::Path;
use std::sync::Arc;

use attest_gateway::clock::SystemClock;
use attest_gateway::config::Config;
use attest_gateway::faults::Faults;
use attest_gateway::runtime::StartError;
use attest_gateway::server::{Server, ServerError};
use clap::Args;

use super::{ConfigFile, config_lines};
use crate::logging;
use crate::out::{Exit, Out, printable};

/// Run a gateway until SIGTERM or SIGINT.
///
/// On the first signal it stops accepting and lets requests in flight finish, for at most `limits.drain_s`; a second signal
/// ends it at once. A changed policy file takes effect by itself; a changed configuration needs a restart.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  attest gateway run --config my-gateway/attest.toml\n\n\
                        The address it listens on is printed to standard output once it serves; logs go to standard error.\n\n\
                        Exit codes: 0 stopped by a signal, 1 it could not start, a core ended, or a second signal."
)]
pub(crate) struct Run {
    #[command(flatten)]
    file: ConfigFile,
}

impl Run {
    pub(super) fn run(self, out: &mut Out<'_>) -> io::Result<Exit> {
        let path = self.file.config;
        let config = match Config::read(&path) {
            Ok(config) => config,
            Err(problems) => {
                for line in config_lines(&path, &problems) {
                    writeln!(out.err, "{line}")?;
                }
                return Ok(Exit::Refused);
            }
        };
        let _last_lines = logging::start(&config.log)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(Box::pin(serve(config, &path, out)))
    }
}

async fn serve(config: Config, path: &Path, out: &mut Out<'_>) -> io::Result<Exit> {
    // From here on a signal drains; before, it ends the process as it always does.
    let mut stop = Stop::listen()?;
    let server = match Server::start(config, Arc::new(SystemClock::new()), Faults::default()).await {
        Ok(server) => server,
        Err(error) => {
            let mend = mend(&error, path);
            writeln!(
                out.err,
                "attest: the gateway does not start: {}{mend}",
                printable(&error.to_string())
            )?;
            return Ok(Exit::Refused);
        }
    };
    let address = server.address();
    tracing::info!(%address, "serving");
    // Nobody may be reading; the gateway serves all the same.
    let _unread = writeln!(out.out, "listening on http://{address}")
        .and_then(|()| out.out.flush())
        .is_err();
    tokio::select! {
        () = server.core_ended() => {
            tracing::error!("a core ended; the gateway ends, too");
            return Ok(Exit::Refused);
        }
        () = stop.asked() => tracing::info!("draining; a second signal ends at once"),
    }
    tokio::select! {
        report = server.drain() => {
            tracing::info!(finished = report.finished, aborted = report.aborted, "drained");
            Ok(Exit::Clean)
        }
        () = stop.asked() => {
            tracing::warn!("ended at once, requests in flight were cut off");
            Ok(Exit::Refused)
        }
    }
}

/// What to do about it, where the error does not say.
fn mend(error: &ServerError, path: &Path) -> String {
    let path = path.display();
    if let ServerError::Start(StartError::AddressInUse { .. }) = error {
        let other = "set `listen.address` to another port (0 takes a free one)";
        format!(" [address-in-use]\n  Stop that process, or {other} in {path}.")
    } else if let ServerError::Keys(error) = error {
        let code = error.code();
        format!(
            " [{code}]\n  `attest gateway init` makes keys for a new gateway; restore these from your backup."
        )
    } else if let ServerError::Policy(_) = error {
        format!("\n  `attest gateway check --config {path}` lists every problem.")
    } else {
        String::new()
    }
}

/// The signals that ask the process to end.
#[cfg(unix)]
struct Stop {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Stop {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// The signals that ask the process to end.
#[cfg(not(unix))]
struct Stop;

#[cfg(not(unix))]
impl Stop {
    fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    async fn asked(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            // Without signals it runs until it is killed.
            std::future::pending::<()>().await;
        }
    }
}
