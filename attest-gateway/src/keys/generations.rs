//! Which generations of one kind of key are in use, and the steps of its rotation. Pure: nothing is read or written here.
//!
//! A new generation is accepted everywhere before it is used anywhere, and an old one is accepted until nothing that it made
//! is alive. Only an emergency leaves that order. Numbers are never used twice.

use serde::{Deserialize, Serialize};

/// More are a rotation that was never finished.
pub(super) const GENERATIONS_MAX: usize = 8;

/// Which generations of one kind of key are in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generations {
    /// The generation that new things are made under.
    pub current: u16,
    /// The generations that are accepted; contains `current`.
    pub accepted: Vec<u16>,
    /// When the last step of a rotation was taken, Unix seconds; absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at_s: Option<u64>,
}

impl Default for Generations {
    fn default() -> Self {
        Self {
            current: 1,
            accepted: vec![1],
            changed_at_s: None,
        }
    }
}

/// One step of a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Makes a generation that is accepted and published, but not used.
    Publish,
    /// Uses the published one; the old ones stay accepted.
    Use,
    /// Stops accepting the old ones.
    Retire,
    /// Publishes and uses at once: for a gateway that shares its keys with no other.
    All,
    /// Makes and uses a new generation and stops accepting every other one, at once.
    Emergency,
}

/// Where a rotation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// One generation, and nothing to do.
    Settled,
    /// A newer one is accepted and waits to be used.
    Published,
    /// A newer one is used, and older ones are still accepted.
    Used,
}

/// Why a step cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StepError {
    /// The last rotation is not in use yet.
    #[error("generation {0} is published and not used yet: use it first")]
    NotUsed(u16),
    /// Nothing was published.
    #[error("there is no newer generation to use: publish one first")]
    NothingPublished,
    /// Nothing old is left.
    #[error("no older generation is accepted any more")]
    NothingOld,
    /// Too many are accepted.
    #[error("{GENERATIONS_MAX} generations are accepted already: retire the old ones first")]
    TooMany,
    /// The numbers are used up.
    #[error("there is no generation after this one")]
    Exhausted,
}

impl StepError {
    /// Stable kebab-case code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotUsed(_) => "rotation-not-used",
            Self::NothingPublished => "rotation-nothing-published",
            Self::NothingOld => "rotation-nothing-old",
            Self::TooMany => "rotation-too-many",
            Self::Exhausted => "rotation-exhausted",
        }
    }
}

impl Generations {
    /// Whether the numbers make sense together.
    pub(super) fn is_sound(&self) -> bool {
        self.accepted.contains(&self.current) && self.accepted.len() <= GENERATIONS_MAX
    }

    /// The newest one, used or not.
    #[must_use]
    pub fn newest(&self) -> u16 {
        self.accepted
            .iter()
            .copied()
            .max()
            .unwrap_or(self.current)
            .max(self.current)
    }

    /// Where the rotation stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        if self.newest() > self.current {
            Phase::Published
        } else if self.accepted.len() > 1 {
            Phase::Used
        } else {
            Phase::Settled
        }
    }

    /// The generations after a step at `now_s`.
    ///
    /// # Errors
    /// [`StepError`] if it is not this step's turn.
    pub fn after(&self, step: Step, now_s: u64) -> Result<Self, StepError> {
        let newest = self.newest();
        let mut next = self.clone();
        next.changed_at_s = Some(now_s);
        match step {
            Step::Publish | Step::All => {
                if self.phase() == Phase::Published {
                    return Err(StepError::NotUsed(newest));
                }
                if self.accepted.len() >= GENERATIONS_MAX {
                    return Err(StepError::TooMany);
                }
                let made = newest.checked_add(1).ok_or(StepError::Exhausted)?;
                next.accepted.push(made);
                if step == Step::All {
                    next.current = made;
                }
            }
            Step::Use => {
                if self.phase() != Phase::Published {
                    return Err(StepError::NothingPublished);
                }
                next.current = newest;
            }
            Step::Retire => {
                next.accepted.retain(|number| *number >= self.current);
                if next.accepted.len() == self.accepted.len() {
                    return Err(StepError::NothingOld);
                }
            }
            Step::Emergency => {
                let made = newest.checked_add(1).ok_or(StepError::Exhausted)?;
                next.current = made;
                next.accepted = vec![made];
            }
        }
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(current: u16, accepted: &[u16]) -> Generations {
        Generations {
            current,
            accepted: accepted.to_vec(),
            changed_at_s: Some(0),
        }
    }

    #[test]
    fn each_step_has_its_turn() {
        let check = |from: Generations, step, expect: Result<Generations, StepError>| {
            let expect = expect.map(|after| Generations {
                changed_at_s: Some(7),
                ..after
            });
            assert_eq!(from.after(step, 7), expect, "{step:?} of {from:?}");
        };
        let (settled, published, used) = (at(1, &[1]), at(1, &[1, 2]), at(2, &[1, 2]));
        check(settled.clone(), Step::Publish, Ok(published.clone()));
        check(settled.clone(), Step::Use, Err(StepError::NothingPublished));
        check(settled.clone(), Step::Retire, Err(StepError::NothingOld));
        check(settled.clone(), Step::All, Ok(used.clone()));
        check(settled, Step::Emergency, Ok(at(2, &[2])));
        check(published.clone(), Step::Publish, Err(StepError::NotUsed(2)));
        check(published.clone(), Step::Use, Ok(used.clone()));
        check(published.clone(), Step::Retire, Err(StepError::NothingOld));
        check(published, Step::Emergency, Ok(at(3, &[3])));
        check(used.clone(), Step::Publish, Ok(at(2, &[1, 2, 3])));
        check(used.clone(), Step::Use, Err(StepError::NothingPublished));
        check(used, Step::Retire, Ok(at(2, &[2])));
        check(at(2, &[1, 2, 3]), Step::Retire, Ok(at(2, &[2, 3])));
        check(
            at(8, &[1, 2, 3, 4, 5, 6, 7, 8]),
            Step::Publish,
            Err(StepError::TooMany),
        );
        check(
            at(u16::MAX, &[u16::MAX]),
            Step::Emergency,
            Err(StepError::Exhausted),
        );
    }

    proptest! {
        /// Whatever is done in whatever order: the files stay readable, what is used was accepted one step before (but in an
        /// emergency, and for a lone gateway), and no number comes back.
        #[test]
        fn no_order_of_steps_breaks_the_rules(steps in proptest::collection::vec(0_usize..5, 0..40)) {
            let mut now = Generations::default();
            let mut newest = 1;
            for step in steps {
                let step = [Step::Publish, Step::Use, Step::Retire, Step::All, Step::Emergency][step];
                let Ok(next) = now.after(step, 0) else { continue };
                prop_assert!(next.is_sound());
                prop_assert!(next.newest() >= newest);
                let made = next.accepted.iter().filter(|number| !now.accepted.contains(number));
                prop_assert!(made.clone().all(|number| *number > newest));
                if matches!(step, Step::Publish | Step::Use | Step::Retire) {
                    prop_assert!(now.accepted.contains(&next.current));
                    prop_assert!(next.accepted.contains(&now.current));
                }
                newest = next.newest();
                now = next;
            }
        }
    }
}
