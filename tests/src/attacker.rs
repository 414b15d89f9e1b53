//! Someone who took the SDK apart: speaks the protocol without it, and holds every secret of a registration of their own. What
//! they make is valid until a test spoils it.

use attest_core::challenge::{Challenge, Purpose};
use attest_core::delivery::DeliveryShare;
use attest_core::device::{DeviceId, Platform};
use attest_core::encoding::base64url;
use attest_core::environment::Environment;
use attest_core::evidence::{EvidenceClaims, client_data_hash, digest_text};
use attest_core::finding::Findings;
use attest_core::jose::jwk::thumbprint;
use attest_core::jose::{Jwk, JwkSet, SigningKey, Unsigned};
use attest_core::response::{self, Expected, Session};
use attest_core::service::{
    ChallengeRequest, ChallengeResponse, EvidenceRequest, EvidenceResponse, PlatformEvidence,
};
use attest_core::token::claims::{TokenClaims, new_token_id};
use attest_core::token::{ATTESTATION_HEADER, PROOF_HEADER, SESSION_HEADER, proof, session};
use attest_mobile::{Headers, HttpReply};
use attest_testkit::client::HttpClient;
use attest_testkit::policy::ANDROID_APP;
use attest_testkit::world::World;
use ring::rand::SystemRandom;
use serde::Serialize;

use crate::request::{Request, header};

/// An attacker with a device key.
#[derive(Debug)]
pub struct Attacker {
    /// The key that a phone would keep in hardware.
    pub key: SigningKey,
    /// The way to the gateway.
    pub client: HttpClient,
    /// The gateway's public origin.
    pub origin: String,
    /// The app that it claims to be, and its platform.
    pub app: (&'static str, Platform),
    response_keys: JwkSet,
}

/// Evidence ready to be sent, and what its answer is opened with.
#[derive(Debug)]
pub struct Prepared {
    /// What is stated; may be changed before it is signed.
    pub claims: EvidenceClaims,
    /// The platform's part.
    pub platform: Option<PlatformEvidence>,
    /// A Play Integrity token beside it.
    pub play_integrity: Option<String>,
    share: DeliveryShare,
}

impl Prepared {
    /// What a platform has to sign for this evidence as it is now.
    #[must_use]
    pub fn client_data_hash(&self) -> [u8; 32] {
        let unsigned = self.claims.prepare().unwrap();
        client_data_hash(self.claims.purpose, unsigned.signing_input())
    }
}

impl Attacker {
    /// A new key in this world.
    #[must_use]
    pub fn new(world: &World) -> Self {
        let keys = world.server().gateway().issuer_keys().clone();
        Self::of(world.origin(), world.origin(), keys)
    }

    /// A new key at the gateway at `http://host:port`, whose public origin and response keys are these.
    #[must_use]
    pub fn of(gateway: &str, origin: &str, response_keys: JwkSet) -> Self {
        Self {
            key: SigningKey::generate(&SystemRandom::new()).unwrap(),
            client: HttpClient::new(gateway, "attacker/1").unwrap(),
            origin: origin.to_owned(),
            app: (ANDROID_APP, Platform::Android),
            response_keys,
        }
    }

    /// Calls the attestation service.
    pub async fn call<T: Serialize + Sync>(&self, name: &str, body: &T) -> HttpReply {
        let body = serde_json::to_vec(body).unwrap();
        let target = format!("/.attest/v1/{name}");
        self.client
            .app("POST", &target, &Headers::new(), &body)
            .await
            .unwrap()
    }

    /// Asks for a challenge.
    pub async fn ask(&self, purpose: Purpose, app: &str, device: Option<DeviceId>) -> HttpReply {
        self.call(
            "challenge",
            &ChallengeRequest {
                purpose,
                app: app.to_owned(),
                device,
            },
        )
        .await
    }

    /// A challenge for this purpose.
    pub async fn challenge(&self, device: Option<DeviceId>) -> String {
        let purpose = if device.is_some() {
            Purpose::Renew
        } else {
            Purpose::Enroll
        };
        let reply = self.ask(purpose, self.app.0, device).await;
        assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
        serde_json::from_slice::<ChallengeResponse>(&reply.body)
            .unwrap()
            .challenge
    }

