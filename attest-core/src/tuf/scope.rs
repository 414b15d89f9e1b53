//! Which targets a delegation is for: patterns over paths, or prefixes of a path's hash.
//!
//! `*` and `?` are the only wildcards; a bracket is a bracket.

use super::{
    RoleName,
    delegation::{Delegation, Scope},
};
use crate::encoding::{hex, sha256};

impl Delegation {
    /// The role that it delegates `target` to, if it is for it.
    pub(super) fn role_of(&self, target: &str) -> Option<RoleName> {
        let digest = || sha256(&[target.as_bytes()]);
        let covers = match &self.scope {
            Scope::Paths(patterns) => patterns.iter().any(|pattern| path_matches(pattern, target)),
            Scope::HashPrefixes(prefixes) => {
                let digest = hex(digest());
                prefixes.iter().any(|prefix| digest.starts_with(prefix.as_str()))
            }
            Scope::Bins(bits) => {
                let first = digest().first_chunk().map(|first| u32::from_be_bytes(*first))?;
                let bin = first.checked_shr(32_u32.checked_sub(*bits)?)?;
                let digits = digits_of(*bits);
                return Some(RoleName::Delegated(format!("{}-{bin:0digits$x}", self.name)));
            }
        };
        covers.then(|| RoleName::Delegated(self.name.clone()))
    }

    /// Whether it is to this role.
    pub(super) fn is_to(&self, role: &RoleName) -> bool {
        let Scope::Bins(bits) = &self.scope else {
            return self.name == role.as_str();
        };
        let bin = role
            .as_str()
            .strip_prefix(&self.name)
            .and_then(|rest| rest.strip_prefix('-'));
        bin.is_some_and(|bin| {
            let plain = bin.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            let within = u64::from_str_radix(bin, 16).is_ok_and(|bin| bin >> bits == 0);
            plain && bin.len() == digits_of(*bits) && within
        })
    }
}

/// Hex digits of the largest number of so many bits.
fn digits_of(bits: u32) -> usize {
    usize::try_from(bits.div_ceil(4)).unwrap_or(usize::MAX)
}

/// Segment by segment; `*` and `?` never match a `/`.
fn path_matches(pattern: &str, target: &str) -> bool {
    let (mut patterns, mut segments) = (pattern.split('/'), target.split('/'));
    loop {
        match (patterns.next(), segments.next()) {
            (None, None) => return true,
            (Some(pattern), Some(segment)) if segment_matches(pattern.as_bytes(), segment.as_bytes()) => {}
            _ => return false,
        }
    }
}

/// Linear in the product of both lengths: a star that fails is retried only where the last one stood.
fn segment_matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut seen) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(seen) {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(expected) if expected == byte || *expected == b'?' => {
                at += 1;
                seen += 1;
            }
            _ => match star {
                Some((back, taken)) => {
                    star = Some((back, taken + 1));
                    (at, seen) = (back + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern
        .get(at..)
        .is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
}

#[cfg(test)]
mod tests {
    use super::super::schema::KeyHolders;
    use super::*;

    #[test]
    fn a_star_stays_within_its_segment() {
        let check = |pattern: &str, target: &str, expect: bool| {
            assert_eq!(path_matches(pattern, target), expect, "{pattern} {target}");
        };
        check("*", "device.json", true);
        check("*", "feeds/device.json", false);
        check("feeds/*", "feeds/device.json", true);
        check("feeds/*", "feeds/a/device.json", false);
        check("feeds/*.json", "feeds/device.json", true);
        check("feeds/*.json", "feeds/device.txt", false);
        check("feeds/d?v*e.json", "feeds/device.json", true);
        check("feeds/*a*b", "feeds/xaxxb", true);
        check("feeds/*a*b", "feeds/xaxx", false);
        check("", "", true);
        check("feeds/", "feeds/x", false);
        check("f?", "f/", false);
    }

    #[test]
    fn hash_prefixes_split_all_paths() {
        let digest = hex(sha256(&[b"device.json"]));
        let check = |scope: Scope, expect: Option<&str>| {
            let to = delegation(scope).role_of("device.json");
            assert_eq!(to, expect.map(RoleName::named));
        };
        check(
            Scope::HashPrefixes(vec![digest.chars().take(2).collect()]),
            Some("role"),
        );
        check(Scope::HashPrefixes(vec!["zz".to_owned()]), None);
        check(Scope::HashPrefixes(vec![]), None);
    }

    #[test]
    fn each_path_has_one_bin() {
        // The SHA-256 of `device.json` begins with these bits.
        let first = u32::from_be_bytes(*sha256(&[b"device.json"]).first_chunk().unwrap());
        let check = |bits: u32, expect: String| {
            let to = delegation(Scope::Bins(bits));
            assert_eq!(to.role_of("device.json"), Some(RoleName::named(&expect)));
            assert!(to.is_to(&RoleName::named(&expect)), "{expect}");
        };
        check(1, format!("role-{:x}", first >> 31));
        check(5, format!("role-{:02x}", first >> 27));
        check(32, format!("role-{first:08x}"));
        let bins = delegation(Scope::Bins(5));
        for (name, expect) in [
            ("role-1f", true),
            ("role-20", false),
            ("role-1F", false),
            ("role-+1", false),
            ("role-1", false),
            ("role-001", false),
            ("role", false),
            ("other-1f", false),
        ] {
            assert_eq!(bins.is_to(&RoleName::named(name)), expect, "{name}");
        }
    }

    fn delegation(scope: Scope) -> Delegation {
        Delegation {
            name: "role".to_owned(),
            holders: KeyHolders::default(),
            terminating: true,
            scope,
        }
    }
}
