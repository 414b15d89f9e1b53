//! What the phone is now, for display and support.

use attest_core::device::DeviceId;
use attest_core::finding::Findings;

use super::{Machine, Now};
use crate::policy::ActivePolicy;

/// What the phone is, for display. It holds no secret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Version of the active device policy.
    pub policy_version: Option<u64>,
    /// Whether the active policy, or what vouches for it, has certainly expired. It stays in force.
    pub policy_is_stale: bool,
    /// Version of the newest trusted root of the policy repository.
    pub policy_root: u64,
    /// Whether there is a registration.
    pub enrolled: bool,
    /// Seconds until the session ends, by the service's clock.
    pub session_ends_in_s: Option<u64>,
    /// How many sessions began in this process.
    pub sessions: u64,
    /// Outcome of the last scan.
    pub findings: Findings,
    /// Detectors of the active policy that this engine does not understand; every scan reports them as inconclusive.
    pub unsupported: Vec<String>,
    /// The service's time as the phone knows it.
    pub server_time_s: u64,
}

impl Machine {
    /// What the phone is now.
    #[must_use]
    pub fn status(&self, now: Now) -> Status {
        let server_time_s = self.clock.now_s(now);
        Status {
            policy_version: self.policy.as_ref().map(ActivePolicy::version),
            policy_is_stale: self.policy_is_stale(now),
            policy_root: self.kept.root_version(),
            enrolled: self.registration.is_some(),
            session_ends_in_s: self
                .session
                .as_ref()
                .and_then(|live| live.session.expires_at_s.checked_sub(server_time_s))
                .filter(|left_s| *left_s > 0),
            sessions: self.sessions,
            findings: self.judged.findings.clone(),
            unsupported: self.policy.as_ref().map_or_else(Vec::new, |policy| {
                let detectors = policy.compiled.detectors();
                detectors.unsupported().map(str::to_owned).collect()
            }),
            server_time_s,
        }
    }

    /// Whether the policy in force has certainly expired; without any word from the service nothing has.
    pub(super) fn policy_is_stale(&self, now: Now) -> bool {
        let certain_s = self.certain_s(now);
        let policy = self.policy.as_ref();
        policy.is_some_and(|policy| certain_s > 0 && policy.is_stale(certain_s))
    }

    /// The time that has certainly come; zero if nothing is known.
    pub(super) fn certain_s(&self, now: Now) -> u64 {
        self.floor.map_or(0, |floor| floor.now_s(now))
    }

    /// The registration's id, for the app's own support screens. Not for logs.
    #[must_use]
    pub fn device(&self) -> Option<DeviceId> {
        self.registration.as_ref().map(|registration| registration.device)
    }
}
