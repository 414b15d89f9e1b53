//! Why metadata or a target was refused. Each attack of the specification has a code of its own.

use super::RoleName;

/// Why something was refused; what was trusted before stays trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TufError {
    /// More bytes than allowed or announced: endless data.
    #[error("{role} is larger than {max} bytes")]
    TooLarge {
        /// The role.
        role: RoleName,
        /// The most that is read.
        max: u64,
    },
    /// Not JSON, or a member that stands twice or has a fraction.
    #[error("{role} is not unambiguous JSON")]
    Malformed {
        /// The role.
        role: RoleName,
    },
    /// JSON, but not metadata of this role.
    #[error("{role}: `{field}` is missing or of another form")]
    Field {
        /// The role.
        role: RoleName,
        /// The field.
        field: &'static str,
    },
    /// A specification of another major version.
    #[error("{role} follows version {found} of the specification, this client 1")]
    SpecVersion {
        /// The role.
        role: RoleName,
        /// What it names.
        found: String,
    },
    /// Fewer keys signed than have to.
    #[error("{role} is signed by {signed} of the {needed} keys that are needed")]
    Threshold {
        /// The role.
        role: RoleName,
        /// Distinct keys with a good signature.
        signed: usize,
        /// The threshold.
        needed: usize,
    },
    /// A root that is not the next one.
    #[error("root has version {found}, the next is {expected}")]
    RootVersion {
        /// The version after the trusted one.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// Older than what was trusted before.
    #[error("{role} has version {found}, {trusted} was trusted already")]
    Rollback {
        /// The role.
        role: RoleName,
        /// The version that was trusted.
        trusted: u64,
        /// What came.
        found: u64,
    },
    /// A role that the trusted snapshot named is not named any more.
    #[error("snapshot does not name {role} any more")]
    Removed {
        /// The role.
        role: RoleName,
    },
    /// Past its expiry: a freeze, or nobody signed in time.
    #[error("{role} expired at {expires_s}, it is {now_s}")]
    Expired {
        /// The role.
        role: RoleName,
        /// When it did, in Unix seconds.
        expires_s: u64,
        /// What time it is, in Unix seconds.
        now_s: u64,
    },
    /// Not the version that the role above names: mix and match.
    #[error("{role} has version {found}, {expected} is named")]
    VersionMismatch {
        /// The role.
        role: RoleName,
        /// The version named.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// Not the length that the role above names.
    #[error("{role} has {found} bytes, {expected} are named")]
    LengthMismatch {
        /// The role.
        role: RoleName,
        /// The length named.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// Not the hash that the role above names.
    #[error("{role} has another hash than is named")]
    HashMismatch {
        /// The role.
        role: RoleName,
    },
    /// The snapshot names no such role.
    #[error("snapshot does not name {role}")]
    NotInSnapshot {
        /// The role.
        role: RoleName,
    },
    /// Nobody delegates to this role.
    #[error("nothing delegates to {role}")]
    NotDelegated {
        /// The role.
        role: RoleName,
    },
    /// Something was given before what it depends on.
    #[error("{role} cannot be looked at before {needs}")]
    Order {
        /// The role.
        role: RoleName,
        /// What has to come first.
        needs: RoleName,
    },
    /// More new roots than are followed at once.
    #[error("more than {max} new roots")]
    TooManyRoots {
        /// The bound.
        max: u32,
    },
    /// A target that no role on its path names.
    #[error("no role vouches for target `{name}`")]
    TargetUnknown {
        /// Its path.
        name: String,
    },
    /// A target of another length.
    #[error("target `{name}` has {found} bytes, {expected} are named")]
    TargetLength {
        /// Its path.
        name: String,
        /// The length named.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// A target with another hash.
    #[error("target `{name}` has another hash than is named")]
    TargetHash {
        /// Its path.
        name: String,
    },
    /// It could not be fetched.
    #[error("{role} could not be fetched")]
    Unavailable {
        /// The role.
        role: RoleName,
    },
}

impl TufError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "tuf-too-large",
            Self::Malformed { .. } => "tuf-malformed",
            Self::Field { .. } => "tuf-field",
            Self::SpecVersion { .. } => "tuf-spec-version",
            Self::Threshold { .. } => "tuf-threshold",
            Self::RootVersion { .. } => "tuf-root-version",
            Self::Rollback { .. } => "tuf-rollback",
            Self::Removed { .. } => "tuf-removed",
            Self::Expired { .. } => "tuf-expired",
            Self::VersionMismatch { .. } => "tuf-version-mismatch",
            Self::LengthMismatch { .. } => "tuf-length-mismatch",
            Self::HashMismatch { .. } => "tuf-hash-mismatch",
            Self::NotInSnapshot { .. } => "tuf-not-in-snapshot",
            Self::NotDelegated { .. } => "tuf-not-delegated",
            Self::Order { .. } => "tuf-order",
            Self::TooManyRoots { .. } => "tuf-too-many-roots",
            Self::TargetUnknown { .. } => "tuf-target-unknown",
            Self::TargetLength { .. } => "tuf-target-length",
            Self::TargetHash { .. } => "tuf-target-hash",
            Self::Unavailable { .. } => "tuf-unavailable",
        }
    }
}
