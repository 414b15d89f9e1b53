//! Good tokens with another request than their own.

use attest_core::problem::ProblemCode as Code;
use attest_core::token::binding::Bind;
use attest_mobile::Headers;
use attest_tests::request::{Request, header};
use attest_tests::scene::{START_S, Scene};

/// What is done to a request after its token was minted, and the refusal: status, code, route, reason.
type Row = (
    &'static str,
    fn() -> Request,
    fn(&mut Request),
    u16,
    Code,
    &'static str,
    &'static str,
);

const ROWS: &[Row] = &[
    (
        "another method",
        Request::payment,
        |r| r.method = "PUT",
        404,
        Code::RouteUnknown,
        "",
        "route-unknown",
    ),
    (
        "another path",
        Request::login,
        |r| r.target = "/v1/payees".into(),
        401,
        Code::TokenBinding,
        "payees",
        "binding-target",
    ),
    (
        "another query",
        Request::payment,
        |r| r.target = "/v1/payments?to=XX99".into(),
        401,
        Code::TokenBinding,
        "payments",
        "binding-query",
    ),
    (
        "a query in another order of letters",
        Request::balance,
        |r| r.target = "/v1/balance?currency=%45UR".into(),
        401,
        Code::TokenBinding,
        "balance",
        "binding-query",
    ),
    (
        "no query",
        Request::balance,
        |r| r.target = "/v1/balance".into(),
        401,
        Code::TokenBinding,
        "balance",
        "binding-query",
    ),
    (
        "another body",
        Request::payment,
        |r| r.body = r#"{"amount":"9999.00"}"#.into(),
        401,
        Code::TokenBinding,
        "payments",
        "binding-body",
    ),
    (
        "no body",
        Request::login,
        |r| r.body = String::new(),
        401,
        Code::TokenBinding,
        "login",
        "binding-body",
    ),
    (
        "one more byte",
        Request::login,
        |r| r.body.push(' '),
        401,
        Code::TokenBinding,
        "login",
        "binding-body",
    ),
    (
        "another customer",
        Request::payment,
        |r| r.headers = vec![header("authorization", "Bearer customer-2")],
        401,
        Code::TokenBinding,
        "payments",
        "binding-authorization",
    ),
    (
        "no customer",
        Request::balance,
        |r| r.headers.clear(),
        401,
        Code::TokenBinding,
        "balance",
        "binding-authorization",
    ),
    (
        "two customers",
        Request::balance,
        |r| r.headers.push(header("authorization", "Bearer customer-2")),
        400,
        Code::HeaderAmbiguous,
        "balance",
        "authorization-not-single",
    ),
    (
        "less bound than its route asks",
        || Request {
            bind: &[Bind::Query],
            ..Request::balance()
        },
        |_| {},
        401,
        Code::TokenTooWeak,
        "balance",
        "binding-missing",
    ),
];

#[tokio::test]
async fn a_token_goes_with_its_own_request_only() {
    let scene = Scene::open().await;
    let attacker = scene.attacker();
    let (session, client) = (attacker.session(None).await, scene.client());
    let minted = |request: &Request| -> Headers {
        let claims = attacker.claims(request, START_S);
        match request.path() {
            "/v1/payments" => attacker.proof_token(&session, &claims),
            _ => attacker.session_token(&session, &claims),
        }
    };
    for good in [
        Request::payment(),
        Request::login(),
        Request::balance(),
        Request::onboarding(),
    ] {
        assert_eq!(
            good.send(&client, &minted(&good)).await.status,
            200,
            "{}",
            good.target
        );
        scene.backend.only();
    }
    for (what, request, change, status, code, route, reason) in ROWS {
        let mut request = request();
        let token = minted(&request);
        change(&mut request);
        let reply = request.send(&client, &token).await;
        scene.refuses(what, &reply, *status, *code, route, reason);
    }
}

#[tokio::test]
async fn a_token_for_get_is_no_token_for_head() {
    let scene = Scene::with("", |policy| {
        policy.more_routes = "- {id: either, methods: [GET, POST], path: /v1/either, upstream: shown, require: enforce, apps: [bank-android]}";
    })
    .await;
    let attacker = scene.attacker();
    let (session, client) = (attacker.session(None).await, scene.client());
    let mut request = Request::new("GET", "/v1/either", "", &[]);
    let token = attacker.session_token(&session, &attacker.claims(&request, START_S));
    request.method = "POST";
    let reply = request.send(&client, &token).await;
    scene.refuses(
        "another method",
        &reply,
        401,
        Code::TokenBinding,
        "either",
        "binding-method",
    );
    request.method = "GET";
    assert_eq!(request.send(&client, &token).await.status, 200);
    assert_eq!(scene.backend.only().start, "GET /v1/either HTTP/1.1");
}

#[tokio::test]
async fn a_token_is_bound_to_the_configured_origin_whatever_host_says() {
    let scene = Scene::open().await;
    let attacker = scene.attacker();
    let (session, client) = (attacker.session(None).await, scene.client());
    let request = Request::login();
    let mut claims = attacker.claims(&request, START_S);
    claims.binding = request.binding("http://evil.example");
    let token = attacker.session_token(&session, &claims);
    let host: Headers = vec![
        header("x-forwarded-host", "evil.example"),
        header("forwarded", "host=evil.example"),
    ];
    let reply = request.send(&client, &[token.clone(), host].concat()).await;
    scene.refuses(
        "another origin",
        &reply,
        401,
        Code::TokenBinding,
        "login",
        "binding-target",
    );
    let (_, token) = token.first().unwrap();
    let raw = format!(
        "POST /v1/login HTTP/1.1\r\nhost: evil.example\r\nattest-token: {token}\r\ncontent-length: {}\r\n\r\n{}",
        request.body.len(),
        request.body
    );
    let reply = scene.raw(&raw).await.unwrap();
    scene.refuses(
        "another Host",
        &reply,
        401,
        Code::TokenBinding,
        "login",
        "binding-target",
    );
}
