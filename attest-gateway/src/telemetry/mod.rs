//! What an operator sees of single requests: a log line, a trace, and warnings that do not repeat themselves.
//!
//! Nothing here decides anything or waits for anybody: a request that is neither logged nor traced costs one comparison, what
//! cannot be written or exported in time is dropped and counted. No record has room for a path, query, address, device or token.

mod collector;
mod export;
mod ids;
mod lines;
pub(crate) mod notes;
mod quiet;
mod record;
mod spans;
pub(crate) mod traceparent;

use std::collections::HashMap;
use std::sync::Arc;

use crate::clock::Clock;
use crate::config::{Config, Ratio, RequestLog};
use crate::refusal::Refusal;
use crate::upstream::UpstreamError;

pub use collector::CollectorError;
pub use export::ExportError;
pub(crate) use export::Exporter;
pub(crate) use ids::{Ids, Sampling};
pub use lines::REQUESTS;
pub(crate) use quiet::Quiet;
pub(crate) use record::{Record, method_word, protocol_word};
pub(crate) use traceparent::{Parent, TRACEPARENT, TRACESTATE, TraceContext};

/// What one gateway process tells about its requests.
#[derive(Debug)]
pub struct Telemetry {
    pub(crate) requests: RequestLog,
    pub(crate) log_ratio: Ratio,
    pub(crate) exporter: Option<Exporter>,
    pub(crate) trace_ratio: Ratio,
    upstreams: HashMap<String, Quiet>,
}

/// At most one warning about each upstream in this time.
const UPSTREAM_WARNING_MS: u64 = 1_000;

impl Telemetry {
    /// Starts the export of traces, if one is configured.
    ///
    /// # Errors
    /// [`ExportError`] when its files or its thread are not usable.
    pub fn start(config: &Config, clock: &Arc<dyn Clock>) -> Result<Self, ExportError> {
        let quiet =
            |upstream: &crate::config::Upstream| (upstream.name.clone(), Quiet::new(UPSTREAM_WARNING_MS));
        Ok(Self {
            requests: config.log.requests,
            log_ratio: config.log.sample_ratio,
            exporter: Exporter::start(config, clock)?,
            trace_ratio: config.otlp.sample_ratio,
            upstreams: config.upstreams.iter().map(quiet).collect(),
        })
    }

    /// Whether any request is logged or traced.
    pub(crate) const fn watches(&self) -> bool {
        !matches!(self.requests, RequestLog::Off) || self.exporter.is_some()
    }

    /// Traced requests that were exported.
    #[must_use]
    pub fn traces_exported(&self) -> u64 {
        self.exporter.as_ref().map_or(0, Exporter::exported)
    }

    /// Traced requests that were lost, because the collector was slow or away.
    #[must_use]
    pub fn traces_dropped(&self) -> u64 {
        self.exporter.as_ref().map_or(0, Exporter::dropped)
    }

    /// Warns that an upstream failed, at most once a second for each.
    pub(crate) fn upstream_failed(&self, upstream: &str, error: &UpstreamError, now_ms: u64) {
        let suppressed = match self.upstreams.get(upstream) {
            Some(quiet) => quiet.speaks(now_ms),
            None => Some(0),
        };
        if let Some(suppressed) = suppressed {
            tracing::warn!(upstream, code = error.code(), %error, suppressed, "upstream failed");
        }
    }

    /// Writes that a head never became a request. Among samples it would stand for nothing.
    pub(crate) fn unread(&self, refusal: &Refusal, policy: u64) {
        if let RequestLog::Refused | RequestLog::All = self.requests {
            lines::write_unread(refusal, policy);
        } else {
            tracing::debug!(code = refusal.code.as_str(), reason = refusal.reason, "refused");
        }
    }

    /// Writes and exports what became of a request.
    pub(crate) fn finish(&self, record: Record) {
        if record.logged {
            lines::write(&record);
        }
        if let Some(exporter) = self.exporter.as_ref().filter(|_| record.context.sampled) {
            exporter.offer(record);
        }
    }
}
