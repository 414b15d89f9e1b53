//! Enrolment and renewal: challenge, scan, key, evidence, platform proof, response. A session exists only once the service's
//! signed response to exactly this evidence was verified.

use attest_core::challenge::{Challenge, Purpose};
use attest_core::delivery::DeliveryShare;
use attest_core::encoding::{base64url, sha256};
use attest_core::evidence::{EvidenceClaims, client_data_hash};
use attest_core::finding::Findings;
use attest_core::jose::jwk::thumbprint;
use attest_core::jose::{Jwk, JwsError, Unsigned};
use attest_core::problem::{ProblemCode, RetryClass};
use attest_core::response::{self, Expected, MAX_RESPONSE_BYTES, ResponseError, Session};
use attest_core::service::{ChallengeRequest, ChallengeResponse, EvidenceRequest, EvidenceResponse};
use ring::rand::SecureRandom;

use super::backoff::jitter_ms;
use super::record::Registration;
use super::time::TimeFloor;
use super::{Effect, Machine, Now, Work, record, reply};
use crate::failure::{Call, Failure};
use crate::foreign::{KeyError, TransportError, Vouched};
use crate::http::HttpReply;
use crate::notice::Notice;

/// A challenge reply is one short object.
const CHALLENGE_REPLY_BYTES_MAX: usize = 1024;
/// The response JWS and the JSON around it.
const RESPONSE_REPLY_BYTES_MAX: usize = MAX_RESPONSE_BYTES + 1024;
/// A session is not used in its last moments: the request has to arrive before its end.
const LAST_MOMENTS_S: u64 = 2;
/// However eager the service is, a registration and a session last this long before they are made again.
const ENROLL_AFTER_MIN_S: u64 = 60;
const RENEW_AFTER_MIN_MS: u64 = 1_000;

/// A challenge that is being answered.
pub(super) struct Answering {
    purpose: Purpose,
    challenge: Challenge,
}

/// Evidence that lacks its signature.
pub(super) struct Signing {
    answering: Answering,
    unsigned: Unsigned,
    share: DeliveryShare,
    key: [u8; 65],
    findings: Findings,
}

/// Evidence as it is presented.
pub(super) struct Presented {
    answering: Answering,
    evidence: String,
    digest: [u8; 32],
    share: DeliveryShare,
    key: [u8; 65],
    findings: Findings,
}

/// A session in use.
pub(super) struct LiveSession {
    pub(super) session: Session,
    pub(super) serial: u64,
    pub(super) renew_at_ms: u64,
    /// What the ticket holds: a token need not repeat it.
    pub(super) sealed: Findings,
}

impl Machine {
    pub(super) const fn is_usable(&self, live: &LiveSession, now: Now) -> bool {
        live.session.expires_at_s > self.clock.now_s(now).saturating_add(LAST_MOMENTS_S)
    }

    pub(super) fn begin_join(&mut self, now: Now) {
        let server_now_s = self.clock.now_s(now);
        let renewable = self
            .registration
            .as_ref()
            .filter(|registration| registration.enroll_at_s > server_now_s)
            .filter(|_| self.key.is_some() && !self.wants.enrolment);
        let (purpose, device) = match renewable {
            Some(registration) => (Purpose::Renew, Some(registration.device)),
            None => (Purpose::Enroll, None),
        };
        let body = ChallengeRequest {
            purpose,
            app: self.settings.config.app.clone(),
            device,
        };
        let request = reply::request(
            &self.settings.config.service_url,
            Call::Challenge,
            Some(record::write(&body)),
            CHALLENGE_REPLY_BYTES_MAX,
        );
        self.begin(Work::Challenging(purpose), Effect::Send(request));
    }

    pub(super) fn on_challenge(
        &mut self,
        purpose: Purpose,
        reply: Result<HttpReply, TransportError>,
        now: Now,
        rng: &dyn SecureRandom,
    ) {
        let challenge = reply::read::<ChallengeResponse>(Call::Challenge, reply).and_then(|response| {
            Challenge::parse(&response.challenge).map_err(|_| Failure::Unreadable {
                call: Call::Challenge,
            })
        });
        match challenge {
            Ok(challenge) => {
                // Without a policy no exchange begins.
                if let Some(scan) = self.scan(now) {
                    self.begin(
                        Work::Scanning(Answering { purpose, challenge }),
                        Effect::Observe(scan),
                    );
                }
            }
            Err(failure) => self.on_refused(purpose, failure, now, rng),
        }
    }

