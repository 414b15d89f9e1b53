//! Operators, composed of words: `[any_|all_|none_|count_][not_]base[_ci]`.
//!
//! Parsing what an operator prints gives the same operator.

use std::{fmt, str::FromStr};

/// Which items of a list must match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantifier {
    Any,
    All,
    None,
    Count,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Base {
    Exists,
    Eq,
    Ne,
    In,
    InList,
    Lt,
    Le,
    Gt,
    Ge,
    Between,
    Prefix,
    Suffix,
    Contains,
    Matches,
    VersionLt,
    VersionGe,
    AnyBits,
    AllBits,
    Differs,
    Row,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Operator {
    pub(super) quantifier: Option<Quantifier>,
    pub(super) negated: bool,
    pub(super) base: Base,
    pub(super) ignore_case: bool,
}

const QUANTIFIERS: [(&str, Quantifier); 4] = [
    ("any_", Quantifier::Any),
    ("all_", Quantifier::All),
    ("none_", Quantifier::None),
    ("count_", Quantifier::Count),
];

pub(super) const BASES: [(&str, Base); 20] = [
    ("exists", Base::Exists),
    ("eq", Base::Eq),
    ("ne", Base::Ne),
    ("in", Base::In),
    ("in_list", Base::InList),
    ("lt", Base::Lt),
    ("le", Base::Le),
    ("gt", Base::Gt),
    ("ge", Base::Ge),
    ("between", Base::Between),
    ("prefix", Base::Prefix),
    ("suffix", Base::Suffix),
    ("contains", Base::Contains),
    ("matches", Base::Matches),
    ("version_lt", Base::VersionLt),
    ("version_ge", Base::VersionGe),
    ("any_bits", Base::AnyBits),
    ("all_bits", Base::AllBits),
    ("differs", Base::Differs),
    ("row", Base::Row),
];

/// The operators as a regular expression, for editors; it lets through a few that are not composed so.
#[cfg(feature = "schema")]
pub(super) fn pattern() -> String {
    let bases = BASES.map(|(word, _)| word).join("|");
    format!("^(any_|all_|none_|count_)?(not_)?({bases})(_ci)?$")
}

impl Base {
    const fn folds_case(self) -> bool {
        matches!(
            self,
            Self::Eq
                | Self::Ne
                | Self::In
                | Self::InList
                | Self::Prefix
                | Self::Suffix
                | Self::Contains
                | Self::Matches
        )
    }

    pub(super) fn word(self) -> &'static str {
        BASES
            .iter()
            .find(|(_, base)| *base == self)
            .map_or("", |(word, _)| *word)
    }

    fn named(word: &str) -> Option<Self> {
        BASES
            .iter()
            .find(|(name, _)| *name == word)
            .map(|(_, base)| *base)
    }
}

impl FromStr for Operator {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if let Some(base) = Base::named(text) {
            let plain = Self {
                quantifier: None,
                negated: false,
                base,
                ignore_case: false,
            };
            return plain.is_composed().then_some(plain).ok_or(());
        }
        let (quantifier, rest) = QUANTIFIERS
            .iter()
            .find_map(|(word, quantifier)| text.strip_prefix(word).map(|rest| (Some(*quantifier), rest)))
            .unwrap_or((None, text));
        let (negated, rest) = rest
            .strip_prefix("not_")
            .map_or((false, rest), |rest| (true, rest));
        let (ignore_case, word) = rest
            .strip_suffix("_ci")
            .map_or((false, rest), |word| (true, word));
        let composed = Self {
            quantifier,
            negated,
            base: Base::named(word).ok_or(())?,
            ignore_case,
        };
        composed.is_composed().then_some(composed).ok_or(())
    }
}

impl Operator {
    /// True if these words make sense together.
    fn is_composed(self) -> bool {
        let quantified = if self.base == Base::Row {
            let which = self.quantifier.filter(|which| *which != Quantifier::Count);
            which.is_some() && !self.negated
        } else {
            !matches!(self.base, Base::Exists | Base::Differs) || self.quantifier.is_none()
        };
        quantified && (!self.ignore_case || self.base.folds_case())
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((word, _)) = QUANTIFIERS
            .iter()
            .find(|(_, quantifier)| Some(*quantifier) == self.quantifier)
        {
            f.write_str(word)?;
        }
        if self.negated {
            f.write_str("not_")?;
        }
        f.write_str(self.base.word())?;
        if self.ignore_case {
            f.write_str("_ci")
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_composition_prints_as_it_is_read() {
        for (word, base) in BASES {
            let alone = word.parse::<Operator>().map(|operator| operator.base);
            assert_eq!(alone, if base == Base::Row { Err(()) } else { Ok(base) });
            for prefix in ["", "any_", "all_", "none_", "count_"] {
                for not in ["", "not_"] {
                    for ci in ["", "_ci"] {
                        let text = format!("{prefix}{not}{word}{ci}");
                        if let Ok(operator) = text.parse::<Operator>() {
                            assert_eq!(operator.to_string(), text);
                        } else {
                            let picky = ["exists", "differs", "row"].contains(&word);
                            assert!(!ci.is_empty() || picky, "{text}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_page_for_authors_has_every_base_and_no_other() {
        let page = include_str!("../../../docs/policy-language.md");
        let (_, rest) = page.split_once("<!-- operators -->").unwrap();
        let (table, _) = rest.split_once("<!-- /operators -->").unwrap();
        let rows = table.lines().filter(|line| line.starts_with("| `"));
        let mut words = Vec::new();
        for cells in rows.map(|row| row.split('|').collect::<Vec<_>>()) {
            for word in cells[1].split(',').map(|word| word.trim().trim_matches('`')) {
                let base = Base::named(word);
                assert!(base.is_some(), "{word}");
                assert_eq!(
                    base.is_some_and(Base::folds_case),
                    !cells[5].trim().is_empty(),
                    "{word}"
                );
                words.push(word);
            }
        }
        assert_eq!(words, BASES.map(|(word, _)| word));
    }

    #[test]
    fn refuses_what_is_not_composed_so() {
        for text in [
            "",
            "equals",
            "any_",
            "not_",
            "eq_",
            "not_any_eq",
            "any_exists",
            "lt_ci",
            "any_any_eq",
            "row",
            "any_not_row",
            "count_row",
            "any_differs",
            "differs_ci",
            "_ci",
        ] {
            assert!(text.parse::<Operator>().is_err(), "{text}");
        }
    }
}
