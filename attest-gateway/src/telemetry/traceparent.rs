//! W3C Trace Context: which trace a request belongs to, as its header says and as the upstream is told.
//!
//! What a client sends is an id and a wish, nothing more: a malformed header counts as none, a wish is granted within bounds.

use http::header::HeaderName;
use http::{HeaderMap, HeaderValue};

/// The header of the context itself.
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// What vendors add to it; meaningless without it.
pub(crate) const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Version, 32, 16 and 2 digits, and what separates them.
const LENGTH: usize = 55;
const SAMPLED: u8 = 1;

/// A caller's context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parent {
    pub(crate) trace: u128,
    pub(crate) span: u64,
    pub(crate) sampled: bool,
}

/// Where one request stands in its trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TraceContext {
    /// Also the request's id in the log.
    pub(crate) trace: u128,
    /// The gateway's own span.
    pub(crate) span: u64,
    /// The span of the request to the upstream.
    pub(crate) upstream: u64,
    /// The caller's span, if it named one.
    pub(crate) parent: Option<u64>,
    /// Whether the spans are exported.
    pub(crate) sampled: bool,
}

impl Parent {
    /// The context in `headers`, if there is exactly one and it is well formed.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(&TRACEPARENT).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return None;
        };
        Self::parse(value.as_bytes())
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (known, rest) = bytes.split_at_checked(LENGTH)?;
        let mut parts = known.split(|byte| *byte == b'-');
        let version = lower_hex(parts.next()?, 2)?;
        let trace = lower_hex(parts.next()?, 32)?;
        let span = u64::try_from(lower_hex(parts.next()?, 16)?).ok()?;
        let flags = u8::try_from(lower_hex(parts.next()?, 2)?).ok()?;
        // Later versions may add parts at the end; version 0 may not, and 255 is forbidden.
        let ended = match version {
            0 => rest.is_empty(),
            255 => false,
            _ => rest.first().is_none_or(|byte| *byte == b'-'),
        };
        (parts.next().is_none() && ended && trace != 0 && span != 0).then_some(Self {
            trace,
            span,
            sampled: flags & SAMPLED != 0,
        })
    }
}

/// The number that exactly `digits` lower-case hexadecimal digits write.
fn lower_hex(text: &[u8], digits: usize) -> Option<u128> {
    let mut value = 0;
    for byte in text {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        value = value << 4 | u128::from(digit);
    }
    (text.len() == digits).then_some(value)
}

/// The header that names `span` of `trace`.
pub(crate) fn header(trace: u128, span: u64, sampled: bool) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("00-{trace:032x}-{span:016x}-{:02x}", u8::from(sampled))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_a_well_formed_context_counts() {
        let check = |text: &str, expect: Option<(u128, u64, bool)>| {
            let found =
                Parent::parse(text.as_bytes()).map(|parent| (parent.trace, parent.span, parent.sampled));
            assert_eq!(found, expect, "{text}");
        };
        let ids = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331";
        let (trace, span) = (0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c, 0xb7ad_6b71_6920_3331);
        check(&format!("00-{ids}-01"), Some((trace, span, true)));
        check(&format!("00-{ids}-00"), Some((trace, span, false)));
        check(&format!("00-{ids}-03"), Some((trace, span, true)));
        check(&format!("01-{ids}-01-more"), Some((trace, span, true)));
        check(&format!("01-{ids}-01"), Some((trace, span, true)));
        check(&format!("00-{ids}-01-more"), None);
        check(&format!("01-{ids}-01more"), None);
        check(&format!("ff-{ids}-01"), None);
        check(&format!("00-{}-01", ids.to_uppercase()), None);
        check(&format!("00-{ids}-1"), None);
        check(&format!("00-{ids}-0g"), None);
        check("00-00000000000000000000000000000000-b7ad6b7169203331-01", None);
        check("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", None);
        check("", None);
        check(&"-".repeat(55), None);
    }

    #[test]
    fn two_headers_are_none() {
        let mut headers = HeaderMap::new();
        let value = header(1, 2, true).unwrap();
        headers.append(TRACEPARENT, value.clone());
        assert!(Parent::of(&headers).is_some());
        headers.append(TRACEPARENT, value);
        assert_eq!(Parent::of(&headers), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(trace in 1_u128.., span in 1_u64.., sampled: bool) {
            let written = header(trace, span, sampled).unwrap();
            prop_assert_eq!(Parent::parse(written.as_bytes()), Some(Parent { trace, span, sampled }));
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _parsed = Parent::parse(&bytes);
        }
    }
}
