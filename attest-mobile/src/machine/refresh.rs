//! Persisted state and the device policy: read at the start, fetched when asked for, and replaced only by a newer one.

use std::sync::Arc;

use attest_core::bundle::MAX_BUNDLE_BYTES;
use attest_core::jose::jwk::thumbprint;
use attest_core::service::PolicyBundle;
use ring::rand::SecureRandom;

use super::backoff::Lane;
use super::record::{PolicyRecord, StateRecord};
use super::time::TimeFloor;
use super::{Effect, LOADS_MAX, Loaded, Machine, Now, POLICY_BLOB, STATE_BLOB, Unloadable, Work, reply};
use crate::failure::{Call, Failure};
use crate::foreign::{KeyError, TransportError};
use crate::http::HttpReply;
use crate::notice::Notice;
use crate::policy::{Accepted, ActivePolicy, Offer, Outcome, PolicyFault, Source};

/// Code of a blob that is no record of this scope.
const UNREADABLE: &str = "unreadable";
/// A longer entity tag is not kept.
const ETAG_BYTES_MAX: usize = 256;

impl Machine {
    pub(super) fn on_loaded(&mut self, loaded: Result<Loaded, Unloadable>, now: Now, rng: &dyn SecureRandom) {
        let loaded = match loaded {
            Ok(loaded) => loaded,
            Err(_) if self.loading.failures() + 1 >= LOADS_MAX => Loaded::default(),
            Err(unloadable) => {
                let failure = match unloadable {
                    Unloadable::Storage => Failure::Storage,
                    Unloadable::Key => Failure::Key(KeyError::Failed),
                };
                let again_in_ms = self.loading.fail(failure.clone(), now, rng);
                return self.note(Notice::Failed { failure, again_in_ms });
            }
        };
        self.loading.succeed();
        self.loaded = true;
        self.key = loaded.key;
        if let Some(blob) = loaded.state {
            self.resume_state(&blob, now);
        }
        if let Some(blob) = loaded.policy {
            self.resume_policy(&blob);
        }
        self.note(Notice::Started {
            resumed: self.registration.is_some(),
        });
    }

    fn resume_state(&mut self, blob: &[u8], now: Now) {
        let Some(state) = StateRecord::read(blob, &self.settings.scope) else {
            return self.note(Notice::Discarded {
                blob: STATE_BLOB,
                code: UNREADABLE,
            });
        };
        self.policy_floor = state.policy_age();
        if let Some(anchor) = state.clock {
            self.clock.resume(anchor, now);
        }
        self.floor = state.floor.map(|floor: TimeFloor| floor.resume(now));
        let held = self.key.as_ref().map(thumbprint);
        match state.registration {
            Some(registration) if held.as_ref() == Some(&registration.thumbprint) => {
                self.registration = Some(registration);
            }
            Some(_) => self.note(Notice::RegistrationLost {
                code: KeyError::Gone.code(),
            }),
            None => {}
        }
    }

    fn resume_policy(&mut self, blob: &[u8]) {
        match PolicyRecord::read(blob, &self.settings.scope) {
            Some(record) => self.begin_accept(Source::Kept(record.kept), record.etag),
            None => self.note(Notice::Discarded {
                blob: POLICY_BLOB,
                code: UNREADABLE,
            }),
        }
    }

    pub(super) fn begin_fetch(&mut self) {
        let mut request = reply::request(
            &self.settings.config.service_url,
            Call::Policy,
            None,
            MAX_BUNDLE_BYTES,
        );
        request
            .url
            .push_str(&format!("?root={}", self.kept.root_version()));
        request
            .headers
            .extend(self.etag.clone().map(|etag| ("if-none-match".to_owned(), etag)));
        self.begin(Work::Fetching, Effect::Send(request));
    }

    pub(super) fn on_policy(
        &mut self,
        reply: Result<HttpReply, TransportError>,
        now: Now,
        rng: &dyn SecureRandom,
    ) {
        let etag = match &reply {
            Ok(reply) if reply.status == 304 && self.policy.is_some() => return self.fetched(),
            Ok(reply) => reply
                .header("etag")
                .filter(|etag| is_etag(etag))
                .map(str::to_owned),
            Err(_) => None,
        };
        match reply::read::<PolicyBundle>(Call::Policy, reply) {
            Ok(bundle) => {
                // A phone that cannot get a session by the policy it has is not to be locked out by a date.
                let now_s = if self.stranded { 0 } else { self.certain_s(now) };
                let source = Source::Fetched {
                    bundle: Box::new(bundle),
                    kept: self.kept.clone(),
                    now_s,
                };
                self.begin_accept(source, etag);
            }
            Err(failure) => self.fail_fetching(failure, now, rng),
        }
    }

