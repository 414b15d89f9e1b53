//! The guard on bytes: every trick has its reason, real clients pass, and how the bytes were cut makes no difference.

use proptest::prelude::*;

use super::*;

const LIMITS: Limits = Limits {
    head_bytes: 8192,
    head_fields: 20,
};

/// What became of a whole connection's bytes, fed in these parts.
#[derive(Debug, PartialEq, Eq)]
struct Passed {
    bytes: Vec<u8>,
    heads: usize,
    refused: Option<Reason>,
}

fn fed<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Passed {
    let mut guard = Guard::new(LIMITS);
    let mut passed = Passed {
        bytes: vec![],
        heads: 0,
        refused: None,
    };
    let mut held = Vec::new();
    for part in parts {
        held.extend_from_slice(part);
        loop {
            let verdict = guard.judge(&held);
            passed.bytes.extend(held.drain(..verdict.safe));
            passed.heads += verdict.heads;
            match verdict.next {
                Next::More => break,
                Next::Answer => guard.stays(),
                Next::Refused(reason) | Next::Broken(reason) => {
                    passed.refused = Some(reason);
                    return passed;
                }
            }
        }
    }
    passed
}

/// A request that passes, to put before others.
const GOOD: &str = "POST /a HTTP/1.1\r\nhost: a.example\r\ncontent-length: 2\r\n\r\n{}";

/// Alone, behind a good request, and byte by byte.
fn check(bytes: &[u8], expect: Option<Reason>) {
    let shown = bytes.escape_ascii().to_string();
    let alone = fed([bytes]);
    assert_eq!(alone.refused, expect, "{shown}");
    if expect.is_some() {
        assert_eq!(
            (alone.heads, alone.bytes.len()),
            (0, 0),
            "nothing of it passes: {shown}"
        );
    } else {
        assert_eq!(alone.bytes, bytes, "{shown}");
    }
    let behind = [GOOD.as_bytes(), bytes].concat();
    let second = fed([behind.as_slice()]);
    assert_eq!(
        (second.refused, second.heads),
        (expect, alone.heads + 1),
        "{shown}"
    );
    assert_eq!(fed(bytes.chunks(1)).refused, expect, "byte by byte: {shown}");
}

fn refused(text: &str, expect: Reason) {
    check(text.as_bytes(), Some(expect));
}

fn passes(text: &str) {
    check(text.as_bytes(), None);
}

/// A request by these fields, with an empty line behind them.
fn with(fields: &str) -> String {
    format!("POST /a HTTP/1.1\r\nhost: a.example\r\n{fields}\r\n\r\n")
}

#[test]
fn one_framing() {
    let cases = [
        (
            "content-length: 0\r\ntransfer-encoding: chunked",
            Reason::LengthBesideCoding,
        ),
        (
            "transfer-encoding: chunked\r\ncontent-length: 0",
            Reason::LengthBesideCoding,
        ),
        ("content-length: 0\r\ncontent-length: 0", Reason::LengthNotSingle),
        ("content-length: 0\r\nContent-Length: 5", Reason::LengthNotSingle),
        ("content-length:", Reason::LengthMalformed),
        ("content-length: +1", Reason::LengthMalformed),
        ("content-length: -1", Reason::LengthMalformed),
        ("content-length: 1, 1", Reason::LengthMalformed),
        ("content-length: 1,1", Reason::LengthMalformed),
        ("content-length: 1 1", Reason::LengthMalformed),
        ("content-length: 0x1", Reason::LengthMalformed),
        ("content-length: 1.0", Reason::LengthMalformed),
        ("content-length: 1;", Reason::LengthMalformed),
        ("content-length: \"1\"", Reason::LengthMalformed),
        ("content-length: 18446744073709551616", Reason::LengthMalformed),
        ("content-length: 99999999999999999999", Reason::LengthMalformed),
        ("content-length: 9223372036854775808", Reason::LengthMalformed),
        ("content-length: \u{661}", Reason::LengthMalformed),
        ("transfer-encoding:", Reason::CodingNotChunked),
        ("transfer-encoding: identity", Reason::CodingNotChunked),
        ("transfer-encoding: xchunked", Reason::CodingNotChunked),
        ("transfer-encoding: chunkedx", Reason::CodingNotChunked),
        ("transfer-encoding: chunked, chunked", Reason::CodingNotChunked),
        ("transfer-encoding: chunked,", Reason::CodingNotChunked),
        ("transfer-encoding: ,chunked", Reason::CodingNotChunked),
        ("transfer-encoding: gzip, chunked", Reason::CodingNotChunked),
        ("transfer-encoding: chunked, identity", Reason::CodingNotChunked),
        ("transfer-encoding: chunked;q=1", Reason::CodingNotChunked),
        ("transfer-encoding: \"chunked\"", Reason::CodingNotChunked),
        ("transfer-encoding: \u{a0}chunked", Reason::CodingNotChunked),
        ("transfer-encoding: \x0bchunked", Reason::FieldValue),
        ("transfer-encoding: chunked\x0c", Reason::FieldValue),
        ("transfer-encoding: chu\tnked", Reason::CodingNotChunked),
        (
            "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
            Reason::CodingNotSingle,
        ),
        (
            "transfer-encoding: chunked\r\ntransfer-encoding: identity",
            Reason::CodingNotSingle,
        ),
        (
            "transfer-encoding: identity\r\ntransfer-encoding: chunked",
            Reason::CodingNotChunked,
        ),
        ("transfer-encoding : chunked", Reason::FieldSpaceBeforeColon),
        ("transfer-encoding\t: chunked", Reason::FieldSpaceBeforeColon),
    ];
    for (fields, reason) in cases {
        refused(&with(fields), reason);
    }
    refused(
        "POST /a HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        Reason::CodingInOldVersion,
    );
}

