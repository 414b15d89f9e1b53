//! Enrolment and renewal: challenge, evidence, answer, session. Evidence is spoiled on its way to the service, the answer on
//! its way to the phone.

use attest_core::challenge::{Challenge, ChallengeKey, ChallengeScope, Purpose};
use attest_core::device::DeviceId;
use attest_core::encoding::{base64url, sha256_base64url};
use attest_core::environment::Environment;
use attest_core::evidence::EvidenceClaims;
use attest_core::fleet::FleetSecret;
use attest_core::jose::{Jwk, JwkSet};
use attest_core::response::ResponseClaims;
use attest_core::token::{TimeBounds, session};

use super::world::{
    APP, NOW, Outcome, Payment, Pending, Phone, RNG, Service, enrolled, minted, new_key, sign,
};

/// A registration that nobody has.
const OTHER: DeviceId = DeviceId::from_bytes([9; 16]);

#[test]
fn a_phone_enrols_pays_and_renews() {
    let (service, phone) = (Service::new(), Phone::new());
    let first = enrolled(&service, &phone, NOW);
    assert_eq!((first.server_time_s, first.expires_at_s), (NOW, NOW + 900));
    assert_eq!(
        (first.renew_after_s, first.enroll_after_s, first.policy_version),
        (600, 604_800, 12)
    );

    let later = NOW + 600;
    let pending = Pending::new(&service, &phone, Some(first.device), later);
    let answer = service.answer(&pending.evidence, later).unwrap();
    let second = pending.open(&service.respond(&answer), &service.keys()).unwrap();
    assert_eq!(second.device, first.device, "a renewal keeps the registration");
    assert_ne!(second.ticket.reveal(), first.ticket.reveal());
    assert_ne!(
        second.key.tag(b"x"),
        first.key.tag(b"x"),
        "a renewal has a new session key"
    );

    // Both sessions live side by side until they end; a token of one never passes under the other's ticket.
    let request = Payment::new();
    for (session, now_s) in [(&first, later), (&second, later), (&second, NOW + 1499)] {
        let token = minted(session, &request.claims(now_s));
        let verified = session::verify(&token, &mut service.tickets(), TimeBounds::default(), now_s).unwrap();
        assert_eq!(verified.result().device, session.device);
        assert_eq!(verified.result().findings, phone.findings);
        assert!(request.received(|received| verified.bind(received)).is_ok());
    }
}

/// Evidence on its way to the service.
struct Presented {
    service: Service,
    phone: Phone,
    claims: EvidenceClaims,
    now_s: u64,
}

impl Presented {
    fn answer_to(&mut self, challenge: Challenge) {
        self.claims.challenge = challenge.to_text();
    }

