//! A snapshot of everything that travels. A change here is a change of the wire format: phones and backends in the field
//! read the old one.

use attest_core::appraisal::{
    AppleClaims, AppraisalResult, AttestedPackages, PatchLevel, PlatformClaims, PlayClaims, Verdict, Verdicts,
};
use attest_core::attestation;
use attest_core::challenge::{Challenge, Purpose};
use attest_core::device::{
    BootState, DeviceId, EvidenceClass, KeyLevel, KeyProvisioning, Platform, TokenKind,
};
use attest_core::encoding::base64url;
use attest_core::environment::Environment;
use attest_core::evidence::{self, EvidenceClaims};
use attest_core::finding::Findings;
use attest_core::jose::{Jwk, JwkSet, MacKey, Unsigned};
use attest_core::problem::{
    MEDIA_TYPE, MissingStrength, Problem, ProblemCode, StepUpKind, StepUpRequest, TYPE_PREFIX,
};
use attest_core::response::{self, ResponseClaims};
use attest_core::service::{
    ChallengeRequest, ChallengeResponse, EvidenceRequest, EvidenceResponse, PlatformEvidence, PolicyBundle,
};
use attest_core::step_up::{self, STEP_UP_HEADER, StepUpClaims};
use attest_core::token::assertion::{
    ASSERTION_HEADER, AssertedDecision, AssertedFinding, AssertedRequest, AssertedShadow, AssertionClaims,
};
use attest_core::token::binding::{Bind, BindingClaims, OutgoingRequest};
use attest_core::token::claims::TokenClaims;
use attest_core::token::{ATTESTATION_HEADER, PROOF_HEADER, SESSION_HEADER, proof, session};
use insta::assert_snapshot;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::raw::RawJws;
use super::world::{APP, NOW, ORIGIN};

const DEVICE: DeviceId = DeviceId::from_bytes([7; 16]);

/// The public key of RFC 7515 appendix A.3.
fn point() -> [u8; 65] {
    let text = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
    Jwk::parse(text.as_bytes()).unwrap().point().unwrap()
}

fn findings() -> Findings {
    Findings {
        evaluated: "AAAAAAAAAAAAAAAAAAAAAA".to_owned(),
        hit: vec!["clone.data-dir".to_owned()],
        inconclusive: vec!["root.mounts".to_owned()],
        inconclusive_more: 3,
    }
}

fn result() -> AppraisalResult {
    AppraisalResult {
        environment: Environment::Production,
        audience: ORIGIN.to_owned(),
        app: APP.to_owned(),
        app_version: "4.2.0".to_owned(),
        platform: Platform::Android,
        device: DEVICE,
        generation: 1,
        key_level: KeyLevel::StrongBox,
        evidence_class: EvidenceClass::AndroidKey,
        platform_claims: platform_claims(),
        evidence_at_s: NOW - 86_400,
        enrolled_at_s: NOW - 864_000,
        policy_version: 12,
        findings: findings(),
        issued_at_s: NOW,
        expires_at_s: NOW + 900,
    }
}

fn platform_claims() -> PlatformClaims {
    PlatformClaims {
        attested_packages: AttestedPackages::new([APP]),
        app_version_code: Some(40_200),
        provisioning: Some(KeyProvisioning::Rkp),
        boot_state: Some(BootState::Verified),
        boot_locked: Some(true),
        os_version: Some(160_000),
        os_patch: PatchLevel::from_attested(202_610),
        vendor_patch: PatchLevel::from_attested(20_261_005),
        boot_patch: PatchLevel::from_attested(20_261_005),
        certificate_devices: Some(1),
        play: Some(Box::new(PlayClaims {
            device: Verdicts::new(["MEETS_BASIC_INTEGRITY", "MEETS_DEVICE_INTEGRITY"]),
            app: Some(Verdict::new("PLAY_RECOGNIZED")),
            licensing: Some(Verdict::new("LICENSED")),
            protect: Some(Verdict::new("NO_ISSUES")),
            apps_detected: Verdicts::new(["KNOWN_INSTALLED"]),
        })),
        apple: Some(Box::new(AppleClaims::new(Some(4), Some("420")))),
    }
}

