//! Path patterns: exact segments, `*` for one non-empty segment, `**` at the end for any rest, also none.
//!
//! Matching is byte-exact, linear in the path and never decodes: the gateway refuses ambiguous targets before.

use std::{fmt, str::FromStr};

use super::MAX_TEXT_BYTES;

const MAX_SEGMENTS: usize = 32;

/// A compiled path pattern. Ordered from the most to the least specific.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern {
    segments: Box<[Segment]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Exact(String),
    One,
    Rest,
}

/// Why a text is not a path pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathPatternError {
    /// It does not start with `/`.
    #[error("a path starts with `/`")]
    NotAbsolute,
    /// It is too long or has too many segments.
    #[error("a path pattern has at most {MAX_SEGMENTS} segments and {MAX_TEXT_BYTES} bytes")]
    TooLong,
    /// `**` stands before the end.
    #[error("`**` may only be the last segment")]
    RestNotLast,
    /// `*` is part of a segment.
    #[error("`*` stands for a whole segment: `{segment}`")]
    PartialWildcard {
        /// The segment.
        segment: String,
    },
    /// An empty or dot segment, or a character that no unambiguous path has.
    #[error(
        "`{segment}` is not a segment that can be matched: no empty or dot segments, only a-z A-Z 0-9 and -._~!$&'()+,=:@"
    )]
    Segment {
        /// The segment.
        segment: String,
    },
}

impl PathPatternError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotAbsolute => "path-not-absolute",
            Self::TooLong => "path-too-long",
            Self::RestNotLast => "path-rest-not-last",
            Self::PartialWildcard { .. } => "path-partial-wildcard",
            Self::Segment { .. } => "path-segment",
        }
    }
}

impl PathPattern {
    /// True if the whole path (without query) fits.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let Some(path) = path.strip_prefix('/') else {
            return false;
        };
        let mut parts = path.split('/');
        for segment in &self.segments {
            match (segment, parts.next()) {
                (Segment::Rest, _) => return true,
                (Segment::Exact(expected), Some(part)) if expected == part => {}
                (Segment::One, Some(part)) if !part.is_empty() => {}
                _ => return false,
            }
        }
        parts.next().is_none()
    }

    /// A sort key: of two patterns that match the same path, the more specific has the smaller key.
    pub(super) fn rank(&self) -> Vec<u8> {
        let rank = |segment: &Segment| match segment {
            Segment::Exact(_) => 0,
            Segment::One => 1,
            Segment::Rest => 2,
        };
        self.segments.iter().map(rank).collect()
    }

    /// True if this pattern wins over `other` where a path fits both.
    #[must_use]
    pub fn precedes(&self, other: &Self) -> bool {
        self.rank() < other.rank()
    }

    /// A path that both patterns match; `None` if there is none.
    #[must_use]
    pub fn common(&self, other: &Self) -> Option<String> {
        let mut path = String::new();
        let (mut ours, mut theirs) = (self.segments.iter(), other.segments.iter());
        loop {
            let segment = match (ours.next(), theirs.next()) {
                (None | Some(Segment::Rest), None | Some(Segment::Rest)) => break,
                (Some(Segment::Rest), Some(one)) => {
                    return Some(one.with_rest(theirs, path));
                }
                (Some(one), Some(Segment::Rest)) => {
                    return Some(one.with_rest(ours, path));
                }
                (Some(Segment::Exact(left)), Some(Segment::Exact(right))) if left == right => left,
                (Some(Segment::One), Some(Segment::One)) => ANY_SEGMENT,
                (Some(Segment::Exact(text)), Some(Segment::One))
                | (Some(Segment::One), Some(Segment::Exact(text)))
                    if !text.is_empty() =>
                {
                    text
                }
                _ => return None,
            };
            path.push('/');
            path.push_str(segment);
        }
        if path.is_empty() {
            path.push('/');
        }
        Some(path)
    }

    /// True if every path that `other` matches is matched by this pattern too.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let mut theirs = other.segments.iter();
        for segment in &self.segments {
            match (segment, theirs.next()) {
                (Segment::Rest, _) => return true,
                (Segment::Exact(left), Some(Segment::Exact(right))) if left == right => {}
                (Segment::One, Some(Segment::One)) => {}
                (Segment::One, Some(Segment::Exact(right))) if !right.is_empty() => {}
                _ => return false,
            }
        }
        theirs.next().is_none()
    }
}

/// What stands for a segment that may be any.
const ANY_SEGMENT: &str = "x";

impl Segment {
    /// `path` followed by a path of this segment and the rest of its pattern.
    fn with_rest<'a>(&'a self, rest: impl Iterator<Item = &'a Self>, mut path: String) -> String {
        for segment in std::iter::once(self).chain(rest) {
            match segment {
                Self::Exact(text) => path.extend(["/", text]),
                Self::One => path.extend(["/", ANY_SEGMENT]),
                Self::Rest => {}
            }
        }
        path
    }
}

impl FromStr for PathPattern {
    type Err = PathPatternError;

