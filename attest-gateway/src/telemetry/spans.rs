//! A request as OpenTelemetry spans: one for the gateway, and under it one for each step whose time was taken. Names and
//! attributes follow the HTTP semantic conventions; what is ours begins with `attest.`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use super::ids::Ids;
use super::notes::Span;
use super::record::Record;

/// Who made the spans.
pub(super) fn scope() -> InstrumentationScope {
    InstrumentationScope::builder("attest-gateway")
        .with_version(env!("CARGO_PKG_VERSION"))
        .build()
}

/// The spans of `record`, the gateway's own first.
pub(super) fn of(
    record: &Record,
    scope: &InstrumentationScope,
    servers: &Servers,
    ids: &Ids,
) -> Vec<SpanData> {
    let base = Base { record, scope };
    let mut spans = vec![base.server()];
    let noted = &record.noted;
    for (name, span) in [("verify", noted.verify), ("decide", noted.decide)] {
        if let Some(span) = span {
            spans.push(base.child(name.to_owned(), SpanKind::Internal, ids.next(), span, Vec::new()));
        }
    }
    if let Some(span) = noted.sent {
        spans.push(base.upstream(span, servers));
    }
    spans
}

/// Where each upstream is: name, host and port.
pub(super) type Servers = Vec<(String, String, Option<u16>)>;

struct Base<'a> {
    record: &'a Record,
    scope: &'a InstrumentationScope,
}

impl Base<'_> {
    fn server(&self) -> SpanData {
        let record = self.record;
        let noted = &record.noted;
        let mut attributes = vec![
            KeyValue::new("http.request.method", record.method),
            KeyValue::new("http.response.status_code", i64::from(record.status)),
            KeyValue::new("network.protocol.name", "http"),
            KeyValue::new("network.protocol.version", record.protocol),
            KeyValue::new("http.response.body.size", integer(record.bytes_out)),
            KeyValue::new("attest.policy.version", integer(record.policy_version)),
        ];
        let mut text = |name: &'static str, value: Option<&str>| {
            attributes.extend(value.map(|value| KeyValue::new(name, value.to_owned())));
        };
        text("http.route", noted.pattern.as_deref());
        text("attest.route", noted.route.as_deref());
        text("attest.app", noted.app.as_deref());
        text("attest.rule", noted.rule.as_deref());
        text("attest.decision", noted.decision);
        text(
            "attest.code",
            noted.code.map(attest_core::problem::ProblemCode::as_str),
        );
        text("attest.reason", noted.reason);
        text("attest.support_code", noted.support.as_deref());
        if let Some(bytes) = record.bytes_in {
            attributes.push(KeyValue::new("http.request.body.size", integer(bytes)));
        }
        let failed = record.status >= 500;
        if failed {
            let kind = noted
                .code
                .map_or_else(|| record.status.to_string(), |code| code.as_str().to_owned());
            attributes.push(KeyValue::new("error.type", kind));
        }
        let name = match &noted.pattern {
            Some(pattern) => format!("{} {pattern}", record.method),
            None => record.method.to_owned(),
        };
        let mut span = self.child(
            name,
            SpanKind::Server,
            record.context.span,
            record.span,
            attributes,
        );
        span.parent_span_id = record.context.parent.map_or(SpanId::INVALID, span_id);
        span.parent_span_is_remote = record.context.parent.is_some();
        if failed {
            span.status = Status::error("");
        }
        span
    }

    fn upstream(&self, span: Span, servers: &Servers) -> SpanData {
        let noted = &self.record.noted;
        let mut attributes = vec![KeyValue::new("http.request.method", self.record.method)];
        if let Some(name) = &noted.upstream {
            attributes.push(KeyValue::new("attest.upstream", name.clone()));
            if let Some((_, host, port)) = servers.iter().find(|(known, ..)| known == name) {
                attributes.push(KeyValue::new("server.address", host.clone()));
                attributes.extend(port.map(|port| KeyValue::new("server.port", i64::from(port))));
            }
        }
        let failed = match noted.upstream_status {
            Some(status) => {
                attributes.push(KeyValue::new("http.response.status_code", i64::from(status)));
                (status >= 400).then(|| status.to_string())
            }
            None => Some(noted.reason.unwrap_or("cancelled").to_owned()),
        };
        if let Some(kind) = &failed {
            attributes.push(KeyValue::new("error.type", kind.clone()));
        }
        let name = self.record.method.to_owned();
        let mut span = self.child(
            name,
            SpanKind::Client,
            self.record.context.upstream,
            span,
            attributes,
        );
        if failed.is_some() {
            span.status = Status::error("");
        }
        span
    }

    fn child(
        &self,
        name: String,
        kind: SpanKind,
        id: u64,
        span: Span,
        attributes: Vec<KeyValue>,
    ) -> SpanData {
        let context = &self.record.context;
        SpanData {
            span_context: SpanContext::new(
                TraceId::from_bytes(context.trace.to_be_bytes()),
                span_id(id),
                TraceFlags::SAMPLED,
                false,
                TraceState::default(),
            ),
            parent_span_id: span_id(context.span),
            parent_span_is_remote: false,
            span_kind: kind,
            name: name.into(),
            start_time: self.wall(span.from_us),
            end_time: self.wall(span.to_us),
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: self.scope.clone(),
        }
    }

    /// Wall time of a moment of this request: lengths are those of the monotonic clock.
    fn wall(&self, monotonic_us: u64) -> SystemTime {
        let since_us = monotonic_us.saturating_sub(self.record.span.from_us);
        let wall_us = self.record.started_at_us.saturating_add(since_us);
        UNIX_EPOCH
            .checked_add(Duration::from_micros(wall_us))
            .unwrap_or(UNIX_EPOCH)
    }
}

const fn span_id(id: u64) -> SpanId {
    SpanId::from_bytes(id.to_be_bytes())
}

fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
