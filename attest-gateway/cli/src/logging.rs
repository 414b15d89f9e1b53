//! Where log lines go: standard error, in the form that the configuration asks for. Only our own crates log below `warn`: what
//! a dependency writes at `debug` is nobody's promise.
//!
//! Whoever logs never waits: lines go through a bounded queue to a thread of their own. While standard error stands still lines
//! are dropped, counted, and the count is logged once it moves again.

use std::io::{self, IsTerminal as _, Write};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use attest_gateway::config::{Log, LogFormat, LogLevel};
use attest_gateway::telemetry::REQUESTS;
use tracing::Subscriber;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{Registry, fmt, reload};

/// Every crate of ours begins so.
const OURS: &str = "attest";
/// How long the end of the process waits for the last lines.
const LAST_LINES: Duration = Duration::from_millis(500);

/// How much is logged, to be changed while the gateway runs.
static FILTER: OnceLock<reload::Handle<Targets, Registry>> = OnceLock::new();

/// Sends log lines to standard error from now on. A second call changes nothing.
///
/// # Errors
/// The system's, if the thread that writes them cannot be started.
pub(crate) fn start(log: &Log) -> io::Result<LastLines> {
    let (filter, changeable) = reload::Layer::new(filter(log.level));
    let (lines, last) = Lines::start(log.queue_len, io::stderr)?;
    let ansi = io::stderr().is_terminal();
    let lines = || {
        fmt::layer()
            .with_writer(lines)
            .with_ansi(ansi)
            .log_internal_errors(false)
    };
    let registry = tracing_subscriber::registry().with(filter);
    match log.format {
        LogFormat::Text => begin(registry.with(lines())),
        LogFormat::Json => begin(registry.with(lines().json().flatten_event(true))),
    }
    let _already = FILTER.set(changeable).is_err();
    Ok(last)
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
    Targets::new()
        .with_default(others)
        .with_target(OURS, level)
        .with_target(REQUESTS, LevelFilter::INFO)
}

fn begin(subscriber: impl Subscriber + Send + Sync) {
    let _already = tracing::subscriber::set_global_default(subscriber).is_err();
}

enum Entry {
    Line(Vec<u8>),
    /// Everything before this is written: say so.
    Mark(SyncSender<()>),
}

/// Takes lines without waiting.
#[derive(Clone)]
struct Lines {
    queue: SyncSender<Entry>,
    dropped: Arc<AtomicU64>,
}

impl Lines {
    fn start<W: Write>(
        queue_len: usize,
        to: impl FnOnce() -> W + Send + 'static,
    ) -> io::Result<(Self, LastLines)> {
        let (queue, entries) = sync_channel(queue_len);
        let dropped = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&dropped);
        std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write(&entries, &counted, to()))?;
        let last = LastLines(queue.clone());
        Ok((Self { queue, dropped }, last))
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Write for Lines {
    /// Takes one whole line: that is how lines come.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.queue.try_send(Entry::Line(line.to_vec())).is_err() {
            self.dropped.fetch_add(1, Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The writing thread. A closed stream must not stop a gateway, nor be reported on itself.
fn write(entries: &Receiver<Entry>, dropped: &AtomicU64, mut to: impl Write) {
    for entry in entries {
        match entry {
            Entry::Line(line) => {
                let _closed = to.write_all(&line).is_err();
                let lines = dropped.swap(0, Relaxed);
                if lines > 0 {
                    tracing::warn!(lines, "log lines were dropped");
                }
            }
            Entry::Mark(written) => {
                let _gone = written.send(()).is_err();
            }
        }
    }
}

/// Waits for the last lines when it is dropped, for a moment at most.
pub(crate) struct LastLines(SyncSender<Entry>);

impl Drop for LastLines {
    fn drop(&mut self) {
        let (written, wait) = sync_channel(1);
        // A full queue means that nobody reads: then there is nothing to wait for.
        if self.0.try_send(Entry::Mark(written)).is_ok() {
            let _late = wait.recv_timeout(LAST_LINES).is_err();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Stands still until the gate opens.
    struct Gated {
        gate: Receiver<()>,
        waiting: SyncSender<()>,
        open: bool,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Gated {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if !self.open {
                self.waiting.send(()).unwrap();
                self.gate.recv().unwrap();
                self.open = true;
            }
            self.written.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_stream_that_stands_still_costs_lines_and_nothing_else() {
        let (open, gate) = sync_channel(1);
        let (waiting, waits) = sync_channel(1);
        let written = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&written);
        let (mut lines, last) = Lines::start(4, move || Gated {
            gate,
            waiting,
            open: false,
            written: kept,
        })
        .unwrap();
        lines.write_all(b"first\n").unwrap();
        waits.recv().unwrap();
        for _ in 0..100 {
            lines.write_all(b"more\n").unwrap();
        }
        assert_eq!(lines.dropped.load(Relaxed), 96);
        open.send(()).unwrap();
        // Room for the mark comes with the first line that is written.
        while last.0.try_send(Entry::Line(b"last\n".to_vec())).is_err() {
            std::thread::yield_now();
        }
        drop(last);
        let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().filter(|line| *line == "more").count(), 4);
        assert!(text.starts_with("first\n") && text.ends_with("last\n"), "{text}");
        assert_eq!(lines.dropped.load(Relaxed), 0, "the count was reported");
    }
}