    fn from_str(text: &str) -> Result<Self, PathPatternError> {
        let rest = text.strip_prefix('/').ok_or(PathPatternError::NotAbsolute)?;
        if text.len() > MAX_TEXT_BYTES || rest.split('/').count() > MAX_SEGMENTS {
            return Err(PathPatternError::TooLong);
        }
        let count = rest.split('/').count();
        let segments = rest
            .split('/')
            .enumerate()
            .map(|(index, segment)| {
                let last = index + 1 == count;
                let shown = || segment.chars().take(80).collect();
                match segment {
                    "**" if last => Ok(Segment::Rest),
                    "**" => Err(PathPatternError::RestNotLast),
                    "*" => Ok(Segment::One),
                    _ if segment.contains('*') => Err(PathPatternError::PartialWildcard { segment: shown() }),
                    // `/` and a trailing slash are paths of their own.
                    "" if last => Ok(Segment::Exact(String::new())),
                    "" | "." | ".." => Err(PathPatternError::Segment { segment: shown() }),
                    _ if segment.bytes().all(is_plain) => Ok(Segment::Exact(segment.to_owned())),
                    _ => Err(PathPatternError::Segment { segment: shown() }),
                }
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { segments })
    }
}

const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'+'
                | b','
                | b'='
                | b':'
                | b'@'
        )
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.segments {
            match segment {
                Segment::Exact(text) => write!(f, "/{text}")?,
                Segment::One => f.write_str("/*")?,
                Segment::Rest => f.write_str("/**")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn matches_as_documented() {
        let check = |pattern: &str, path: &str, expect: bool| {
            assert_eq!(
                pattern.parse::<PathPattern>().unwrap().matches(path),
                expect,
                "{pattern} {path}"
            );
        };
        check("/", "/", true);
        check("/", "", false);
        check("/", "/a", false);
        check("/v1/pay", "/v1/pay", true);
        check("/v1/pay", "/v1/pay/", false);
        check("/v1/pay", "/v1/Pay", false);
        check("/v1/pay/", "/v1/pay/", true);
        check("/v1/*/x", "/v1/a/x", true);
        check("/v1/*/x", "/v1//x", false);
        check("/v1/*", "/v1/", false);
        check("/v1/**", "/v1", true);
        check("/v1/**", "/v1/", true);
        check("/v1/**", "/v1/a/b", true);
        check("/v1/**", "/v10", false);
        check("/**", "/", true);
        check("/**", "*", false);
        check("/**", "v1", false);
    }

    #[test]
    fn refuses_what_cannot_be_matched() {
        let check = |pattern: &str, code: &str| {
            assert_eq!(
                pattern.parse::<PathPattern>().map_err(|e| e.code()),
                Err(code),
                "{pattern}"
            );
        };
        check("v1", "path-not-absolute");
        check("", "path-not-absolute");
        check("/a/**/b", "path-rest-not-last");
        check("/a/b*", "path-partial-wildcard");
        check("//a", "path-segment");
        check("/a/../b", "path-segment");
        check("/a%2Fb", "path-segment");
        check("/a?b", "path-segment");
        check("/a;b", "path-segment");
        check(&"/a".repeat(40), "path-too-long");
    }

    fn pattern() -> impl Strategy<Value = String> {
        let segment = prop_oneof!["[ab]", Just("*".to_owned())];
        (prop::collection::vec(segment, 1..4), any::<bool>())
            .prop_map(|(parts, rest)| format!("/{}{}", parts.join("/"), if rest { "/**" } else { "" }))
    }

    proptest! {
        #[test]
        fn printing_and_parsing_agree(text in pattern()) {
            prop_assert_eq!(text.parse::<PathPattern>().unwrap().to_string(), text);
        }

        #[test]
        fn an_exact_pattern_matches_only_itself(left in "(/[a-z]{1,3}){1,4}", right in "(/[a-z]{1,3}){1,4}") {
            prop_assert_eq!(left.parse::<PathPattern>().unwrap().matches(&right), left == right);
        }

        #[test]
        fn covering_means_matching_whatever_the_other_matches(
            wide in pattern(), narrow in pattern(), path in "(/[abc]){1,5}"
        ) {
            let (wide, narrow) = (wide.parse::<PathPattern>().unwrap(), narrow.parse::<PathPattern>().unwrap());
            if wide.covers(&narrow) && narrow.matches(&path) {
                prop_assert!(wide.matches(&path));
            }
        }

        #[test]
        fn a_common_path_is_matched_by_both(left in pattern(), right in pattern(), path in "(/[ab]){1,5}") {
            let (left, right) = (left.parse::<PathPattern>().unwrap(), right.parse::<PathPattern>().unwrap());
            let common = left.common(&right);
            prop_assert_eq!(common.is_some(), right.common(&left).is_some());
            if let Some(common) = &common {
                prop_assert!(left.matches(common) && right.matches(common), "{}", common);
            }
            prop_assert!(common.is_some() || !(left.matches(&path) && right.matches(&path)), "{}", path);
        }

        #[test]
        fn any_text_is_read_and_matched_without_panic(text in "\\PC{0,40}", path in "\\PC{0,40}") {
            if let Ok(pattern) = text.parse::<PathPattern>() {
                prop_assert_eq!(pattern.to_string(), text);
                prop_assert!(!pattern.matches(&path) || path.starts_with('/'));
            }
        }
    }
}
