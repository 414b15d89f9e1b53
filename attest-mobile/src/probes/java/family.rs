//! The families of facts that are asked of Java, each a probe over the same virtual machine.

use std::sync::Arc;

use attest_core::facts::{FactId, FactRef, Observation, View};

use super::call::Call;
use super::fault::Fault;
use super::runtime::Java;
use super::{app, build, classes, files, hardware, packages, process};
use crate::probes::{Answers, Lifetime, Probe, Scope, view_of};

/// Facts that are asked together, and how one of them is.
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) facts: &'static [FactId],
    /// What HotSpot took on a host, where it could be asked; what asks another process of the phone is put last by estimate.
    pub(super) cost_us: u32,
    pub(super) lifetime: Lifetime,
    pub(super) ask: Ask,
}

/// The answer to one question of a family.
pub(super) type Ask = fn(&mut Call<'_, '_>, &FactRef) -> Result<Observation, Fault>;

const FAMILIES: [&Family; 8] = [
    &app::FAMILY,
    &build::FAMILY,
    &classes::FAMILY,
    &files::FAMILY,
    &hardware::NETWORK,
    &hardware::SENSORS,
    &packages::FAMILY,
    &process::FAMILY,
];

/// One family, asked through JNI.
#[derive(Debug)]
pub struct JavaProbe {
    java: Arc<Java>,
    family: &'static Family,
}

/// A probe for each family of facts that has a Java view.
#[must_use]
pub fn probes(java: &Arc<Java>) -> Vec<Box<dyn Probe>> {
    let probe = |family: &&'static Family| -> Box<dyn Probe> {
        Box::new(JavaProbe {
            java: Arc::clone(java),
            family,
        })
    };
    FAMILIES.iter().map(probe).collect()
}

/// Name, facts, cost and lifetime of each family, without a virtual machine.
#[cfg(test)]
pub(in crate::probes) fn families() -> impl Iterator<Item = (&'static str, &'static [FactId], u32, Lifetime)>
{
    FAMILIES
        .into_iter()
        .map(|family| (family.name, family.facts, family.cost_us, family.lifetime))
}

impl Probe for JavaProbe {
    fn name(&self) -> &'static str {
        self.family.name
    }

    fn facts(&self) -> &'static [FactId] {
        self.family.facts
    }

    fn cost_us(&self) -> u32 {
        self.family.cost_us
    }

    fn lifetime(&self) -> Lifetime {
        self.family.lifetime
    }

    fn takes(&self, question: &FactRef) -> bool {
        view_of(question) == Some(View::Java)
    }

    fn answer(&self, questions: &[&FactRef], scope: &Scope<'_>, answers: &mut Answers) {
        let asked = self.java.ask(scope.deadline, |call| {
            for question in questions {
                let answer = call.framed(|call| (self.family.ask)(call, question));
                answers.put(question, answer.unwrap_or_else(Into::into));
            }
        });
        if let Err(fault) = asked {
            for question in questions {
                answers.put(question, fault);
            }
        }
    }
}

impl std::fmt::Debug for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}
