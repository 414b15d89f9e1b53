//! Variables such as `${package}`: a closed set of names that each phone fills in, and `${policy.NAME}`, which the policy
//! itself gives. All are escaped where they meet a pattern; what a value says is never filled in again.

use crate::sorted::Sorted;

/// The values of the variables on one phone. A known variable without a value makes its clause inconclusive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variables {
    of_phone: Sorted<&'static str, String>,
    of_policy: Sorted<String, String>,
}

/// Why a text with variables could not be filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unfilled {
    /// There is no such variable.
    Unknown(String),
    /// The variable has no value here.
    NoValue,
}

impl Variables {
    /// The names a policy may use.
    pub const NAMES: [&'static str; 7] = [
        "package",
        "user_id",
        "uid",
        "data_dir",
        "own_apk",
        "dev:/data",
        "bundle",
    ];

    /// The names of `${policy.NAME}` that are always there.
    pub const OF_EVERY_POLICY: [&'static str; 2] = ["version", "environment"];

    /// These variables and `name`; a name that is not in [`Self::NAMES`] changes nothing.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        if let Some(name) = Self::NAMES.into_iter().find(|known| *known == name) {
            self.of_phone.insert(name, value.into());
        }
        self
    }

    /// These variables and `${policy.name}`.
    #[must_use]
    pub fn with_policy(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.of_policy.insert(name.into(), value.into());
        self
    }

    /// The value of a variable.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        match name.strip_prefix(OF_POLICY) {
            Some(name) => self.of_policy.get(name),
            None => self.of_phone.get(name),
        }
        .map(String::as_str)
    }

    /// True for a variable that a policy may use, whether or not it has a value here.
    fn knows(&self, name: &str) -> bool {
        match name.strip_prefix(OF_POLICY) {
            Some(name) => self.of_policy.contains(name),
            None => Self::NAMES.contains(&name),
        }
    }

    /// Replaces each `${name}`; `escape` is applied to the values only.
    pub(super) fn fill(&self, text: &str, escape: impl Fn(&str) -> String) -> Result<String, Unfilled> {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        let mut no_value = false;
        while let Some((before, after)) = rest.split_once("${") {
            filled.push_str(before);
            let Some((name, tail)) = after.split_once('}') else {
                return Err(Unfilled::Unknown(after.chars().take(40).collect()));
            };
            if !self.knows(name) {
                return Err(Unfilled::Unknown(name.chars().take(40).collect()));
            }
            match self.value(name) {
                Some(value) => filled.push_str(&escape(value)),
                None => no_value = true,
            }
            rest = tail;
        }
        filled.push_str(rest);
        if no_value {
            Err(Unfilled::NoValue)
        } else {
            Ok(filled)
        }
    }
}

/// True if `text` asks for `${policy.name}`.
pub(super) fn names_value(text: &str, name: &str) -> bool {
    let mut asked = text.split("${").skip(1).filter_map(|rest| rest.split_once('}'));
    asked.any(|(asked, _)| asked.strip_prefix(OF_POLICY) == Some(name))
}

const OF_POLICY: &str = "policy.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_escapes_and_refuses() {
        let variables = Variables::default()
            .with("package", "com.bank")
            .with("nonsense", "x")
            .with_policy("host", "a.b");
        let check = |input: &str, expect: Result<&str, Unfilled>| {
            assert_eq!(
                variables.fill(input, super::super::regex::escape),
                expect.map(str::to_owned),
                "{input}"
            );
        };
        check("^/data/${package}/$", Ok(r"^/data/com\.bank/$"));
        check("no variable", Ok("no variable"));
        check("${uid}", Err(Unfilled::NoValue));
        check("${uid}${nonsense}", Err(Unfilled::Unknown("nonsense".into())));
        check("${policy.host}", Ok(r"a\.b"));
        check("${policy.hosts}", Err(Unfilled::Unknown("policy.hosts".into())));
        check("${host}", Err(Unfilled::Unknown("host".into())));
        check("${package", Err(Unfilled::Unknown("package".into())));
    }

    #[test]
    fn a_value_is_named_where_it_is_asked_for() {
        let check = |text: &str, expect: bool| assert_eq!(names_value(text, "host"), expect, "{text}");
        check("^${package}/${policy.host}$", true);
        check("${policy.hosts}", false);
        check("${host}", false);
        check("policy.host}", false);
        check("${policy.host", false);
    }

    #[test]
    fn a_value_is_never_filled_in_again() {
        let variables = Variables::default().with("package", "${uid}").with("uid", "1");
        assert_eq!(variables.fill("${package}", str::to_owned).unwrap(), "${uid}");
    }
}
