//! Where log lines go: standard error, in the form that the configuration asks for. Only our own crates log below `warn`: what
//! a dependency writes at `debug` is nobody's promise.

use std::io::{self, IsTerminal as _};
use std::sync::OnceLock;

use attest_gateway::config::{Log, LogFormat, LogLevel};
use tracing::Subscriber;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{Registry, fmt, reload};

/// Every crate of ours begins so.
const OURS: &str = "attest";

/// How much is logged, to be changed while the gateway runs.
static FILTER: OnceLock<reload::Handle<Targets, Registry>> = OnceLock::new();

/// Sends log lines to standard error from now on. A second call changes nothing.
pub(crate) fn start(log: Log) {
    let (filter, changeable) = reload::Layer::new(filter(log.level));
    let lines = || {
        // A closed stream must not stop a gateway, nor be reported on itself.
        fmt::layer()
            .with_writer(io::stderr)
            .with_ansi(io::stderr().is_terminal())
            .log_internal_errors(false)
    };
    let registry = tracing_subscriber::registry().with(filter);
    match log.format {
        LogFormat::Text => begin(registry.with(lines())),
        LogFormat::Json => begin(registry.with(lines().json().flatten_event(true))),
    }
    let _already = FILTER.set(changeable).is_err();
}

/// Logs so much from now on.
pub(crate) fn set_level(level: LogLevel) {
    let changed = FILTER.get().map(|changeable| changeable.reload(filter(level)));
    if let Some(Err(error)) = changed {
        tracing::error!(%error, "the log level cannot be changed");
    }
}

fn filter(level: LogLevel) -> Targets {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let others = level.min(LevelFilter::WARN);
    Targets::new().with_default(others).with_target(OURS, level)
}

fn begin(subscriber: impl Subscriber + Send + Sync) {
    let _already = tracing::subscriber::set_global_default(subscriber).is_err();
}
