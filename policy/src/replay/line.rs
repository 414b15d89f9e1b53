//! One line of the decision log, as gateways write it and replay reads it.
//!
//! A line names what policy and configuration name, and no person: no device id, pseudonym, token, address, path or query.
//! Reading is strict and bounded; a line that is not understood whole is an error, never half a line.

use std::{borrow::Cow, collections::BTreeMap};

use attest_core::policy::{Mode, Require};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// The version of this format.
pub const FORMAT: u32 = 1;

/// The longest line that is read, in bytes.
pub const MAX_LINE_BYTES: usize = 64 * 1024;

/// One decision. `F` is how its facts are held: borrowed by who writes, owned by who reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line<'a, F> {
    /// [`FORMAT`].
    pub v: u32,
    /// When, in Unix seconds.
    pub at_s: u64,
    /// The version of the policy that decided.
    pub policy: u64,
    /// The route's id.
    #[serde(borrow)]
    pub route: Cow<'a, str>,
    /// The HTTP method.
    #[serde(borrow)]
    pub method: Cow<'a, str>,
    /// What the route requires: on all but `enforce` a decision changes nothing.
    pub require: Require,
    /// What vouched for the request.
    pub standing: Standing,
    /// What the rules decided.
    pub decision: Decided,
    /// The share of such requests that is written: a line stands for one divided by it.
    pub share: f64,
    /// What was wrong with the token, of a request that an `observe` route let pass without one.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Cow<'a, str>>,
    /// The rule that decided.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Cow<'a, str>>,
    /// Its deciding clause, by its position in preorder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clause: Option<u16>,
    /// The rules whose condition held, in their order.
    #[serde(borrow, default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<Held<'a>>,
    /// Of rules that ask what is not in the log: whether their condition held.
    #[serde(borrow, default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub sealed: Vec<Sealed<'a>>,
    /// How many enforced rules could not be decided.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub inconclusive: u16,
    /// The app.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub app: Option<Cow<'a, str>>,
    /// Its version, where it looks like one.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub app_version: Option<Cow<'a, str>>,
    /// A tag of the device, in hex. It changes every day and with every start of the gateway.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub device: Option<Cow<'a, str>>,
    /// Who confirmed a step-up of kind `user`, by the name in the policy.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub step_up_issuer: Option<Cow<'a, str>>,
    /// What was known, by question: a value, or `null` for what does not exist.
    pub facts: F,
    /// Facts that are told by the day: the true value is less than [`DAY_S`](super::DAY_S) above the one in `facts`.
    #[serde(borrow, default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub by_the_day: Vec<Cow<'a, str>>,
    /// Facts that the rules of this policy ask and that are never written, because they identify.
    #[serde(borrow, default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<Cow<'a, str>>,
}

/// What vouched for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// A verified token.
    Attested,
    /// Nothing, on a route that only observes.
    Unattested,
    /// Nobody was asked: the route is public.
    Public,
}

/// What rules decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decided {
    /// Forward.
    Allow,
    /// Ask for more.
    StepUp,
    /// Refuse.
    Deny,
    /// No rule was asked.
    None,
}

/// A rule whose condition held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Held<'a> {
    /// Its id.
    #[serde(borrow)]
    pub rule: Cow<'a, str>,
    /// Its mode.
    pub mode: Mode,
    /// Its decision, or what it would have been.
    pub decision: Decided,
    /// The clause that decided, by its position in preorder.
    pub clause: u16,
    /// What followed.
    pub effect: Effect,
    /// The percentage of its roll-out, unless it is for everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
}

/// What followed from a rule whose condition held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It decided.
    Decided,
    /// It is in shadow: nothing.
    Shadow,
    /// The device is outside of its roll-out: nothing.
    RolloutOutside,
    /// What it asks for was given: nothing.
    StepUpDone,
}

/// Whether the condition of a rule held that asks what is not in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealed<'a> {
    /// The rule's id.
    #[serde(borrow)]
    pub rule: Cow<'a, str>,
    /// [`condition_digest`](super::condition_digest) of what it asks.
    #[serde(borrow)]
    pub when: Cow<'a, str>,
    /// Whether it held.
    pub held: bool,
}

/// The facts of a line that was read.
pub type Facts = BTreeMap<String, Json>;

/// Why a line cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// Longer than [`MAX_LINE_BYTES`].
    #[error("longer than {MAX_LINE_BYTES} bytes")]
    TooLong,
    /// Not a line of this form.
    #[error("{message}")]
    Malformed {
        /// What the reader of JSON says.
        message: String,
    },
    /// Of another version of the format.
    #[error("of format {found}, this reads format {FORMAT}")]
    Format {
        /// The version it states.
        found: u32,
    },
    /// It stands for fewer than one request, or for more than a gateway would let it.
    #[error("`share` is at least a millionth and at most 1")]
    Share,
    /// Not a device's tag.
    #[error("`device` is 16 digits in hex")]
    Device,
    /// A fact that the table does not know, or a value that it cannot have.
    #[error("`{fact}` is no fact with such a value")]
    Fact {
        /// The fact as written.
        fact: String,
    },
}

impl LineError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong => "line-too-long",
            Self::Malformed { .. } => "line-malformed",
            Self::Format { .. } => "line-format",
            Self::Share => "line-share",
            Self::Device => "line-device",
            Self::Fact { .. } => "line-fact",
        }
    }
}

impl<'a> Line<'a, Facts> {
    /// The line of a JSON text.
    ///
    /// # Errors
    /// [`LineError`].
    pub fn read(text: &'a [u8]) -> Result<Self, LineError> {
        #[derive(Deserialize)]
        struct Version {
            v: u32,
        }
        if text.len() > MAX_LINE_BYTES {
            return Err(LineError::TooLong);
        }
        let malformed = |error: serde_json::Error| LineError::Malformed {
            message: error.to_string(),
        };
        let line: Self = match serde_json::from_slice(text) {
            Ok(line) => line,
            Err(error) => {
                let Version { v: found } = serde_json::from_slice(text).map_err(malformed)?;
                if found != FORMAT {
                    return Err(LineError::Format { found });
                }
                return Err(malformed(error));
            }
        };
        if line.v != FORMAT {
            return Err(LineError::Format { found: line.v });
        }
        if !(1e-6..=1.0).contains(&line.share) {
            return Err(LineError::Share);
        }
        if line.device.is_some() && line.device_tag().is_none() {
            return Err(LineError::Device);
        }
        Ok(line)
    }
}

impl<F> Line<'_, F> {
    /// How many requests it stands for.
    #[must_use]
    pub fn stands_for(&self) -> f64 {
        1.0 / self.share
    }

    /// The device's tag as a number.
    #[must_use]
    pub fn device_tag(&self) -> Option<u64> {
        let text = self.device.as_deref()?;
        (text.len() == 16).then(|| u64::from_str_radix(text, 16).ok())?
    }

    /// What became of the request: the decision where the route enforces it, otherwise it passed.
    #[must_use]
    pub const fn outcome(&self) -> Decided {
        match (self.require, self.decision) {
            (Require::Enforce, Decided::StepUp) => Decided::StepUp,
            (Require::Enforce, Decided::Deny) => Decided::Deny,
            _ => Decided::Allow,
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde's skip_serializing_if passes a reference"
)]
const fn is_zero(n: &u16) -> bool {
    *n == 0
}
