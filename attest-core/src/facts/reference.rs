//! A question about one fact: `name`, `name(param)`, `name@view` or `name(param)@view`.
//!
//! A [`FactRef`] always names a known fact, has a parameter exactly if the fact takes one, and a view only if the fact
//! offers it; parsing what it prints gives the same question.

use std::{fmt, str::FromStr};

use super::{FactId, View};

/// The longest parameter of a question, in bytes.
pub const MAX_PARAM_BYTES: usize = 512;

/// One question about one fact.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FactRef {
    fact: FactId,
    param: Option<String>,
    view: Option<View>,
}

/// Why a text is not a question about a known fact.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FactRefError {
    /// Not of the form `name(param)@view`.
    #[error("`{text}` is not of the form name, name(param) or name(param)@view")]
    Malformed {
        /// The text.
        text: String,
    },
    /// The registry has no such fact.
    #[error("unknown fact `{name}`{}", nearest.map(|near| format!(" (did you mean `{near}`?)")).unwrap_or_default())]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// A known name that is close to it.
        nearest: Option<&'static str>,
    },
    /// The fact needs a parameter.
    #[error("`{name}` needs a parameter: {name}({meaning})")]
    ParamMissing {
        /// The fact.
        name: &'static str,
        /// What the parameter means.
        meaning: &'static str,
    },
    /// The fact takes no parameter.
    #[error("`{name}` takes no parameter")]
    ParamUnexpected {
        /// The fact.
        name: &'static str,
    },
    /// The parameter is empty, too long or holds a control character.
    #[error(
        "the parameter of `{name}` is empty, longer than {MAX_PARAM_BYTES} bytes or holds a control character"
    )]
    ParamUnfit {
        /// The fact.
        name: &'static str,
    },
    /// The fact cannot be seen this way.
    #[error("`{name}` has no view `{view}`")]
    ViewUnfit {
        /// The fact.
        name: &'static str,
        /// The view that was asked for.
        view: String,
    },
}

impl FactRefError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "fact-malformed",
            Self::Unknown { .. } => "fact-unknown",
            Self::ParamMissing { .. } => "fact-param-missing",
            Self::ParamUnexpected { .. } => "fact-param-unexpected",
            Self::ParamUnfit { .. } => "fact-param-unfit",
            Self::ViewUnfit { .. } => "fact-view-unfit",
        }
    }
}

impl FactRef {
    /// A question, or why this fact cannot be asked that way.
    ///
    /// # Errors
    /// [`FactRefError`] if parameter or view do not fit the fact.
    pub fn new(fact: FactId, param: Option<&str>, view: Option<View>) -> Result<Self, FactRefError> {
        let entry = fact.entry();
        match (entry.param, param) {
            (Some(meaning), None) => {
                return Err(FactRefError::ParamMissing {
                    name: entry.name,
                    meaning,
                });
            }
            (None, Some(_)) => return Err(FactRefError::ParamUnexpected { name: entry.name }),
            (Some(_), Some(param))
                if param.is_empty()
                    || param.len() > MAX_PARAM_BYTES
                    || param.chars().any(char::is_control) =>
            {
                return Err(FactRefError::ParamUnfit { name: entry.name });
            }
            _ => {}
        }
        if let Some(view) = view
            && !entry.views.contains(&view)
        {
            return Err(FactRefError::ViewUnfit {
                name: entry.name,
                view: view.as_str().to_owned(),
            });
        }
        Ok(Self {
            fact,
            param: param.map(str::to_owned),
            view,
        })
    }

    /// A question without parameter and view, if the fact can be asked so.
    #[must_use]
    pub fn plain(fact: FactId) -> Option<Self> {
        Self::new(fact, None, None).ok()
    }

    /// The fact.
    #[must_use]
    pub const fn fact(&self) -> FactId {
        self.fact
    }

    /// The parameter, present exactly if the fact takes one.
    #[must_use]
    pub fn param(&self) -> Option<&str> {
        self.param.as_deref()
    }

