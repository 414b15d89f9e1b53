//! Refuses every request target that two readers could take for two paths. Exactly the string that passes here is matched, bound
//! and forwarded.

use attest_core::problem::ProblemCode;
use http::Uri;
use http::uri::PathAndQuery;

use super::hygiene::Clean;
use super::step::Step;
use crate::refusal::Refusal;

/// The layer.
#[derive(Debug, Clone, Copy)]
pub struct Target;

impl Step for Target {
    type In = Clean;
    type Out = Clean;

    fn step(&self, mut request: Clean) -> Result<Clean, Refusal> {
        let refuse = |reason| Refusal::new(ProblemCode::TargetAmbiguous, reason);
        let target = request
            .parts
            .uri
            .path_and_query()
            .map_or("/", PathAndQuery::as_str);
        let (path, query) = target
            .split_once('?')
            .map_or((target, None), |(path, query)| (path, Some(query)));
        unambiguous_path(path).map_err(refuse)?;
        if query.is_some_and(|query| query.bytes().any(|b| !(0x21..=0x7e).contains(&b))) {
            return Err(refuse("query-not-ascii"));
        }
        let origin_form = target.parse::<Uri>().map_err(|_| refuse("target-malformed"))?;
        request.parts.uri = origin_form;
        Ok(request)
    }
}

/// Accepts paths with one reading: absolute, visible ASCII, whole escapes of UTF-8, no empty or dot segment in clear or escaped,
/// no escaped separator, no path parameter.
///
/// # Errors
/// The inner reason.
pub fn unambiguous_path(path: &str) -> Result<(), &'static str> {
    if !path.starts_with('/') {
        return Err("path-not-absolute");
    }
    if path.bytes().any(|b| !(0x21..=0x7e).contains(&b)) {
        return Err("path-not-ascii");
    }
    if path.contains([';', '\\']) {
        return Err("path-parameter-or-backslash");
    }
    if path.contains(['?', '#']) {
        return Err("path-not-alone");
    }
    if path.contains("//") {
        return Err("path-empty-segment");
    }
    if path.split('/').any(|segment| segment == "." || segment == "..") {
        return Err("path-dot-segment");
    }
    if path.contains('%') {
        decoded(path).map(drop)
    } else {
        Ok(())
    }
}

/// The path without its escapes, as text. Overlong UTF-8 is none: some readers take `%c0%ae` for a dot.
fn decoded(path: &str) -> Result<String, &'static str> {
    let mut bytes = Vec::new();
    let mut rest = path;
    while let Some((clear, escape)) = rest.split_once('%') {
        let digits = escape
            .get(..2)
            .filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let byte = u8::from_str_radix(digits.ok_or("path-escape")?, 16).map_err(|_| "path-escape")?;
        if matches!(
            byte,
            b'/' | b'\\' | b'.' | b';' | b'%' | b'?' | b'#' | 0..=0x1f | 0x7f
        ) {
            return Err("path-escaped-separator");
        }
        bytes.extend_from_slice(clear.as_bytes());
        bytes.push(byte);
        rest = escape.get(2..).unwrap_or_default();
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).map_err(|_| "path-not-utf-8")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_reading_only() {
        for (path, expect) in [
            ("/", Ok(())),
            ("/v1/payments/42", Ok(())),
            ("/v1/a%20b/%E2%82%AC", Ok(())),
            ("/v1/.well-known/x..y", Ok(())),
            ("v1", Err("path-not-absolute")),
            ("*", Err("path-not-absolute")),
            ("/v1//payments", Err("path-empty-segment")),
            ("/v1/./payments", Err("path-dot-segment")),
            ("/v1/public/../payments", Err("path-dot-segment")),
            ("/v1/payments/..", Err("path-dot-segment")),
            ("/v1/%2e%2e/payments", Err("path-escaped-separator")),
            ("/v1%2Fpayments", Err("path-escaped-separator")),
            ("/v1%5cpayments", Err("path-escaped-separator")),
            ("/v1\\payments", Err("path-parameter-or-backslash")),
            ("/v1/payments;v=1", Err("path-parameter-or-backslash")),
            ("/v1%3bpayments", Err("path-escaped-separator")),
            ("/v1/%252e", Err("path-escaped-separator")),
            ("/v1/%00", Err("path-escaped-separator")),
            ("/v1/%c0%ae%c0%ae/payments", Err("path-not-utf-8")),
            ("/v1/%ff", Err("path-not-utf-8")),
            ("/v1/%e2%82", Err("path-not-utf-8")),
            ("/v1?payments", Err("path-not-alone")),
            ("/v1#payments", Err("path-not-alone")),
            ("/v1/%zz", Err("path-escape")),
            ("/v1/%4", Err("path-escape")),
            ("/v1/é", Err("path-not-ascii")),
        ] {
            assert_eq!(unambiguous_path(path), expect, "{path}");
        }
    }

    proptest! {
        #[test]
        fn decoding_what_passes_adds_no_segment(path in "/[a-z./%0-9;]{0,24}") {
            if unambiguous_path(&path).is_ok() {
                let mut decoded = Vec::new();
                let bytes = path.as_bytes();
                let mut at = 0;
                while at < bytes.len() {
                    if bytes[at] == b'%' {
                        let digits = std::str::from_utf8(&bytes[at + 1..at + 3]).unwrap();
                        decoded.push(u8::from_str_radix(digits, 16).unwrap());
                        at += 3;
                    } else {
                        decoded.push(bytes[at]);
                        at += 1;
                    }
                }
                let slashes = |bytes: &[u8]| bytes.iter().filter(|b| **b == b'/').count();
                prop_assert_eq!(slashes(&decoded), slashes(bytes));
                prop_assert!(!decoded.split(|b| *b == b'/').any(|segment| segment == b"." || segment == b".."));
            }
        }
    }
}
