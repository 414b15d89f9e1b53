//! Every refusal's status and public text, in one file. Until a refusal becomes a response here it is data: a stable code, and
//! for the operator alone what stands behind it.
//!
//! Nothing here tells a client more than the code: route, rule, clause and fact travel only inside the support code.

use attest_core::problem::{
    MEDIA_TYPE, MissingStrength, Problem, ProblemCode, RetryClass, StepUpRequest, TYPE_PREFIX,
};
use attest_core::support_code::{Cause, NameHash, SupportCodes};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use ring::rand::SecureRandom;

use crate::decisions::Party;
use crate::guard::Reason;
use crate::upstream::ResponseBody;

/// Seconds that clients wait after `later` where nothing better is known.
const RETRY_AFTER_S: u32 = 5;
/// A scheme alone is allowed too, but Foundation on Linux ends the app's process over a challenge without a parameter.
const CHALLENGE: &str = "Attest realm=\"attest\"";

/// Why a request is refused.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The public code.
    pub code: ProblemCode,
    /// The inner reason, a stable kebab-case word that goes to log and support code.
    pub reason: &'static str,
    /// The route that matched.
    pub route: NameHash,
    /// The rule, clause, fact and value that decided.
    pub rule: Option<Box<RuleCause>>,
    /// What the client is told beyond the code.
    pub hint: Hint,
    /// Whom it concerns, where a verified token says so; for the operator only.
    pub party: Option<Box<Party>>,
}

/// The rule behind a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleCause {
    /// The rule's id.
    pub rule: NameHash,
    /// Preorder ordinal of the clause.
    pub clause: u16,
    /// The fact it asks.
    pub fact: NameHash,
    /// The value that mattered.
    pub value: NameHash,
}

/// What a refusal tells its client beyond the code.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Hint {
    /// Nothing.
    #[default]
    None,
    /// What the route needs.
    Missing(Box<MissingStrength>),
    /// What to complete.
    StepUp(Box<StepUpRequest>),
    /// How long to wait, seconds.
    RetryAfter(u32),
}

impl Refusal {
    /// A refusal outside any route.
    #[must_use]
    pub const fn new(code: ProblemCode, reason: &'static str) -> Self {
        Self {
            code,
            reason,
            route: NameHash::NONE,
            rule: None,
            hint: Hint::None,
            party: None,
        }
    }

    /// The same on a route.
    #[must_use]
    pub fn on_route(mut self, route: NameHash) -> Self {
        self.route = route;
        self
    }

    /// The same about this device.
    #[must_use]
    pub fn about(mut self, party: Party) -> Self {
        self.party = Some(Box::new(party));
        self
    }

    /// The same with something for the client.
    #[must_use]
    pub fn with_hint(mut self, hint: Hint) -> Self {
        self.hint = hint;
        self
    }

    /// What a support code carries of it.
    #[must_use]
    pub fn cause(&self, policy_version: u64, now_s: u64) -> Cause {
        let none = RuleCause {
            rule: NameHash::of(self.reason),
            clause: 0,
            fact: NameHash::NONE,
            value: NameHash::NONE,
        };
        let rule = self.rule.as_deref().unwrap_or(&none);
        Cause {
            code: self.code,
            route: self.route,
            rule: rule.rule,
            clause: rule.clause,
            fact: rule.fact,
            value: rule.value,
            policy_version,
            at_s: u32::try_from(now_s).unwrap_or(u32::MAX),
        }
    }

    /// The support code, sealed for the operator. Without randomness there is none; the refusal stands all the same.
    #[must_use]
    pub fn support(
        &self,
        codes: &SupportCodes,
        policy_version: u64,
        now_s: u64,
        rng: &dyn SecureRandom,
    ) -> String {
        codes
            .seal(&self.cause(policy_version, now_s), rng)
            .unwrap_or_default()
    }

    /// Status and problem document.
    fn problem(self, support: String) -> (StatusCode, Problem) {
        let (status, title) = words(self.code);
        let later = (self.code.retry() == RetryClass::Later).then_some(RETRY_AFTER_S);
        let (missing, step_up, retry_after_s) = match self.hint {
            Hint::None => (None, None, later),
            Hint::Missing(missing) => (Some(*missing), None, later),
            Hint::StepUp(step_up) => (None, Some(*step_up), later),
            Hint::RetryAfter(seconds) => (None, None, Some(seconds)),
        };
        let problem = Problem {
            type_uri: format!("{TYPE_PREFIX}{}", self.code.as_str()),
            title: title.to_owned(),
            status: status.as_u16(),
            retry: self.code.retry(),
            support,
            missing,
            step_up,
            retry_after_s,
        };
        (status, problem)
    }

