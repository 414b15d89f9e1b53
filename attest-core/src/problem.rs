//! Refusals as they travel: RFC 9457 problem details with a stable code, a retry class and a support code. Status and text of
//! each code are the gateway's (one file there); what the phone does about it follows from the retry class alone.

use serde::{Deserialize, Serialize};

use crate::device::TokenKind;
use crate::json::{FromJson, Json, Members, words_from_json};
use crate::token::binding::Bind;

/// Prefix of every problem `type`.
pub const TYPE_PREFIX: &str = "urn:attest:problem:";
/// Media type of a refusal.
pub const MEDIA_TYPE: &str = "application/problem+json";
/// A problem beyond this is not read by the phone.
pub const MAX_PROBLEM_BYTES: usize = 8 * 1024;

/// What the phone does about a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RetryClass {
    /// Nothing: the answer stands.
    None,
    /// Mint a new token and repeat once.
    FreshToken,
    /// Repeat once with the token kind and bindings that `missing` names.
    StrongerToken,
    /// Renew the session, then repeat once.
    Renew,
    /// Enrol again, then repeat once.
    Enroll,
    /// Fetch the device policy, renew, then repeat once.
    RefreshPolicy,
    /// Complete the step-up that `step_up` names, then repeat.
    StepUp,
    /// Wait as `Retry-After` says.
    Later,
}

impl RetryClass {
    /// The word used in refusals.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::FreshToken => "fresh-token",
            Self::StrongerToken => "stronger-token",
            Self::Renew => "renew",
            Self::Enroll => "enroll",
            Self::RefreshPolicy => "refresh-policy",
            Self::StepUp => "step-up",
            Self::Later => "later",
        }
    }
}

macro_rules! problem_codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $word:literal => $retry:ident,)+) => {
        /// Every reason for which this system refuses, a closed set.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ProblemCode { $($(#[doc = $doc])+ $variant,)+ }

        impl ProblemCode {
            /// All codes, in the order of their numbers in support codes.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The stable word at the end of the problem `type`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// What the phone does about it.
            #[must_use]
            pub const fn retry(self) -> RetryClass {
                match self { $(Self::$variant => RetryClass::$retry,)+ }
            }
        }
    };
}

problem_codes! {
    /// No token on a route that enforces one.
    TokenMissing = "token-missing" => FreshToken,
    /// Not a token: shape, encoding, algorithm, type.
    TokenMalformed = "token-malformed" => FreshToken,
    /// More than one token, or more than one of a header that must be single.
    TokenDuplicate = "token-duplicate" => FreshToken,
    /// The signature or MAC does not verify.
    TokenSignature = "token-signature" => Renew,
    /// Past its end, from the future, or living too long.
    TokenTime = "token-time" => FreshToken,
    /// Made for another relying party.
    TokenAudience = "token-audience" => Renew,
    /// Bound to another method, target, query, body or authorization.
    TokenBinding = "token-binding" => FreshToken,
    /// Used before on a route that accepts each token once, or minted before the gateway could remember.
    TokenReplayed = "token-replayed" => FreshToken,
    /// The route needs another kind of token or more bindings.
    TokenTooWeak = "token-too-weak" => StrongerToken,
    /// The session or attestation has ended.
    SessionExpired = "session-expired" => Renew,
    /// The ticket was sealed under a key or in an hour that is not accepted any more.
    TicketUnknown = "ticket-unknown" => Renew,
    /// Sessions begun before a moment were cut.
    SessionCut = "session-cut" => Renew,
    /// The phone evaluated an older device policy than the route demands.
    PolicyOutdated = "policy-outdated" => RefreshPolicy,
    /// The session was sealed under an older device policy than the route demands.
    SessionOutdated = "session-outdated" => Renew,
    /// The route is not open to this app.
    AppNotAllowed = "app-not-allowed" => None,
    /// The device or app is banned.
    Banned = "banned" => None,
    /// A rule denies the request.
    Denied = "denied" => None,
    /// A rule asks for a step-up.
    StepUpRequired = "step-up-required" => StepUp,
    /// The step-up that was presented does not verify for this device and request.
    StepUpInvalid = "step-up-invalid" => StepUp,
    /// More requests than the route allows this device.
    RateLimited = "rate-limited" => Later,
    /// No route matches.
    RouteUnknown = "route-unknown" => None,
    /// The request target could be read in two ways.
    TargetAmbiguous = "target-ambiguous" => None,
    /// A header name or value that could be read in two ways.
    HeaderAmbiguous = "header-ambiguous" => None,
    /// The request is not HTTP as this gateway accepts it.
    RequestMalformed = "request-malformed" => None,
    /// The body is longer than the route accepts.
    BodyTooLarge = "body-too-large" => None,
    /// The body did not arrive in time.
    BodyTimeout = "body-timeout" => Later,
    /// An upgrade or a streaming request on a route that binds the body.
    StreamingRefused = "streaming-refused" => None,
    /// A dependency that the route needs is down.
    Unavailable = "unavailable" => Later,
    /// The gateway sheds load.
    Overloaded = "overloaded" => Later,
    /// The upstream could not be reached or broke the connection.
    UpstreamUnavailable = "upstream-unavailable" => Later,
    /// The upstream did not answer in time.
    UpstreamTimeout = "upstream-timeout" => Later,
    /// The attestation service has no such call.
    CallUnknown = "call-unknown" => None,
    /// The call's body is not what it takes.
    CallMalformed = "call-malformed" => None,
    /// The challenge is not this fleet's, has expired, or was used.
    ChallengeRefused = "challenge-refused" => Enroll,
    /// The evidence is not a JWS by the key that it names, or its claims are out of bounds.
    EvidenceMalformed = "evidence-malformed" => None,
    /// The evidence was appraised and refused.
    EvidenceRefused = "evidence-refused" => None,
    /// The kind of evidence is not accepted for this app or environment.
    EvidenceKind = "evidence-kind" => None,
    /// The app is unknown to the policy.
    AppUnknown = "app-unknown" => None,
    /// Made for another environment.
    EnvironmentMismatch = "environment-mismatch" => None,
    /// The registration is unknown, or its key is another.
    DeviceUnknown = "device-unknown" => Enroll,
    /// The platform evidence is too old to renew on.
    EvidenceExpired = "evidence-expired" => Enroll,
    /// The request head is longer, or has more fields, than the gateway reads.
    HeadTooLarge = "head-too-large" => None,
    /// The request head was begun and did not arrive in time.
    HeadTimeout = "head-timeout" => Later,
    /// The policy in force is past its end, and the route is closed then.
    PolicyStale = "policy-stale" => Later,
}

