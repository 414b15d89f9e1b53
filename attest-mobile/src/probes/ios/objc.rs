//! Whether an Objective-C class is registered: `objc.class_exists`. The runtime is the platform's API, so this is the view `java`.

use attest_core::facts::{FactId, FactRef, Observation};

use super::super::answers::boolean;
use super::super::sys::Errno;
use super::super::{Answers, Lifetime, Probe, Scope};
use super::foreign;

/// Asks by this function.
#[derive(Debug)]
pub(super) struct Classes(pub(super) fn(&str) -> Result<bool, Errno>);

impl Default for Classes {
    fn default() -> Self {
        Self(foreign::class_exists)
    }
}

impl Probe for Classes {
    fn name(&self) -> &'static str {
        "ios.objc"
    }

    fn facts(&self) -> &'static [FactId] {
        &[FactId::OBJC_CLASS_EXISTS]
    }

    fn cost_us(&self) -> u32 {
        20
    }

    fn lifetime(&self) -> Lifetime {
        Lifetime::Scan
    }

    fn answer(&self, questions: &[&FactRef], scope: &Scope<'_>, answers: &mut Answers) {
        for question in questions {
            if scope.deadline.has_passed() {
                return;
            }
            let exists = (self.0)(question.param().unwrap_or_default());
            answers.put(question, exists.map_or_else(Observation::from, boolean));
        }
    }
}
