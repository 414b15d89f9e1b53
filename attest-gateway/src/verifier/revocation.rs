//! The status list of attestation certificates, as Google publishes it.
//!
//! Reading is bounded in bytes and entries. Whatever status an entry has, it blocks: a word that this release does not know is no
//! reason to let a certificate pass. How the list got here, and how old it may be, is the caller's to say.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};

/// The certificates that are no longer trusted, by serial.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RevocationList {
    entries: BTreeMap<String, Revocation>,
}

/// What the list says about one certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// Revoked for good or suspended; both block.
    pub status: RevocationStatus,
    /// Why, in the list's own word.
    pub reason: Option<String>,
}

/// The list's word for how much a certificate is blocked. All of them block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevocationStatus {
    /// Revoked for good.
    Revoked,
    /// Blocked until further notice.
    Suspended,
    /// A word that this release does not know.
    Unknown,
}

/// A list with its age, and the age up to which it may be relied on.
#[derive(Debug, Clone, Copy)]
pub struct Revocations<'a> {
    /// The list.
    pub list: &'a RevocationList,
    /// When it was known to be the newest, in seconds since 1970.
    pub fetched_at_s: u64,
    /// The age past which it is refused; `None` is no bound.
    pub age_max_s: Option<u64>,
}

impl Revocations<'_> {
    /// The age in seconds, if it is past the bound.
    #[must_use]
    pub fn stale_by(&self, now_s: u64) -> Option<u64> {
        let age = now_s.saturating_sub(self.fetched_at_s);
        self.age_max_s.filter(|max| age > *max).map(|_| age)
    }
}

impl RevocationList {
    /// A longer text is refused unread; the published list has some hundred bytes per entry.
    pub const BYTES_MAX: usize = MAX_BYTES;

    /// Reads `{"entries": {"<serial in hexadecimal>": {"status": …, "reason": …}}}`. Members that it does not know are skipped.
    ///
    /// # Errors
    ///
    /// [`RevocationError`]; a list with one bad serial is no list.
    pub fn parse(json: &[u8]) -> Result<Self, RevocationError> {
        if json.len() > MAX_BYTES {
            return Err(RevocationError::TooLarge {
                bytes: json.len(),
                limit: MAX_BYTES,
            });
        }
        let Document { entries } =
            serde_json::from_slice(json).map_err(|error| RevocationError::Unreadable {
                line: error.line(),
                column: error.column(),
            })?;
        if entries.0.len() > MAX_ENTRIES {
            return Err(RevocationError::TooMany { limit: MAX_ENTRIES });
        }
        Ok(Self { entries: entries.0 })
    }

    /// What the list says about a serial in lower-case hexadecimal without leading zeros.
    #[must_use]
    pub fn entry(&self, serial: &str) -> Option<&Revocation> {
        self.entries.get(serial)
    }

    /// Every serial, in lower-case hexadecimal without leading zeros.
    pub fn serials(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// How many certificates it names.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it names none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// Why a list cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RevocationError {
    /// It is not of the published form.
    #[error("line {line}, column {column}: not a status list")]
    Unreadable {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// It is too long.
    #[error("{bytes} bytes, at most {limit}")]
    TooLarge {
        /// Its length.
        bytes: usize,
        /// The bound.
        limit: usize,
    },
    /// It names too many certificates.
    #[error("at most {limit} entries")]
    TooMany {
        /// The bound.
        limit: usize,
    },
}

impl RevocationError {
    /// The stable word.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "revocation-unreadable",
            Self::TooLarge { .. } => "revocation-too-large",
            Self::TooMany { .. } => "revocation-too-many",
        }
    }
}

/// The published list has some hundred bytes per entry.
const MAX_BYTES: usize = 32 << 20;
/// The published list has some thousands.
const MAX_ENTRIES: usize = 200_000;
/// RFC 5280 allows 20 bytes; twice as many digits, and room for those who do not keep to it.
const MAX_SERIAL_DIGITS: usize = 64;

#[derive(Deserialize)]
struct Document {
    entries: Entries,
}

struct Entries(BTreeMap<String, Revocation>);

