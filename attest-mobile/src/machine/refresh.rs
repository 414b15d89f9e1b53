//! Persisted state and the device policy: read at the start, fetched when asked for, and replaced only by a newer one.

use std::sync::Arc;

use attest_core::bundle::MAX_BUNDLE_BYTES;
use attest_core::jose::jwk::thumbprint;
use attest_core::service::PolicyBundle;
use ring::rand::SecureRandom;

use super::backoff::Lane;
use super::record::{PolicyRecord, StateRecord};
use super::{Effect, LOADS_MAX, Loaded, Machine, Now, POLICY_BLOB, STATE_BLOB, Unloadable, Work, reply};
use crate::failure::{Call, Failure};
use crate::foreign::{KeyError, TransportError};
use crate::http::HttpReply;
use crate::notice::Notice;
use crate::policy::{Accepted, ActivePolicy, Offer};

/// The bundle and the JSON around it.
const REPLY_BYTES_MAX: usize = MAX_BUNDLE_BYTES + 1024;
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
            return self.note(Notice::Discarded { blob: STATE_BLOB });
        };
        self.policy_floor = state.policy_age();
        if let Some(anchor) = state.clock {
            self.clock.resume(anchor, now);
        }
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
            Some(record) => self.begin_accept(record.bundle, record.etag, true),
            None => self.note(Notice::Discarded { blob: POLICY_BLOB }),
        }
    }

    pub(super) fn begin_fetch(&mut self) {
        let mut request = reply::request(
            &self.settings.config.service_url,
            Call::Policy,
            None,
            REPLY_BYTES_MAX,
        );
        let etag = self.policy.as_ref().and_then(|policy| policy.etag.clone());
        request
            .headers
            .extend(etag.map(|etag| ("if-none-match".to_owned(), etag)));
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
            Ok(bundle) => self.begin_accept(bundle.development, etag, false),
            Err(failure) => self.fail_fetching(failure, now, rng),
        }
    }

    /// The last good policy stays unless this one was accepted.
    pub(super) fn on_accepted(
        &mut self,
        is_stored: bool,
        accepted: Accepted,
        now: Now,
        rng: &dyn SecureRandom,
    ) {
        match accepted.0 {
            Ok(policy) if is_stored => self.activate(policy),
            Ok(policy) => {
                self.fetched();
                self.take_policy(policy);
            }
            Err(_) if is_stored => self.note(Notice::Discarded { blob: POLICY_BLOB }),
            Err(fault) => {
                self.note(Notice::PolicyRefused(fault.clone()));
                self.fail_fetching(fault.into(), now, rng);
            }
        }
    }

    fn begin_accept(&mut self, bundle: String, etag: Option<String>, is_stored: bool) {
        let offer = Offer {
            bundle,
            etag,
            held: self.policy_floor,
            settings: Arc::clone(&self.settings),
            variables: self.variables.clone(),
        };
        self.begin(Work::Accepting { is_stored }, Effect::Accept(Box::new(offer)));
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

    fn take_policy(&mut self, policy: ActivePolicy) {
        let is_held = |held: &ActivePolicy| held.bundle == policy.bundle && held.etag == policy.etag;
        if self.policy.as_ref().is_some_and(is_held) {
            return;
        }
        self.activate(policy);
        self.store_policy();
        self.store_state();
        // New keys or limits may be what the last attempt lacked.
        self.joining = Lane::default();
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
