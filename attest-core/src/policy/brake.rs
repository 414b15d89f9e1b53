//! The brake: for at most a day it turns listed rules to `shadow` or `off`, without the signatures that a policy needs.
//!
//! It only relaxes. What it may touch is written twice: the policy lists the rules (`brake_rules`), and compilation lets it
//! list none that asks for platform evidence, a binding or a single device, and none whose absence would refuse more. It
//! never raises a mode, never adds a rule, never outlives its time; whoever sets one in force must raise an alarm.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Action, CompiledGateway, Condition, Fault, GatewayPolicy, MAX_RULES, Mode, Rule,
    error::Errors,
    verify::{bounded, short},
};
use crate::{facts::FactId, jose::scan_object};

/// The longest time that a brake may hold, in seconds.
pub const MAX_BRAKE_S: u64 = 86_400;

/// The largest text of a brake that is read, in bytes.
pub const MAX_BRAKE_BYTES: usize = 64 * 1024;

/// How far the clock that issued a brake may run ahead, in seconds: an emergency does not wait for clocks to agree.
pub const BRAKE_SKEW_S: u64 = 300;

/// What the `brake` role signs. Without rules it lifts the one before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Brake {
    /// Rises with every brake.
    pub version: u64,
    /// When it was issued, in Unix seconds.
    pub issued_at: u64,
    /// From when on it has no effect, in Unix seconds.
    pub expires_at: u64,
    /// The rules it touches, each with the mode that it gets.
    pub rules: BTreeMap<String, Mode>,
}

/// Why a brake has no effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BrakeError {
    /// Larger than [`MAX_BRAKE_BYTES`].
    #[error("a brake has at most {MAX_BRAKE_BYTES} bytes")]
    TooLarge,
    /// Not JSON of the expected form, or a member is there twice.
    #[error("not a brake: {message}")]
    Malformed {
        /// What the reader says.
        message: String,
    },
    /// It names more rules than a policy can have.
    #[error("a brake names at most {MAX_RULES} rules")]
    TooManyRules,
    /// It ends before it begins.
    #[error("a brake must expire after it was issued")]
    Backwards,
    /// It holds for more than [`MAX_BRAKE_S`].
    #[error("a brake holds for at most {MAX_BRAKE_S} s, this one for {held_s} s")]
    TooLong {
        /// How long it would hold.
        held_s: u64,
    },
    /// Its time is over.
    #[error("this brake expired at {expires_at}")]
    Expired {
        /// When it did.
        expires_at: u64,
    },
    /// It was issued in the future, by more than [`BRAKE_SKEW_S`].
    #[error("this brake was issued in the future, at {issued_at}")]
    Early {
        /// When it says it was issued.
        issued_at: u64,
    },
    /// The policy has no such rule.
    #[error("the policy has no rule `{rule}`")]
    UnknownRule {
        /// The rule.
        rule: String,
    },
    /// The policy does not list the rule for the brake.
    #[error("the policy's `brake_rules` do not list `{rule}`")]
    Unlisted {
        /// The rule.
        rule: String,
    },
    /// It enforces a rule.
    #[error("a brake only relaxes: it cannot enforce rule `{rule}`")]
    Enforces {
        /// The rule.
        rule: String,
    },
    /// The rule would count for more than the policy says.
    #[error("a brake only relaxes: rule `{rule}` is `{from}` and would become `{to}`")]
    Raises {
        /// The rule.
        rule: String,
        /// Its mode in the policy.
        from: &'static str,
        /// The mode that the brake asks for.
        to: &'static str,
    },
}

impl BrakeError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => "brake-too-large",
            Self::Malformed { .. } => "brake-malformed",
            Self::TooManyRules => "brake-too-many-rules",
            Self::Backwards => "brake-backwards",
            Self::TooLong { .. } => "brake-too-long",
            Self::Expired { .. } => "brake-expired",
            Self::Early { .. } => "brake-early",
            Self::UnknownRule { .. } => "brake-unknown-rule",
            Self::Unlisted { .. } => "brake-unlisted",
            Self::Enforces { .. } | Self::Raises { .. } => "brake-raises",
        }
    }
}

impl Brake {
    /// The brake of a JSON text, within the bounds that need no policy: its size, its time, and that it enforces nothing.
    ///
    /// # Errors
    /// [`BrakeError`], never of a policy or of the time of day.
    pub fn from_json(json: &[u8]) -> Result<Self, BrakeError> {
        if json.len() > MAX_BRAKE_BYTES {
            return Err(BrakeError::TooLarge);
        }
        let malformed = |message: String| BrakeError::Malformed { message };
        scan_object(json).map_err(|error| malformed(error.to_string()))?;
        let brake: Self = serde_json::from_slice(json).map_err(|error| malformed(error.to_string()))?;
        brake.bounds()?;
        Ok(brake)
    }

    /// True while it has effect: [`Brake::verify_at`] finds nothing wrong.
    #[must_use]
    pub fn in_force(&self, now_s: u64) -> bool {
        self.verify_at(now_s).is_ok()
    }