    pub(super) fn on_scanned(&mut self, answering: Answering, now: Now, rng: &dyn SecureRandom) {
        match (answering.purpose, self.key) {
            (Purpose::Renew, Some(key)) => self.state_evidence(answering, key, now, rng),
            // The key went while the challenge was fetched: the plan begins again, with an enrolment.
            (Purpose::Renew, None) => {}
            (Purpose::Enroll, _) => {
                let effect = Effect::Generate(*answering.challenge.as_bytes());
                self.begin(Work::Generating(answering), effect);
            }
        }
    }

    pub(super) fn on_key(
        &mut self,
        answering: Answering,
        made: Result<[u8; 65], KeyError>,
        now: Now,
        rng: &dyn SecureRandom,
    ) {
        // The new key took the place of the old one, and the old registration with it.
        self.lose_registration("key-replaced");
        match made {
            Ok(key) => {
                self.key = Some(key);
                self.note(Notice::KeyMade);
                self.state_evidence(answering, key, now, rng);
            }
            Err(error) => self.fail_joining(error.into(), now, rng),
        }
    }

    fn state_evidence(&mut self, answering: Answering, key: [u8; 65], now: Now, rng: &dyn SecureRandom) {
        let Ok(share) = DeliveryShare::generate(rng) else {
            return self.fail_joining(Failure::Random, now, rng);
        };
        let config = &self.settings.config;
        let findings = self.judged.findings.clone();
        let claims = EvidenceClaims {
            purpose: answering.purpose,
            challenge: answering.challenge.to_text(),
            app: config.app.clone(),
            app_version: config.app_version.clone(),
            platform: config.platform,
            environment: config.environment,
            device: match answering.purpose {
                Purpose::Enroll => None,
                Purpose::Renew => self.device(),
            },
            jwk: Jwk::p256(&key),
            share: base64url(share.public()),
            policy_version: self.judged.policy_version,
            findings: findings.clone(),
            iat: self.clock.now_s(now),
        };
        match claims.prepare() {
            Ok(unsigned) => {
                let effect = Effect::Sign(unsigned.signing_input().to_vec());
                let signing = Signing {
                    answering,
                    unsigned,
                    share,
                    key,
                    findings,
                };
                self.begin(Work::Signing(Box::new(signing)), effect);
            }
            Err(error) => self.fail_joining(error.into(), now, rng),
        }
    }

    pub(super) fn on_signed(
        &mut self,
        signing: Signing,
        signed: Result<[u8; 64], KeyError>,
        now: Now,
        rng: &dyn SecureRandom,
    ) {
        let Signing {
            answering,
            unsigned,
            share,
            key,
            findings,
        } = signing;
        match signed {
            Ok(signature) => {
                let covered = client_data_hash(answering.purpose, unsigned.signing_input());
                let evidence = unsigned.attach(&signature);
                let digest = sha256(&[evidence.as_bytes()]);
                let effect = Effect::Vouch(answering.purpose, covered);
                let presented = Presented {
                    answering,
                    evidence,
                    digest,
                    share,
                    key,
                    findings,
                };
                self.begin(Work::Vouching(Box::new(presented)), effect);
            }
            Err(error) => self.on_key_error(answering.purpose, error, now, rng),
        }
    }

    pub(super) fn on_vouched(
        &mut self,
        presented: Box<Presented>,
        vouched: Result<Vouched, KeyError>,
        now: Now,
        rng: &dyn SecureRandom,
    ) {
        match vouched {
            Ok(Vouched {
                platform,
                play_integrity,
            }) => {
                let body = EvidenceRequest {
                    evidence: presented.evidence.clone(),
                    platform,
                    play_integrity,
                };
                let request = reply::request(
                    &self.settings.config.service_url,
                    call_of(presented.answering.purpose),
                    Some(record::write(&body)),
                    RESPONSE_REPLY_BYTES_MAX,
                );
                self.begin(Work::Presenting(presented), Effect::Send(request));
            }
            Err(error) => self.on_key_error(presented.answering.purpose, error, now, rng),
        }
    }

    pub(super) fn on_answer(
        &mut self,
        presented: Presented,
        reply: Result<HttpReply, TransportError>,
        now: Now,
        rng: &dyn SecureRandom,
    ) {
        let Presented {
            answering,
            digest,
            share,
            key,
            findings,
            evidence: _,
        } = presented;
        let purpose = answering.purpose;
        let jkt = thumbprint(&key);
        let opened = reply::read::<EvidenceResponse>(call_of(purpose), reply).and_then(|answer| {
            let Some(policy) = &self.policy else {
                return Err(Failure::SessionEnded);
            };
            let expected = Expected {
                evidence_digest: &base64url(digest),
                challenge: &answering.challenge,
                device_thumbprint: &jkt,
                response_keys: &policy.response_keys,
            };
            Ok(response::open(&answer.response, share, &expected)?)
        });
        match opened {
            Ok(session) if session.expires_at_s <= session.server_time_s.saturating_add(LAST_MOMENTS_S) => {
                self.fail_joining(Failure::SessionEnded, now, rng);
            }
            Ok(session) => self.begin_session(purpose, session, jkt, findings, now, rng),
            Err(failure) => self.on_refused(purpose, failure, now, rng),
        }
    }