    /// Evidence for a fresh challenge: a renewal if there is a device.
    pub async fn prepare(&self, device: Option<DeviceId>) -> Prepared {
        let share = DeliveryShare::generate(&SystemRandom::new()).unwrap();
        let claims = EvidenceClaims {
            purpose: if device.is_some() {
                Purpose::Renew
            } else {
                Purpose::Enroll
            },
            challenge: self.challenge(device).await,
            app: self.app.0.to_owned(),
            app_version: "4.2.0".to_owned(),
            platform: self.app.1,
            environment: Environment::Development,
            device,
            jwk: Jwk::p256(&self.key.public_point()),
            share: base64url(share.public()),
            policy_version: 1,
            findings: Findings::default(),
            iat: 0,
        };
        Prepared {
            claims,
            platform: device.is_none().then_some(PlatformEvidence::Software {}),
            play_integrity: None,
            share,
        }
    }

    /// Signs with the device key.
    #[must_use]
    pub fn sign(&self, unsigned: Unsigned) -> String {
        let signature = self
            .key
            .sign(unsigned.signing_input(), &SystemRandom::new())
            .unwrap();
        unsigned.attach(&signature)
    }

    /// The body of a call with this evidence.
    #[must_use]
    pub fn evidence(&self, prepared: &Prepared) -> EvidenceRequest {
        let evidence = self.sign(prepared.claims.prepare().unwrap());
        EvidenceRequest {
            evidence,
            platform: prepared.platform.clone(),
            play_integrity: prepared.play_integrity.clone(),
        }
    }

    /// Presents evidence at the call that its purpose names.
    pub async fn present(&self, prepared: &Prepared) -> HttpReply {
        self.call(call_of(prepared), &self.evidence(prepared)).await
    }

    /// A session for this key: enrolled, or renewed if there is a device.
    pub async fn session(&self, device: Option<DeviceId>) -> Session {
        let prepared = self.prepare(device).await;
        let request = self.evidence(&prepared);
        let reply = self.call(call_of(&prepared), &request).await;
        assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
        self.open(prepared, &request, &reply)
    }

    /// The session in the answer to evidence.
    #[must_use]
    pub fn open(&self, prepared: Prepared, request: &EvidenceRequest, reply: &HttpReply) -> Session {
        let answer: EvidenceResponse = serde_json::from_slice(&reply.body).unwrap();
        let expected = Expected {
            evidence_digest: &digest_text(&request.evidence),
            challenge: &Challenge::parse(&prepared.claims.challenge).unwrap(),
            device_thumbprint: &thumbprint(&self.key.public_point()),
            response_keys: &self.response_keys,
        };
        response::open(&answer.response, prepared.share, &expected).unwrap()
    }

    /// Claims of an honest token for this request.
    #[must_use]
    pub fn claims(&self, request: &Request, now_s: u64) -> TokenClaims {
        TokenClaims {
            aud: self.origin.clone(),
            iat: now_s,
            exp: Some(now_s + 60),
            nbf: None,
            jti: new_token_id(&SystemRandom::new()).unwrap(),
            policy_version: 1,
            findings: Findings::default(),
            binding: request.binding(&self.origin),
        }
    }

    /// The headers of a session token with these claims.
    #[must_use]
    pub fn session_token(&self, session: &Session, claims: &TokenClaims) -> Headers {
        vec![header(
            SESSION_HEADER,
            &session::mint(session.ticket.reveal(), &session.key, claims).unwrap(),
        )]
    }

    /// The headers of a proof token with these claims.
    #[must_use]
    pub fn proof_token(&self, session: &Session, claims: &TokenClaims) -> Headers {
        vec![
            header(ATTESTATION_HEADER, session.attestation.reveal()),
            header(PROOF_HEADER, &self.sign(proof::prepare(claims).unwrap())),
        ]
    }
}

const fn call_of(prepared: &Prepared) -> &'static str {
    match prepared.claims.purpose {
        Purpose::Enroll => "enroll",
        Purpose::Renew => "renew",
    }
}
