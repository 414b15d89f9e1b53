//! A request head, line by line. It is complete only when every line had one reading and the whole agrees on one host and one
//! framing; what it says then is where the body ends.
//!
//! It is fed the same bytes again with more behind them, and looks at each byte once. It keeps no copy of them.

use std::ops::Range;

use memchr::{memchr, memchr2};

use super::Limits;
use super::body::Framing;
use super::field::{field, is_token};
use super::host;
use super::preface::RESERVED;
use super::reason::Reason;

/// A whole head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// Its bytes, the empty line at the end included.
    pub(super) len: usize,
    /// How its body ends.
    pub(super) framing: Framing,
    /// Whether it asks to leave HTTP/1.1.
    pub(super) upgrade: bool,
}

/// A head on its way in.
#[derive(Debug, Default)]
pub(super) struct HeadLines {
    /// Where the first line begins that was not judged.
    line: usize,
    /// From here on no line's end was looked for.
    unsearched: usize,
    request: Option<Request>,
    fields: usize,
    host: Option<Range<usize>>,
    length: Option<u64>,
    chunked: bool,
    upgrade: bool,
}

/// What the request line says.
#[derive(Debug)]
struct Request {
    /// HTTP/1.0, which knows neither chunks nor upgrades.
    old: bool,
    absolute: Option<Absolute>,
}

/// The authority of a target in absolute form.
#[derive(Debug)]
struct Absolute {
    authority: Range<usize>,
    default_port: u16,
}

/// The longest registered method has 17 letters.
const METHOD_BYTES: usize = 32;
/// What the HTTP library reads of a target.
const TARGET_BYTES: usize = 65_534;
/// 10^18 bytes are for ever; one digit more might overflow somebody's signed number.
const LENGTH_DIGITS: usize = 18;

impl HeadLines {
    /// Judges the lines of `bytes`, which begin where the head does, that were not whole before. Returns the head once its
    /// last line is there.
    pub(super) fn read(&mut self, bytes: &[u8], limits: Limits) -> Result<Option<Head>, Reason> {
        let view = bytes.get(..limits.head_bytes).unwrap_or(bytes);
        if self.request.is_none() {
            first_bytes(view)?;
        }
        while let Some(end) = self.line_end(view)? {
            let (start, next) = (self.line, end.saturating_add(2));
            (self.line, self.unsearched) = (next, next);
            let line = view.get(start..end).unwrap_or_default();
            match &self.request {
                None => self.request = Some(request_line(line)?),
                Some(_) if line.is_empty() => return self.finish(view, next).map(Some),
                Some(request) => {
                    let old = request.old;
                    self.field_line(line, start, old, limits)?;
                }
            }
        }
        if bytes.len() >= limits.head_bytes {
            return Err(Reason::HeadBeyondBound);
        }
        Ok(None)
    }

    /// Where the line ends that begins at `self.line`, if it does yet.
    fn line_end(&mut self, view: &[u8]) -> Result<Option<usize>, Reason> {
        let unsearched = view.get(self.unsearched..).unwrap_or_default();
        let Some(found) = memchr2(b'\r', b'\n', unsearched) else {
            self.unsearched = view.len();
            return Ok(None);
        };
        let end = self.unsearched.saturating_add(found);
        match unsearched.get(found..) {
            Some([b'\r', b'\n', ..]) => Ok(Some(end)),
            Some([b'\r']) => {
                self.unsearched = end;
                Ok(None)
            }
            _ => Err(Reason::LineNotCrlf),
        }
    }

    fn field_line(&mut self, line: &[u8], start: usize, old: bool, limits: Limits) -> Result<(), Reason> {
        let field = field(line)?;
        self.fields = self.fields.saturating_add(1);
        if self.fields > limits.head_fields {
            return Err(Reason::FieldsBeyondBound);
        }
        let value = field.value;
        match field.name.len() {
            4 if field.name.eq_ignore_ascii_case(b"host") => {
                if self.host.is_some() {
                    return Err(Reason::HostNotSingle);
                }
                if !host::is_host(value) {
                    return Err(Reason::HostMalformed);
                }
                let leading = line.get(5..).unwrap_or_default();
                let space = leading.len().saturating_sub(leading.trim_ascii_start().len());
                let from = start.saturating_add(5).saturating_add(space);
                self.host = Some(from..from.saturating_add(value.len()));
            }
            7 if field.name.eq_ignore_ascii_case(b"upgrade") => self.upgrade = !old,
            14 if field.name.eq_ignore_ascii_case(b"content-length") => {
                if self.length.is_some() {
                    return Err(Reason::LengthNotSingle);
                }
                self.length = Some(length(value)?);
            }
            17 if field.name.eq_ignore_ascii_case(b"transfer-encoding") => {
                if old {
                    return Err(Reason::CodingInOldVersion);
                }
                if self.chunked {
                    return Err(Reason::CodingNotSingle);
                }
                if !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(Reason::CodingNotChunked);
                }
                self.chunked = true;
            }
            _ => {}
        }
        Ok(())
    }

    fn finish(&self, view: &[u8], len: usize) -> Result<Head, Reason> {
        let host = self.host.clone().ok_or(Reason::HostMissing)?;
        if let Some(absolute) = self.request.as_ref().and_then(|line| line.absolute.as_ref()) {
            let part = |range: Range<usize>| view.get(range).unwrap_or_default();
            let authority = part(absolute.authority.clone());
            if !host::agree(authority, part(host), absolute.default_port) {
                return Err(Reason::TargetDisagrees);
            }
        }
        let framing = match (self.length, self.chunked) {
            (Some(_), true) => return Err(Reason::LengthBesideCoding),
            (Some(length), false) => Framing::Length(length),
            (None, true) => Framing::Chunked,
            (None, false) => Framing::Length(0),
        };
        Ok(Head {
            len,
            framing,
            upgrade: self.upgrade,
        })
    }
}