    /// Answers a challenge that was issued for something else.
    fn challenged(&mut self, change: impl FnOnce(&mut ChallengeScope<'_>)) {
        let mut scope = ChallengeScope {
            purpose: Purpose::Enroll,
            app: APP,
            environment: Environment::Development,
            device: None,
        };
        change(&mut scope);
        let challenge = ChallengeKey::new(&self.service.fleet)
            .issue(scope, NOW, &*RNG)
            .unwrap();
        self.answer_to(challenge);
    }
}

type SpoilEvidence = (&'static str, fn(&mut Presented), Outcome);

#[test]
fn evidence_is_refused_by_reason() {
    let spoils: &[SpoilEvidence] = &[
        ("nothing spoiled", |_| {}, Ok(())),
        (
            "the last second of the challenge",
            |p| p.now_s = NOW + 120,
            Ok(()),
        ),
        (
            "an old challenge",
            |p| p.now_s = NOW + 121,
            Err("challenge-expired"),
        ),
        (
            "a challenge of the future",
            |p| p.now_s = NOW - 61,
            Err("challenge-expired"),
        ),
        (
            "a challenge of nobody",
            |p| p.claims.challenge = "A".repeat(43),
            Err("challenge-foreign"),
        ),
        (
            "a challenge of another fleet",
            |p| {
                p.service.fleet = FleetSecret::new([1; 32]);
            },
            Err("challenge-foreign"),
        ),
        (
            "a challenge for another app",
            |p| p.challenged(|scope| scope.app = "com.example.other"),
            Err("challenge-foreign"),
        ),
        (
            "a challenge for renewal",
            |p| p.challenged(|scope| scope.purpose = Purpose::Renew),
            Err("challenge-foreign"),
        ),
        (
            "a challenge of production",
            |p| {
                p.challenged(|scope| scope.environment = Environment::Production);
            },
            Err("challenge-foreign"),
        ),
        (
            "a challenge for a device",
            |p| {
                p.challenged(|scope| scope.device = Some(&OTHER));
            },
            Err("challenge-foreign"),
        ),
        (
            "a challenge that is none",
            |p| p.claims.challenge = "AAAA".to_owned(),
            Err("evidence-claims"),
        ),
        (
            "another app",
            |p| p.claims.app = "com.example.other".to_owned(),
            Err("challenge-foreign"),
        ),
        ("no app", |p| p.claims.app.clear(), Err("evidence-claims")),
        (
            "an endless app",
            |p| p.claims.app = "a".repeat(129),
            Err("evidence-claims"),
        ),
        (
            "no version",
            |p| p.claims.app_version.clear(),
            Err("evidence-claims"),
        ),
        (
            "an endless version",
            |p| p.claims.app_version = "1".repeat(129),
            Err("evidence-claims"),
        ),
        (
            "a renewal without device",
            |p| p.claims.purpose = Purpose::Renew,
            Err("evidence-claims"),
        ),
        (
            "an enrolment with device",
            |p| {
                p.claims.device = Some(OTHER);
            },
            Err("evidence-claims"),
        ),
        (
            "findings that are no ids",
            |p| p.claims.findings.hit = vec!["A b".to_owned()],
            Err("evidence-claims"),
        ),
        (
            "too many findings",
            |p| p.claims.findings.hit = vec!["a".to_owned(); 65],
            Err("evidence-claims"),
        ),
        ("no share", |p| p.claims.share.clear(), Err("evidence-claims")),
        (
            "a share off the curve",
            |p| p.claims.share = base64url([4; 65]),
            Err("delivery"),
        ),
        (
            "a compressed share",
            |p| p.claims.share = base64url([2; 33]),
            Err("evidence-claims"),
        ),
        (
            "the key of another phone",
            |p| {
                p.claims.jwk = Jwk::p256(&new_key().public_point());
            },
            Err("token-signature"),
        ),
        (
            "a key off the curve",
            |p| p.claims.jwk = Jwk::p256(&[4; 65]),
            Err("token-signature"),
        ),
        (
            "a key for encryption",
            |p| p.claims.jwk.key_use = Some("enc".to_owned()),
            Err("evidence-claims"),
        ),
        (
            "a key that may not verify",
            |p| p.claims.jwk.key_ops = Some(vec!["sign".to_owned()]),
            Err("evidence-claims"),
        ),
        (
            "a key of another algorithm",
            |p| p.claims.jwk.alg = Some("ES384".to_owned()),
            Err("evidence-claims"),
        ),
        (
            "a key of another curve",
            |p| p.claims.jwk.crv = Some("P-384".to_owned()),
            Err("evidence-claims"),
        ),
        (
            "a key of another type",
            |p| p.claims.jwk.kty = "RSA".to_owned(),
            Err("evidence-claims"),
        ),
    ];
    for (what, spoil, expect) in spoils {
        let (service, phone) = (Service::new(), Phone::new());
        let challenge = service.challenge(Purpose::Enroll, None, NOW);
        let (claims, _share) = phone.evidence(&challenge, None, NOW);
        let mut presented = Presented {
            service,
            phone,
            claims,
            now_s: NOW,
        };
        spoil(&mut presented);
        let evidence = sign(presented.claims.prepare().unwrap(), &presented.phone.key);
        let outcome = presented.service.answer(&evidence, presented.now_s).map(|_| ());
        assert_eq!(outcome, *expect, "{what}");
    }
}

#[test]
fn a_renewal_is_bound_to_its_registration() {
    let (service, phone) = (Service::new(), Phone::new());
    let session = enrolled(&service, &phone, NOW);
    let check = |challenged: DeviceId, stated: DeviceId, expect: Outcome| {
        let challenge = service.challenge(Purpose::Renew, Some(&challenged), NOW);
        let (claims, _share) = phone.evidence(&challenge, Some(stated), NOW);
        let evidence = sign(claims.prepare().unwrap(), &phone.key);
        assert_eq!(service.answer(&evidence, NOW).map(|_| ()), expect);
    };
    check(session.device, session.device, Ok(()));
    check(session.device, OTHER, Err("challenge-foreign"));
    check(OTHER, session.device, Err("challenge-foreign"));
}

/// The answer on its way to the phone that asked.
struct Answered {
    service: Service,
    phone: Phone,
    pending: Pending,
    claims: ResponseClaims,
    keys: JwkSet,
}

impl Answered {
    /// The answer to a second, equally honest enrolment of `phone`.
    fn answer_to(&self, phone: &Phone) -> ResponseClaims {
        let pending = Pending::new(&self.service, phone, None, NOW);
        self.service.answer(&pending.evidence, NOW).unwrap()
    }
}

type SpoilAnswer = (&'static str, fn(&mut Answered), Outcome);

#[test]
fn a_phone_takes_only_the_answer_to_its_own_evidence() {
    let spoils: &[SpoilAnswer] = &[
        ("nothing spoiled", |_| {}, Ok(())),
        (
            "the answer to another phone",
            |a| a.claims = a.answer_to(&Phone::new()),
            Err("response-mismatch"),
        ),
        (
            "an earlier answer to this phone",
            |a| a.claims = a.answer_to(&a.phone),
            Err("response-mismatch"),
        ),
        (
            "the digest of other evidence",
            |a| {
                a.claims.evidence_digest = sha256_base64url(b"other");
            },
            Err("response-mismatch"),
        ),
        (
            "another device's thumbprint",
            |a| {
                a.claims.device_thumbprint = Phone::new().thumbprint();
            },
            Err("response-mismatch"),
        ),
        (
            "another session's ticket",
            |a| a.claims.ticket = a.answer_to(&a.phone).ticket,
            Err("response-mismatch"),
        ),
        (
            "another session's key",
            |a| {
                let other = a.answer_to(&a.phone);
                (a.claims.share, a.claims.sealed) = (other.share, other.sealed);
            },
            Err("response-delivery"),
        ),
        (
            "another session's sealed key",
            |a| a.claims.sealed = a.answer_to(&a.phone).sealed,
            Err("response-delivery"),
        ),
        (
            "another session's share",
            |a| a.claims.share = a.answer_to(&a.phone).share,
            Err("response-delivery"),
        ),
        (
            "a share off the curve",
            |a| a.claims.share = base64url([4; 65]),
            Err("response-delivery"),
        ),
        (
            "a share that is none",
            |a| a.claims.share = "AAAA".to_owned(),
            Err("token-base64"),
        ),
        (
            "a sealed key cut short",
            |a| a.claims.sealed.truncate(40),
            Err("response-delivery"),
        ),
        (
            "no sealed key",
            |a| a.claims.sealed.clear(),
            Err("response-delivery"),
        ),
        (
            "a sealed key in two spellings",
            |a| a.claims.sealed.push('='),
            Err("token-base64"),
        ),
        (
            "another challenge",
            |a| {
                a.pending.challenge = a.service.challenge(Purpose::Enroll, None, NOW);
            },
            Err("response-delivery"),
        ),
        (
            "a key that the device policy does not list",
            |a| a.service.key = new_key(),
            Err("token-key-unknown"),
        ),
        (
            "a listed key id with another key",
            |a| {
                a.keys.keys[0] = Jwk {
                    kid: Some(a.service.kid()),
                    ..Jwk::published(&new_key().public_point())
                };
            },
            Err("token-signature"),
        ),
        (
            "a listed key that may only encrypt",
            |a| {
                a.keys.keys[0].key_use = Some("enc".to_owned());
            },
            Err("token-key-unknown"),
        ),
        ("no listed key", |a| a.keys.keys.clear(), Err("token-key-unknown")),
        (
            "a second listed key",
            |a| a.keys.keys.insert(0, Jwk::published(&new_key().public_point())),
            Ok(()),
        ),
    ];
    for (what, spoil, expect) in spoils {
        let (service, phone) = (Service::new(), Phone::new());
        let pending = Pending::new(&service, &phone, None, NOW);
        let mut answered = Answered {
            claims: service.answer(&pending.evidence, NOW).unwrap(),
            keys: service.keys(),
            service,
            phone,
            pending,
        };
        spoil(&mut answered);
        let response = answered.service.respond(&answered.claims);
        let outcome = answered.pending.open(&response, &answered.keys).map(|_| ());
        assert_eq!(outcome, *expect, "{what}");
    }
}

/// Whoever sees every byte of an enrolment, but has neither the phone's share nor the fleet secret, has no session key.
#[test]
fn an_eavesdropper_cannot_mint() {
    use attest_core::encoding::from_base64url;
    use attest_core::jose::MacKey;
    let (service, phone) = (Service::new(), Phone::new());
    let pending = Pending::new(&service, &phone, None, NOW);
    let claims = service.answer(&pending.evidence, NOW).unwrap();
    let candidates = [
        &claims.sealed,
        &claims.share,
        &claims.ticket,
        &claims.evidence_digest,
    ];
    for candidate in candidates {
        let bytes = from_base64url(candidate).unwrap();
        for secret in bytes.windows(32) {
            let token =
                session::mint(&claims.ticket, &MacKey::new(secret), &Payment::new().claims(NOW)).unwrap();
            assert!(session::verify(&token, &mut service.tickets(), TimeBounds::default(), NOW).is_err());
        }
    }
}
