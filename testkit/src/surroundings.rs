//! A simulated phone's probes: whatever detectors ask, this phone answers as one of its kind would.

use std::future::ready;
use std::sync::{Mutex, PoisonError};

use attest_core::device::Platform;
use attest_core::facts::{FactMap, FactRef};
use attest_core::policy::Variables;
use attest_mobile::foreign::{BoxFuture, Observations};

use crate::profile::Profile;

/// The surroundings of an app, which a test may change.
#[derive(Debug)]
pub struct Surroundings {
    platform: Platform,
    profile: Mutex<Profile>,
}

impl Surroundings {
    /// A phone of this platform in these surroundings.
    #[must_use]
    pub const fn new(platform: Platform, profile: Profile) -> Self {
        Self {
            platform,
            profile: Mutex::new(profile),
        }
    }

    /// From now on the phone looks like this.
    pub fn become_one(&self, profile: Profile) {
        *self.profile.lock().unwrap_or_else(PoisonError::into_inner) = profile;
    }
}

impl Observations for Surroundings {
    fn variables(&self) -> Variables {
        Profile::variables(self.platform)
    }

    fn observe(&self, asked: Vec<FactRef>) -> BoxFuture<'_, FactMap> {
        let profile = *self.profile.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = profile.facts(self.platform);
        let answered = asked.into_iter().map(|fact| {
            let observation = seen.seen(&fact);
            (fact, observation)
        });
        Box::pin(ready(answered.collect()))
    }
}
