//! The packages that an Android attestation names, bounded. A name is kept whole or counted, never cut: a cut name could be
//! somebody else's.

use serde::{Deserialize, Serialize};

use crate::facts::TextList;

/// The most packages that are named.
pub const MAX_PACKAGES: usize = 4;
/// The most bytes of all names together.
pub const MAX_PACKAGES_BYTES: usize = 200;

/// Packages that share the attested app's uid: one for nearly every app.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct AttestedPackages {
    /// Names with [`SEPARATOR`] between them: one allocation, because a ticket is opened for each request.
    joined: String,
    more: u16,
}

const SEPARATOR: char = '\n';

#[derive(Serialize, Deserialize)]
struct Written {
    names: Vec<String>,
    #[serde(default, skip_serializing_if = "is_zero")]
    more: u16,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde's skip_serializing_if passes a reference"
)]
const fn is_zero(n: &u16) -> bool {
    *n == 0
}

impl AttestedPackages {
    /// These names, each once. Those behind the first few, and those that no package can have, are only counted; so put first
    /// what must be kept.
    #[must_use]
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut kept = Self::default();
        for name in names {
            if kept.iter().any(|known| known == name) {
                continue;
            }
            let room = kept.len() < MAX_PACKAGES && kept.joined.len() + name.len() < MAX_PACKAGES_BYTES;
            if name.is_empty() || name.contains(char::is_control) || !room {
                kept.more = kept.more.saturating_add(1);
                continue;
            }
            if !kept.joined.is_empty() {
                kept.joined.push(SEPARATOR);
            }
            kept.joined.push_str(name);
        }
        kept
    }

    /// The names.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.joined.split(SEPARATOR).filter(|name| !name.is_empty())
    }

    /// How many there are, also those that are only counted.
    #[must_use]
    pub fn count(&self) -> usize {
        self.len().saturating_add(usize::from(self.more))
    }

    pub(crate) const fn parts(&self) -> (&str, u16) {
        (self.joined.as_str(), self.more)
    }

    pub(crate) fn from_parts(joined: &str, more: u16) -> Self {
        let mut read = Self::new(joined.split(SEPARATOR).filter(|name| !name.is_empty()));
        read.more = read.more.saturating_add(more);
        read
    }
}

impl TextList for AttestedPackages {
    fn len(&self) -> usize {
        self.iter().count()
    }

    fn item(&self, index: usize) -> Option<&str> {
        self.iter().nth(index)
    }
}

impl From<Written> for AttestedPackages {
    fn from(written: Written) -> Self {
        let mut read = Self::new(written.names.iter().map(String::as_str));
        read.more = read.more.saturating_add(written.more);
        read
    }
}

impl From<AttestedPackages> for Written {
    fn from(packages: AttestedPackages) -> Self {
        Self {
            names: packages.iter().map(str::to_owned).collect(),
            more: packages.more,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kept_whole_or_counted() {
        let check = |names: &[&str], kept: &[&str], count: usize| {
            let packages = AttestedPackages::new(names.iter().copied());
            assert_eq!(packages.iter().collect::<Vec<_>>(), kept);
            assert_eq!((packages.len(), packages.count()), (kept.len(), count));
            assert_eq!(packages.item(kept.len()), None);
            let (joined, more) = packages.parts();
            assert!(joined.len() <= MAX_PACKAGES_BYTES);
            assert_eq!(AttestedPackages::from_parts(joined, more), packages);
            let json = serde_json::to_string(&packages).unwrap();
            assert_eq!(serde_json::from_str::<AttestedPackages>(&json).unwrap(), packages);
        };
        check(&[], &[], 0);
        check(&["com.example.bank"], &["com.example.bank"], 1);
        check(&["a", "a", "b"], &["a", "b"], 2);
        check(&["a", "b", "c", "d", "e", "f"], &["a", "b", "c", "d"], 6);
        check(&["a", "b\nc", ""], &["a"], 3);
        let (long, other) = ("x".repeat(150), "y".repeat(100));
        check(&[&long, &other, "z"], &[&long, "z"], 3);
        check(&[&"x".repeat(300)], &[], 1);
    }
}
