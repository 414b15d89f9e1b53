//! What `embedded.mobileprovision` allows: `provision.*`. The App Store's packages have no such file, so on a customer's phone all of it
//! is absent; who signed the app otherwise had to bring one.

use std::io;
use std::path::PathBuf;

use attest_core::facts::{FactId, FactRef, Observation};

use super::super::answers::{boolean, integer, list};
use super::super::parse::provision::{self, MAX_BYTES, Profile};
use super::super::posix::by_view;
use super::super::sys::{Errno, Files};
use super::super::{Answers, Lifetime, Probe, Scope};
use super::bundle;

/// Finds the program by this function.
#[derive(Debug)]
pub(super) struct Provision(pub(super) fn() -> io::Result<PathBuf>);

impl Default for Provision {
    fn default() -> Self {
        Self(std::env::current_exe)
    }
}

impl Probe for Provision {
    fn name(&self) -> &'static str {
        "ios.provision"
    }

    fn facts(&self) -> &'static [FactId] {
        &[
            FactId::PROVISION_TEAMS,
            FactId::PROVISION_DEBUGGING,
            FactId::PROVISION_DEVICES,
            FactId::PROVISION_ALL_DEVICES,
        ]
    }

    fn cost_us(&self) -> u32 {
        500
    }

    fn lifetime(&self) -> Lifetime {
        Lifetime::Process
    }

    fn answer(&self, questions: &[&FactRef], scope: &Scope<'_>, answers: &mut Answers) {
        by_view::answer(questions, scope, answers, &|files, questions| {
            let profile = self.profile(files);
            let one = |question: &&FactRef| match &profile {
                Ok(profile) => observation(question.fact(), profile),
                Err(errno) => (*errno).into(),
            };
            questions.iter().map(one).collect()
        });
    }
}

impl Provision {
    fn profile(&self, files: &Files<'_>) -> Result<Profile, Errno> {
        let path = bundle::entry(self.0, "embedded.mobileprovision")?;
        let read = files.read(&path, MAX_BYTES)?;
        if read.truncated {
            return Err(Errno::CUT);
        }
        provision::profile(&read.value).map_err(|_| Errno::SENSELESS)
    }
}

fn observation(fact: FactId, profile: &Profile) -> Observation {
    match fact {
        FactId::PROVISION_TEAMS => list(profile.teams.clone(), false),
        FactId::PROVISION_DEBUGGING => boolean(profile.allows_debugging),
        FactId::PROVISION_DEVICES => integer(profile.devices),
        _ => boolean(profile.is_for_all_devices),
    }
}
