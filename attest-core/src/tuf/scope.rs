//! Which targets a delegation is for: patterns over paths, or prefixes of a path's hash.

use super::schema::Scope;
use crate::encoding::{hex, sha256};

impl Scope {
    pub(super) fn covers(&self, target: &str) -> bool {
        match self {
            Self::Paths(patterns) => patterns.iter().any(|pattern| path_matches(pattern, target)),
            Self::HashPrefixes(prefixes) => {
                let digest = hex(sha256(&[target.as_bytes()]));
                prefixes.iter().any(|prefix| digest.starts_with(prefix.as_str()))
            }
        }
    }
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
        assert!(Scope::HashPrefixes(vec![digest.chars().take(2).collect()]).covers("device.json"));
        assert!(!Scope::HashPrefixes(vec!["zz".to_owned()]).covers("device.json"));
        assert!(!Scope::HashPrefixes(vec![]).covers("device.json"));
    }
}
