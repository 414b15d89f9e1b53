//! What the platform's API says the app is: `id.package@java`, `app.bundle_path`. Core Foundation answers, whose answers Foundation's
//! are; the signature's own word for the identifier is `id.package@libc`.

use attest_core::facts::{FactId, FactRef, Observation, View};

use super::super::answers::text;
use super::super::sys::Errno;
use super::super::{Answers, Lifetime, Probe, Scope, view_of};
use super::foreign;

/// What is asked, and `None` if there is no such thing.
pub(super) type Ask = fn() -> Result<Option<Vec<u8>>, Errno>;

/// Asks by these functions.
#[derive(Debug)]
pub(super) struct App {
    pub(super) identifier: Ask,
    pub(super) path: Ask,
}

impl Default for App {
    fn default() -> Self {
        Self {
            identifier: foreign::bundle_identifier,
            path: foreign::bundle_path,
        }
    }
}

impl Probe for App {
    fn name(&self) -> &'static str {
        "ios.app"
    }

    fn facts(&self) -> &'static [FactId] {
        &[FactId::ID_PACKAGE, FactId::APP_BUNDLE_PATH]
    }

    fn cost_us(&self) -> u32 {
        20
    }

    fn lifetime(&self) -> Lifetime {
        Lifetime::Scan
    }

    fn takes(&self, question: &FactRef) -> bool {
        view_of(question) == Some(View::Java)
    }

    fn answer(&self, questions: &[&FactRef], _: &Scope<'_>, answers: &mut Answers) {
        for question in questions {
            let ask = match question.fact() {
                FactId::ID_PACKAGE => self.identifier,
                _ => self.path,
            };
            let observation = match ask() {
                Ok(Some(told)) => text(String::from_utf8_lossy(&told)),
                Ok(None) => Observation::Absent,
                Err(errno) => errno.into(),
            };
            answers.put(question, observation);
        }
    }
}
