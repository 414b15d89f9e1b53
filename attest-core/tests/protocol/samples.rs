//! One valid JWS of every kind that this system signs, with the verification that its receiver does.

use attest_core::attestation;
use attest_core::device::{EvidenceClass, KeyLevel};
use attest_core::encoding::base64url;
use attest_core::evidence::{MAX_EVIDENCE_BYTES, PresentedEvidence};
use attest_core::jose::jws::MAX_TOKEN_BYTES;
use attest_core::jose::{Jwk, JwkSet, SigningKey, jwk::thumbprint};
use attest_core::response::{MAX_RESPONSE_BYTES, Session};
use attest_core::step_up::{Expected, StepUpClaims, StepUpScope, StepUps};
use attest_core::token::assertion::{self, AssertedDecision, AssertionClaims, MAX_ASSERTION_BYTES};
use attest_core::token::{TimeBounds, Verified, proof, session};
use serde_json::json;

use super::raw::{RawJws, Signer};
use super::world::{
    NOW, ORIGIN, Outcome, Payment, Pending, Phone, RNG, Service, enrolled, minted, new_key, sign,
};

/// Every kind of JWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Session,
    Proof,
    Attestation,
    Evidence,
    Response,
    StepUp,
    Assertion,
}

impl Kind {
    pub(crate) const ALL: [Self; 7] = [
        Self::Session,
        Self::Proof,
        Self::Attestation,
        Self::Evidence,
        Self::Response,
        Self::StepUp,
        Self::Assertion,
    ];
}

/// Reads a token as its receiver does and tells what was understood, as text.
type Receive<'a> = Box<dyn FnOnce(&str) -> Outcome<String> + 'a>;

/// A valid JWS and its receiver.
pub(crate) struct Sample<'a> {
    pub(crate) token: String,
    pub(crate) signer: Signer<'a>,
    pub(crate) max_bytes: usize,
    pub(crate) receive: Receive<'a>,
}

impl Sample<'_> {
    pub(crate) fn raw(&self) -> RawJws {
        RawJws::read(&self.token)
    }
}

/// An enrolled phone, its service and a bank that confirms step-ups.
pub(crate) struct World {
    pub(crate) service: Service,
    pub(crate) phone: Phone,
    pub(crate) session: Session,
    pub(crate) bank: SigningKey,
}

impl World {
    pub(crate) fn new() -> Self {
        let (service, phone) = (Service::new(), Phone::new());
        let session = enrolled(&service, &phone, NOW);
        Self {
            service,
            phone,
            session,
            bank: new_key(),
        }
    }

