//! HTTP/1.1 backends that break the rules: each defect has its code, and none reaches another request.

use http::Request;
use http_body_util::BodyExt as _;

use super::super::*;
use super::{Act, Backend, OK, on_a_core};

fn get() -> Request<RequestBody> {
    Request::builder()
        .uri("/")
        .header("host", "client.example")
        .body(RequestBody::Empty)
        .unwrap()
}

/// Status and body of one exchange, or the code of whichever part failed.
async fn exchange(upstream: &Upstream) -> Result<String, &'static str> {
    let response = upstream.send(get()).await.map_err(|error| error.code())?;
    let status = response.status();
    let body = response
        .into_body()
        .collect()
        .await
        .map_err(|error| error.code())?;
    // Lets the connection's own task notice what else came.
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
    Ok(format!(
        "{} {}",
        status.as_u16(),
        String::from_utf8_lossy(&body.to_bytes())
    ))
}

/// What the first request gets, what the next one gets, and on how many connections.
fn check(first: Act, expect: Result<&str, &str>, connections: usize) {
    let backend = Backend::start(vec![first, Act::Reply(OK)]);
    let config = config::Upstream {
        response_header_timeout_ms: 300,
        ..backend.config()
    };
    on_a_core(async {
        let upstream = Upstream::new(&config).unwrap();
        assert_eq!(exchange(&upstream).await, expect.map(str::to_owned));
        assert_eq!(exchange(&upstream).await, Ok("200 ok".to_owned()));
    });
    assert_eq!(backend.connections(), connections);
    // Neither was sent twice.
    assert_eq!(backend.requests.try_iter().count(), 2);
}

#[test]
fn bytes_beyond_a_response_reach_nobody() {
    let poisoned =
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfirstHTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecond";
    check(Act::Reply(poisoned), Ok("200 first"), 2);
    check(
        Act::Reply("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfirst\r\n"),
        Ok("200 first"),
        2,
    );
    check(
        Act::Reply(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        ),
        Ok("200 first"),
        2,
    );
    check(Act::Reply("HTTP/1.1 204 No Content\r\n\r\nbody"), Ok("204 "), 2);
    check(
        Act::Reply("HTTP/1.1 304 Not Modified\r\ncontent-length: 4\r\n\r\nbody"),
        Ok("304 "),
        2,
    );
}

#[test]
fn informational_responses_are_dropped_but_an_unasked_switch_is_an_error() {
    check(
        Act::Reply(
            "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfirst",
        ),
        Ok("200 first"),
        1,
    );
    check(
        Act::Reply("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfirst"),
        Ok("200 first"),
        1,
    );
    check(
        Act::Reply(
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nbytes",
        ),
        Err("upstream-switched"),
        2,
    );
    // Hints without end are no answer.
    let (hint, hints) = std::sync::mpsc::channel();
    hint.send("HTTP/1.1 103 Early Hints\r\n\r\n").unwrap();
    let hints = Act::Parts(
        "HTTP/1.1 103 Early Hints\r\n\r\n",
        Arc::new(std::sync::Mutex::new(hints)),
    );
    check(hints, Err("upstream-timeout"), 2);
    drop(hint);
}

#[test]
fn heads_that_cannot_be_read_are_malformed() {
    let long: &'static str =
        Box::leak(format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(100 << 10)).into_boxed_str());
    let many: &'static str =
        Box::leak(format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(300)).into_boxed_str());
    for reply in [
        "SMTP ready\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nfirst!",
        "HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\nfirst",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n",
        long,
        many,
    ] {
        check(Act::ReplyAndClose(reply), Err("upstream-malformed"), 2);
    }
}

#[test]
fn bodies_without_a_length_end_with_their_connection() {
    check(
        Act::ReplyAndClose("HTTP/1.0 200 OK\r\n\r\nfirst"),
        Ok("200 first"),
        2,
    );
    check(
        Act::ReplyAndClose("HTTP/1.1 200 OK\r\n\r\nfirst"),
        Ok("200 first"),
        2,
    );
    check(
        Act::ReplyAndClose("HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nfirst"),
        Ok("200 first"),
        2,
    );
}

#[test]
fn bodies_that_break_off_are_not_passed_on_as_whole() {
    for reply in [
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nfirst",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirstx\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\nfirst\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-5\r\nfirst\r\n",
    ] {
        check(Act::ReplyAndClose(reply), Err("body-broken"), 2);
    }
}

#[test]
fn a_backend_that_is_done_after_one_response_is_not_asked_again_on_that_connection() {
    check(
        Act::Reply("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nfirst"),
        Ok("200 first"),
        2,
    );
    check(
        Act::Reply("HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nfirst"),
        Ok("200 first"),
        2,
    );
}
