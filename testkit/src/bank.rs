//! A small sample bank: the backend behind the gateway. It counts what reaches it, by the actor that each request names, and notes
//! what the gateway told it. Its one-time codes complete step-ups.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use attest_core::fleet::random_array;
use attest_core::jose::jwk::thumbprint;
use attest_core::jose::{Jwk, JwkSet, JwsError, SigningKey};
use attest_core::step_up::StepUpClaims;
use attest_core::token::assertion::{self, ASSERTION_HEADER, AssertionError, Expected};
use attest_gateway::clock::Clock;
use bytes::Bytes;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use ring::rand::SystemRandom;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::client::HttpClient;

/// The header in which actors name themselves, for the count.
pub const ACTOR_HEADER: &str = "x-actor";
/// Stands in every header value that an actor forges.
pub const FORGED: &str = "forged-by-client";
/// The bank's audience: the name of its upstream in the gateway's configuration.
const AUDIENCE: &str = "bank";
/// Where the gateway publishes the keys of its assertions.
const ASSERTION_KEYS: &str = "/.attest/v1/assertion-jwks.json";
/// How far the gateway's clock may be from the bank's.
const CLOCK_SKEW_S: u64 = 5;
/// The `iss` of the bank's step-up completions.
pub const OTP_ISSUER: &str = "https://otp.bank.example";

/// What the bank saw of one actor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Requests.
    pub requests: u64,
    /// Requests that the gateway vouched for: `Attest-Decision: allow` with a device and an app.
    pub vouched: u64,
    /// Requests for which a rule in shadow would have decided otherwise.
    pub shadowed: u64,
    /// Requests that carried findings.
    pub with_findings: u64,
    /// Requests with a forged header in them.
    pub forged: u64,
    /// Requests whose `Attest-Assertion` verified by nothing but the keys that the gateway publishes.
    pub asserted: u64,
}

/// One accepted step-up question, waiting for its code.
#[derive(Debug)]
struct Pending {
    device: String,
    code: String,
}

#[derive(Debug)]
struct State {
    clock: Arc<dyn Clock>,
    key: SigningKey,
    seen: Mutex<BTreeMap<String, Seen>>,
    pending: Mutex<BTreeMap<String, Pending>>,
    /// The gateway's public origin.
    audience: Mutex<String>,
    /// Keys of the gateway's assertions, as fetched.
    assertion_keys: Mutex<JwkSet>,
}

/// A running bank. Dropping it stops it.
#[derive(Debug)]
pub struct Bank {
    address: SocketAddr,
    state: Arc<State>,
    accept: JoinHandle<()>,
}

/// `POST /v1/step-up`: asks for a code, or gives it.
#[derive(Debug, Serialize, Deserialize)]
pub struct StepUpCall {
    /// The identifier from the gateway's refusal.
    pub id: String,
    /// The one-time code; absent to have one sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Bank {
    /// Opens the bank on a free loopback port.
    ///
    /// # Errors
    /// The system's reason.
    pub async fn open(clock: Arc<dyn Clock>) -> std::io::Result<Self> {
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let key = SigningKey::generate(&SystemRandom::new()).map_err(std::io::Error::other)?;
        let state = Arc::new(State {
            clock,
            key,
            seen: Mutex::default(),
            pending: Mutex::default(),
            audience: Mutex::default(),
            assertion_keys: Mutex::new(JwkSet { keys: Vec::new() }),
        });
        let shared = Arc::clone(&state);
        let accept = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                let service = service_fn(move |request| answer(Arc::clone(&state), request));
                tokio::spawn(async move {
                    let connection = hyper::server::conn::http1::Builder::new()
                        .timer(TokioTimer::new())
                        .serve_connection(TokioIo::new(stream), service);
                    // A gateway that hangs up is no event for a bank.
                    let _ended = connection.await;
                });
            }
        });
        Ok(Self {
            address,
            state,
            accept,
        })
    }

    /// `http://host:port`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The public key of its one-time-code service.
    #[must_use]
    pub fn otp_key(&self) -> Jwk {
        Jwk::published(&self.state.key.public_point())
    }

    /// Tells the bank under which audience it is reached.
    pub fn set_audience(&self, audience: &str) {
        audience.clone_into(&mut lock(&self.state.audience));
    }

    /// What it saw of one actor.
    #[must_use]
    pub fn seen(&self, actor: &str) -> Seen {
        lock(&self.state.seen).get(actor).cloned().unwrap_or_default()
    }

    /// What it saw of everyone.
    #[must_use]
    pub fn seen_by_actor(&self) -> BTreeMap<String, Seen> {
        lock(&self.state.seen).clone()
    }

    /// The text message that a customer got for a step-up.
    #[must_use]
    pub fn text_message(&self, step_up: &str) -> Option<String> {
        lock(&self.state.pending)
            .get(step_up)
            .map(|pending| pending.code.clone())
    }
}