    pub(crate) fn sample(&self, kind: Kind) -> Sample<'_> {
        match kind {
            Kind::Session => self.session_token(),
            Kind::Proof => self.proof_token(),
            Kind::Attestation => self.attestation(),
            Kind::Evidence => self.evidence(),
            Kind::Response => self.response(),
            Kind::StepUp => self.step_up(),
            Kind::Assertion => self.assertion(),
        }
    }

    fn session_token(&self) -> Sample<'_> {
        Sample {
            token: minted(&self.session, &Payment::new().claims(NOW)),
            signer: Signer::Mac(&self.session.key),
            max_bytes: MAX_TOKEN_BYTES,
            receive: Box::new(|token| {
                session::verify(token, &mut self.service.tickets(), TimeBounds::default(), NOW)
                    .map(|verified| understood(&verified))
                    .map_err(|error| error.code())
            }),
        }
    }

    fn proof_token(&self) -> Sample<'_> {
        Sample {
            token: self.phone.proof(&Payment::new().claims(NOW)),
            signer: Signer::Es256(&self.phone.key),
            max_bytes: MAX_TOKEN_BYTES,
            receive: Box::new(|token| {
                let attestation = self.session.attestation.reveal();
                let (keys, environment) = (self.service.keys(), self.service.environment);
                proof::verify(attestation, token, &keys, environment, TimeBounds::default(), NOW)
                    .map(|verified| understood(&verified))
                    .map_err(|error| error.code())
            }),
        }
    }

    fn attestation(&self) -> Sample<'_> {
        Sample {
            token: self.session.attestation.reveal().clone(),
            signer: Signer::Es256(&self.service.key),
            max_bytes: MAX_TOKEN_BYTES,
            receive: Box::new(|token| {
                attestation::verify(token, &self.service.keys(), self.service.environment, NOW)
                    .map(|attestation| {
                        let key = base64url(attestation.device_key());
                        json!([key, attestation.result()]).to_string()
                    })
                    .map_err(|error| error.code())
            }),
        }
    }

    fn evidence(&self) -> Sample<'_> {
        Sample {
            token: Pending::new(&self.service, &self.phone, None, NOW).evidence,
            signer: Signer::Es256(&self.phone.key),
            max_bytes: MAX_EVIDENCE_BYTES,
            receive: Box::new(|token| {
                let verify = |token| PresentedEvidence::parse(token)?.verify();
                verify(token)
                    .map(|evidence| json!([evidence.claims(), evidence.thumbprint()]).to_string())
                    .map_err(|error| error.code())
            }),
        }
    }

    fn response(&self) -> Sample<'_> {
        let pending = Pending::new(&self.service, &self.phone, None, NOW);
        let claims = self.service.answer(&pending.evidence, NOW).unwrap();
        Sample {
            token: self.service.respond(&claims),
            signer: Signer::Es256(&self.service.key),
            max_bytes: MAX_RESPONSE_BYTES,
            receive: Box::new(|token| {
                let session = pending.open(token, &self.service.keys())?;
                Ok(json!([
                    session.device,
                    session.ticket,
                    session.attestation,
                    session.audience,
                    session.expires_at_s,
                    base64url(session.key.tag(b"which key?"))
                ])
                .to_string())
            }),
        }
    }

    fn step_up(&self) -> Sample<'_> {
        let scope = StepUpScope {
            device: "pseudonym",
            route: "payments",
            issuer: "otp",
        };
        let step_ups = StepUps::new(&self.service.fleet);
        let claims = StepUpClaims {
            iss: "https://bank.example".to_owned(),
            aud: ORIGIN.to_owned(),
            sub: scope.device.to_owned(),
            step_up: step_ups.issue(scope, &*RNG).unwrap(),
            iat: NOW,
            exp: NOW + 300,
        };
        let kid = thumbprint(&self.bank.public_point());
        Sample {
            token: sign(claims.prepare(&kid).unwrap(), &self.bank),
            signer: Signer::Es256(&self.bank),
            max_bytes: MAX_TOKEN_BYTES,
            receive: Box::new(move |token| {
                let keys = JwkSet {
                    keys: vec![Jwk::published(&self.bank.public_point())],
                };
                let expected = Expected {
                    scope,
                    issuer_url: "https://bank.example",
                    keys: &keys,
                    audience: ORIGIN,
                    valid_s: 300,
                    skew_s: 60,
                };
                step_ups
                    .verify(token, &expected, NOW)
                    .map(|claims| serde_json::to_string(&claims).unwrap())
                    .map_err(|error| error.code())
            }),
        }
    }

    fn assertion(&self) -> Sample<'_> {
        let claims = AssertionClaims {
            iss: ORIGIN.to_owned(),
            aud: "payments".to_owned(),
            sub: "pseudonym".to_owned(),
            iat: NOW,
            exp: NOW + 60,
            jti: base64url([3; 16]),
            app: "bank".to_owned(),
            decision: AssertedDecision::Allow,
            findings: Vec::new(),
            shadow: Vec::new(),
            key_level: KeyLevel::Hardware,
            evidence_class: EvidenceClass::AndroidKey,
            policy_version: 12,
            request: None,
        };
        let kid = thumbprint(&self.service.key.public_point());
        Sample {
            token: sign(claims.prepare(&kid).unwrap(), &self.service.key),
            signer: Signer::Es256(&self.service.key),
            max_bytes: MAX_ASSERTION_BYTES,
            receive: Box::new(|token| {
                let expected = assertion::Expected {
                    issuer: ORIGIN,
                    audience: "payments",
                    method: "GET",
                    target: "/",
                    per_request: false,
                    skew_s: 5,
                };
                assertion::verify(token, &self.service.keys(), &expected, NOW)
                    .map(|claims| serde_json::to_string(&claims).unwrap())
                    .map_err(|error| error.code())
            }),
        }
    }
}

fn understood(token: &Verified) -> String {
    json!([token.kind(), token.result(), token.claims()]).to_string()
}
