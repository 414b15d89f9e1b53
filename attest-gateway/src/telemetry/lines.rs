//! The line that a request gets in the log.

use super::record::Record;
use crate::refusal::Refusal;

/// The target of request lines, for filters: they follow `log.requests`, not `log.level`.
pub const REQUESTS: &str = "attest_gateway::requests";

/// Writes the line of a head that never became a request.
pub(super) fn write_unread(refusal: &Refusal, policy: u64) {
    tracing::info!(
        target: REQUESTS,
        code = refusal.code.as_str(),
        reason = refusal.reason,
        policy,
        "request"
    );
}

/// Writes the line of a request.
pub(super) fn write(record: &Record) {
    let noted = &record.noted;
    let request = format!("{:032x}", record.context.trace);
    tracing::info!(
        target: REQUESTS,
        request,
        method = record.method,
        route = noted.route.as_deref(),
        status = record.status,
        code = noted.code.map(attest_core::problem::ProblemCode::as_str),
        reason = noted.reason,
        rule = noted.rule.as_deref(),
        decision = noted.decision,
        app = noted.app.as_deref(),
        upstream = noted.upstream.as_deref(),
        policy = record.policy_version,
        duration_us = record.span.length_us(),
        upstream_us = noted.sent.map(super::notes::Span::length_us),
        bytes_in = record.bytes_in,
        bytes_out = record.bytes_out,
        whole = record.whole,
        protocol = record.protocol,
        support = noted.support.as_deref(),
        "request"
    );
}