impl Drop for Bank {
    fn drop(&mut self) {
        self.accept.abort();
    }
}

async fn answer(
    state: Arc<State>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, std::convert::Infallible> {
    let (parts, body) = request.into_parts();
    let asserted = state.asserted(&parts).await;
    state.count(&parts.headers, asserted == Ok(true));
    if asserted.is_err() {
        return Ok(json(StatusCode::FORBIDDEN, r#"{"error":"assertion"}"#));
    }
    let Ok(body) = body.collect().await else {
        return Ok(json(StatusCode::BAD_REQUEST, r#"{"error":"body"}"#));
    };
    let body = body.to_bytes();
    Ok(match (&parts.method, parts.uri.path()) {
        (&Method::GET, "/health") => json(StatusCode::OK, r#"{"status":"open"}"#),
        (&Method::POST, "/v1/onboarding") => json(StatusCode::CREATED, r#"{"customer":"c-1001"}"#),
        (&Method::POST, "/v1/login") => json(StatusCode::OK, r#"{"access_token":"demo-access-token"}"#),
        (&Method::POST, "/v1/payments") => {
            json(StatusCode::CREATED, r#"{"payment":"p-2001","state":"booked"}"#)
        }
        (&Method::POST, "/v1/payees") => json(StatusCode::CREATED, r#"{"payee":"y-3001"}"#),
        (&Method::GET, "/v1/balance" | "/v1/legacy/balance") => {
            json(StatusCode::OK, r#"{"balance":"1024.00","currency":"EUR"}"#)
        }
        (&Method::POST, "/v1/step-up") => state.step_up(&parts.headers, &body),
        _ => json(StatusCode::NOT_FOUND, r#"{"error":"not-found"}"#),
    })
}

impl State {
    /// Whether the request carries an assertion; one that does not verify is an error. Keys are fetched when an unknown one
    /// signed, as any backend would.
    async fn asserted(&self, parts: &Parts) -> Result<bool, AssertionError> {
        let Some(assertion) = parts.headers.get(ASSERTION_HEADER) else {
            return Ok(false);
        };
        let assertion = assertion.to_str().map_err(|_| JwsError::Base64)?;
        let gateway = lock(&self.audience).clone();
        let expected = Expected {
            issuer: &gateway,
            audience: AUDIENCE,
            method: parts.method.as_str(),
            target: parts.uri.path_and_query().map_or("/", PathAndQuery::as_str),
            per_request: false,
            skew_s: CLOCK_SKEW_S,
        };
        let verify = |keys: &JwkSet| assertion::verify(assertion, keys, &expected, self.clock.now_s());
        let known = verify(&lock(&self.assertion_keys));
        let verified = match known {
            Err(AssertionError::Jws(JwsError::UnknownKey)) => {
                let keys = fetch_keys(&gateway).await.ok_or(JwsError::UnknownKey)?;
                let verified = verify(&keys);
                *lock(&self.assertion_keys) = keys;
                verified
            }
            known => known,
        };
        verified.map(|_| true)
    }

    fn count(&self, headers: &HeaderMap, asserted: bool) {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let actor = text(ACTOR_HEADER).unwrap_or("unnamed").to_owned();
        let mut seen = lock(&self.seen);
        let seen = seen.entry(actor).or_default();
        seen.requests += 1;
        let vouched = text("attest-decision") == Some("allow")
            && text("attest-device").is_some()
            && text("attest-app").is_some();
        seen.vouched += u64::from(vouched);
        seen.shadowed += u64::from(text("attest-shadow").is_some());
        seen.with_findings += u64::from(text("attest-findings").is_some());
        let forged = headers
            .values()
            .any(|value| value.to_str().is_ok_and(|value| value.contains(FORGED)));
        seen.forged += u64::from(forged);
        seen.asserted += u64::from(asserted);
    }

    /// Sends a code to the customer, or signs the completion for the right code.
    fn step_up(&self, headers: &HeaderMap, body: &[u8]) -> Response<Full<Bytes>> {
        let Some(device) = headers
            .get("attest-device")
            .and_then(|device| device.to_str().ok())
        else {
            return json(StatusCode::FORBIDDEN, r#"{"error":"no-device"}"#);
        };
        let Ok(call) = serde_json::from_slice::<StepUpCall>(body) else {
            return json(StatusCode::BAD_REQUEST, r#"{"error":"call"}"#);
        };
        let mut pending = lock(&self.pending);
        let Some(code) = call.code else {
            let Ok(random) = random_array::<4>(&SystemRandom::new()) else {
                return json(StatusCode::SERVICE_UNAVAILABLE, r#"{"error":"random"}"#);
            };
            let code = format!("{:06}", u32::from_be_bytes(random) % 1_000_000);
            pending.insert(
                call.id,
                Pending {
                    device: device.to_owned(),
                    code,
                },
            );
            return json(StatusCode::ACCEPTED, r#"{"sent":"sms"}"#);
        };
        match pending.remove(&call.id) {
            Some(asked) if asked.device == device && asked.code == code => {
                drop(pending);
                self.complete(&call.id, device)
            }
            _ => json(StatusCode::FORBIDDEN, r#"{"error":"code"}"#),
        }
    }

    fn complete(&self, id: &str, device: &str) -> Response<Full<Bytes>> {
        let now_s = self.clock.now_s();
        let claims = StepUpClaims {
            iss: OTP_ISSUER.to_owned(),
            aud: lock(&self.audience).clone(),
            sub: device.to_owned(),
            step_up: id.to_owned(),
            iat: now_s,
            exp: now_s + 300,
        };
        let kid = thumbprint(&self.key.public_point());
        let signed = claims.prepare(&kid).ok().and_then(|unsigned| {
            let signature = self
                .key
                .sign(unsigned.signing_input(), &SystemRandom::new())
                .ok()?;
            Some(unsigned.attach(&signature))
        });
        match signed {
            Some(completion) => json(StatusCode::OK, &format!(r#"{{"completion":"{completion}"}}"#)),
            None => json(StatusCode::SERVICE_UNAVAILABLE, r#"{"error":"signing"}"#),
        }
    }
}

/// The keys that the gateway publishes for its assertions.
async fn fetch_keys(gateway: &str) -> Option<JwkSet> {
    let client = HttpClient::new(gateway, "sample-bank/1")?;
    let reply = client.app("GET", ASSERTION_KEYS, &Vec::new(), &[]).await.ok()?;
    (reply.status == 200)
        .then(|| serde_json::from_slice(&reply.body).ok())
        .flatten()
}

fn json(status: StatusCode, body: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::copy_from_slice(body.as_bytes())));
    *response.status_mut() = status;
    response.headers_mut().insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/json"),
    );
    response
}