fn token_claims() -> TokenClaims {
    let request = OutgoingRequest {
        method: "POST",
        origin: ORIGIN,
        path: "/v1/payments",
        query: Some("reference=7"),
        body: br#"{"amount":1}"#,
        authorization: Some("Bearer abc"),
    };
    TokenClaims {
        aud: ORIGIN.to_owned(),
        iat: NOW,
        exp: Some(NOW + 60),
        nbf: None,
        jti: base64url([1; 16]),
        policy_version: 12,
        findings: findings(),
        binding: BindingClaims::of(&request, &[Bind::Query, Bind::Body, Bind::Authorization]).unwrap(),
    }
}

/// Header and payload of a JWS as the texts that are signed.
fn signed_text(unsigned: &Unsigned) -> String {
    let raw = RawJws::read(&format!(
        "{}.",
        std::str::from_utf8(unsigned.signing_input()).unwrap()
    ));
    format!("{}\n{}", raw.header, raw.payload)
}

/// A value as it is written, which must read back to it.
fn json<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) -> String {
    let text = serde_json::to_string(value).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&text).unwrap(), value);
    text
}

#[test]
fn session_token() {
    let token = session::mint("ticket", &MacKey::new(&[5; 32]), &token_claims()).unwrap();
    let raw = RawJws::read(&token);
    assert_snapshot!(
        "session_token",
        format!("{}\n{}\n\n{token}", raw.header, raw.payload)
    );
    assert_snapshot!("token_claims", json(&token_claims()));
}

/// Nothing that is absent or zero is written.
#[test]
fn the_smallest_token_claims() {
    let claims = TokenClaims {
        exp: None,
        findings: Findings::default(),
        binding: BindingClaims::default(),
        ..token_claims()
    };
    assert_snapshot!("token_claims_smallest", json(&claims));
}

#[test]
fn proof_token() {
    assert_snapshot!(
        "proof_of_possession",
        signed_text(&proof::prepare(&token_claims()).unwrap())
    );
}

#[test]
fn attestation() {
    let unsigned = attestation::prepare("https://attest.bank.example", "kid", &point(), &result()).unwrap();
    assert_snapshot!("attestation", signed_text(&unsigned));
    assert_snapshot!("appraisal_result", json(&result()));
}

#[test]
fn assertion() {
    let claims = AssertionClaims {
        iss: ORIGIN.to_owned(),
        aud: "payments".to_owned(),
        sub: "pseudonym".to_owned(),
        iat: NOW,
        exp: NOW + 60,
        jti: base64url([1; 16]),
        app: APP.to_owned(),
        decision: AssertedDecision::Allow,
        findings: vec![AssertedFinding {
            id: "clone.data-dir".to_owned(),
            source: "ticket".to_owned(),
        }],
        shadow: vec![AssertedShadow {
            rule: "no-cloners".to_owned(),
            decision: "deny".to_owned(),
        }],
        key_level: KeyLevel::StrongBox,
        evidence_class: EvidenceClass::AndroidKey,
        policy_version: 12,
        request: Some(AssertedRequest {
            method: "POST".to_owned(),
            target: "/v1/payments?reference=7".to_owned(),
            jti: base64url([2; 16]),
        }),
    };
    assert_snapshot!("assertion", signed_text(&claims.prepare("kid").unwrap()));
    let smallest = AssertionClaims {
        findings: Vec::new(),
        shadow: Vec::new(),
        request: None,
        ..claims
    };
    assert_snapshot!("assertion_claims_smallest", json(&smallest));
    assert_eq!(ASSERTION_HEADER, "attest-assertion");
}