    /// The view; `None` asks for the probe's own choice, or for the union where views are sources of findings.
    #[must_use]
    pub const fn view(&self) -> Option<View> {
        self.view
    }
}

impl fmt::Display for FactRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.fact.name())?;
        if let Some(param) = &self.param {
            write!(f, "({param})")?;
        }
        match self.view {
            Some(view) => write!(f, "@{}", view.as_str()),
            None => Ok(()),
        }
    }
}

impl FromStr for FactRef {
    type Err = FactRefError;

    fn from_str(text: &str) -> Result<Self, FactRefError> {
        let malformed = || FactRefError::Malformed {
            text: text.chars().take(80).collect(),
        };
        let (name, param, tail) = match text.split_once('(') {
            Some((name, rest)) => {
                let (param, tail) = rest.rsplit_once(')').ok_or_else(malformed)?;
                (name, Some(param), tail)
            }
            None => match text.split_once('@') {
                Some((name, view)) => return Self::named(name, None, Some(view)),
                None => (text, None, ""),
            },
        };
        match tail.strip_prefix('@') {
            Some(view) => Self::named(name, param, Some(view)),
            None if tail.is_empty() => Self::named(name, param, None),
            None => Err(malformed()),
        }
    }
}

impl FactRef {
    fn named(name: &str, param: Option<&str>, view: Option<&str>) -> Result<Self, FactRefError> {
        let fact = FactId::named(name).ok_or_else(|| FactRefError::Unknown {
            name: name.chars().take(80).collect(),
            nearest: FactId::nearest(name).map(FactId::name),
        })?;
        let view = match view {
            None => None,
            Some(text) => Some(View::named(text).ok_or_else(|| FactRefError::ViewUnfit {
                name: fact.name(),
                view: text.chars().take(80).collect(),
            })?),
        };
        Self::new(fact, param, view)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parses_or_says_why_not() {
        let check = |input: &str, expect: Result<&str, &str>| {
            let parsed = input.parse::<FactRef>();
            let shown = parsed
                .as_ref()
                .map(ToString::to_string)
                .map_err(FactRefError::code);
            assert_eq!(shown.as_deref().map_err(|code| *code), expect, "{input}");
        };
        check("app.data_dir@libc", Ok("app.data_dir@libc"));
        check("prop(ro.kernel.qemu)", Ok("prop(ro.kernel.qemu)"));
        check(
            "path.exists(/a (b)@x)@syscall",
            Ok("path.exists(/a (b)@x)@syscall"),
        );
        check("findings.hit@ticket", Ok("findings.hit@ticket"));
        check("prop", Err("fact-param-missing"));
        check("prop()", Err("fact-param-unfit"));
        check("app.data_dir(x)", Err("fact-param-unexpected"));
        check("app.data_dir@ticket", Err("fact-view-unfit"));
        check("app.data_dir@", Err("fact-view-unfit"));
        check("app.datadir", Err("fact-unknown"));
        check("prop(x", Err("fact-malformed"));
        check("prop(x)y", Err("fact-malformed"));
        check("", Err("fact-unknown"));
    }

    #[test]
    fn a_near_miss_is_suggested() {
        let error = "app.datadir".parse::<FactRef>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown fact `app.datadir` (did you mean `app.data_dir`?)"
        );
    }

    proptest! {
        #[test]
        fn printing_and_parsing_agree(index in 0..FactId::all().count(), param in "[ -~]{1,40}", view in 0usize..6) {
            let fact = FactId::all().nth(index).unwrap();
            let entry = fact.entry();
            let view = entry.views.get(view).copied();
            let asked = FactRef::new(fact, entry.param.map(|_| param.as_str()), view).unwrap();
            prop_assert_eq!(asked.to_string().parse::<FactRef>().unwrap(), asked);
        }

        #[test]
        fn any_text_is_parsed_without_panic(text in "\\PC{0,60}") {
            drop(text.parse::<FactRef>());
        }
    }
}
