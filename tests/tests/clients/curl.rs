//! curl, with tokens as a user would make them.

use super::stage::{AUTHORIZATION, BALANCE, Behind, Stage, python, run};

/// What curl says of one request: status, HTTP version, body.
pub(super) fn curl(arguments: &[&str], headers: &str) -> Result<(String, String, String), String> {
    let mut all = vec![
        "-sS",
        "--max-time",
        "60",
        "-w",
        "\n%{http_code} %{http_version}",
        "-H",
        "@-",
    ];
    all.extend(arguments);
    let output = run("curl".as_ref(), &all, headers);
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (body, told) = text.rsplit_once('\n').unwrap();
    let (status, version) = told.split_once(' ').unwrap();
    Ok((status.to_owned(), version.to_owned(), body.to_owned()))
}

fn check(stage: &Stage, protocol: &str, version: &str) {
    let origin = format!("http://{}", stage.plain.address);
    let url = format!("{origin}{BALANCE}");
    let token = stage.balance_token();
    assert!(
        token.contains(&format!("authorization: {AUTHORIZATION}")),
        "{token}"
    );
    let answered = |headers: &str, arguments: &[&str]| {
        let (status, spoken, body) = curl(&[&[protocol], arguments].concat(), headers).unwrap();
        assert_eq!(spoken, version, "{arguments:?}");
        (status, body)
    };
    assert_eq!(answered(&token, &[&url]), ("200".to_owned(), "{}".to_owned()));
    // Twice on one connection. Old versions of curl cannot do that where they only presume HTTP/2.
    if version == "1.1" {
        assert_eq!(answered(&token, &[&url, &url]).0, "200");
    }
    let login = stage.token("POST", "/v1/login", &["--body", "{\"user\":\"a\"}"]);
    let login_url = format!("{origin}/v1/login");
    let json = ["-d", "{\"user\":\"a\"}", &login_url];
    assert_eq!(answered(&login, &json).0, "200");
    assert_eq!(answered(&login, &["-d", "{\"user\":\"b\"}", &login_url]).0, "401");
    let continued = ["-H", "expect: 100-continue", "-d", "{\"user\":\"a\"}", &login_url];
    assert_eq!(answered(&login, &continued).0, "200");
    let payment = ["--body", "{}", "--authorization", AUTHORIZATION];
    let payment = stage.token("POST", "/v1/payments", &payment);
    let payment_url = format!("{origin}/v1/payments");
    assert_eq!(answered(&payment, &["-d", "{}", &payment_url]).0, "200");
    assert_eq!(
        answered(&payment, &["-d", "{}", &payment_url]).0,
        "401",
        "used once"
    );
    let (status, body) = answered("", &[&url]);
    assert!(
        status == "401" && body.contains("token-missing"),
        "{status} {body}"
    );
    let (status, _) = answered(&token, &[&format!("{url}&more=1")]);
    assert_eq!(status, "401", "another query");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_by_http1() {
    if python().is_some() {
        check(&Stage::open(&Behind::nobody()).await, "--http1.1", "1.1");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_by_http2_with_prior_knowledge() {
    if python().is_none() {
        return;
    }
    let stage = Stage::open(&Behind::nobody()).await;
    check(&stage, "--http2-prior-knowledge", "2");
    // An upgrade to HTTP/2 in the clear is never taken up: the answer is one by HTTP/1.1.
    let url = format!("http://{}{BALANCE}", stage.plain.address);
    let (status, version, _) = curl(&["--http2", &url], &stage.balance_token()).unwrap();
    assert_eq!((status.as_str(), version.as_str()), ("200", "1.1"));
}
