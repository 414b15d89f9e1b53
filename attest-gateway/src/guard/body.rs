//! Where a request's body ends: after its length, or after its last chunk and trailers. Chunks have one spelling only, and
//! trailers cannot say what only a head may say.
//!
//! The bytes themselves are passed over, never kept; of a trailer only the line that is not whole yet.

use memchr::memchr;

use super::Limits;
use super::field::field;
use super::reason::Reason;

/// How a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// After so many bytes, 0 without a body.
    Length(u64),
    /// After the last chunk and its trailers.
    Chunked,
}

/// A body on its way through.
#[derive(Debug)]
pub(super) enum Body {
    /// What is left of its length.
    Length(u64),
    /// In chunks.
    Chunked(Chunks),
}

/// A chunked body on its way through.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    at: At,
    /// Digits of the size so far.
    digits: u8,
    /// The size so far, then what is left of the chunk.
    left: u64,
    /// The beginning of a trailer whose end did not arrive yet.
    line: Vec<u8>,
    trailer_bytes: usize,
    trailer_fields: usize,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum At {
    #[default]
    Size,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    Trailers,
    End,
}

/// More cannot be a 64-bit number.
const SIZE_DIGITS: u8 = 16;

/// Fields that frame, route, authenticate or describe the message: too late in a trailer (RFC 9110 section 6.5.1).
const NEVER_TRAILERS: [&str; 19] = [
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "cookie",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "max-forwards",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

impl Body {
    pub(super) fn new(framing: Framing) -> Self {
        match framing {
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => Self::Chunked(Chunks::default()),
        }
    }

    pub(super) fn is_done(&self) -> bool {
        match self {
            Self::Length(left) => *left == 0,
            Self::Chunked(chunks) => chunks.at == At::End,
        }
    }

    /// How many of these bytes belong to the body: all of them unless it ends among them.
    pub(super) fn pass(&mut self, bytes: &[u8], limits: Limits) -> Result<usize, Reason> {
        match self {
            Self::Length(left) => Ok(take(left, bytes)),
            Self::Chunked(chunks) => chunks.pass(bytes, limits),
        }
    }
}

/// Takes what there is off what is left.
fn take(left: &mut u64, bytes: &[u8]) -> usize {
    let here = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
    *left = left.saturating_sub(u64::try_from(here).unwrap_or(u64::MAX));
    here
}

impl Chunks {
    fn pass(&mut self, bytes: &[u8], limits: Limits) -> Result<usize, Reason> {
        let mut passed: usize = 0;
        while let Some(rest @ [byte, ..]) = bytes.get(passed..) {
            let taken = match self.at {
                At::Size => self.size(*byte)?,
                At::SizeLf => {
                    let next = if self.left == 0 { At::Trailers } else { At::Data };
                    self.exactly(b'\n', *byte, next)?
                }
                At::Data => {
                    let taken = take(&mut self.left, rest);
                    if self.left == 0 {
                        self.at = At::DataCr;
                    }
                    taken
                }
                At::DataCr => self.exactly(b'\r', *byte, At::DataLf)?,
                At::DataLf => self.exactly(b'\n', *byte, At::Size)?,
                At::Trailers => self.trailer(rest, limits)?,
                At::End => break,
            };
            passed = passed.saturating_add(taken);
        }
        Ok(passed)
    }

    fn size(&mut self, byte: u8) -> Result<usize, Reason> {
        let digit = char::from(byte).to_digit(16);
        match (digit, byte, self.digits) {
            (Some(digit), _, digits) if digits < SIZE_DIGITS => {
                self.digits = digits.saturating_add(1);
                self.left = (self.left << 4) | u64::from(digit);
            }
            (None, b'\r', 1..) => {
                self.digits = 0;
                self.at = At::SizeLf;
            }
            (None, b';', 1..) => return Err(Reason::ChunkExtension),
            (None, b'\n', 1..) => return Err(Reason::ChunkNotCrlf),
            _ => return Err(Reason::ChunkSize),
        }
        Ok(1)
    }

    fn exactly(&mut self, expected: u8, byte: u8, next: At) -> Result<usize, Reason> {
        if byte != expected {
            return Err(Reason::ChunkNotCrlf);
        }
        self.at = next;
        Ok(1)
    }

    /// One line of trailers, or as much of it as there is. They may be as large as a head.
    fn trailer(&mut self, rest: &[u8], limits: Limits) -> Result<usize, Reason> {
        let whole = memchr(b'\n', rest);
        let part = match whole {
            Some(end) => rest.get(..=end).unwrap_or(rest),
            None => rest,
        };
        self.trailer_bytes = self.trailer_bytes.saturating_add(part.len());
        if self.trailer_bytes >= limits.head_bytes {
            return Err(Reason::TrailersBeyondBound);
        }
        if whole.is_none() || !self.line.is_empty() {
            self.line.extend_from_slice(part);
        }
        if whole.is_some() {
            let held = std::mem::take(&mut self.line);
            let line = if held.is_empty() { part } else { &held };
            let line = line.strip_suffix(b"\r\n").ok_or(Reason::LineNotCrlf)?;
            if line.is_empty() {
                self.at = At::End;
            } else {
                self.trailer_line(line, limits)?;
            }
        }
        Ok(part.len())
    }

    fn trailer_line(&mut self, line: &[u8], limits: Limits) -> Result<(), Reason> {
        let field = field(line)?;
        self.trailer_fields = self.trailer_fields.saturating_add(1);
        if self.trailer_fields > limits.head_fields {
            return Err(Reason::TrailersBeyondBound);
        }
        let refused = |name: &&str| field.name.eq_ignore_ascii_case(name.as_bytes());
        if NEVER_TRAILERS.iter().any(refused) {
            return Err(Reason::TrailerRefused);
        }
        Ok(())
    }
}
