//! Findings: what detectors reported. Those sealed at renewal and those of a token are only ever united: a token may add
//! hits, never clear or replace them (DESIGN section 2).

use serde::{Deserialize, Serialize};

/// Longest detector id that travels.
pub const MAX_ID_BYTES: usize = 64;
/// Most hits that travel; a phone with more is refused at appraisal.
pub const MAX_HITS: usize = 64;
/// Above this many, inconclusive detectors are counted instead of named.
const MAX_INCONCLUSIVE_NAMED: usize = 16;

/// Findings that exceed what a token or ticket may carry, or ids that are not detector ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "more than {MAX_HITS} findings, or an id that is empty, longer than {MAX_ID_BYTES} bytes or not [a-z0-9._-]"
)]
pub struct FindingsError;

/// The outcome of the last scan as it travels: ids with `hit` or `inconclusive` only. `clear` follows from the policy
/// version and the digest of the evaluated set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    /// Digest of the set of detector ids that were evaluated, base64url of 16 bytes; empty before the first scan.
    #[serde(rename = "set", default, skip_serializing_if = "String::is_empty")]
    pub evaluated: String,
    /// Detectors that fired.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hit: Vec<String>,
    /// Detectors that could not decide.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inconclusive: Vec<String>,
    /// How many more could not decide, where naming them would exceed the size of a token.
    #[serde(rename = "more", default, skip_serializing_if = "is_zero")]
    pub inconclusive_more: u32,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde's skip_serializing_if passes a reference"
)]
const fn is_zero(n: &u32) -> bool {
    *n == 0
}

impl Findings {
    /// The same findings, small enough for a token: inconclusive ids beyond a bound collapse to a count; hits never do.
    #[must_use]
    pub fn compact(mut self) -> Self {
        if self.inconclusive.len() > MAX_INCONCLUSIVE_NAMED {
            self = self.counted();
        }
        self
    }

    /// The same findings with all inconclusive ids as a count: the smallest form that loses no hit.
    #[must_use]
    pub fn counted(mut self) -> Self {
        let named = u32::try_from(self.inconclusive.len()).unwrap_or(u32::MAX);
        self.inconclusive_more = self.inconclusive_more.saturating_add(named);
        self.inconclusive.clear();
        self
    }

    /// Refuses findings that could not have been made by this system's own collector.
    ///
    /// # Errors
    /// [`FindingsError`].
    pub fn bounded(&self) -> Result<(), FindingsError> {
        let ids = || self.hit.iter().chain(&self.inconclusive);
        if self.hit.len() > MAX_HITS
            || self.inconclusive.len() > MAX_HITS
            || self.evaluated.len() > 22
            || !ids().all(|id| is_detector_id(id))
        {
            return Err(FindingsError);
        }
        Ok(())
    }
}

/// Whether `id` may name a detector: 1 to 64 of `a-z 0-9 . _ -`.
#[must_use]
pub fn is_detector_id(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= MAX_ID_BYTES
        && id
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-'))
}

/// Where a finding was reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FindingSource {
    /// Sealed at enrolment or renewal, signed by the device key.
    Ticket,
    /// In the token of this request.
    Token,
}

/// The union that rules look at. Borrowed: it lives as long as one decision.
#[derive(Debug, Clone, Copy)]
pub struct United<'a> {
    ticket: &'a Findings,
    token: &'a Findings,
}

impl<'a> United<'a> {
    /// Unites what was sealed with what the token reports.
    #[must_use]
    pub const fn new(ticket: &'a Findings, token: &'a Findings) -> Self {
        Self { ticket, token }
    }

    /// Every hit with its source, sealed ones first; an id reported by both appears once, as sealed.
    pub fn hits(self) -> impl Iterator<Item = (&'a str, FindingSource)> {
        let sealed = self
            .ticket
            .hit
            .iter()
            .map(|id| (id.as_str(), FindingSource::Ticket));
        let added = self
            .token
            .hit
            .iter()
            .filter(move |id| !self.ticket.hit.contains(id))
            .map(|id| (id.as_str(), FindingSource::Token));
        sealed.chain(added)
    }

    /// Detectors that neither source decided: reported inconclusive by one and hit by none.
    pub fn inconclusive(self) -> impl Iterator<Item = (&'a str, FindingSource)> {
        let is_hit = move |id: &String| self.ticket.hit.contains(id) || self.token.hit.contains(id);
        let sealed = self
            .ticket
            .inconclusive
            .iter()
            .map(|id| (id, FindingSource::Ticket));
        let added = self
            .token
            .inconclusive
            .iter()
            .filter(move |id| !self.ticket.inconclusive.contains(id))
            .map(|id| (id, FindingSource::Token));
        sealed
            .chain(added)
            .filter(move |(id, _)| !is_hit(id))
            .map(|(id, source)| (id.as_str(), source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn findings() -> impl Strategy<Value = Findings> {
        let ids = || proptest::collection::vec("[a-d]", 0..4);
        (ids(), ids()).prop_map(|(hit, inconclusive)| Findings {
            hit,
            inconclusive,
            ..Findings::default()
        })
    }

    proptest! {
        #[test]
        fn a_token_adds_and_never_clears(ticket in findings(), token in findings()) {
            let alone: Vec<_> = United::new(&ticket, &Findings::default()).hits().map(|(id, _)| id.to_owned()).collect();
            let united: Vec<_> = United::new(&ticket, &token).hits().map(|(id, _)| id.to_owned()).collect();
            prop_assert!(alone.iter().all(|id| united.contains(id)));
            prop_assert!(token.hit.iter().all(|id| united.contains(id)));
        }
    }

    #[test]
    fn many_inconclusive_collapse_to_a_count() {
        let many = Findings {
            hit: vec!["a".to_owned()],
            inconclusive: (0..40).map(|n| format!("d.{n}")).collect(),
            ..Findings::default()
        };
        let small = many.compact();
        assert_eq!(
            (small.hit.len(), small.inconclusive.len(), small.inconclusive_more),
            (1, 0, 40)
        );
    }

    #[test]
    fn foreign_ids_are_refused() {
        for id in ["", "A", "a b", "a\n", &"a".repeat(65)] {
            let findings = Findings {
                hit: vec![id.to_owned()],
                ..Findings::default()
            };
            assert_eq!(findings.bounded(), Err(FindingsError), "{id:?}");
        }
    }
}