#[test]
fn one_reading_of_fields() {
    let cases = [
        ("transfer-encoding:\r\n chunked", Reason::CodingNotChunked),
        ("x: y\r\n transfer-encoding: chunked", Reason::FieldFolded),
        ("x: y\r\n\tz", Reason::FieldFolded),
        (" x: y", Reason::FieldFolded),
        (": y", Reason::FieldName),
        ("x", Reason::FieldName),
        ("x y: z", Reason::FieldName),
        ("x\x0b: z", Reason::FieldName),
        ("x\0: z", Reason::FieldName),
        ("x(y): z", Reason::FieldName),
        ("x\u{e4}: z", Reason::FieldName),
        ("x: y\0z", Reason::FieldValue),
        ("x: y\x1b[2J", Reason::FieldValue),
        ("x: y\x7f", Reason::FieldValue),
        ("x: y\rz: a", Reason::LineNotCrlf),
        ("x: y\nz: a", Reason::LineNotCrlf),
        ("x: y\r\r", Reason::LineNotCrlf),
        ("x: y\n", Reason::LineNotCrlf),
        ("\nx: y", Reason::LineNotCrlf),
    ];
    for (fields, reason) in cases {
        refused(&with(fields), reason);
    }
}

#[test]
fn one_host() {
    let check = |line: &str, hosts: &str, expect: Option<Reason>| {
        check(format!("{line}\r\n{hosts}\r\n").as_bytes(), expect);
    };
    let get = "GET / HTTP/1.1";
    check(get, "", Some(Reason::HostMissing));
    check("GET / HTTP/1.0", "", Some(Reason::HostMissing));
    check(get, "x: y\r\n", Some(Reason::HostMissing));
    check(get, "host: a\r\nhost: a\r\n", Some(Reason::HostNotSingle));
    check(get, "host: a\r\nHOST: b\r\n", Some(Reason::HostNotSingle));
    for value in [
        "", "a, a", "a,b", "a b", "user@a", "a:", "a:x", "a:0", "a:65536", "a:1:2", "a/b", "http://a",
        "[::1", "a%2e", "\u{e4}", "a?b", "a#b",
    ] {
        check(get, &format!("host: {value}\r\n"), Some(Reason::HostMalformed));
    }
    for value in [
        "a",
        "A.b-c.example",
        "a:8443",
        "127.0.0.1:1",
        "[::1]:443",
        " \ta\t ",
    ] {
        check(get, &format!("host:{value}\r\n"), None);
    }
    for (target, host, expect) in [
        ("http://a/", "a", None),
        ("HTTP://A/x?y", "a", None),
        ("http://a:80/", "a", None),
        ("http://a", "A:80", None),
        ("https://a:443/", "a", None),
        ("https://a?x", "a:443", None),
        ("http://a:8080/", "a:8080", None),
        ("http://[::1]/", "[::1]", None),
        ("http://b/", "a", Some(Reason::TargetDisagrees)),
        ("http://a:8080/", "a", Some(Reason::TargetDisagrees)),
        ("http://a:443/", "a", Some(Reason::TargetDisagrees)),
        ("https://a:80/", "a", Some(Reason::TargetDisagrees)),
        ("http://user@a/", "a", Some(Reason::TargetDisagrees)),
        ("http://a@b/", "b", Some(Reason::TargetDisagrees)),
        ("http://a\\@b/", "b", Some(Reason::TargetDisagrees)),
        ("http:///x", "a", Some(Reason::TargetDisagrees)),
        ("http:/a/", "a", Some(Reason::TargetForm)),
        ("ftp://a/", "a", Some(Reason::TargetForm)),
        ("a:80", "a:80", Some(Reason::TargetForm)),
        ("a", "a", Some(Reason::TargetForm)),
        ("?x", "a", Some(Reason::TargetForm)),
        ("*", "a", Some(Reason::TargetForm)),
    ] {
        // Where the host stands makes no difference.
        check(
            &format!("GET {target} HTTP/1.1"),
            &format!("host: {host}\r\nx: y\r\n"),
            expect,
        );
        check(
            &format!("GET {target} HTTP/1.1"),
            &format!("x: y\r\nhost:{host}\r\n"),
            expect,
        );
    }
}