#[derive(Deserialize)]
struct Entry {
    status: String,
    reason: Option<String>,
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Serials;
        impl<'de> Visitor<'de> for Serials {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of serials")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = BTreeMap::new();
                while let Some((serial, entry)) = map.next_entry::<String, Entry>()? {
                    let serial = canonical_serial(&serial)
                        .ok_or_else(|| de::Error::custom("a serial in hexadecimal"))?;
                    let status = match entry.status.as_str() {
                        "REVOKED" => RevocationStatus::Revoked,
                        "SUSPENDED" => RevocationStatus::Suspended,
                        _ => RevocationStatus::Unknown,
                    };
                    entries.insert(
                        serial,
                        Revocation {
                            status,
                            reason: entry.reason,
                        },
                    );
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Serials)
    }
}

/// Some published serials look decimal; they are hexadecimal like all others.
fn canonical_serial(serial: &str) -> Option<String> {
    let hexadecimal = !serial.is_empty() && serial.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !hexadecimal || serial.len() > MAX_SERIAL_DIGITS {
        return None;
    }
    let digits = serial.trim_start_matches('0');
    Some(if digits.is_empty() {
        "0".to_owned()
    } else {
        digits.to_ascii_lowercase()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expect: Result<&[&str], &str>) {
        let list = RevocationList::parse(json.as_bytes());
        let serials = list
            .as_ref()
            .map(|list| list.serials().collect::<Vec<_>>())
            .map_err(RevocationError::code);
        assert_eq!(serials, expect.map(<[_]>::to_vec), "{json}");
    }

    #[test]
    fn serials_are_hexadecimal_whatever_they_look_like() {
        check(r#"{"entries": {}}"#, Ok(&[]));
        let entries = r#"{"entries": {"6681152659205225093": {"status": "REVOKED", "reason": "KEY_COMPROMISE"},
            "CC66e": {"status": "SUSPENDED", "expires": "2030-01-01"}, "00a": {"status": "PAUSED"}}}"#;
        check(entries, Ok(&["6681152659205225093", "a", "cc66e"]));
        let list = RevocationList::parse(entries.as_bytes()).unwrap();
        assert_eq!(
            list.entry("a").map(|entry| entry.status),
            Some(RevocationStatus::Unknown)
        );
        assert_eq!(
            list.entry("cc66e").map(|entry| entry.status),
            Some(RevocationStatus::Suspended)
        );
        let reason = list
            .entry("6681152659205225093")
            .and_then(|entry| entry.reason.as_deref());
        assert_eq!(reason, Some("KEY_COMPROMISE"));
        assert_eq!(
            (list.entry("00a"), list.entry("CC66E"), list.len()),
            (None, None, 3)
        );
    }

    #[test]
    fn a_list_with_one_fault_is_no_list() {
        for bad in [
            "",
            "[]",
            "{}",
            r#"{"entries": []}"#,
            r#"{"entries": {"xyz": {"status": "REVOKED"}}}"#,
            r#"{"entries": {"": {"status": "REVOKED"}}}"#,
            r#"{"entries": {"-1": {"status": "REVOKED"}}}"#,
            r#"{"entries": {"1": {"reason": "KEY_COMPROMISE"}}}"#,
            r#"{"entries": {"1": "REVOKED"}}"#,
        ] {
            check(bad, Err("revocation-unreadable"));
        }
        check(
            &format!(
                r#"{{"entries": {{"{}": {{"status": "REVOKED"}}}}}}"#,
                "1".repeat(65)
            ),
            Err("revocation-unreadable"),
        );
        check(&" ".repeat(MAX_BYTES + 1), Err("revocation-too-large"));
    }

    #[test]
    fn age_counts_from_when_the_list_was_the_newest() {
        let list = RevocationList::default();
        let aged = |age_max_s| Revocations {
            list: &list,
            fetched_at_s: 100,
            age_max_s,
        };
        for (age_max_s, now_s, expect) in [
            (None, u64::MAX, None),
            (Some(10), 110, None),
            (Some(10), 111, Some(11)),
            (Some(0), 50, None),
        ] {
            assert_eq!(aged(age_max_s).stale_by(now_s), expect);
        }
    }
}