    fn begin_session(
        &mut self,
        purpose: Purpose,
        session: Session,
        jkt: String,
        sealed: Findings,
        now: Now,
        rng: &dyn SecureRandom,
    ) {
        self.joining.succeed();
        self.stranded = false;
        self.second_try = false;
        self.wants.renewal = false;
        self.wants.enrolment = false;
        self.clock.learn(session.server_time_s, now);
        self.floor = Some(TimeFloor::learn(self.floor, session.server_time_s, now));
        let lifetime_s = session.expires_at_s.saturating_sub(session.server_time_s);
        // Phones that began together do not renew together.
        let renew_after_ms = session.renew_after_s.min(lifetime_s).saturating_mul(1000);
        let early_ms = jitter_ms(renew_after_ms / 10, rng);
        let renew_at_ms = now.after_ms(renew_after_ms.saturating_sub(early_ms).max(RENEW_AFTER_MIN_MS));
        self.registration = Some(Registration {
            device: session.device,
            thumbprint: jkt,
            enroll_at_s: session
                .server_time_s
                .saturating_add(session.enroll_after_s.max(ENROLL_AFTER_MIN_S)),
        });
        self.sessions = self.sessions.saturating_add(1);
        self.policy_announced(session.policy_version, now, rng);
        self.session = Some(LiveSession {
            session,
            serial: self.sessions,
            renew_at_ms,
            sealed,
        });
        self.store_state();
        self.note(Notice::Session { purpose, lifetime_s });
    }

    fn on_key_error(&mut self, purpose: Purpose, error: KeyError, now: Now, rng: &dyn SecureRandom) {
        match (purpose, error) {
            // The plan goes on with an enrolment at once.
            (Purpose::Renew, KeyError::Gone) => self.lose_registration(error.code()),
            (Purpose::Enroll, KeyError::Gone) | (_, KeyError::Failed) => {
                self.fail_joining(error.into(), now, rng);
            }
        }
    }

    /// Cures once what another try at once may cure; everything else rests first.
    fn on_refused(&mut self, purpose: Purpose, failure: Failure, now: Now, rng: &dyn SecureRandom) {
        self.stranded = is_by_unknown_key(&failure);
        match cure(purpose, &failure) {
            Cure::EnrolAgain => self.lose_registration(failure.code()),
            Cure::TryAgain if !self.second_try => self.second_try = true,
            Cure::RefreshPolicy if !self.second_try => {
                self.second_try = true;
                self.wants.policy = true;
            }
            Cure::TryAgain | Cure::RefreshPolicy | Cure::Rest => self.fail_joining(failure, now, rng),
        }
    }
}

/// What may cure a failed exchange without a rest.
enum Cure {
    TryAgain,
    RefreshPolicy,
    EnrolAgain,
    Rest,
}

fn cure(purpose: Purpose, failure: &Failure) -> Cure {
    if is_by_unknown_key(failure) {
        return Cure::RefreshPolicy;
    }
    let Failure::Refused(refusal) = failure else {
        return Cure::Rest;
    };
    match refusal.retry {
        _ if refusal.code == Some(ProblemCode::ChallengeRefused) => Cure::TryAgain,
        RetryClass::Enroll if purpose == Purpose::Renew => Cure::EnrolAgain,
        RetryClass::RefreshPolicy => Cure::RefreshPolicy,
        RetryClass::None
        | RetryClass::FreshToken
        | RetryClass::StrongerToken
        | RetryClass::Renew
        | RetryClass::Enroll
        | RetryClass::StepUp
        | RetryClass::Later => Cure::Rest,
    }
}

/// Whether the service signs with a key that the policy does not name yet.
const fn is_by_unknown_key(failure: &Failure) -> bool {
    matches!(
        failure,
        Failure::Response(ResponseError::Jws(JwsError::UnknownKey))
    )
}

const fn call_of(purpose: Purpose) -> Call {
    match purpose {
        Purpose::Enroll => Call::Enroll,
        Purpose::Renew => Call::Renew,
    }
}
