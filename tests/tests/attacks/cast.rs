//! The attackers of the token tables, and the honest parts that they spoil.

use attest_core::appraisal::AppraisalResult;
use attest_core::device::{EvidenceClass, KeyLevel, Platform};
use attest_core::environment::Environment;
use attest_core::finding::Findings;
use attest_core::problem::ProblemCode as Code;
use attest_core::response::Session;
use attest_core::token::SESSION_HEADER;
use attest_mobile::Headers;
use attest_tests::attacker::Attacker;
use attest_tests::raw_jws::RawJws;
use attest_tests::request::Request;
use attest_tests::scene::{START_S, Scene};
use serde_json::Value;

/// What is attacked, how, and the refusal: status, code, inner reason.
pub(crate) type Row = (&'static str, fn(&Cast) -> Headers, u16, Code, &'static str);

pub(crate) struct Cast {
    pub(crate) attacker: Attacker,
    pub(crate) session: Session,
    pub(crate) other: Attacker,
    pub(crate) others: Session,
}

impl Cast {
    pub(crate) async fn of(scene: &Scene) -> Self {
        let (attacker, other) = (scene.attacker(), scene.attacker());
        let (session, others) = (attacker.session(None).await, other.session(None).await);
        Self {
            attacker,
            session,
            other,
            others,
        }
    }

    /// A good session token for a login, in parts.
    pub(crate) fn token(&self) -> RawJws {
        RawJws::read(&self.whole())
    }

    pub(crate) fn whole(&self) -> String {
        let claims = self.attacker.claims(&Request::login(), START_S);
        value(
            &self.attacker.session_token(&self.session, &claims),
            SESSION_HEADER,
        )
    }

    /// Signed by the session's own key.
    pub(crate) fn own(&self, token: &RawJws) -> Headers {
        sent(token.mac(&self.session.key))
    }

    pub(crate) fn claim(&self, name: &str, value: impl Into<Value>) -> Headers {
        self.own(&self.token().claim(name, value))
    }

    pub(crate) fn head(&self, name: &str, value: impl Into<Value>) -> Headers {
        self.own(&self.token().header(name, value))
    }
}

pub(crate) fn value(headers: &Headers, name: &str) -> String {
    headers.iter().find(|(known, _)| known == name).unwrap().1.clone()
}

pub(crate) fn sent(token: impl Into<String>) -> Headers {
    vec![(SESSION_HEADER.to_owned(), token.into())]
}

/// What a gateway would conclude about this attacker, but for a better key.
pub(crate) fn genuine_result(cast: &Cast) -> AppraisalResult {
    AppraisalResult {
        environment: Environment::Development,
        audience: cast.attacker.origin.clone(),
        app: "bank-android".to_owned(),
        app_version: "4.2.0".to_owned(),
        platform: Platform::Android,
        device: cast.session.device,
        generation: 1,
        key_level: KeyLevel::Hardware,
        evidence_class: EvidenceClass::Software,
        platform_claims: attest_core::appraisal::PlatformClaims::default(),
        evidence_at_s: START_S,
        enrolled_at_s: START_S,
        policy_version: 1,
        findings: Findings::default(),
        issued_at_s: START_S,
        expires_at_s: START_S + 900,
    }
}
