//! What became of one request, when its last byte was answered.

use http::{Method, Version};

use super::TraceContext;
use super::notes::{Noted, Span};

/// One request, from its head to its last byte.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) noted: Noted,
    pub(crate) context: TraceContext,
    /// Whether it gets a line.
    pub(crate) logged: bool,
    pub(crate) method: &'static str,
    pub(crate) protocol: &'static str,
    pub(crate) status: u16,
    pub(crate) policy_version: u64,
    /// Wall time of its begin, Unix microseconds.
    pub(crate) started_at_us: u64,
    /// On the monotonic clock.
    pub(crate) span: Span,
    /// What the client announced; absent where it did not.
    pub(crate) bytes_in: Option<u64>,
    pub(crate) bytes_out: u64,
    /// Whether the response was taken to its end.
    pub(crate) whole: bool,
}

impl Span {
    /// How long it took.
    pub(crate) const fn length_us(self) -> u64 {
        self.to_us.saturating_sub(self.from_us)
    }
}

/// The method's word, if it is a registered one: anything else is a client's own text.
pub(crate) fn method_word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::CONNECT => "CONNECT",
        Method::PATCH => "PATCH",
        Method::TRACE => "TRACE",
        _ => "_OTHER",
    }
}

/// The version's number, as `network.protocol.version` writes it.
pub(crate) const fn protocol_word(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        _ => "1.1",
    }
}
