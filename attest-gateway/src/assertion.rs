//! Makes assertions for backends. It is asked only where a verified and decided token vouches for a request; one that names no
//! request is kept, in bounds, and repeated for the same content until half of its life is over.

use std::collections::HashMap;

use attest_core::finding::{FindingSource, United};
use attest_core::token::Verified;
use attest_core::token::assertion::{
    AssertedDecision, AssertedFinding, AssertedRequest, AssertedShadow, AssertionClaims, LIFETIME_MAX_S,
};
use attest_core::token::claims::new_token_id;
use http::HeaderValue;
use ring::rand::SecureRandom;

use crate::config::AssertionMode;
use crate::keys::NamedKey;

/// A kept assertion is repeated for so long: a slow backend still gets it with half of its life left.
const REPEATED_S: u64 = LIFETIME_MAX_S / 2;
/// Assertions of each of two generations that one core keeps, about 1.5 KiB each: 6 MiB for the sessions of half a minute.
const GENERATION_MAX: usize = 2048;

/// What is asserted about one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vouched<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) audience: &'a str,
    pub(crate) pseudonym: &'a str,
    pub(crate) token: &'a Verified,
    pub(crate) shadows: &'a [(String, &'static str)],
    pub(crate) policy_version: u64,
    pub(crate) method: &'a str,
    /// Path and query, as they are sent on.
    pub(crate) target: &'a str,
}

/// Who signs.
#[derive(Clone, Copy)]
pub(crate) struct Signer<'a> {
    pub(crate) key: &'a NamedKey,
    pub(crate) rng: &'a dyn SecureRandom,
    pub(crate) now_s: u64,
}

/// Why there is no assertion. Its reasons are those of a refusal: a backend that is promised one gets no request without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AssertionFailed {
    #[error("the source of randomness failed")]
    Random,
    #[error("the claims cannot be written")]
    Json,
}

impl AssertionFailed {
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::Json => "json",
        }
    }
}

/// The assertions that one core keeps, by everything that they say and who says it.
#[derive(Debug, Default)]
pub(crate) struct Assertions {
    young: HashMap<Box<[u8]>, Kept>,
    /// Looked at, and forgotten as a whole when the young ones become too many.
    old: HashMap<Box<[u8]>, Kept>,
    content: Vec<u8>,
}

#[derive(Debug, Clone)]
struct Kept {
    value: HeaderValue,
    made_at_s: u64,
}

impl Kept {
    /// A clock that was set back makes it new, too.
    const fn is_fresh(&self, now_s: u64) -> bool {
        self.made_at_s <= now_s && now_s - self.made_at_s < REPEATED_S
    }
}

impl Assertions {
    /// The value of `Attest-Assertion`; `None` where the upstream wants none.
    pub(crate) fn value(
        &mut self,
        mode: AssertionMode,
        vouched: &Vouched<'_>,
        signer: Signer<'_>,
    ) -> Result<Option<HeaderValue>, AssertionFailed> {
        match mode {
            AssertionMode::Off => Ok(None),
            AssertionMode::PerSession => self.kept(vouched, signer).map(Some),
            AssertionMode::PerRequest => {
                let request = AssertedRequest {
                    method: vouched.method.to_owned(),
                    target: vouched.target.to_owned(),
                    jti: vouched.token.claims().jti.clone(),
                };
                signed(vouched, Some(request), signer).map(Some)
            }
        }
    }

    fn kept(&mut self, vouched: &Vouched<'_>, signer: Signer<'_>) -> Result<HeaderValue, AssertionFailed> {
        write_content(&mut self.content, vouched, signer.key);
        let content = self.content.as_slice();
        let known = self.young.get(content).or_else(|| self.old.get(content));
        if let Some(kept) = known.filter(|kept| kept.is_fresh(signer.now_s)) {
            return Ok(kept.value.clone());
        }
        let value = signed(vouched, None, signer)?;
        if self.young.len() >= GENERATION_MAX {
            self.old = std::mem::take(&mut self.young);
        }
        let kept = Kept {
            value: value.clone(),
            made_at_s: signer.now_s,
        };
        self.young.insert(content.into(), kept);
        Ok(value)
    }
}

/// Everything that decides what an assertion says, and for which session, so that no two contents are written alike.
fn write_content(into: &mut Vec<u8>, vouched: &Vouched<'_>, key: &NamedKey) {
    into.clear();
    let result = vouched.token.result();
    for number in [
        vouched.policy_version,
        result.generation.into(),
        result.issued_at_s,
        result.expires_at_s,
        result.key_level.to_byte().into(),
        result.evidence_class.to_byte().into(),
    ] {
        into.extend_from_slice(&number.to_be_bytes());
    }
    let mut text = |text: &str| {
        // Texts have no zero bytes in policy, tokens and configuration; a length keeps them apart in any case.
        into.extend_from_slice(&text.len().to_be_bytes());
        into.extend_from_slice(text.as_bytes());
    };
    text(&key.kid);
    text(vouched.issuer);
    text(vouched.audience);
    text(vouched.pseudonym);
    text(&result.app);
    for (id, source) in findings(vouched.token).hits() {
        text(id);
        text(word(source));
    }
    text("");
    for (rule, decision) in vouched.shadows {
        text(rule);
        text(decision);
    }
}

fn signed(
    vouched: &Vouched<'_>,
    request: Option<AssertedRequest>,
    signer: Signer<'_>,
) -> Result<HeaderValue, AssertionFailed> {
    let result = vouched.token.result();
    let asserted = |(id, source): (&str, FindingSource)| AssertedFinding {
        id: id.to_owned(),
        source: word(source).to_owned(),
    };
    let shadow = |(rule, decision): &(String, &'static str)| AssertedShadow {
        rule: rule.clone(),
        decision: (*decision).to_owned(),
    };
    let claims = AssertionClaims {
        iss: vouched.issuer.to_owned(),
        aud: vouched.audience.to_owned(),
        sub: vouched.pseudonym.to_owned(),
        iat: signer.now_s,
        exp: signer.now_s.saturating_add(LIFETIME_MAX_S),
        jti: new_token_id(signer.rng).map_err(|_| AssertionFailed::Random)?,
        app: result.app.clone(),
        decision: AssertedDecision::Allow,
        findings: findings(vouched.token).hits().map(asserted).collect(),
        shadow: vouched.shadows.iter().map(shadow).collect(),
        key_level: result.key_level,
        evidence_class: result.evidence_class,
        policy_version: vouched.policy_version,
        request,
    };
    let unsigned = claims
        .prepare(&signer.key.kid)
        .map_err(|_| AssertionFailed::Json)?;
    let signature = signer
        .key
        .key
        .sign(unsigned.signing_input(), signer.rng)
        .map_err(|_| AssertionFailed::Random)?;
    let mut value = HeaderValue::try_from(unsigned.attach(&signature)).map_err(|_| AssertionFailed::Json)?;
    value.set_sensitive(true);
    Ok(value)
}

const fn findings(token: &Verified) -> United<'_> {
    United::new(&token.result().findings, &token.claims().findings)
}

const fn word(source: FindingSource) -> &'static str {
    match source {
        FindingSource::Ticket => "ticket",
        FindingSource::Token => "token",
    }
}