#[test]
fn evidence() {
    let claims = EvidenceClaims {
        purpose: Purpose::Renew,
        challenge: Challenge::parse(&base64url([3; 32])).unwrap().to_text(),
        app: APP.to_owned(),
        app_version: "4.2.0".to_owned(),
        platform: Platform::Ios,
        environment: Environment::Development,
        device: Some(DEVICE),
        jwk: Jwk::p256(&point()),
        share: base64url(point()),
        policy_version: 12,
        findings: findings(),
        iat: NOW,
    };
    assert_snapshot!("evidence", signed_text(&claims.prepare().unwrap()));
    let enrolment = EvidenceClaims {
        purpose: Purpose::Enroll,
        device: None,
        ..claims
    };
    assert_snapshot!("evidence_claims_enrolment", json(&enrolment));
}

#[test]
fn response() {
    let claims = ResponseClaims {
        evidence_digest: base64url([1; 32]),
        device_thumbprint: base64url([2; 32]),
        ticket_digest: base64url([3; 32]),
        iat: NOW,
        exp: NOW + 900,
        renew_after_s: 600,
        enroll_after_s: 604_800,
        device: DEVICE,
        audience: ORIGIN.to_owned(),
        policy_version: 12,
        ticket: "ticket".to_owned(),
        share: base64url(point()),
        sealed: base64url([4; 48]),
        attestation: "a.b.c".to_owned(),
    };
    json(&claims);
    assert_snapshot!("response", signed_text(&claims.prepare("kid").unwrap()));
}

#[test]
fn step_up() {
    let claims = StepUpClaims {
        iss: "https://bank.example".to_owned(),
        aud: ORIGIN.to_owned(),
        sub: "pseudonym".to_owned(),
        step_up: base64url([5; 32]),
        iat: NOW,
        exp: NOW + 300,
    };
    json(&claims);
    assert_snapshot!("step_up", signed_text(&claims.prepare("kid").unwrap()));
}

#[test]
fn policy_bundle() {
    let bundle = PolicyBundle {
        roots: vec!["{\"signed\":{}}".to_owned()],
        more: true,
        timestamp: "t".to_owned(),
        snapshot: "s".to_owned(),
        targets: "x".to_owned(),
        delegated: [("role".to_owned(), "d".to_owned())].into(),
        artifacts: [("device.json".to_owned(), "{}".to_owned())].into(),
    };
    assert_snapshot!("bundle_answer", json(&bundle));
}

#[test]
fn keys() {
    let set = JwkSet {
        keys: vec![Jwk::published(&point())],
    };
    assert_snapshot!("jwk", json(&Jwk::p256(&point())));
    assert_snapshot!("jwks", json(&set));
}

#[test]
fn calls() {
    let enrolment = ChallengeRequest {
        purpose: Purpose::Enroll,
        app: APP.to_owned(),
        device: None,
    };
    let renewal = ChallengeRequest {
        purpose: Purpose::Renew,
        device: Some(DEVICE),
        ..enrolment.clone()
    };
    assert_snapshot!("challenge_request", [json(&enrolment), json(&renewal)].join("\n"));
    assert_snapshot!(
        "challenge_response",
        json(&ChallengeResponse {
            challenge: base64url([3; 32]),
            expires_in_s: 120,
        })
    );
    let platforms = [
        None,
        Some(PlatformEvidence::Software {}),
        Some(PlatformEvidence::AndroidKey {
            chain: vec!["MIIB".to_owned(), "MIIC".to_owned()],
        }),
        Some(PlatformEvidence::AppAttest {
            object: "o2Nm".to_owned(),
            key_id: "a2V5".to_owned(),
        }),
        Some(PlatformEvidence::AppAttestAssertion {
            object: "omlz".to_owned(),
        }),
    ];
    let requests = platforms.map(|platform| {
        json(&EvidenceRequest {
            evidence: "a.b.c".to_owned(),
            play_integrity: platform.is_none().then(|| "e.y.J".to_owned()),
            platform,
        })
    });
    assert_snapshot!("evidence_request", requests.join("\n"));
    assert_snapshot!(
        "evidence_response",
        json(&EvidenceResponse {
            response: "a.b.c".to_owned()
        })
    );
}