#[test]
fn one_request_line() {
    let check = |line: &str, expect: Option<Reason>| {
        check(format!("{line}\r\nhost: a\r\n\r\n").as_bytes(), expect);
    };
    for line in [
        "GET / HTTP/1.1",
        "GET / HTTP/1.0",
        "OPTIONS * HTTP/1.1",
        "M-SEARCH /a?b=c&d=%20'\\^{}|[] HTTP/1.1",
        "get /\"{}\" HTTP/1.1",
    ] {
        check(line, None);
    }
    for (line, reason) in [
        ("GET  / HTTP/1.1", Reason::RequestLine),
        ("GET /  HTTP/1.1", Reason::RequestLine),
        ("GET / HTTP/1.1 ", Reason::RequestLine),
        ("GET / x HTTP/1.1", Reason::RequestLine),
        (" GET / HTTP/1.1", Reason::RequestLine),
        ("GET\t/ HTTP/1.1", Reason::RequestLine),
        ("GET /\tHTTP/1.1", Reason::RequestLine),
        ("GET /", Reason::RequestLine),
        ("GET", Reason::RequestLine),
        ("GET  HTTP/1.1", Reason::RequestLine),
        ("G@T / HTTP/1.1", Reason::RequestLine),
        ("G\0T / HTTP/1.1", Reason::RequestLine),
        ("\x16\x03\x01\x02", Reason::RequestLine),
        ("\0GET / HTTP/1.1", Reason::RequestLine),
        ("\r\nGET / HTTP/1.1", Reason::LeadingLine),
        ("\nGET / HTTP/1.1", Reason::LeadingLine),
        ("\rGET / HTTP/1.1", Reason::LeadingLine),
        ("\r\n\r\nGET / HTTP/1.1", Reason::LeadingLine),
        ("GET / HTTP/1.1\n", Reason::LineNotCrlf),
        ("GET / HTTP/1.1\r", Reason::LineNotCrlf),
        ("GET /\rx HTTP/1.1", Reason::LineNotCrlf),
        ("GET /\nx HTTP/1.1", Reason::LineNotCrlf),
        ("GET / HTTP/1.2", Reason::Version),
        ("GET / HTTP/2.0", Reason::Version),
        ("GET / HTTP/0.9", Reason::Version),
        ("GET / HTTP/1.10", Reason::Version),
        ("GET / HTTP/1.", Reason::Version),
        ("GET / HTTP/01.1", Reason::Version),
        ("GET / http/1.1", Reason::Version),
        ("GET / HTTPS/1.1", Reason::Version),
        ("GET / HTTP/1.1\t", Reason::Version),
        ("PRI * HTTP/2.0", Reason::PrefaceBroken),
        ("PRI / HTTP/1.1", Reason::PrefaceBroken),
        ("CONNECT a:443 HTTP/1.1", Reason::Method),
        ("CONNECT / HTTP/1.1", Reason::Method),
        ("POST * HTTP/1.1", Reason::TargetForm),
        ("OPTIONS ** HTTP/1.1", Reason::TargetForm),
        ("options * HTTP/1.1", Reason::TargetForm),
        ("GET /a#b HTTP/1.1", Reason::TargetBytes),
        ("GET /a\0b HTTP/1.1", Reason::TargetBytes),
        ("GET /a\x7fb HTTP/1.1", Reason::TargetBytes),
        ("GET /\u{e4} HTTP/1.1", Reason::TargetBytes),
        ("GET /<a> HTTP/1.1", Reason::TargetBytes),
        ("GET /`a HTTP/1.1", Reason::TargetBytes),
        ("GET /?a=\"b\" HTTP/1.1", Reason::TargetBytes),
    ] {
        check(line, Some(reason));
    }
}

