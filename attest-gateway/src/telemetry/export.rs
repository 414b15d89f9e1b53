//! Sends spans to a collector from a thread of its own, behind a bounded queue.
//!
//! Whoever offers a request never waits: a full queue drops it, and counts that. A collector that is slow or away costs the queue's
//! memory and no more. What is queued at the end gets one attempt.

use std::collections::HashMap;
use std::str::FromStr as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanExporter as _;

use super::collector::{Collector, CollectorError};
use super::spans::{self, Servers};
use super::{Ids, Quiet, Record};
use crate::clock::Clock;
use crate::config;

/// Why traces cannot be exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The file with headers for the collector.
    #[error("`otlp.headers_file`: {reason}")]
    Headers {
        /// What is wrong with it; never its content.
        reason: String,
    },
    /// The way to the collector.
    #[error("`otlp`: {0}")]
    Collector(#[from] CollectorError),
    /// The exporter refuses its configuration.
    #[error("`otlp`: {0}")]
    Exporter(String),
    /// The thread, or its runtime.
    #[error("the export of traces cannot be started: {0}")]
    Thread(#[from] std::io::Error),
}

/// Requests in one export.
const BATCH: usize = 256;
/// At most one warning in this time.
const WARNING_MS: u64 = 10_000;

/// The queue, and the thread behind it.
#[derive(Debug)]
pub(crate) struct Exporter {
    queue: Option<SyncSender<Record>>,
    counts: Arc<Counts>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Counts {
    exported: AtomicU64,
    dropped: AtomicU64,
    ending: AtomicBool,
}

impl Exporter {
    /// Starts the thread, if there is a collector.
    pub(super) fn start(
        config: &config::Config,
        clock: &Arc<dyn Clock>,
    ) -> Result<Option<Self>, ExportError> {
        let otlp = &config.otlp;
        let Some(endpoint) = &otlp.endpoint else {
            return Ok(None);
        };
        let timeout = Duration::from_millis(otlp.timeout_ms);
        let url = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
        let mut exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Collector::new(&url, otlp.ca_file.as_deref(), timeout)?)
            .with_endpoint(url)
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(timeout)
            .with_headers(headers(otlp)?)
            .build()
            .map_err(|error| ExportError::Exporter(error.to_string()))?;
        exporter.set_resource(&resource(otlp));
        let (queue, offered) = sync_channel(otlp.queue_len);
        let counts = Arc::new(Counts::default());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let export = Export {
            exporter,
            runtime,
            timeout,
            scope: spans::scope(),
            servers: servers(config),
            ids: Ids::new(),
            counts: Arc::clone(&counts),
            clock: Arc::clone(clock),
            warning: Quiet::new(WARNING_MS),
        };
        let interval_ms = otlp.export_interval_ms;
        let thread = std::thread::Builder::new()
            .name("otlp".to_owned())
            .spawn(move || export.run(&offered, interval_ms))?;
        Ok(Some(Self {
            queue: Some(queue),
            counts,
            thread: Some(thread),
        }))
    }

    /// Takes a request over, or drops it.
    pub(super) fn offer(&self, record: Record) {
        let taken = self
            .queue
            .as_ref()
            .is_some_and(|queue| queue.try_send(record).is_ok());
        if !taken {
            self.counts.dropped.fetch_add(1, Relaxed);
        }
    }

    pub(super) fn exported(&self) -> u64 {
        self.counts.exported.load(Relaxed)
    }

    pub(super) fn dropped(&self) -> u64 {
        self.counts.dropped.load(Relaxed)
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.counts.ending.store(true, Relaxed);
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            // It ends within the time of one export.
            let _panicked = thread.join().is_err();
        }
    }
}

/// The thread's own.
struct Export {
    exporter: SpanExporter,
    runtime: tokio::runtime::Runtime,
    timeout: Duration,
    scope: InstrumentationScope,
    servers: Servers,
    ids: Ids,
    counts: Arc<Counts>,
    clock: Arc<dyn Clock>,
    warning: Quiet,
}

impl Export {
    fn run(self, offered: &Receiver<Record>, interval_ms: u64) {
        // Idle until there is something; then a moment for more, so that a batch is worth its request.
        while let Ok(first) = offered.recv() {
            let deadline_ms = self.clock.monotonic_ms().saturating_add(interval_ms);
            let mut batch = vec![first];
            while batch.len() < BATCH {
                let left_ms = deadline_ms.saturating_sub(self.clock.monotonic_ms());
                match offered.recv_timeout(Duration::from_millis(left_ms)) {
                    Ok(record) => batch.push(record),
                    Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
                }
            }
            // Who ends does not wait for a collector that is away.
            if !self.export(&batch) && self.counts.ending.load(Relaxed) {
                return;
            }
        }
    }

    /// Sends a batch and says whether it arrived.
    fn export(&self, batch: &[Record]) -> bool {
        let count = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        let spans = batch
            .iter()
            .flat_map(|record| spans::of(record, &self.scope, &self.servers, &self.ids))
            .collect();
        let outcome = self
            .runtime
            .block_on(async { tokio::time::timeout(self.timeout, self.exporter.export(spans)).await });
        let problem = match outcome {
            Ok(Ok(())) => {
                self.counts.exported.fetch_add(count, Relaxed);
                return true;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the collector did not answer in time".to_owned(),
        };
        self.counts.dropped.fetch_add(count, Relaxed);
        if let Some(suppressed) = self.warning.speaks(self.clock.monotonic_ms()) {
            tracing::warn!(%problem, suppressed, "traces were not exported");
        }
        false
    }
}

fn resource(otlp: &config::Otlp) -> Resource {
    let attributes = otlp
        .attributes
        .iter()
        .map(|(name, value)| KeyValue::new(name.clone(), value.clone()));
    Resource::builder_empty()
        .with_attributes(attributes)
        .with_service_name(otlp.service_name.clone())
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build()
}

fn servers(config: &config::Config) -> Servers {
    let server = |upstream: &config::Upstream| {
        let uri: http::Uri = upstream.url.parse().ok()?;
        Some((upstream.name.clone(), uri.host()?.to_owned(), uri.port_u16()))
    };
    config.upstreams.iter().filter_map(server).collect()
}

/// The lines of the headers' file.
fn headers(otlp: &config::Otlp) -> Result<HashMap<String, String>, ExportError> {
    let Some(path) = &otlp.headers_file else {
        return Ok(HashMap::new());
    };
    let wrong = |reason: String| ExportError::Headers { reason };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let lines = text.lines().enumerate();
    lines
        .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|(at, line)| {
            let (name, value) = line.split_once(':').unwrap_or_default();
            let (name, value) = (name.trim(), value.trim());
            let good = HeaderName::from_str(name).is_ok() && HeaderValue::from_str(value).is_ok();
            if good && !value.is_empty() {
                Ok((name.to_owned(), value.to_owned()))
            } else {
                Err(wrong(format!("line {} is not `name: value`", at + 1)))
            }
        })
        .collect()
}
