//! The loaded images: `images.path`, as dyld lists them. The kernel knows mapped files, and most images share one: there is no second view.

use std::collections::BTreeSet;

use attest_core::facts::{FactId, FactRef, Observation};

use super::super::answers::list;
use super::super::sys::{Capped, Errno, View};
use super::super::{Answers, Lifetime, Probe, Scope};
use super::{foreign, native};

/// The paths that the platform lists.
pub(super) type Listed = Result<Capped<Vec<Vec<u8>>>, Errno>;

/// Asks by this function.
#[derive(Debug)]
pub(super) struct Images(pub(super) fn() -> Listed);

impl Default for Images {
    fn default() -> Self {
        Self(foreign::images)
    }
}

impl Probe for Images {
    fn name(&self) -> &'static str {
        "ios.images"
    }

    fn facts(&self) -> &'static [FactId] {
        &[FactId::IMAGES_PATH]
    }

    fn cost_us(&self) -> u32 {
        300
    }

    fn lifetime(&self) -> Lifetime {
        Lifetime::Scan
    }

    fn takes(&self, question: &FactRef) -> bool {
        native(question) == Some(View::Libc)
    }

    fn answer(&self, questions: &[&FactRef], _: &Scope<'_>, answers: &mut Answers) {
        for question in questions {
            answers.put(question, self.observe());
        }
    }
}

impl Images {
    fn observe(&self) -> Observation {
        match (self.0)() {
            Ok(images) => {
                let paths = images
                    .value
                    .iter()
                    .map(|path| String::from_utf8_lossy(path).into_owned());
                let distinct: BTreeSet<String> = paths.collect();
                list(distinct.into_iter().collect(), images.truncated)
            }
            Err(errno) => errno.into(),
        }
    }
}
