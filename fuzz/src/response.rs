//! The service's answer on its way to a phone.

use attest_core::challenge::Challenge;
use attest_core::delivery::{DeliveryShare, deliver};
use attest_core::encoding::sha256_base64url;
use attest_core::redacted::Redacted;
use attest_core::response::{self, Expected, ResponseClaims, delivery_members};
use ring::rand::SystemRandom;

use crate::fixture::{NOW_S, ORIGIN, SESSION_KEY, changed, result, signer, ticket};

/// An answer opens exactly if no byte was changed, and then gives the session that the service sealed. The first three
/// bytes say which byte is changed and to what; what follows is put as text in place of the answer, and never opens.
pub fn response(data: &[u8]) -> bool {
    let Some((answer, phone)) = answered() else { return false };
    let Some((received, same)) = changed(&answer, data) else { return false };
    let opened = open(&received, phone);
    assert_eq!(opened.is_some(), same, "a changed answer opened, or ours did not");
    assert!(opened.is_none_or(|session| session.ticket.reveal() == ticket()), "another ticket");
    if let (Some(text), Ok(phone)) = (data.get(3..), DeliveryShare::generate(&SystemRandom::new())) {
        assert!(open(crate::text(text), phone).is_none(), "a foreign text opened");
    }
    same
}

const THUMBPRINT: &str = "thumbprint";
const CHALLENGE: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn answered() -> Option<(String, DeliveryShare)> {
    let rng = SystemRandom::new();
    let phone = DeliveryShare::generate(&rng).ok()?;
    let challenge = Challenge::parse(CHALLENGE).ok()?;
    let sealed = deliver(phone.public(), &challenge, THUMBPRINT, &Redacted::new(SESSION_KEY), &rng).ok()?;
    let (share, sealed) = delivery_members(&sealed);
    let claims = ResponseClaims {
        evidence_digest: sha256_base64url(b"evidence"),
        device_thumbprint: THUMBPRINT.to_owned(),
        ticket_digest: sha256_base64url(ticket().as_bytes()),
        iat: NOW_S,
        exp: NOW_S + 900,
        renew_after_s: 600,
        enroll_after_s: 604_800,
        device: result().device,
        audience: ORIGIN.to_owned(),
        policy_version: 12,
        ticket: ticket().to_owned(),
        share,
        sealed,
        attestation: "a.b.c".to_owned(),
    };
    let answer = signer().sign(claims.prepare(signer().kid()).ok()?)?;
    Some((answer, phone))
}

fn open(text: &str, phone: DeliveryShare) -> Option<response::Session> {
    let expected = Expected {
        evidence_digest: &sha256_base64url(b"evidence"),
        challenge: &Challenge::parse(CHALLENGE).ok()?,
        device_thumbprint: THUMBPRINT,
        response_keys: signer().keys(),
    };
    response::open(text, phone, &expected).ok()
}
