//! What the layers note about one request on its way. Travels among the request's extensions, and only with requests that are
//! logged or traced: on all others a layer finds nothing to write on.
//!
//! It has no room for anything a client or phone chose: names are those of the policy and the configuration.

use std::sync::{Arc, Mutex, PoisonError};

use attest_core::problem::ProblemCode;
use http::Extensions;

use crate::clock::Clock;
use crate::refusal::Refusal;

/// A step of the stack whose time is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The token is verified.
    Verify,
    /// The rules are asked.
    Decide,
    /// The upstream answers.
    Upstream,
}

/// Begin and end of a phase, microseconds on the monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from_us: u64,
    pub(crate) to_us: u64,
}

/// What is known about a request.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    /// The route's id, or the service's call.
    pub(crate) route: Option<String>,
    /// The route's path pattern.
    pub(crate) pattern: Option<String>,
    pub(crate) app: Option<String>,
    pub(crate) rule: Option<String>,
    pub(crate) decision: Option<&'static str>,
    pub(crate) code: Option<ProblemCode>,
    pub(crate) reason: Option<&'static str>,
    /// Whether the code is the answer, and not only what an `observe` route noted.
    pub(crate) refused: bool,
    pub(crate) support: Option<String>,
    pub(crate) upstream: Option<String>,
    pub(crate) upstream_status: Option<u16>,
    pub(crate) verify: Option<Span>,
    pub(crate) decide: Option<Span>,
    pub(crate) sent: Option<Span>,
}

impl Noted {
    /// A refusal that an `observe` route only notes.
    pub(crate) const fn observed(&mut self, refusal: &Refusal) {
        self.code = Some(refusal.code);
        self.reason = Some(refusal.reason);
    }
}

/// Notes about one request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notes(Arc<Mutex<Noted>>);

impl Notes {
    /// Those that travel with a request.
    pub(crate) fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get::<Self>()
    }

    /// Writes, if anybody wants to know.
    pub(crate) fn note(extensions: &Extensions, write: impl FnOnce(&mut Noted)) {
        if let Some(notes) = Self::of(extensions) {
            notes.write(write);
        }
    }

    /// Takes the time of a phase until the answer is dropped, if anybody wants to know.
    pub(crate) fn time<'c>(
        extensions: &Extensions,
        phase: Phase,
        clock: &'c dyn Clock,
    ) -> Option<Timing<'c>> {
        Self::of(extensions).map(|notes| Timing {
            notes: notes.clone(),
            phase,
            from_us: clock.monotonic_us(),
            clock,
        })
    }

    pub(crate) fn write(&self, write: impl FnOnce(&mut Noted)) {
        write(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// What was noted; what is noted later is lost.
    pub(crate) fn take(&self) -> Noted {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A phase under way.
#[derive(Debug)]
pub(crate) struct Timing<'c> {
    notes: Notes,
    phase: Phase,
    from_us: u64,
    clock: &'c dyn Clock,
}

impl Timing<'_> {
    /// Where this phase writes.
    pub(crate) const fn notes(&self) -> &Notes {
        &self.notes
    }
}

impl Drop for Timing<'_> {
    fn drop(&mut self) {
        let span = Span {
            from_us: self.from_us,
            to_us: self.clock.monotonic_us(),
        };
        self.notes.write(|noted| {
            let place = match self.phase {
                Phase::Verify => &mut noted.verify,
                Phase::Decide => &mut noted.decide,
                Phase::Upstream => &mut noted.sent,
            };
            *place = Some(span);
        });
    }
}