impl ProblemCode {
    /// The code of a word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == word)
    }

    /// Its number in support codes.
    #[must_use]
    pub fn number(self) -> u8 {
        Self::ALL
            .iter()
            .position(|code| *code == self)
            .and_then(|at| u8::try_from(at).ok())
            .unwrap_or(u8::MAX)
    }
}

/// What a route needs that the token lacked: a closed set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingStrength {
    /// The token kind that the route takes.
    pub token: TokenKind,
    /// Bindings that the route requires.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bind: Vec<Bind>,
}

/// How a step-up is completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum StepUpKind {
    /// The SDK repeats by itself with a proof token.
    Proof,
    /// The app asks its user; the issuer that the policy names confirms.
    User,
}

impl StepUpKind {
    /// The word used in policy and refusals.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proof => "proof",
            Self::User => "user",
        }
    }
}

/// The step-up that a refusal asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepUpRequest {
    /// Identifies this request towards the issuer.
    pub id: String,
    /// How it is completed.
    pub kind: StepUpKind,
    /// Who confirms it, for kind `user`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
}

/// A refusal as it travels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// `urn:attest:problem:<code>`.
    #[serde(rename = "type")]
    pub type_uri: String,
    /// A sentence for people.
    pub title: String,
    /// The HTTP status, repeated.
    pub status: u16,
    /// What the phone does about it.
    pub retry: RetryClass,
    /// Opens, for the operator only, into route, rule, clause and fact.
    pub support: String,
    /// What the token lacked, with retry class `stronger-token`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<MissingStrength>,
    /// What to complete, with retry class `step-up`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_up: Option<StepUpRequest>,
    /// Seconds to wait, with retry class `later`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u32>,
}

impl Problem {
    /// The code at the end of `type`, `None` if it is not one of ours.
    #[must_use]
    pub fn code(&self) -> Option<ProblemCode> {
        ProblemCode::parse(self.type_uri.strip_prefix(TYPE_PREFIX)?)
    }
}

impl FromJson for MissingStrength {
    fn from_json(json: Json) -> Option<Self> {
        let mut members = Members::of(json)?;
        Some(Self {
            token: members.take("token")?,
            bind: members.take_or("bind", Vec::new())?,
        })
    }
}

impl FromJson for StepUpRequest {
    fn from_json(json: Json) -> Option<Self> {
        let mut members = Members::of(json)?;
        Some(Self {
            id: members.take("id")?,
            kind: members.take("kind")?,
            issuer: members.take("issuer")?,
        })
    }
}

impl FromJson for Problem {
    fn from_json(json: Json) -> Option<Self> {
        let mut members = Members::of(json)?;
        Some(Self {
            type_uri: members.take("type")?,
            title: members.take("title")?,
            status: members.take("status")?,
            retry: members.take("retry")?,
            support: members.take("support")?,
            missing: members.take("missing")?,
            step_up: members.take("step_up")?,
            retry_after_s: members.take("retry_after_s")?,
        })
    }
}

words_from_json! {
    RetryClass => None FreshToken StrongerToken Renew Enroll RefreshPolicy StepUp Later;
    StepUpKind => Proof User;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_words() {
        for code in ProblemCode::ALL {
            assert_eq!(ProblemCode::parse(code.as_str()), Some(*code));
        }
        insta::assert_snapshot!(
            ProblemCode::ALL
                .iter()
                .map(|code| format!("{} {} {:?}", code.number(), code.as_str(), code.retry()))
                .collect::<Vec<_>>()
                .join("\n")
        );
    }
}
