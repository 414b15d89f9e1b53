//! `attest gateway run`: serves until it is told to stop, then lets requests in flight finish. A second signal ends it at once.
//! On SIGHUP it takes changed files; whatever is wrong with them, it goes on serving.

use std::io;
use std::path::Path;
use std::sync::Arc;

use attest_gateway::clock::SystemClock;
use attest_gateway::config::Config;
use attest_gateway::faults::Faults;
use attest_gateway::runtime::StartError;
use attest_gateway::server::{Server, ServerError};
use clap::Args;

use super::{ConfigFile, config_lines, supervisor};
use crate::logging;
use crate::out::{Exit, Out, printable};

/// Run a gateway until SIGTERM or SIGINT.
///
/// On the first signal it stops accepting and lets requests in flight finish, for at most `limits.drain_s`; a second signal
/// ends it at once. A changed policy file takes effect by itself. On SIGHUP it reads configuration, keys and policy again: what
/// can change while it runs does, each setting that waits for a restart is named in the log, and a bad file changes nothing.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  attest gateway run --config my-gateway/attest.toml\n\n\
                        The address it listens on is printed to standard output once it serves; logs go to standard error.\n\n\
                        Under systemd it says when it is ready, reloading and stopping, and that it is alive.\n\n\
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
    let mut signals = Signals::listen()?;
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
    let scheme = if server.gateway().tls().is_some() {
        "https"
    } else {
        "http"
    };
    tracing::info!(%address, scheme, "serving");
    let admin = server
        .admin()
        .map(|admin| format!("operators on {}\n", admin.url()));
    // Nobody may be reading; the gateway serves all the same.
    let _unread = writeln!(out.out, "listening on {scheme}://{address}")
        .and_then(|()| write!(out.out, "{}", admin.unwrap_or_default()))
        .and_then(|()| out.out.flush())
        .is_err();
    let status = format!("serving on {address}");
    supervisor::ready(&status);
    // Never, where nobody asked for one.
    let mut sign = supervisor::sign_interval().map(tokio::time::interval);
    loop {
        let life = async {
            match &mut sign {
                Some(sign) => sign.tick().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = server.core_ended() => {
                tracing::error!("a core ended; the gateway ends, too");
                return Ok(Exit::Refused);
            }
            asked = signals.next() => match asked {
                Asked::Stop => break,
                Asked::Reload => {
                    supervisor::reloading();
                    reload(&server, path).await;
                    supervisor::ready(&status);
                }
            },
            _ = life => supervisor::alive(),
        }
    }
    tracing::info!("draining; a second signal ends at once");
    supervisor::stopping();
    tokio::select! {
        report = server.drain() => {
            tracing::info!(finished = report.finished, aborted = report.aborted, "drained");
            Ok(Exit::Clean)
        }
        () = signals.stop() => {
            tracing::warn!("ended at once, requests in flight were cut off");
            Ok(Exit::Refused)
        }
    }
}

/// Takes what changed, and says what did and what waits.
async fn reload(server: &Server, path: &Path) {
    let (gateway, path) = (Arc::clone(server.gateway()), path.to_owned());
    let reloaded = match tokio::task::spawn_blocking(move || gateway.reload(&path)).await {
        Ok(Ok(reloaded)) => reloaded,
        Ok(Err(error)) => {
            for problem in error.to_string().lines() {
                tracing::error!(
                    code = error.code(),
                    "not reloaded, nothing was changed: {problem}"
                );
            }
            return;
        }
        Err(error) => {
            tracing::error!(%error, "not reloaded");
            return;
        }
    };
    let admin = server.admin().map(|admin| {
        let tokens = &server.gateway().live().config.admin.tokens;
        admin.replace_tokens(tokens)
    });
    if let Some(Err(error)) = admin {
        tracing::error!(%error, "the admin tokens stay as they were");
    }
    logging::set_level(server.gateway().live().config.log.level);
    for setting in &reloaded.restart {
        tracing::warn!(setting, "changed, but waits for a restart");
    }
    let keys: Vec<_> = reloaded.keys.iter().map(|family| family.as_str()).collect();
    tracing::info!(
        settings = reloaded.applied.join(" "),
        keys = keys.join(" "),
        waiting = reloaded.restart.len(),
        "reloaded"
    );
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

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Stop,
    Reload,
}

/// The signals that ask the process for something.
#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Stop,
            _ = self.interrupt.recv() => Asked::Stop,
            _ = self.hang_up.recv() => Asked::Reload,
        }
    }
}

/// The signals that ask the process for something.
#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Asked {
        if tokio::signal::ctrl_c().await.is_err() {
            // Without signals it runs until it is killed.
            std::future::pending::<()>().await;
        }
        Asked::Stop
    }
}

impl Signals {
    /// Waits until it is asked to stop; a process that is going to end reloads nothing.
    async fn stop(&mut self) {
        while self.next().await != Asked::Stop {}
    }
}
