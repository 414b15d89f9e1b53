//! What the raw-head guard lets through, read again by a forgiving reader on top of httparse.

use crate::guard::{LIMITS, passed};

/// How many requests a reader sees that takes lengths and chunks as liberally as any backend might; `None` if it cannot read.
fn liberal(mut bytes: &[u8]) -> Option<usize> {
    let mut requests = 0;
    while !bytes.is_empty() {
        let mut fields = [httparse::EMPTY_HEADER; LIMITS.head_fields];
        let mut request = httparse::Request::new(&mut fields);
        let httparse::Status::Complete(len) = request.parse(bytes).ok()? else { return None };
        assert!(request.path?.parse::<http::Uri>().is_ok(), "a target that the library refuses");
        assert!(http::Method::from_bytes(request.method?.as_bytes()).is_ok(), "a method that the library refuses");
        requests += 1;
        let named = |name: &str| {
            let fields = request.headers.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
            fields.map(|field| String::from_utf8_lossy(field.value).trim().to_ascii_lowercase()).collect::<Vec<_>>()
        };
        let (lengths, codings, hosts) = (named("content-length"), named("transfer-encoding"), named("host"));
        assert!(hosts.len() == 1 && lengths.len() + codings.len() <= 1, "two hosts or two framings");
        bytes = bytes.get(len..)?;
        if let Some(coding) = codings.first() {
            assert_eq!(coding, "chunked", "a coding that nobody undoes");
            let Some(rest) = after_chunks(bytes) else { break };
            bytes = rest;
        } else if let Some(length) = lengths.first() {
            let length: usize = length.parse().ok()?;
            let Some(rest) = bytes.get(length..) else { break };
            bytes = rest;
        }
    }
    Some(requests)
}

/// What follows the chunks and trailers, if they end.
fn after_chunks(mut bytes: &[u8]) -> Option<&[u8]> {
    loop {
        let (line, rest) = line(bytes)?;
        let digits = line.split(';').next()?.trim();
        let size = u64::from_str_radix(digits.trim_start_matches("0x"), 16).ok();
        assert!(size.is_some(), "no size: {line:?}");
        let size = usize::try_from(size?).ok()?;
        if size == 0 {
            bytes = rest;
            break;
        }
        bytes = line_end(rest.get(size..)?)?;
    }
    loop {
        let (line, rest) = line(bytes)?;
        bytes = rest;
        if line.trim().is_empty() {
            return Some(bytes);
        }
    }
}

fn line(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let (line, rest) = bytes.split_at_checked(end)?;
    Some((crate::text(line), rest.get(1..)?))
}

fn line_end(bytes: &[u8]) -> Option<&[u8]> {
    bytes.strip_prefix(b"\r\n").or_else(|| bytes.strip_prefix(b"\n"))
}

/// Whatever passes, a liberal reader reads it as the same number of requests.
pub fn guard_vs_httparse(data: &[u8]) -> bool {
    let (safe, requests, whole) = passed(data);
    let read = liberal(&safe);
    assert_eq!(read, Some(requests), "read otherwise: {}", safe.escape_ascii());
    requests > 0 && whole
}
