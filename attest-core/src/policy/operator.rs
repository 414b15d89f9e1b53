//! Operators, composed of words: `[any_|all_|none_|count_][not_]base[_ci]`.
//!
//! Parsing what an operator prints gives the same operator. `differs` and row columns will be further bases.

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

const BASES: [(&str, Base); 18] = [
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
];

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
            return Ok(Self {
                quantifier: None,
                negated: false,
                base,
                ignore_case: false,
            });
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
        let base = Base::named(word).ok_or(())?;
        if ignore_case && !base.folds_case() || quantifier.is_some() && base == Base::Exists {
            return Err(());
        }
        Ok(Self {
            quantifier,
            negated,
            base,
            ignore_case,
        })
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
            assert_eq!(word.parse::<Operator>().unwrap().base, base);
            for prefix in ["", "any_", "all_", "none_", "count_"] {
                for not in ["", "not_"] {
                    for ci in ["", "_ci"] {
                        let text = format!("{prefix}{not}{word}{ci}");
                        if let Ok(operator) = text.parse::<Operator>() {
                            assert_eq!(operator.to_string(), text);
                        } else {
                            assert!(!ci.is_empty() || word == "exists", "{text}");
                        }
                    }
                }
            }
        }
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
            "_ci",
        ] {
            assert!(text.parse::<Operator>().is_err(), "{text}");
        }
    }
}
