//! The attestation service and a gateway in memory, made of the same core as the real ones. Tests script what it gets wrong.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use attest_core::appraisal::AppraisalResult;
use attest_core::attestation;
use attest_core::challenge::{ChallengeKey, ChallengeScope, Purpose};
use attest_core::delivery::deliver;
use attest_core::device::{DeviceId, EvidenceClass, KeyLevel, TokenKind};
use attest_core::encoding::sha256_base64url;
use attest_core::environment::Environment;
use attest_core::evidence::{Evidence, PresentedEvidence};
use attest_core::fleet::{FleetSecret, random_array};
use attest_core::jose::jwk::thumbprint;
use attest_core::jose::{Jwk, JwkSet, SigningKey, Unsigned};
use attest_core::policy::DevicePolicy;
use attest_core::problem::{MEDIA_TYPE, Problem, ProblemCode, TYPE_PREFIX};
use attest_core::redacted::Redacted;
use attest_core::response::{ResponseClaims, delivery_members};
use attest_core::service::{ChallengeRequest, ChallengeResponse, EvidenceRequest, EvidenceResponse};
use attest_core::ticket::{TicketBody, TicketKeys, TicketSealer};
use attest_core::token::binding::RequestToBind;
use attest_core::token::{
    ATTESTATION_HEADER, PROOF_HEADER, SESSION_HEADER, TimeBounds, Verified, proof, session,
};
use ring::rand::SystemRandom;
use serde_json::json;

use super::repository::Repository;
use super::world::{ORIGIN, Time};
use crate::foreign::{BoxFuture, Clock as _, Transport, TransportError};
use crate::request::Target;
use crate::{AppRequest, Authorization, HttpReply, HttpRequest};

type Answer = Result<HttpReply, TransportError>;

/// Replaces or spoils one answer: it gets the request and the honest answer.
pub(super) type Twist = Box<dyn FnOnce(&HttpRequest, Answer) -> Answer + Send>;

pub(super) struct State {
    pub(super) policy: DevicePolicy,
    pub(super) repository: Repository,
    /// The repository is served as it is, whatever the policy.
    pub(super) pinned: bool,
    /// Thumbprint and time of the evidence.
    pub(super) devices: BTreeMap<DeviceId, (String, u64)>,
    /// Twists by the last part of the path; each is used once.
    pub(super) twists: BTreeMap<&'static str, VecDeque<Twist>>,
    pub(super) calls: Vec<String>,
    pub(super) session_lifetime_s: u64,
    /// How far the service's own clock is ahead.
    pub(super) ahead_s: u64,
    pub(super) enroll_after_s: u64,
    pub(super) down: bool,
    pub(super) latency_ms: u64,
    response_key: SigningKey,
}

pub(super) struct Service {
    time: Arc<Time>,
    rng: SystemRandom,
    issuer: SigningKey,
    secret: FleetSecret,
    sealer: TicketSealer,
    pub(super) state: Mutex<State>,
}

fn device_policy(version: u64, response_key: &SigningKey) -> DevicePolicy {
    serde_json::from_value(json!({
        "version": version,
        "environment": "development",
        "detectors": [
            {"id": "emulator.qemu", "platform": "android", "category": "emulator", "severity": "high", "why": "qemu",
             "when": {"fact": "prop(ro.kernel.qemu)", "op": "eq", "value": "1"}},
        ],
        "requirements": [
            {"origin": ORIGIN, "methods": ["GET"], "path": "/v1/balance", "token": "session"},
            {"origin": ORIGIN, "methods": ["POST"], "path": "/v1/payments", "token": "proof",
             "bind": ["query", "body", "authorization"], "single_use": true},
        ],
        "response_keys": [Jwk::published(&response_key.public_point())],
    }))
    .unwrap()
}

pub(super) fn reply(status: u16, body: &impl serde::Serialize) -> HttpReply {
    HttpReply {
        status,
        headers: vec![("Content-Type".to_owned(), "application/json".to_owned())],
        body: serde_json::to_vec(body).unwrap(),
    }
}

pub(super) fn problem(code: ProblemCode) -> Problem {
    Problem {
        type_uri: format!("{TYPE_PREFIX}{}", code.as_str()),
        title: "refused".to_owned(),
        status: 403,
        retry: code.retry(),
        support: "SUPPORT-1".to_owned(),
        missing: None,
        step_up: None,
        retry_after_s: None,
    }
}

pub(super) fn refuse_with(problem: &Problem) -> HttpReply {
    let mut reply = reply(problem.status, problem);
    reply.headers = vec![("content-type".to_owned(), MEDIA_TYPE.to_owned())];
    reply
}

pub(super) fn refuse(code: ProblemCode) -> HttpReply {
    refuse_with(&problem(code))
}

