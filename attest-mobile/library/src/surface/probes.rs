//! The probes of this platform, as detectors ask them.

use std::sync::Arc;

use attest_core::policy::Variables;
use attest_mobile::foreign::{Clock, Observations, Timer};
use attest_mobile::probes::collector::Cost;
use attest_mobile::probes::{Collector, Probe};

/// All probes, and what they took.
#[derive(Debug)]
pub(super) struct Probed(Collector);

impl Probed {
    pub(super) fn new(clock: Arc<dyn Clock>, variables: Variables) -> Self {
        Self(Collector::new(probes(), clock, variables))
    }

    pub(super) fn in_background(&self, timer: Arc<dyn Timer>) -> Arc<dyn Observations> {
        Arc::new(self.0.in_background(timer))
    }

    pub(super) fn costs(&self) -> Vec<Cost> {
        self.0.costs()
    }
}

#[cfg(any(target_os = "android", target_os = "linux"))]
fn probes() -> Vec<Box<dyn Probe>> {
    use attest_mobile::probes::java::{self, Java};

    let mut probes = attest_mobile::probes::linux::probes();
    probes.push(Box::new(crate::android::isolated().clone()));
    if let Some(java) = Java::begun() {
        probes.extend(java::probes(&java));
    }
    probes
}

#[cfg(target_os = "ios")]
fn probes() -> Vec<Box<dyn Probe>> {
    attest_mobile::probes::ios::probes()
}

#[cfg(not(any(target_os = "android", target_os = "linux", target_os = "ios")))]
fn probes() -> Vec<Box<dyn Probe>> {
    Vec::new()
}