    /// An earlier process's policy goes on, whatever the time is.
    pub(super) fn on_resumed(&mut self, accepted: Accepted) {
        self.kept = accepted.kept;
        self.etag = accepted.etag;
        match accepted.outcome {
            Ok(Outcome::Policy(policy)) => self.activate(*policy),
            Ok(Outcome::Nothing | Outcome::More | Outcome::Same { .. }) => {}
            Err(fault) => self.note(Notice::Discarded {
                blob: POLICY_BLOB,
                code: fault.code(),
            }),
        }
    }

    /// What was verified is kept; the last good policy stays unless a whole one was accepted.
    pub(super) fn on_accepted(&mut self, accepted: Accepted, now: Now, rng: &dyn SecureRandom) {
        let Accepted {
            kept,
            etag,
            rotated,
            outcome,
        } = accepted;
        let is_changed = kept != self.kept || (outcome.is_ok() && etag != self.etag);
        self.kept = kept;
        if rotated {
            // One of the reasons to rotate a root: phones that were told a wrong time would take everything for expired.
            self.floor = None;
            self.store_state();
        }
        if is_changed {
            if outcome.is_ok() {
                self.etag = etag;
            }
            self.store_policy();
        }
        match outcome {
            Ok(Outcome::More) => self.begin_fetch(),
            Ok(Outcome::Nothing) => self.fetched(),
            Ok(Outcome::Same { expires_s }) => {
                self.fetched();
                if let Some(policy) = &mut self.policy {
                    policy.expires_s = expires_s;
                }
            }
            Ok(Outcome::Policy(policy)) => {
                self.fetched();
                self.activate(*policy);
                self.store_state();
                // New keys or limits may be what the last attempt lacked.
                self.joining = Lane::default();
            }
            Err(fault) => self.refuse(fault, now, rng),
        }
    }

    /// Whoever waited for this fetch goes on with the policy in force, if there is one.
    fn refuse(&mut self, fault: PolicyFault, now: Now, rng: &dyn SecureRandom) {
        self.note(Notice::PolicyRefused(fault.clone()));
        if self.policy.is_none() {
            return self.fail_fetching(fault.into(), now, rng);
        }
        let lags = fault.is_older();
        self.fetched();
        if !lags {
            self.fail_fetching(fault.into(), now, rng);
        }
    }

    fn begin_accept(&mut self, source: Source, etag: Option<String>) {
        let work = match &source {
            Source::Kept(_) => Work::Resuming,
            Source::Fetched { .. } => Work::Accepting,
        };
        let offer = Offer {
            source,
            etag,
            held: self.policy_floor,
            settings: Arc::clone(&self.settings),
            variables: self.variables.clone(),
        };
        self.begin(work, Effect::Accept(Box::new(offer)));
    }

    fn fetched(&mut self) {
        self.fetching.succeed();
        self.wants.policy = false;
        self.wants.policy_at_ms = None;
        self.policy_fetches = self.policy_fetches.saturating_add(1);
    }

    fn fail_fetching(&mut self, failure: Failure, now: Now, rng: &dyn SecureRandom) {
        if self.policy.is_some() {
            // The next announcement, or the next refusal, asks again; the last good one stays meanwhile.
            self.wants.policy_at_ms = None;
            self.wants.policy = false;
        }
        let again_in_ms = self.fetching.fail(failure.clone(), now, rng);
        self.note(Notice::Failed { failure, again_in_ms });
    }

    fn activate(&mut self, policy: ActivePolicy) {
        self.policy_floor = policy.age;
        self.wants.scan = true;
        self.note(Notice::PolicyActive {
            version: policy.version(),
        });
        self.policy = Some(policy);
    }
}

/// An entity tag goes back in a header: only what RFC 9110 allows, and not much of it.
fn is_etag(text: &str) -> bool {
    text.len() <= ETAG_BYTES_MAX && text.bytes().all(|byte| byte.is_ascii_graphic())
}