/// A chunked body behind a head, whole, byte by byte, and after its head was handed on.
fn chunked(body: &str, expect: Option<Reason>) {
    let head = "POST / HTTP/1.1\r\nhost: a\r\nTransfer-Encoding: Chunked\r\n\r\n";
    let bytes = format!("{head}{body}");
    let whole = fed([bytes.as_bytes()]);
    assert_eq!(whole.refused, expect, "{body:?}");
    let let_through = if expect.is_some() {
        (0, 0)
    } else {
        (1, bytes.len())
    };
    assert_eq!(
        (whole.heads, whole.bytes.len()),
        let_through,
        "all or nothing: {body:?}"
    );
    assert_eq!(
        fed(bytes.as_bytes().chunks(1)).refused,
        expect,
        "byte by byte: {body:?}"
    );
    let late = fed([head.as_bytes(), body.as_bytes()]);
    assert_eq!(late.refused, expect, "head first: {body:?}");
}

#[test]
fn one_spelling_of_chunks() {
    for body in [
        "0\r\n\r\n",
        "2\r\n{}\r\n0\r\n\r\n",
        "A\r\n0123456789\r\n000\r\n\r\n",
        "0000000000000001\r\nx\r\n0\r\n\r\n",
        "2\r\n\r\n\r\n0\r\n\r\n",
        "0\r\nx-checksum: abc\r\ngrpc-status: 0\r\n\r\n",
        "ffffffffffffffff\r\nwhat is there of it",
    ] {
        chunked(body, None);
    }
    for (body, reason) in [
        ("\r\n", Reason::ChunkSize),
        ("\n", Reason::ChunkSize),
        (" 2\r\n{}", Reason::ChunkSize),
        ("2 \r\n{}", Reason::ChunkSize),
        ("2\t\r\n{}", Reason::ChunkSize),
        ("+2\r\n{}", Reason::ChunkSize),
        ("-2\r\n{}", Reason::ChunkSize),
        ("0x2\r\n{}", Reason::ChunkSize),
        ("2_0\r\n{}", Reason::ChunkSize),
        ("zz\r\nabc", Reason::ChunkSize),
        ("00000000000000002\r\n{}", Reason::ChunkSize),
        ("fffffffffffffffff\r\n", Reason::ChunkSize),
        ("2;\r\n{}", Reason::ChunkExtension),
        ("2;a=b\r\n{}", Reason::ChunkExtension),
        ("2;a=\"\r\n0\r\n\r\n", Reason::ChunkExtension),
        ("0;a\r\n\r\n", Reason::ChunkExtension),
        (";a\r\n\r\n", Reason::ChunkSize),
        ("2\n{}\n0\n\n", Reason::ChunkNotCrlf),
        ("2\r{}\r\n", Reason::ChunkNotCrlf),
        ("2\r\n{}\n0\r\n\r\n", Reason::ChunkNotCrlf),
        ("2\r\n{}0\r\n\r\n", Reason::ChunkNotCrlf),
        ("2\r\n{}\r\r\n", Reason::ChunkNotCrlf),
        ("2\r\n{}x\r\n", Reason::ChunkNotCrlf),
        ("3\r\nabcdef\r\n0\r\n\r\n", Reason::ChunkNotCrlf),
    ] {
        chunked(body, Some(reason));
    }
}

