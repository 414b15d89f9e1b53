//! Which protocol a connection's first bytes speak. A wrong or half-right HTTP/2 preface is never taken for HTTP/1.

/// What a client of HTTP/2 sends first (RFC 9113 section 3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The part of the preface that cannot begin an HTTP/1 request other than one by the method that RFC 9113 reserves.
pub(super) const RESERVED: &[u8] = b"PRI ";

/// What the first bytes of a connection are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preface {
    /// A whole HTTP/2 preface.
    Http2,
    /// Something else, which only HTTP/1 may read.
    Http1,
    /// The beginning of a preface, or nothing: more bytes are needed.
    Undecided,
    /// A preface that goes wrong, or its method in HTTP/1.
    Broken,
}

/// Reads a connection's first bytes, of which nothing is consumed: what they speak also takes them.
#[must_use]
pub fn preface(first: &[u8]) -> Preface {
    let same = first
        .iter()
        .zip(PREFACE)
        .take_while(|(sent, expected)| sent == expected)
        .count();
    if same == PREFACE.len() {
        Preface::Http2
    } else if same == first.len() {
        Preface::Undecided
    } else if same >= RESERVED.len() {
        Preface::Broken
    } else {
        Preface::Http1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preface_is_whole_begun_broken_or_none() {
        let check = |first: &[u8], expect| {
            assert_eq!(preface(first), expect, "{:?}", first.escape_ascii().to_string());
        };
        check(b"", Preface::Undecided);
        check(b"P", Preface::Undecided);
        check(b"PRI", Preface::Undecided);
        check(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r", Preface::Undecided);
        check(PREFACE, Preface::Http2);
        check(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0", Preface::Http2);
        check(b"PRI * HTTP/2.0\r\nHost: a\r\n\r\n", Preface::Broken);
        check(b"PRI * HTTP/1.1\r\n", Preface::Broken);
        check(b"PRI / HTTP/1.1\r\n", Preface::Broken);
        check(b"PRI * HTTP/2.0\n", Preface::Broken);
        check(b"PUT / HTTP/1.1\r\n", Preface::Http1);
        check(b"PROPFIND / HTTP/1.1\r\n", Preface::Http1);
        check(b"PRIVATE / HTTP/1.1\r\n", Preface::Http1);
        check(b"GET / HTTP/1.1\r\n", Preface::Http1);
        check(b"\x16\x03\x01", Preface::Http1);
    }
}
