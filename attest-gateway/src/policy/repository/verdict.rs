//! What became of an offered policy: taken or refused, with versions, code and reason. One is made for each change that is
//! offered, not for each look; the newest of both kinds are remembered.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Versions of a repository's metadata.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MetadataVersions {
    /// Of the root.
    pub root: u64,
    /// Of the timestamp.
    pub timestamp: u64,
    /// Of the snapshot.
    pub snapshot: u64,
    /// Of the role `targets`.
    pub targets: u64,
    /// Of the role `brake`; absent if it is not there or was not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brake: Option<u64>,
}

/// Taken or refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It is in force.
    Ack,
    /// It is not; what was in force before stays.
    Nack,
}

impl Answer {
    /// The word in metrics, events and the admin listener.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ack => "ack",
            Self::Nack => "nack",
        }
    }
}

/// What a verdict is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// The policy itself.
    Policy,
    /// The brake over it.
    Brake,
}

/// What became of what was offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Verdict {
    /// Taken or refused.
    pub verdict: Answer,
    /// Of the policy, or of the brake.
    pub subject: Subject,
    /// The policy version that was offered; absent where it was not come to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// The metadata that was offered, as far as it was verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<MetadataVersions>,
    /// Stable: `activated`, `unchanged`, `metadata`, `brake-on`, `brake-off`, or why it was refused.
    pub code: String,
    /// Why, in words; empty for what was taken.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Where it came from: `repository`, `url`, `push`, or `mirror`, the gateway's own copy.
    pub source: String,
    /// When, Unix seconds.
    pub at_s: u64,
    /// From noticing the change to this verdict.
    pub took_ms: u64,
}

impl Verdict {
    /// Whether it tells nothing that `other` did not tell: what a source that stays as it is would be refused for at each look.
    pub(super) fn repeats(&self, other: &Self) -> bool {
        // These words name a time or a state of the network, which change by themselves.
        let varies = self.code == "tuf-expired" || self.code.starts_with("policy-source-");
        let told = |verdict: &Self| Self {
            at_s: 0,
            took_ms: 0,
            reason: if varies {
                String::new()
            } else {
                verdict.reason.clone()
            },
            ..verdict.clone()
        };
        told(self) == told(other)
    }
}