/// What can be refused before the first line is whole, so that nobody waits for the rest of it.
fn first_bytes(view: &[u8]) -> Result<(), Reason> {
    match view.first() {
        Some(b'\r' | b'\n') => Err(Reason::LeadingLine),
        Some(byte) if !is_token(*byte) => Err(Reason::RequestLine),
        _ if view.starts_with(RESERVED) => Err(Reason::PrefaceBroken),
        _ => Ok(()),
    }
}

fn request_line(line: &[u8]) -> Result<Request, Reason> {
    let (method, rest) = cut(line).ok_or(Reason::RequestLine)?;
    let (target, version) = cut(rest).ok_or(Reason::RequestLine)?;
    let named = (1..=METHOD_BYTES).contains(&method.len()) && method.iter().all(|byte| is_token(*byte));
    if !named || target.is_empty() || version.contains(&b' ') {
        return Err(Reason::RequestLine);
    }
    let old = match version {
        b"HTTP/1.1" => false,
        b"HTTP/1.0" => true,
        _ => return Err(Reason::Version),
    };
    if method == b"CONNECT" {
        return Err(Reason::Method);
    }
    if target.len() > TARGET_BYTES {
        return Err(Reason::HeadBeyondBound);
    }
    target_bytes(target)?;
    let absolute = match target {
        [b'/', ..] => None,
        b"*" if method == b"OPTIONS" => None,
        _ => Some(absolute(target, method.len().saturating_add(1))?),
    };
    Ok(Request { old, absolute })
}

/// Before and after the first space.
fn cut(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (before, rest) = line.split_at_checked(memchr(b' ', line)?)?;
    Some((before, rest.get(1..)?))
}

/// Visible ASCII, without what no URI has in clear and libraries read differently. `#` would cut the target off.
fn target_bytes(target: &[u8]) -> Result<(), Reason> {
    let outside = target.iter().fold(false, |found, byte| {
        found | (*byte <= b' ') | (*byte >= 0x7f) | (*byte == b'#') | (*byte == b'<') | (*byte == b'>')
    });
    let (path, query) = target.split_at(memchr(b'?', target).unwrap_or(target.len()));
    if outside || memchr(b'`', path).is_some() || memchr(b'"', query).is_some() {
        return Err(Reason::TargetBytes);
    }
    Ok(())
}

/// The authority of a target that begins at `start` of the head.
fn absolute(target: &[u8], start: usize) -> Result<Absolute, Reason> {
    let after = |scheme: &str| {
        let (own, rest) = target.split_at_checked(scheme.len())?;
        own.eq_ignore_ascii_case(scheme.as_bytes()).then_some(rest)
    };
    let (rest, secure) = match (after("http://"), after("https://")) {
        (Some(rest), _) => (rest, false),
        (None, Some(rest)) => (rest, true),
        (None, None) => return Err(Reason::TargetForm),
    };
    let len = rest
        .iter()
        .position(|byte| matches!(byte, b'/' | b'?'))
        .unwrap_or(rest.len());
    let from = start.saturating_add(target.len().saturating_sub(rest.len()));
    Ok(Absolute {
        authority: from..from.saturating_add(len),
        default_port: host::default_port(secure),
    })
}

fn length(value: &[u8]) -> Result<u64, Reason> {
    let digits = value.iter().all(u8::is_ascii_digit) && (1..=LENGTH_DIGITS).contains(&value.len());
    let text = std::str::from_utf8(value).ok().filter(|_| digits);
    text.and_then(|text| text.parse().ok())
        .ok_or(Reason::LengthMalformed)
}