impl Service {
    pub(super) fn new(time: Arc<Time>) -> Self {
        let rng = SystemRandom::new();
        let secret = FleetSecret::generate(&rng).unwrap();
        let response_key = SigningKey::generate(&rng).unwrap();
        Self {
            time,
            issuer: SigningKey::generate(&rng).unwrap(),
            sealer: TicketSealer::new(&secret, 1, Environment::Development),
            secret,
            state: Mutex::new(State {
                policy: device_policy(1, &response_key),
                repository: Repository::new(),
                pinned: false,
                devices: BTreeMap::new(),
                twists: BTreeMap::new(),
                calls: Vec::new(),
                session_lifetime_s: 900,
                ahead_s: 0,
                enroll_after_s: 604_800,
                down: false,
                latency_ms: 20,
                response_key,
            }),
            rng,
        }
    }

    /// The root that apps are built with.
    pub(super) fn root(&self) -> Vec<u8> {
        self.change(|state| state.repository.root().as_bytes().to_vec())
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap())
    }

    /// Spoils the next answer to `call`.
    pub(super) fn twist(
        &self,
        call: &'static str,
        twist: impl FnOnce(&HttpRequest, Answer) -> Answer + Send + 'static,
    ) {
        self.change(|state| state.twists.entry(call).or_default().push_back(Box::new(twist)));
    }

    pub(super) fn calls(&self) -> Vec<String> {
        self.change(|state| std::mem::take(&mut state.calls))
    }

    pub(super) fn publish(&self, version: u64) {
        self.change(|state| {
            state.policy.version = version;
        });
    }

    /// Signs with a new response key from now on, and names it in the next policy.
    pub(super) fn rotate_response_key(&self) {
        self.change(|state| {
            state.response_key = SigningKey::generate(&self.rng).unwrap();
            state.policy = device_policy(state.policy.version + 1, &state.response_key);
        });
    }

    fn sign(&self, unsigned: Unsigned, key: &SigningKey) -> String {
        let signature = key.sign(unsigned.signing_input(), &self.rng).unwrap();
        unsigned.attach(&signature)
    }

    fn answer(&self, request: &HttpRequest) -> Answer {
        let call = request.url.rsplit('/').next().unwrap();
        let call = call.split('?').next().unwrap().to_owned();
        let (twist, down) = self.change(|state| {
            state.calls.push(call.clone());
            (
                state.twists.get_mut(call.as_str()).and_then(VecDeque::pop_front),
                state.down,
            )
        });
        if down {
            return Err(TransportError::Unreachable);
        }
        let honest = Ok(match call.as_str() {
            "bundle" => self.bundle(request),
            "challenge" => self.challenge(&serde_json::from_slice(&request.body).unwrap()),
            "enroll" | "renew" => self.appraise(&serde_json::from_slice(&request.body).unwrap()),
            _ => refuse(ProblemCode::CallUnknown),
        });
        match twist {
            Some(twist) => twist(request, honest),
            None => honest,
        }
    }

    fn bundle(&self, request: &HttpRequest) -> HttpReply {
        let (_, root) = request.url.rsplit_once("?root=").unwrap();
        let bundle = self.change(|state| {
            if !state.pinned {
                let device = serde_json::to_string(&state.policy).unwrap();
                state.repository.offer(&device);
            }
            state.repository.bundle(root.parse().unwrap())
        });
        let etag = sha256_base64url(&serde_json::to_vec(&bundle).unwrap());
        let etag = format!("\"{}-{root}\"", etag.split_at(20).0);
        let held = request
            .headers
            .iter()
            .find(|(name, _)| name == "if-none-match")
            .map(|(_, etag)| etag.clone());
        if held.as_ref() == Some(&etag) {
            return HttpReply {
                status: 304,
                headers: Vec::new(),
                body: Vec::new(),
            };
        }
        let mut reply = reply(200, &bundle);
        reply.headers.push(("ETag".to_owned(), etag));
        reply
    }

    fn now_s(&self) -> u64 {
        self.time.server_s() + self.change(|state| state.ahead_s)
    }

    fn challenge(&self, asked: &ChallengeRequest) -> HttpReply {
        let challenge = ChallengeKey::new(&self.secret)
            .issue(
                scope(asked.purpose, asked.device.as_ref()),
                self.now_s(),
                &self.rng,
            )
            .unwrap();
        reply(
            200,
            &ChallengeResponse {
                challenge: challenge.to_text(),
                expires_in_s: 120,
            },
        )
    }

    fn appraise(&self, presented: &EvidenceRequest) -> HttpReply {
        let now_s = self.now_s();
        let evidence = PresentedEvidence::parse(&presented.evidence)
            .unwrap()
            .verify()
            .unwrap();
        let claims = evidence.claims().clone();
        let fresh = ChallengeKey::new(&self.secret).verify(
            evidence.challenge(),
            scope(claims.purpose, claims.device.as_ref()),
            120,
            now_s,
        );
        if fresh.is_err() {
            return refuse(ProblemCode::ChallengeRefused);
        }
        let mut state = self.state.lock().unwrap();
        let (device, evidence_at_s) = match claims.device {
            Some(device) => match state.devices.get(&device) {
                Some((thumbprint, at_s)) if thumbprint == evidence.thumbprint() => (device, *at_s),
                _ => return refuse(ProblemCode::DeviceUnknown),
            },
            None => (DeviceId::generate(&self.rng).unwrap(), now_s),
        };
        state
            .devices
            .insert(device, (evidence.thumbprint().to_owned(), evidence_at_s));
        let result = AppraisalResult {
            environment: Environment::Development,
            audience: ORIGIN.to_owned(),
            app: claims.app.clone(),
            app_version: claims.app_version.clone(),
            platform: claims.platform,
            device,
            generation: 1,
            key_level: KeyLevel::Software,
            evidence_class: EvidenceClass::Software,
            platform_claims: attest_core::appraisal::PlatformClaims::default(),
            evidence_at_s,
            enrolled_at_s: now_s,
            policy_version: claims.policy_version,
            findings: claims.findings.clone(),
            issued_at_s: now_s,
            expires_at_s: now_s + state.session_lifetime_s,
        };
        let response = self.response(&state, &presented.evidence, &evidence, &result);
        let unsigned = response
            .prepare(&thumbprint(&state.response_key.public_point()))
            .unwrap();
        reply(
            200,
            &EvidenceResponse {
                response: self.sign(unsigned, &state.response_key),
            },
        )
    }

    fn response(
        &self,
        state: &State,
        presented: &str,
        evidence: &Evidence,
        result: &AppraisalResult,
    ) -> ResponseClaims {
        let now_s = result.issued_at_s;
        let session_key = Redacted::new(random_array(&self.rng).unwrap());
        let sealed = deliver(
            evidence.share(),
            evidence.challenge(),
            evidence.thumbprint(),
            &session_key,
            &self.rng,
        )
        .unwrap();
        let (share, sealed) = delivery_members(&sealed);
        let attestation = attestation::prepare(
            ORIGIN,
            &thumbprint(&self.issuer.public_point()),
            evidence.device_key(),
            result,
        )
        .unwrap();
        let ticket = self
            .sealer
            .seal(
                &TicketBody {
                    result: result.clone(),
                    session_key,
                },
                now_s,
                &self.rng,
            )
            .unwrap();
        ResponseClaims {
            evidence_digest: sha256_base64url(presented.as_bytes()),
            device_thumbprint: evidence.thumbprint().to_owned(),
            ticket_digest: sha256_base64url(ticket.as_bytes()),
            iat: now_s,
            exp: result.expires_at_s,
            renew_after_s: state.session_lifetime_s * 2 / 3,
            enroll_after_s: (result.evidence_at_s + state.enroll_after_s).saturating_sub(now_s),
            device: result.device,
            audience: ORIGIN.to_owned(),
            policy_version: state.policy.version,
            ticket,
            share,
            sealed,
            attestation: self.sign(attestation, &self.issuer),
        }
    }

    /// What a gateway makes of a request: verified and bound, or its stable code.
    pub(super) fn verify(
        &self,
        request: &AppRequest<'_>,
        sent: &Authorization,
    ) -> Result<Verified, &'static str> {
        let header = |name: &str| {
            sent.headers
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.as_str())
        };
        let now_s = self.time.server_s();
        let verified = match (
            header(SESSION_HEADER),
            header(ATTESTATION_HEADER),
            header(PROOF_HEADER),
        ) {
            (Some(token), None, None) => {
                let mut keys = TicketKeys::new(&self.secret, &[1], Environment::Development);
                session::verify(token, &mut keys, TimeBounds::default(), now_s)
            }
            (None, Some(attestation), Some(pop)) => {
                let issuers = JwkSet {
                    keys: vec![Jwk::published(&self.issuer.public_point())],
                };
                proof::verify(
                    attestation,
                    pop,
                    &issuers,
                    Environment::Development,
                    TimeBounds::default(),
                    now_s,
                )
            }
            _ => return Err("token-missing"),
        }
        .map_err(|error| error.code())?;
        let target = Target::parse(request.url).unwrap();
        let body_digest = sha256_base64url(request.body);
        let required: &[_] = match verified.kind() {
            TokenKind::Session => &[],
            TokenKind::Proof => &[
                attest_core::token::binding::Bind::Query,
                attest_core::token::binding::Bind::Body,
                attest_core::token::binding::Bind::Authorization,
            ],
        };
        let bound = verified
            .bind(&RequestToBind {
                method: request.method,
                origins: &[ORIGIN.to_owned()],
                path: target.path,
                query: target.query,
                body_digest: Some(&body_digest),
                authorization: request.authorization,
                required,
            })
            .map_err(|error| error.code())?;
        Ok(bound.token().clone())
    }
}

fn scope(purpose: Purpose, device: Option<&DeviceId>) -> ChallengeScope<'_> {
    ChallengeScope {
        purpose,
        app: "bank",
        environment: Environment::Development,
        device,
    }
}

/// The way to the service, with some latency.
pub(super) struct ServiceHandle(pub(super) Arc<Service>);

impl Transport for ServiceHandle {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            let latency_ms = self.0.change(|state| state.latency_ms);
            self.0.time.sleep(self.0.time.monotonic_ms() + latency_ms).await;
            self.0.answer(&request)
        })
    }
}