/// Calls are read strictly: an unknown member is a misunderstanding.
#[test]
fn calls_refuse_unknown_members() {
    let refused = |text: &str| {
        assert!(serde_json::from_str::<ChallengeRequest>(text).is_err(), "{text}");
        assert!(serde_json::from_str::<EvidenceRequest>(text).is_err(), "{text}");
    };
    refused(r#"{"purpose":"enroll","app":"a","nonsense":1}"#);
    refused(r#"{"purpose":"enrol","app":"a"}"#);
    refused(r#"{"evidence":"a.b.c","nonsense":1}"#);
    refused(r#"{"evidence":"a.b.c","platform":{"software":{},"android_key":{"chain":[]}}}"#);
    refused(r#"{"evidence":"a.b.c","platform":{"software":{"trust":true}}}"#);
    refused(r#"{"evidence":"a.b.c","platform":{"magic":{}}}"#);
}

fn problem(code: ProblemCode) -> Problem {
    Problem {
        type_uri: format!("{TYPE_PREFIX}{}", code.as_str()),
        title: "A sentence for people.".to_owned(),
        status: 401,
        retry: code.retry(),
        support: "0".repeat(16),
        missing: None,
        step_up: None,
        retry_after_s: None,
    }
}

#[test]
fn problems() {
    let too_weak = Problem {
        missing: Some(MissingStrength {
            token: TokenKind::Proof,
            bind: vec![Bind::Query, Bind::Body, Bind::Authorization],
        }),
        ..problem(ProblemCode::TokenTooWeak)
    };
    let step_up = |kind, issuer: Option<&str>| Problem {
        status: 403,
        step_up: Some(StepUpRequest {
            id: base64url([5; 32]),
            kind,
            issuer: issuer.map(str::to_owned),
        }),
        ..problem(ProblemCode::StepUpRequired)
    };
    let later = Problem {
        status: 503,
        retry_after_s: Some(5),
        ..problem(ProblemCode::Overloaded)
    };
    let all = [
        problem(ProblemCode::TokenMissing),
        too_weak,
        step_up(StepUpKind::User, Some("otp")),
        step_up(StepUpKind::Proof, None),
        later,
    ];
    for problem in &all {
        assert!(problem.code().is_some());
    }
    assert_snapshot!(
        "problems",
        all.map(|problem| json(&problem)).join(
            "
"
        )
    );
}

#[test]
fn names() {
    let names = [
        ("session header", SESSION_HEADER),
        ("attestation header", ATTESTATION_HEADER),
        ("proof header", PROOF_HEADER),
        ("step-up header", STEP_UP_HEADER),
        ("session type", session::TYP),
        ("attestation type", attestation::TYP),
        ("proof type", proof::TYP),
        ("evidence type", evidence::TYP),
        ("response type", response::TYP),
        ("step-up type", step_up::TYP),
        ("problem type", TYPE_PREFIX),
        ("problem media type", MEDIA_TYPE),
    ];
    assert_snapshot!(
        "names",
        names.map(|(what, name)| format!("{what}: {name}")).join("\n")
    );
    let words = [
        [
            KeyLevel::Software,
            KeyLevel::AppBound,
            KeyLevel::Hardware,
            KeyLevel::StrongBox,
        ]
        .map(|level| format!("{} {level}", level.to_byte()))
        .join(", "),
        [
            EvidenceClass::Software,
            EvidenceClass::AndroidKey,
            EvidenceClass::AppAttest,
        ]
        .map(|class| format!("{} {class}", class.to_byte()))
        .join(", "),
        [Platform::Android, Platform::Ios]
            .map(|platform| format!("{} {platform}", platform.to_byte()))
            .join(", "),
        [Environment::Development, Environment::Production]
            .map(|environment| format!("{} {environment}", environment.to_byte()))
            .join(", "),
    ];
    assert_snapshot!("words", words.join("\n"));
}