    /// The response, with its [`Self::support`] code.
    #[must_use]
    pub fn into_response(self, support: String) -> Response<ResponseBody> {
        let code = self.code;
        let (status, problem) = self.problem(support);
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = Response::new(ResponseBody::full(Bytes::from(body)));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE));
        }
        if let Some(seconds) = problem.retry_after_s {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if closes(code) {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    /// The status alone, for a server that has nothing to make the rest with.
    #[must_use]
    pub fn into_bare_response(self) -> Response<ResponseBody> {
        let mut response = Response::new(ResponseBody::Empty);
        *response.status_mut() = words(self.code).0;
        response
    }
}

/// The refusal of a request that the guard did not let through.
#[must_use]
pub const fn unreadable(reason: Reason) -> Refusal {
    let code = match reason {
        Reason::HeadBeyondBound | Reason::FieldsBeyondBound | Reason::TrailersBeyondBound => {
            ProblemCode::HeadTooLarge
        }
        Reason::HeadTimeout => ProblemCode::HeadTimeout,
        Reason::TargetForm | Reason::TargetDisagrees => ProblemCode::TargetAmbiguous,
        Reason::HostMissing
        | Reason::HostNotSingle
        | Reason::HostMalformed
        | Reason::LengthNotSingle
        | Reason::LengthBesideCoding
        | Reason::CodingNotSingle
        | Reason::CodingNotChunked
        | Reason::CodingInOldVersion
        | Reason::TrailerRefused => ProblemCode::HeaderAmbiguous,
        Reason::LeadingLine
        | Reason::LineNotCrlf
        | Reason::PrefaceBroken
        | Reason::RequestLine
        | Reason::Method
        | Reason::Version
        | Reason::TargetBytes
        | Reason::FieldFolded
        | Reason::FieldSpaceBeforeColon
        | Reason::FieldName
        | Reason::FieldValue
        | Reason::LengthMalformed
        | Reason::ChunkSize
        | Reason::ChunkExtension
        | Reason::ChunkNotCrlf => ProblemCode::RequestMalformed,
    };
    Refusal::new(code, reason.code())
}

/// Requests whose framing cannot be trusted, or whose body was not read, end their connection.
const fn closes(code: ProblemCode) -> bool {
    matches!(
        code,
        ProblemCode::RequestMalformed
            | ProblemCode::HeaderAmbiguous
            | ProblemCode::BodyTooLarge
            | ProblemCode::BodyTimeout
            | ProblemCode::StreamingRefused
    )
}

/// Status and public text of each code.
#[expect(clippy::too_many_lines, reason = "a table with a row for each code")]
const fn words(code: ProblemCode) -> (StatusCode, &'static str) {
    use ProblemCode as Code;
    match code {
        Code::TokenMissing => (StatusCode::UNAUTHORIZED, "This request needs an app token."),
        Code::TokenMalformed => (StatusCode::UNAUTHORIZED, "The app token is not well formed."),
        Code::TokenDuplicate => (
            StatusCode::UNAUTHORIZED,
            "The request carries more than one app token.",
        ),
        Code::TokenSignature => (StatusCode::UNAUTHORIZED, "The app token does not verify."),
        Code::TokenTime => (
            StatusCode::UNAUTHORIZED,
            "The app token is not valid at this time.",
        ),
        Code::TokenAudience => (
            StatusCode::UNAUTHORIZED,
            "The app token is meant for another service.",
        ),
        Code::TokenBinding => (
            StatusCode::UNAUTHORIZED,
            "The app token belongs to another request.",
        ),
        Code::TokenReplayed => (StatusCode::UNAUTHORIZED, "The app token has been used."),
        Code::TokenTooWeak => (
            StatusCode::UNAUTHORIZED,
            "This request needs a stronger app token.",
        ),
        Code::SessionExpired => (StatusCode::UNAUTHORIZED, "The session has ended."),
        Code::TicketUnknown => (StatusCode::UNAUTHORIZED, "The session is not known here."),
        Code::SessionCut => (StatusCode::UNAUTHORIZED, "The session was ended by the operator."),
        Code::PolicyOutdated => (StatusCode::UNAUTHORIZED, "The app's policy is out of date."),
        Code::SessionOutdated => (
            StatusCode::UNAUTHORIZED,
            "The session was made under an older policy.",
        ),
        Code::AppNotAllowed => (StatusCode::FORBIDDEN, "This app may not make this request."),
        Code::Banned => (StatusCode::FORBIDDEN, "This device may not use the service."),
        Code::Denied => (StatusCode::FORBIDDEN, "The request was denied."),
        Code::StepUpRequired => (StatusCode::FORBIDDEN, "The request needs a further confirmation."),
        Code::StepUpInvalid => (
            StatusCode::FORBIDDEN,
            "The confirmation does not fit this request.",
        ),
        Code::RateLimited => (StatusCode::TOO_MANY_REQUESTS, "Too many requests."),
        Code::RouteUnknown => (StatusCode::NOT_FOUND, "Nothing is published here."),
        Code::TargetAmbiguous => (StatusCode::BAD_REQUEST, "The request target is ambiguous."),
        Code::HeaderAmbiguous => (StatusCode::BAD_REQUEST, "A request header is ambiguous."),
        Code::RequestMalformed => (StatusCode::BAD_REQUEST, "The request is malformed."),
        Code::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "The request body is too large."),
        Code::BodyTimeout => (
            StatusCode::REQUEST_TIMEOUT,
            "The request body did not arrive in time.",
        ),
        Code::StreamingRefused => (
            StatusCode::BAD_REQUEST,
            "This request cannot be streamed or upgraded.",
        ),
        Code::Unavailable => (
            StatusCode::SERVICE_UNAVAILABLE,
            "The service is temporarily unavailable.",
        ),
        Code::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "The service is busy."),
        Code::UpstreamUnavailable => (StatusCode::BAD_GATEWAY, "The backend cannot be reached."),
        Code::UpstreamTimeout => (StatusCode::GATEWAY_TIMEOUT, "The backend did not answer in time."),
        Code::CallUnknown => (StatusCode::NOT_FOUND, "The attestation service has no such call."),
        Code::CallMalformed => (StatusCode::BAD_REQUEST, "The call is malformed."),
        Code::ChallengeRefused => (StatusCode::CONFLICT, "The challenge is not valid any more."),
        Code::EvidenceMalformed => (StatusCode::BAD_REQUEST, "The evidence is malformed."),
        Code::EvidenceRefused => (StatusCode::FORBIDDEN, "The evidence was refused."),
        Code::EvidenceKind => (StatusCode::FORBIDDEN, "This kind of evidence is not accepted."),
        Code::AppUnknown => (StatusCode::FORBIDDEN, "The app is not known here."),
        Code::EnvironmentMismatch => (StatusCode::FORBIDDEN, "The app was made for another environment."),
        Code::DeviceUnknown => (StatusCode::FORBIDDEN, "The registration is not known here."),
        Code::HeadTooLarge => (
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "The request head is too large.",
        ),
        Code::EvidenceExpired => (StatusCode::FORBIDDEN, "The registration must be renewed."),
        Code::HeadTimeout => (
            StatusCode::REQUEST_TIMEOUT,
            "The request head did not arrive in time.",
        ),
        Code::PolicyStale => (
            StatusCode::SERVICE_UNAVAILABLE,
            "This service is closed until its policy is renewed.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use attest_core::fleet::FleetSecret;
    use http_body_util::BodyExt as _;
    use ring::rand::SystemRandom;

    #[tokio::test]
    async fn every_code_makes_a_problem_that_only_the_operator_reads_behind() {
        let codes = SupportCodes::new(&FleetSecret::new([1; 32]), 1).unwrap();
        for code in ProblemCode::ALL {
            let refusal = Refusal::new(*code, "inner-reason").on_route(NameHash::of("payments"));
            let cause = refusal.cause(3, 1_800_000_000);
            let support = refusal.support(&codes, 3, 1_800_000_000, &SystemRandom::new());
            let response = refusal.into_response(support.clone());
            assert!(response.status().is_client_error() || response.status().is_server_error());
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert!(!String::from_utf8_lossy(&body).contains("inner-reason"));
            assert!(!String::from_utf8_lossy(&body).contains("payments"));
            let problem: Problem = serde_json::from_slice(&body).unwrap();
            assert_eq!(
                (problem.code(), problem.status, problem.retry),
                (Some(*code), status, code.retry())
            );
            assert_eq!(problem.support, support);
            assert_eq!(codes.open(&problem.support), Ok(cause));
        }
    }
}