#[test]
fn trailers_say_nothing_that_frames_routes_or_authenticates() {
    for (body, reason) in [
        ("0\r\n\n", Reason::LineNotCrlf),
        ("0\r\nx: y\n\r\n", Reason::LineNotCrlf),
        ("0\r\nx: y\rz: a\r\n\r\n", Reason::FieldValue),
        ("0\r\n x: y\r\n\r\n", Reason::FieldFolded),
        ("0\r\nx : y\r\n\r\n", Reason::FieldSpaceBeforeColon),
        ("0\r\nx\r\n\r\n", Reason::FieldName),
        ("0\r\nx: \0\r\n\r\n", Reason::FieldValue),
        ("0\r\nContent-Length: 5\r\n\r\n", Reason::TrailerRefused),
        ("0\r\ntransfer-encoding: chunked\r\n\r\n", Reason::TrailerRefused),
        ("0\r\nx: y\r\nHost: b\r\n\r\n", Reason::TrailerRefused),
        ("0\r\nauthorization: x\r\n\r\n", Reason::TrailerRefused),
        ("0\r\nTE: trailers\r\n\r\n", Reason::TrailerRefused),
        ("0\r\nconnection: close\r\n\r\n", Reason::TrailerRefused),
        ("0\r\ncookie: a\r\n\r\n", Reason::TrailerRefused),
        ("0\r\nGET /x HTTP/1.1\r\nhost: a\r\n\r\n", Reason::FieldName),
    ] {
        chunked(body, Some(reason));
    }
    let many: String = (0..21).map(|n| format!("x-{n}: y\r\n")).collect();
    chunked(&format!("0\r\n{many}\r\n"), Some(Reason::TrailersBeyondBound));
    let long = format!("0\r\nx: {}\r\n\r\n", "y".repeat(9000));
    chunked(&long, Some(Reason::TrailersBeyondBound));
}

#[test]
fn heads_are_bounded() {
    let padded = |bytes: usize| {
        let head = "GET / HTTP/1.1\r\nhost: a\r\nx: \r\n\r\n";
        head.replace("x: ", &format!("x: {}", "y".repeat(bytes - head.len())))
    };
    passes(&padded(8192));
    refused(&padded(8193), Reason::HeadBeyondBound);
    refused(&"G".repeat(9000), Reason::HeadBeyondBound);
    let fields = |count: usize| (1..count).map(|n| format!("x-{n}: y\r\n")).collect::<String>();
    passes(&format!("GET / HTTP/1.1\r\nhost: a\r\n{}\r\n", fields(20)));
    refused(
        &format!("GET / HTTP/1.1\r\nhost: a\r\n{}\r\n", fields(21)),
        Reason::FieldsBeyondBound,
    );
}

/// What real clients send, oddities included.
#[test]
fn real_clients_pass() {
    for request in [
        // OkHttp
        "POST /v1/login HTTP/1.1\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: 2\r\n\
         Host: api.bank.example\r\nConnection: Keep-Alive\r\nAccept-Encoding: gzip\r\nUser-Agent: okhttp/4.12.0\r\n\r\n{}",
        "POST /v1/upload HTTP/1.1\r\nTransfer-Encoding: chunked\r\nHost: api.bank.example:8443\r\n\
         Connection: Keep-Alive\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        // URLSession
        "GET /v1/me?x=%E2%82%AC&y=a+b HTTP/1.1\r\nHost: api.bank.example\r\nAccept: */*\r\n\
         User-Agent: Bank/42 CFNetwork/1494.0.7 Darwin/23.4.0\r\nAccept-Language: de-DE,de;q=0.9\r\n\
         Accept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\nCookie: a=b; c=\"d\"\r\n\r\n",
        "PUT /v1/x HTTP/1.1\r\nHost: api.bank.example\r\nTransfer-Encoding: Chunked\r\nX-Name: J\u{fc}rgen\r\n\r\n\
         A\r\n0123456789\r\n0\r\n\r\n",
        // curl
        "GET / HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost:8080\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
         HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n{}",
        "HEAD / HTTP/1.1\r\nHost:a\r\nX-Empty:\r\nX-Empty-Too: \t\r\n\r\n",
        "DELETE /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
        "OPTIONS /v1/x HTTP/1.1\r\nHost: a\r\nOrigin: null\r\nAccess-Control-Request-Method: POST\r\n\r\n",
    ] {
        passes(request);
    }
}

#[test]
fn after_an_upgrade_the_answer_decides() {
    let mut guard = Guard::new(LIMITS);
    let head = b"GET /ws HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    let bytes = [&head[..], b"\x81\x05hello"].concat();
    let verdict = guard.judge(&bytes);
    assert_eq!((verdict.safe, verdict.next), (head.len(), Next::Answer));
    assert!(guard.awaits_answer() && !guard.awaits_head());
    guard.stays();
    let verdict = guard.judge(&bytes[verdict.safe..]);
    assert_eq!(verdict.next, Next::Refused(Reason::RequestLine));
    // HTTP/1.0 has no upgrades.
    let old = b"GET /ws HTTP/1.0\r\nhost: a\r\nupgrade: websocket\r\n\r\n";
    assert_eq!(Guard::new(LIMITS).judge(old).next, Next::More);
}

