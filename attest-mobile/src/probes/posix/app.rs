//! Where the app's own directories really lie when one goes to where they are said to be: `app.data_dir`, `app.apk_path`.
//!
//! Both views go to the same place and ask what they have reached: links and mounts of the system answer both alike.

use attest_core::facts::{FactId, FactRef};

use super::super::answers::text;
use super::super::sys::{Errno, Files};
use super::super::{Answers, Lifetime, Probe, Scope};
use super::by_view;

#[derive(Debug)]
pub(in crate::probes) struct App;

impl Probe for App {
    fn name(&self) -> &'static str {
        "app"
    }

    fn facts(&self) -> &'static [FactId] {
        &[FactId::APP_DATA_DIR, FactId::APP_APK_PATH]
    }

    fn cost_us(&self) -> u32 {
        40
    }

    fn lifetime(&self) -> Lifetime {
        Lifetime::Scan
    }

    fn takes(&self, question: &FactRef) -> bool {
        by_view::native(question).is_some()
    }

    fn answer(&self, questions: &[&FactRef], scope: &Scope<'_>, answers: &mut Answers) {
        let said = |question: &FactRef| {
            scope.variables.value(match question.fact() {
                FactId::APP_DATA_DIR => "data_dir",
                _ => "own_apk",
            })
        };
        let known: Vec<&FactRef> = questions
            .iter()
            .copied()
            .filter(|question| said(question).is_some())
            .collect();
        by_view::answer(&known, scope, answers, &|files, questions| {
            let one = |question: &&FactRef| match reached(files, said(question).unwrap_or_default()) {
                Ok(path) => text(String::from_utf8_lossy(&path)),
                Err(errno) => errno.into(),
            };
            questions.iter().map(one).collect()
        });
    }
}

fn reached(files: &Files<'_>, path: &str) -> Result<Vec<u8>, Errno> {
    files.open(path.as_bytes())?.path()
}
