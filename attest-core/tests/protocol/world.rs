//! A service and phones under one fleet secret, exactly as gateway and SDK use attest-core. Everything made here is valid;
//! tests spoil it afterwards.

use std::sync::LazyLock;

use attest_core::appraisal::AppraisalResult;
use attest_core::attestation;
use attest_core::challenge::{Challenge, ChallengeKey, ChallengeScope, Purpose};
use attest_core::delivery::{DeliveryShare, deliver};
use attest_core::device::{DeviceId, EvidenceClass, KeyLevel, Platform};
use attest_core::encoding::{base64url, sha256_base64url};
use attest_core::environment::Environment;
use attest_core::evidence::{Evidence, EvidenceClaims, PresentedEvidence, digest_text};
use attest_core::finding::Findings;
use attest_core::fleet::{FleetSecret, random_array};
use attest_core::jose::{Jwk, JwkSet, SigningKey, Unsigned, jwk::thumbprint};
use attest_core::redacted::Redacted;
use attest_core::response::{self, Expected, ResponseClaims, Session, delivery_members};
use attest_core::ticket::{TicketBody, TicketKeys, TicketSealer};
use attest_core::token::binding::{Bind, BindingClaims, OutgoingRequest, RequestToBind};
use attest_core::token::claims::{TokenClaims, new_token_id};
use attest_core::token::{proof, session};
use ring::rand::SystemRandom;

/// When every story begins, Unix seconds.
pub(crate) const NOW: u64 = 1_800_000_000;
pub(crate) const ORIGIN: &str = "https://api.bank.example";
pub(crate) const APP: &str = "com.example.bank";
pub(crate) const KEY_ID: u16 = 1;
const CHALLENGE_LIFETIME_S: u64 = 120;

/// A stable code, or nothing to complain about.
pub(crate) type Outcome<T = ()> = Result<T, &'static str>;

pub(crate) static RNG: LazyLock<SystemRandom> = LazyLock::new(SystemRandom::new);

pub(crate) fn new_key() -> SigningKey {
    SigningKey::generate(&*RNG).unwrap()
}

pub(crate) fn sign(unsigned: Unsigned, key: &SigningKey) -> String {
    let signature = key.sign(unsigned.signing_input(), &*RNG).unwrap();
    unsigned.attach(&signature)
}

/// The attestation service of one deployment.
pub(crate) struct Service {
    pub(crate) environment: Environment,
    pub(crate) key: SigningKey,
    pub(crate) fleet: FleetSecret,
}

impl Service {
    pub(crate) fn new() -> Self {
        Self {
            environment: Environment::Development,
            key: new_key(),
            fleet: FleetSecret::generate(&*RNG).unwrap(),
        }
    }

    pub(crate) fn kid(&self) -> String {
        thumbprint(&self.key.public_point())
    }

    pub(crate) fn keys(&self) -> JwkSet {
        JwkSet {
            keys: vec![Jwk::published(&self.key.public_point())],
        }
    }

    pub(crate) fn tickets(&self) -> TicketKeys {
        TicketKeys::new(&self.fleet, &[KEY_ID], self.environment)
    }

    pub(crate) fn challenge(&self, purpose: Purpose, device: Option<&DeviceId>, now_s: u64) -> Challenge {
        let scope = ChallengeScope {
            purpose,
            app: APP,
            environment: self.environment,
            device,
        };
        ChallengeKey::new(&self.fleet).issue(scope, now_s, &*RNG).unwrap()
    }