#[test]
fn nothing_passes_after_a_refusal() {
    let mut guard = Guard::new(LIMITS);
    let verdict = guard.judge(b"GET / HTTP/9.9\r\n");
    assert_eq!((verdict.safe, verdict.next), (0, Next::Refused(Reason::Version)));
    let verdict = guard.judge(GOOD.as_bytes());
    assert_eq!((verdict.safe, verdict.next), (0, Next::Refused(Reason::Version)));
}

#[test]
fn what_is_broken_later_is_broken_off() {
    let mut guard = Guard::new(LIMITS);
    let head = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{";
    assert_eq!(guard.judge(head).safe, head.len());
    let verdict = guard.judge(b"}\r\nzz");
    assert_eq!((verdict.safe, verdict.next), (0, Next::Broken(Reason::ChunkSize)));
}

/// Something like requests: good parts, and bad ones among them.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let parts = prop::sample::select(vec![
        GOOD,
        "GET / HTTP/1.1\r\n",
        "POST /a?b HTTP/1.1\r\n",
        "GET http://a/ HTTP/1.0\r\n",
        "host: a\r\n",
        "Host:a:80 \r\n",
        "content-length: 3\r\n",
        "Transfer-Encoding: chunked\r\n",
        "upgrade: x\r\n",
        "x: y\r\n",
        "\r\n",
        "abc",
        "3\r\nabc\r\n",
        "0\r\n\r\n",
        "0\r\n",
        "\r",
        "\n",
        " ",
        ":",
        "\0",
        "PRI ",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx: y\r\n\r\n",
        "GET http://a/?b HTTP/1.0\r\nhost: a:80\r\nconnection: keep-alive\r\n\r\n",
        "HEAD /{}|'\"[]\\^?q={}|[]^\\` HTTP/1.1\r\nHOST:\ta\r\nx:\u{e4}\r\n\r\n",
    ]);
    prop::collection::vec(parts, 0..12).prop_map(|parts| parts.concat().into_bytes())
}

proptest! {
    #[test]
    fn how_the_bytes_were_cut_makes_no_difference(bytes in soup(), cuts in prop::collection::vec(0usize..400, 0..5)) {
        let whole = fed([bytes.as_slice()]);
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let cut = fed(cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]));
        prop_assert_eq!(cut.refused, whole.refused);
        // Cut, more of a refused request may have been handed on before its body went wrong, never less or anything else.
        prop_assert!(cut.bytes.starts_with(&whole.bytes));
        if whole.refused.is_none() {
            prop_assert_eq!(cut, whole);
        }
    }

    #[test]
    fn any_bytes_are_judged(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let passed = fed([bytes.as_slice()]);
        prop_assert!(bytes.starts_with(&passed.bytes));
    }

    /// The library reads as many requests, and refuses none: what it forgives or not makes no difference any more.
    #[test]
    fn what_passes_is_read_alike(bytes in soup()) {
        let passed = fed([bytes.as_slice()]);
        let (calls, answers) = read_by_the_library(&passed.bytes);
        prop_assert_eq!(calls, passed.heads);
        prop_assert!(!answers.contains(" 400 ") && !answers.contains(" 431 "), "{}", answers);
    }
}

/// How often the HTTP library asks its service, and all that it writes.
fn read_by_the_library(bytes: &[u8]) -> (usize, String) {
    use http_body_util::{BodyExt as _, Empty};
    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let calls = std::cell::Cell::new(0);
    let service = hyper::service::service_fn(|request: http::Request<hyper::body::Incoming>| {
        calls.set(calls.get() + 1);
        async {
            let _whole = request.into_body().collect().await.is_ok();
            Ok::<_, std::convert::Infallible>(http::Response::new(Empty::<bytes::Bytes>::new()))
        }
    });
    let (mut client, server) = tokio::io::duplex(1 << 20);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut answers = String::new();
    runtime.block_on(async {
        client.write_all(bytes).await.unwrap();
        client.shutdown().await.unwrap();
        let mut library = hyper::server::conn::http1::Builder::new();
        library.half_close(true).header_read_timeout(None);
        // An unfinished body at the end is an error of the connection, and none of ours.
        let _unfinished = library
            .serve_connection(TokioIo::new(server), service)
            .await
            .is_err();
        client.read_to_string(&mut answers).await.unwrap();
    });
    (calls.get(), answers)
}
