//! Names of roles, and of the files that carry their metadata.

use std::fmt;

/// A role by its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RoleName {
    /// The keys of all top-level roles.
    Root,
    /// Which snapshot is current; signed often.
    Timestamp,
    /// Which version of every targets role is current.
    Snapshot,
    /// What is published, and who else may publish.
    Targets,
    /// A role that `targets`, or a role below it, delegates to.
    Delegated(String),
}

impl RoleName {
    /// The role of a name as it stands in metadata.
    #[must_use]
    pub fn named(name: &str) -> Self {
        match name {
            "root" => Self::Root,
            "timestamp" => Self::Timestamp,
            "snapshot" => Self::Snapshot,
            "targets" => Self::Targets,
            other => Self::Delegated(other.to_owned()),
        }
    }

    /// Its name as it stands in metadata.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Root => "root",
            Self::Timestamp => "timestamp",
            Self::Snapshot => "snapshot",
            Self::Targets => "targets",
            Self::Delegated(name) => name,
        }
    }

    /// What `_type` of its metadata says.
    pub(super) fn kind(&self) -> &str {
        match self {
            Self::Delegated(_) => "targets",
            Self::Root | Self::Timestamp | Self::Snapshot | Self::Targets => self.as_str(),
        }
    }

    /// Its entry in a snapshot: `targets.json`.
    pub(super) fn entry(&self) -> String {
        format!("{}.json", self.as_str())
    }

    /// The name of its file on disk: percent-encoded, so that no name is a path.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}.json", quoted(self.as_str()))
    }

    /// The name of its file in a repository, with the version in front where there is one.
    pub(super) fn published_name(&self, version: Option<u64>) -> String {
        match version {
            Some(version) => format!("{version}.{}", self.file_name()),
            None => self.file_name(),
        }
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Percent-encoding of everything but RFC 3986's unreserved characters.
fn quoted(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_role_name_is_a_path() {
        let check = |name: &str, expect: &str| assert_eq!(RoleName::named(name).file_name(), expect);
        check("root", "root.json");
        check("unclaimed", "unclaimed.json");
        check("../../etc", "..%2F..%2Fetc.json");
        check("ü b", "%C3%BC%20b.json");
        check(".", "..json");
    }
}
