//! What Play Integrity said, bounded. Verdicts are free words of Google's: known ones cost one byte in a ticket, unknown ones are
//! kept as they are.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::facts::TextList;

/// The most verdicts of a list.
pub const MAX_VERDICTS: usize = 8;
/// The longest verdict, in bytes; a longer one is cut, and then equals no known one.
pub const MAX_VERDICT_BYTES: usize = 40;

/// The verdicts of a Play Integrity token.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlayClaims {
    /// What the device meets.
    #[serde(rename = "dev", default, skip_serializing_if = "Verdicts::is_none")]
    pub device: Verdicts,
    /// Whether Play knows the app.
    #[serde(rename = "app", default, skip_serializing_if = "Option::is_none")]
    pub app: Option<Verdict>,
    /// Whether the account installed it from Play.
    #[serde(rename = "lic", default, skip_serializing_if = "Option::is_none")]
    pub licensing: Option<Verdict>,
    /// What Play Protect found.
    #[serde(rename = "prt", default, skip_serializing_if = "Option::is_none")]
    pub protect: Option<Verdict>,
    /// Which kinds of apps run that can see or control the screen.
    #[serde(rename = "det", default, skip_serializing_if = "Verdicts::is_none")]
    pub apps_detected: Verdicts,
}

/// One verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Verdict(Cow<'static, str>);

impl Verdict {
    /// The words that are known. The list grows at its end: tickets hold positions.
    pub const KNOWN: [&str; 26] = [
        "UNEVALUATED",
        "MEETS_BASIC_INTEGRITY",
        "MEETS_DEVICE_INTEGRITY",
        "MEETS_STRONG_INTEGRITY",
        "MEETS_VIRTUAL_INTEGRITY",
        "PLAY_RECOGNIZED",
        "UNRECOGNIZED_VERSION",
        "LICENSED",
        "UNLICENSED",
        "NO_ISSUES",
        "NO_DATA",
        "POSSIBLE_RISK",
        "MEDIUM_RISK",
        "HIGH_RISK",
        "KNOWN_INSTALLED",
        "KNOWN_CAPTURING",
        "KNOWN_OVERLAYS",
        "KNOWN_CONTROLLING",
        "UNKNOWN_INSTALLED",
        "UNKNOWN_CAPTURING",
        "UNKNOWN_OVERLAYS",
        "UNKNOWN_CONTROLLING",
        "LEVEL_1",
        "LEVEL_2",
        "LEVEL_3",
        "LEVEL_4",
    ];

    /// This word; the start of it if it is longer than any.
    #[must_use]
    pub fn new(word: &str) -> Self {
        if let Some(known) = Self::KNOWN.iter().find(|known| **known == word) {
            return Self(Cow::Borrowed(known));
        }
        let cut = word.floor_char_boundary(MAX_VERDICT_BYTES);
        Self(Cow::Owned(word.split_at(cut).0.to_owned()))
    }

    /// The word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The place among the known words, if it is one.
    pub(crate) fn index(&self) -> Option<u8> {
        let place = Self::KNOWN.iter().position(|known| *known == self.0)?;
        u8::try_from(place).ok()
    }

    /// The known word of a place.
    pub(crate) fn at(index: u8) -> Option<Self> {
        Self::KNOWN
            .get(usize::from(index))
            .map(|known| Self(Cow::Borrowed(known)))
    }
}

impl From<String> for Verdict {
    fn from(word: String) -> Self {
        Self::new(&word)
    }
}

impl From<Verdict> for String {
    fn from(verdict: Verdict) -> Self {
        verdict.0.into_owned()
    }
}

/// A list of verdicts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Verdict>")]
pub struct Verdicts(Vec<Verdict>);

impl Verdicts {
    /// The first of these words.
    #[must_use]
    pub fn new<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        Self(words.into_iter().take(MAX_VERDICTS).map(Verdict::new).collect())
    }

    /// The verdicts.
    pub fn iter(&self) -> impl Iterator<Item = &Verdict> {
        self.0.iter()
    }

    fn is_none(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Vec<Verdict>> for Verdicts {
    fn from(mut verdicts: Vec<Verdict>) -> Self {
        verdicts.truncate(MAX_VERDICTS);
        Self(verdicts)
    }
}

impl TextList for Verdicts {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn item(&self, index: usize) -> Option<&str> {
        self.0.get(index).map(Verdict::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_bounded_and_read_back() {
        let check = |word: &str, expect: &str| {
            let verdict = Verdict::new(word);
            assert_eq!(verdict.as_str(), expect);
            if let Some(index) = verdict.index() {
                assert_eq!(Verdict::at(index), Some(verdict.clone()));
            }
            let json = serde_json::to_string(&verdict).unwrap();
            assert_eq!(serde_json::from_str::<Verdict>(&json).unwrap(), verdict);
        };
        for known in Verdict::KNOWN {
            check(known, known);
            assert!(known.len() < MAX_VERDICT_BYTES);
        }
        check("MEETS_NEW_INTEGRITY", "MEETS_NEW_INTEGRITY");
        check("", "");
        check(&"X".repeat(90), &"X".repeat(40));
        check(&"ß".repeat(30), &"ß".repeat(20));
        check(&format!("x{}", "ß".repeat(30)), &format!("x{}", "ß".repeat(19)));
        assert_eq!(Verdict::at(200), None);
        assert_eq!(Verdicts::new(["A"; 20]).len(), MAX_VERDICTS);
    }
}
