//! Why the guard refuses: a closed set of stable words. It never holds a byte of what was refused.

/// Why a request's head, body framing or trailers are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.code())]
pub enum Reason {
    /// More bytes than a head may have.
    HeadBeyondBound,
    /// More fields than a head may have.
    FieldsBeyondBound,
    /// The head was begun and did not arrive in time.
    HeadTimeout,
    /// An empty line before the request line.
    LeadingLine,
    /// CR or LF other than CRLF at the end of a line.
    LineNotCrlf,
    /// The beginning of an HTTP/2 preface, or its method, where HTTP/1 is spoken.
    PrefaceBroken,
    /// Not method, target and version, with one space between each.
    RequestLine,
    /// A method that a gateway for origins does not serve: CONNECT.
    Method,
    /// Neither HTTP/1.0 nor HTTP/1.1.
    Version,
    /// A byte that no target has in clear.
    TargetBytes,
    /// Neither origin nor absolute form of http and https, nor `*` of OPTIONS.
    TargetForm,
    /// An absolute target names another host than `Host`.
    TargetDisagrees,
    /// A line that begins with a space or tab.
    FieldFolded,
    /// A space or tab before the colon.
    FieldSpaceBeforeColon,
    /// The name of a field is empty or no token, or there is no colon.
    FieldName,
    /// A control byte in a value.
    FieldValue,
    /// No `Host`.
    HostMissing,
    /// More than one `Host`.
    HostNotSingle,
    /// `Host` is not one host with an optional port.
    HostMalformed,
    /// More than one `Content-Length`, even if equal.
    LengthNotSingle,
    /// `Content-Length` is not a number, or too large a one.
    LengthMalformed,
    /// `Content-Length` beside `Transfer-Encoding`.
    LengthBesideCoding,
    /// `Transfer-Encoding` in HTTP/1.0.
    CodingInOldVersion,
    /// More than one `Transfer-Encoding`.
    CodingNotSingle,
    /// `Transfer-Encoding` is not `chunked` alone.
    CodingNotChunked,
    /// The size of a chunk is not 1 to 16 hexadecimal digits.
    ChunkSize,
    /// A chunk extension.
    ChunkExtension,
    /// A chunk size or chunk that does not end in CRLF.
    ChunkNotCrlf,
    /// A trailer that may only stand in a head.
    TrailerRefused,
    /// More bytes or fields of trailers than of a head.
    TrailersBeyondBound,
}

impl Reason {
    /// The stable word.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::HeadBeyondBound => "head-beyond-bound",
            Self::FieldsBeyondBound => "head-fields-beyond-bound",
            Self::HeadTimeout => "head-late",
            Self::LeadingLine => "head-leading-line",
            Self::LineNotCrlf => "line-not-crlf",
            Self::PrefaceBroken => "preface-broken",
            Self::RequestLine => "request-line-malformed",
            Self::Method => "method-refused",
            Self::Version => "version-unsupported",
            Self::TargetBytes => "target-malformed",
            Self::TargetForm => "target-form",
            Self::TargetDisagrees => "absolute-form-disagrees-with-host",
            Self::FieldFolded => "field-folded",
            Self::FieldSpaceBeforeColon => "field-space-before-colon",
            Self::FieldName => "field-name-malformed",
            Self::FieldValue => "field-value-control",
            Self::HostMissing => "host-missing",
            Self::HostNotSingle => "host-not-single",
            Self::HostMalformed => "host-malformed",
            Self::LengthNotSingle => "content-length-not-single",
            Self::LengthMalformed => "content-length-malformed",
            Self::LengthBesideCoding => "content-length-beside-transfer-encoding",
            Self::CodingInOldVersion => "transfer-encoding-in-http-1-0",
            Self::CodingNotSingle => "transfer-encoding-not-single",
            Self::CodingNotChunked => "transfer-encoding-not-chunked",
            Self::ChunkSize => "chunk-size-malformed",
            Self::ChunkExtension => "chunk-extension",
            Self::ChunkNotCrlf => "chunk-not-crlf",
            Self::TrailerRefused => "trailer-refused",
            Self::TrailersBeyondBound => "trailers-beyond-bound",
        }
    }
}