    /// What the service concludes about evidence, cheap refusals first.
    pub(crate) fn appraise(&self, evidence: &str, now_s: u64) -> Outcome<(Evidence, AppraisalResult)> {
        let presented = PresentedEvidence::parse(evidence).map_err(|error| error.code())?;
        let claims = presented.claims();
        let scope = ChallengeScope {
            purpose: claims.purpose,
            app: &claims.app,
            environment: self.environment,
            device: claims.device.as_ref(),
        };
        ChallengeKey::new(&self.fleet)
            .verify(presented.challenge(), scope, CHALLENGE_LIFETIME_S, now_s)
            .map_err(|error| error.code())?;
        let evidence = presented.verify().map_err(|error| error.code())?;
        let claims = evidence.claims();
        let device = claims
            .device
            .unwrap_or_else(|| DeviceId::generate(&*RNG).unwrap());
        let result = AppraisalResult {
            environment: self.environment,
            audience: ORIGIN.to_owned(),
            app: claims.app.clone(),
            app_version: claims.app_version.clone(),
            platform: claims.platform,
            device,
            generation: 1,
            key_level: KeyLevel::Software,
            evidence_class: EvidenceClass::Software,
            platform_claims: attest_core::appraisal::PlatformClaims::default(),
            evidence_at_s: now_s,
            enrolled_at_s: now_s,
            policy_version: claims.policy_version,
            findings: claims.findings.clone(),
            issued_at_s: now_s,
            expires_at_s: now_s + 900,
        };
        Ok((evidence, result))
    }

    pub(crate) fn attest(&self, device_key: &[u8; 65], result: &AppraisalResult) -> String {
        let unsigned = attestation::prepare("attest", &self.kid(), device_key, result).unwrap();
        sign(unsigned, &self.key)
    }

    /// The claims of the answer to evidence.
    pub(crate) fn answer(&self, evidence: &str, now_s: u64) -> Outcome<ResponseClaims> {
        let (evidence, result) = self.appraise(evidence, now_s)?;
        let session_key = Redacted::new(random_array(&*RNG).unwrap());
        let sealed = deliver(
            evidence.share(),
            evidence.challenge(),
            evidence.thumbprint(),
            &session_key,
            &*RNG,
        )
        .map_err(|_| "delivery")?;
        let body = TicketBody {
            result: result.clone(),
            session_key,
        };
        let ticket = TicketSealer::new(&self.fleet, KEY_ID, self.environment)
            .seal(&body, now_s, &*RNG)
            .map_err(|error| error.code())?;
        let (share, sealed) = delivery_members(&sealed);
        Ok(ResponseClaims {
            evidence_digest: base64url(evidence.digest()),
            device_thumbprint: evidence.thumbprint().to_owned(),
            ticket_digest: sha256_base64url(ticket.as_bytes()),
            iat: now_s,
            exp: result.expires_at_s,
            renew_after_s: 600,
            enroll_after_s: 604_800,
            device: result.device,
            audience: result.audience.clone(),
            policy_version: result.policy_version,
            ticket,
            share,
            sealed,
            attestation: self.attest(evidence.device_key(), &result),
        })
    }

    pub(crate) fn respond(&self, claims: &ResponseClaims) -> String {
        sign(claims.prepare(&self.kid()).unwrap(), &self.key)
    }
}

/// A phone with its hardware key.
pub(crate) struct Phone {
    pub(crate) key: SigningKey,
    pub(crate) findings: Findings,
}

impl Phone {
    pub(crate) fn new() -> Self {
        Self {
            key: new_key(),
            findings: Findings {
                evaluated: "AAAAAAAAAAAAAAAAAAAAAA".to_owned(),
                hit: vec!["clone.data-dir".to_owned()],
                inconclusive: vec!["root.mounts".to_owned()],
                inconclusive_more: 0,
            },
        }
    }

    pub(crate) fn thumbprint(&self) -> String {
        thumbprint(&self.key.public_point())
    }

    /// What the phone states for this challenge, and the share to open the answer with.
    pub(crate) fn evidence(
        &self,
        challenge: &Challenge,
        device: Option<DeviceId>,
        now_s: u64,
    ) -> (EvidenceClaims, DeliveryShare) {
        let share = DeliveryShare::generate(&*RNG).unwrap();
        let claims = EvidenceClaims {
            purpose: if device.is_some() {
                Purpose::Renew
            } else {
                Purpose::Enroll
            },
            challenge: challenge.to_text(),
            app: APP.to_owned(),
            app_version: "4.2.0".to_owned(),
            platform: Platform::Android,
            environment: Environment::Development,
            device,
            jwk: Jwk::p256(&self.key.public_point()),
            share: base64url(share.public()),
            policy_version: 12,
            findings: self.findings.clone(),
            iat: now_s,
        };
        (claims, share)
    }

