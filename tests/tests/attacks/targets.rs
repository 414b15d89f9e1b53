//! Request targets with more than one reading, as bytes: no HTTP client would send most of them.

use attest_core::problem::ProblemCode as Code;
use attest_tests::scene::Scene;

/// Routes that a second reading of an ambiguous target would reach.
const OPEN: &str = "- {id: open, methods: [GET, POST], path: /open/**, upstream: shown, require: none}";

#[tokio::test]
async fn a_target_with_two_readings_is_refused() {
    let scene = Scene::with("", |policy| policy.more_routes = OPEN).await;
    for (target, reason) in [
        ("//health", "path-empty-segment"),
        ("/open//x", "path-empty-segment"),
        ("/open/./x", "path-dot-segment"),
        ("/open/../health", "path-dot-segment"),
        ("/open/..", "path-dot-segment"),
        ("/open/%2e%2e/health", "path-escaped-separator"),
        ("/open/%2E/x", "path-escaped-separator"),
        ("/open/.%2e/health", "path-escaped-separator"),
        ("/open%2fx", "path-escaped-separator"),
        ("/open/a%2Fb", "path-escaped-separator"),
        ("/open/%5c..%5chealth", "path-escaped-separator"),
        ("/open/..\\health", "path-parameter-or-backslash"),
        ("/open/x;jsessionid=1", "path-parameter-or-backslash"),
        ("/open/..;/health", "path-parameter-or-backslash"),
        ("/open/%3b", "path-escaped-separator"),
        ("/open/%252e%252e/health", "path-escaped-separator"),
        ("/open/%00", "path-escaped-separator"),
        ("/open/%0d%0aattest-device:%20x", "path-escaped-separator"),
        ("/open/%3fadmin=1", "path-escaped-separator"),
        ("/open/%23", "path-escaped-separator"),
        ("/open/%c0%ae%c0%ae/health", "path-not-utf-8"),
        ("/open%c0%afx", "path-not-utf-8"),
        ("/open/%zz", "path-escape"),
        ("/open/%", "path-escape"),
        ("/open/%u002e", "path-escape"),
        ("*", "target-form"),
        ("http://evil.example/health", "absolute-form-disagrees-with-host"),
        ("http://user@{host}/health", "absolute-form-disagrees-with-host"),
        ("http://127.0.0.1/health", "absolute-form-disagrees-with-host"),
        ("http://{host}//health", "path-empty-segment"),
        ("http://{host}/open/../health", "path-dot-segment"),
    ] {
        let reply = scene
            .raw(&format!("GET {target} HTTP/1.1\r\nhost: {{host}}\r\n\r\n"))
            .await
            .unwrap();
        scene.refuses(target, &reply, 400, Code::TargetAmbiguous, "", reason);
    }
}

#[tokio::test]
async fn what_was_matched_is_what_is_forwarded() {
    let scene = Scene::with("", |policy| policy.more_routes = OPEN).await;
    for (target, forwarded) in [
        ("/open/x", "/open/x"),
        (
            "/open/a%20b/%E2%82%AC?q=%2e%2e//;&a=\\",
            "/open/a%20b/%E2%82%AC?q=%2e%2e//;&a=\\",
        ),
        ("/open/.hidden/x..y?", "/open/.hidden/x..y?"),
        ("http://{host}/open/x?y", "/open/x?y"),
        ("HTTP://{host}/open/x", "/open/x"),
    ] {
        let reply = scene
            .raw(&format!("GET {target} HTTP/1.1\r\nhost: {{host}}\r\n\r\n"))
            .await
            .unwrap();
        assert_eq!(
            reply.status,
            200,
            "{target}: {}",
            String::from_utf8_lossy(&reply.body)
        );
        assert_eq!(
            scene.backend.only().start,
            format!("GET {forwarded} HTTP/1.1"),
            "{target}"
        );
    }
}

#[tokio::test]
async fn no_method_or_path_beside_the_routes_is_forwarded() {
    let scene = Scene::open().await;
    for (line, status, code, reason) in [
        ("GET / HTTP/1.1", 404, Code::RouteUnknown, "route-unknown"),
        ("GET /HEALTH HTTP/1.1", 404, Code::RouteUnknown, "route-unknown"),
        ("GET /health/ HTTP/1.1", 404, Code::RouteUnknown, "route-unknown"),
        ("POST /health HTTP/1.1", 404, Code::RouteUnknown, "route-unknown"),
        ("get /health HTTP/1.1", 404, Code::RouteUnknown, "route-unknown"),
        (
            "PATCH /v1/payments HTTP/1.1",
            404,
            Code::RouteUnknown,
            "route-unknown",
        ),
        (
            "GET /v1/%70ayments HTTP/1.1",
            404,
            Code::RouteUnknown,
            "route-unknown",
        ),
        (
            "OPTIONS * HTTP/1.1",
            400,
            Code::TargetAmbiguous,
            "path-not-absolute",
        ),
        (
            "TRACE /health HTTP/1.1",
            400,
            Code::RequestMalformed,
            "method-refused",
        ),
        (
            "CONNECT {host} HTTP/1.1",
            400,
            Code::RequestMalformed,
            "method-refused",
        ),
        (
            "CONNECT 127.0.0.1:22 HTTP/1.1",
            400,
            Code::RequestMalformed,
            "method-refused",
        ),
        (
            "GET /.attest/v1/admin HTTP/1.1",
            404,
            Code::CallUnknown,
            "call-unknown",
        ),
        (
            "GET /.attest/v1/enroll HTTP/1.1",
            404,
            Code::CallUnknown,
            "call-unknown",
        ),
        (
            "GET /.attest/v1x HTTP/1.1",
            404,
            Code::RouteUnknown,
            "route-unknown",
        ),
    ] {
        let reply = scene
            .raw(&format!("{line}\r\nhost: {{host}}\r\n\r\n"))
            .await
            .unwrap();
        scene.refuses(line, &reply, status, code, "", reason);
    }
}

/// Bytes that are not HTTP/1.1: answered 400 and hung up on.
#[tokio::test]
async fn what_is_not_http_is_refused_and_hung_up_on() {
    let scene = Scene::open().await;
    for (start, reason) in [
        ("GET /health\r\n", "request-line-malformed"),
        ("GET  /health HTTP/1.1\r\n", "request-line-malformed"),
        ("GET /health HTTP/1.1 x\r\n", "request-line-malformed"),
        ("GET /health HTTP/9.9\r\n", "version-unsupported"),
        ("GET /hea\0lth HTTP/1.1\r\n", "target-malformed"),
        ("GET /hea\u{1}lth HTTP/1.1\r\n", "target-malformed"),
        ("GET /hea lth HTTP/1.1\r\n", "request-line-malformed"),
        ("G@T /health HTTP/1.1\r\n", "request-line-malformed"),
        ("/health\r\n", "request-line-malformed"),
        (": x\r\n", "request-line-malformed"),
        (
            "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}",
            "request-line-malformed",
        ),
        ("PRI * HTTP/2.0\r\n", "preface-broken"),
    ] {
        let reply = scene.raw(&format!("{start}host: {{host}}\r\n\r\n")).await;
        let reply = reply.unwrap_or_else(|| panic!("{start:?} was hung up on without a word"));
        scene.refuses(start, &reply, 400, Code::RequestMalformed, "", reason);
    }
}