    /// Whether it has effect now. From no moment on does it have effect for more than [`MAX_BRAKE_S`].
    ///
    /// # Errors
    /// [`BrakeError::Expired`], [`BrakeError::Early`], and those of its bounds.
    pub fn verify_at(&self, now_s: u64) -> Result<(), BrakeError> {
        self.bounds()?;
        if now_s >= self.expires_at {
            return Err(BrakeError::Expired {
                expires_at: self.expires_at,
            });
        }
        let ahead = self.issued_at > now_s.saturating_add(BRAKE_SKEW_S);
        if ahead || self.expires_at.saturating_sub(now_s) > MAX_BRAKE_S {
            return Err(BrakeError::Early {
                issued_at: self.issued_at,
            });
        }
        Ok(())
    }

    fn bounds(&self) -> Result<(), BrakeError> {
        if self.rules.len() > MAX_RULES {
            return Err(BrakeError::TooManyRules);
        }
        match self.expires_at.checked_sub(self.issued_at) {
            None | Some(0) => return Err(BrakeError::Backwards),
            Some(held_s) if held_s > MAX_BRAKE_S => return Err(BrakeError::TooLong { held_s }),
            Some(_) => {}
        }
        match self.rules.iter().find(|(_, mode)| **mode == Mode::Enforce) {
            None => Ok(()),
            Some((rule, _)) => Err(BrakeError::Enforces { rule: short(rule) }),
        }
    }
}

impl CompiledGateway {
    /// This policy with the brake's modes, whatever the time is: the caller asks [`Brake::verify_at`] first. Nothing else
    /// changes.
    ///
    /// # Errors
    /// [`BrakeError::UnknownRule`], [`BrakeError::Unlisted`], [`BrakeError::Raises`] and those of its bounds: then the
    /// whole brake has no effect.
    pub fn with_brake(&self, brake: &Brake) -> Result<Self, BrakeError> {
        brake.bounds()?;
        let policy = self.policy();
        let mut modes = BTreeMap::new();
        for (id, to) in &brake.rules {
            let rule = short(id);
            let Some(position) = policy.rules.iter().position(|rule| rule.id == *id) else {
                return Err(BrakeError::UnknownRule { rule });
            };
            if !policy.brake_rules.contains(id) {
                return Err(BrakeError::Unlisted { rule });
            }
            let from = policy.rules.get(position).map_or(Mode::Off, |rule| rule.mode);
            if strength(*to) > strength(from) {
                return Err(BrakeError::Raises {
                    rule,
                    from: from.as_str(),
                    to: to.as_str(),
                });
            }
            modes.insert(position, *to);
        }
        Ok(self.with_modes(&modes))
    }
}

const fn strength(mode: Mode) -> u8 {
    match mode {
        Mode::Off => 0,
        Mode::Shadow => 1,
        Mode::Enforce => 2,
    }
}

/// Verifies `brake_rules`.
pub(super) fn listed(policy: &GatewayPolicy, errors: &mut Errors) {
    bounded("brake_rules", policy.brake_rules.len(), MAX_RULES, errors);
    for (at, id) in policy.brake_rules.iter().enumerate().take(MAX_RULES) {
        let place = format!("brake_rules[{at}]");
        let first = policy.brake_rules.iter().position(|earlier| earlier == id);
        if let Some(first) = first.filter(|first| *first < at) {
            let (id, first) = (short(id), format!("brake_rules[{first}]"));
            errors.push(place, Fault::Duplicate { id, first });
            continue;
        }
        match policy.rules.iter().find(|rule| rule.id == *id) {
            None => errors.push(
                place,
                Fault::Unknown {
                    what: "rule",
                    name: short(id),
                },
            ),
            Some(rule) => may_list(rule, place, errors),
        }
    }
}

fn may_list(rule: &Rule, place: String, errors: &mut Errors) {
    if rule.then == Action::Allow {
        errors.push(place, ALLOWS);
    } else if let Some(fact) = beyond_reach(&rule.when) {
        let (rule, fact) = (short(&rule.id), fact.name());
        errors.push(place, Fault::BeyondBrake { rule, fact });
    }
}

const ALLOWS: Fault = Fault::Contradiction {
    code: "brake-allow",
    message: "a brake only relaxes: without this rule, which allows, later rules would refuse more",
};

/// The first fact of a condition that puts its rule beyond the brake.
fn beyond_reach(condition: &Condition) -> Option<FactId> {
    let asked = condition.questions();
    asked
        .iter()
        .map(|question| question.fact())
        .find(|fact| !WITHIN_REACH.contains(fact))
}

/// The facts that a rule within the brake's reach may ask: findings, the app, the request and what the gateway counts. What
/// the platform vouches for, how a token is bound and which single device asks are not among them, and nothing that is
/// added to the table of facts is until it is written here.
const WITHIN_REACH: [FactId; 16] = [
    FactId::FINDINGS_HIT,
    FactId::FINDINGS_INCONCLUSIVE,
    FactId::FINDINGS_CATEGORY,
    FactId::FINDINGS_SEVERITY,
    FactId::FINDINGS_ROWS,
    FactId::POLICY_VERSION,
    FactId::APP_ID,
    FactId::APP_PLATFORM,
    FactId::APP_VERSION,
    FactId::REQUEST_METHOD,
    FactId::REQUEST_PATH,
    FactId::ROUTE_ID,
    FactId::DEVICE_AGE_S,
    FactId::DEVICE_GENERATION,
    FactId::COUNTER_DEVICE_REQUESTS_1M,
    FactId::STEP_UP_DONE,
];

#[cfg(test)]
mod tests;