    pub(crate) fn proof(&self, claims: &TokenClaims) -> String {
        sign(proof::prepare(claims).unwrap(), &self.key)
    }
}

/// Evidence on its way, and what the phone needs to open the answer.
pub(crate) struct Pending {
    pub(crate) challenge: Challenge,
    pub(crate) evidence: String,
    pub(crate) share: DeliveryShare,
    pub(crate) thumbprint: String,
}

impl Pending {
    /// Presents evidence for a fresh challenge; a renewal if the phone has a registration.
    pub(crate) fn new(service: &Service, phone: &Phone, device: Option<DeviceId>, now_s: u64) -> Self {
        let purpose = if device.is_some() {
            Purpose::Renew
        } else {
            Purpose::Enroll
        };
        let challenge = service.challenge(purpose, device.as_ref(), now_s);
        let (claims, share) = phone.evidence(&challenge, device, now_s);
        Self {
            challenge,
            evidence: sign(claims.prepare().unwrap(), &phone.key),
            share,
            thumbprint: phone.thumbprint(),
        }
    }

    pub(crate) fn open(self, response: &str, keys: &JwkSet) -> Outcome<Session> {
        let expected = Expected {
            evidence_digest: &digest_text(&self.evidence),
            challenge: &self.challenge,
            device_thumbprint: &self.thumbprint,
            response_keys: keys,
        };
        response::open(response, self.share, &expected).map_err(|error| error.code())
    }
}

/// A phone that has enrolled.
pub(crate) fn enrolled(service: &Service, phone: &Phone, now_s: u64) -> Session {
    let pending = Pending::new(service, phone, None, now_s);
    let claims = service.answer(&pending.evidence, now_s).unwrap();
    pending.open(&service.respond(&claims), &service.keys()).unwrap()
}

/// A request as the phone sends it and as the gateway receives it, with a route that asks for every binding.
#[derive(Clone)]
pub(crate) struct Payment {
    pub(crate) method: String,
    pub(crate) origins: Vec<String>,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) authorization: Option<String>,
    pub(crate) required: Vec<Bind>,
}

impl Payment {
    pub(crate) fn new() -> Self {
        Self {
            method: "POST".to_owned(),
            origins: vec![ORIGIN.to_owned()],
            path: "/v1/payments".to_owned(),
            query: Some("reference=7".to_owned()),
            body: Some(br#"{"amount":1}"#.to_vec()),
            authorization: Some("Bearer abc".to_owned()),
            required: vec![Bind::Query, Bind::Body, Bind::Authorization],
        }
    }

    /// What a phone binds a token to that is meant for this request.
    pub(crate) fn binding(&self) -> BindingClaims {
        let request = OutgoingRequest {
            method: &self.method,
            origin: &self.origins[0],
            path: &self.path,
            query: self.query.as_deref(),
            body: self.body.as_deref().unwrap_or_default(),
            authorization: self.authorization.as_deref(),
        };
        BindingClaims::of(&request, &self.required).unwrap()
    }

    pub(crate) fn received<T>(&self, with: impl FnOnce(&RequestToBind<'_>) -> T) -> T {
        let body_digest = self.body.as_deref().map(sha256_base64url);
        with(&RequestToBind {
            method: &self.method,
            origins: &self.origins,
            path: &self.path,
            query: self.query.as_deref(),
            body_digest: body_digest.as_deref(),
            authorization: self.authorization.as_deref(),
            required: &self.required,
        })
    }

    /// Claims of a token for this request.
    pub(crate) fn claims(&self, now_s: u64) -> TokenClaims {
        TokenClaims {
            aud: ORIGIN.to_owned(),
            iat: now_s,
            exp: Some(now_s + 60),
            nbf: None,
            jti: new_token_id(&*RNG).unwrap(),
            policy_version: 12,
            findings: Findings::default(),
            binding: self.binding(),
        }
    }
}

pub(crate) fn minted(session: &Session, claims: &TokenClaims) -> String {
    session::mint(session.ticket.reveal(), &session.key, claims).unwrap()
}
