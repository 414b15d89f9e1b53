//! From a tree to types: each takes its members out of an object by name.

use super::Json;
use crate::sorted::Sorted;

/// What a JSON value is read into.
pub trait FromJson: Sized {
    /// The value; `None` if `json` is none of this type.
    fn from_json(json: Json) -> Option<Self>;
}

/// The members of an object that were not taken yet.
#[derive(Debug)]
pub struct Members(Sorted<String, Json>);

impl Members {
    /// The members; `None` if it is no object.
    #[must_use]
    pub fn of(json: Json) -> Option<Self> {
        if let Json::Object(members) = json {
            Some(Self(members))
        } else {
            None
        }
    }

    /// A member that has to be there; `None` if it is not, or of another type. A type that `null` is a value of need not be there.
    pub fn take<T: FromJson>(&mut self, name: &str) -> Option<T> {
        T::from_json(self.0.remove(name).unwrap_or(Json::Null))
    }

    /// A member that stands for `default` where it is missing; `None` if it is of another type.
    pub fn take_or<T: FromJson>(&mut self, name: &str, default: T) -> Option<T> {
        self.0.remove(name).map_or(Some(default), T::from_json)
    }

    /// Whether any of these members is there, whatever it is.
    pub(crate) fn has_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.0.contains(*name))
    }

    /// The value, if no member is left that nobody knows.
    #[must_use]
    pub fn all_known<T>(self, value: T) -> Option<T> {
        self.0.is_empty().then_some(value)
    }
}

impl FromJson for Json {
    fn from_json(json: Json) -> Option<Self> {
        Some(json)
    }
}

impl FromJson for String {
    fn from_json(json: Json) -> Option<Self> {
        if let Json::Text(text) = json {
            Some(text)
        } else {
            None
        }
    }
}

impl FromJson for bool {
    fn from_json(json: Json) -> Option<Self> {
        json.boolean()
    }
}

impl FromJson for u64 {
    fn from_json(json: Json) -> Option<Self> {
        json.unsigned()
    }
}

impl FromJson for i32 {
    fn from_json(json: Json) -> Option<Self> {
        json.integer()?.try_into().ok()
    }
}

impl FromJson for u32 {
    fn from_json(json: Json) -> Option<Self> {
        json.unsigned()?.try_into().ok()
    }
}

impl FromJson for u16 {
    fn from_json(json: Json) -> Option<Self> {
        json.unsigned()?.try_into().ok()
    }
}

impl FromJson for u8 {
    fn from_json(json: Json) -> Option<Self> {
        json.unsigned()?.try_into().ok()
    }
}

impl<T: FromJson> FromJson for Option<T> {
    fn from_json(json: Json) -> Option<Self> {
        if json == Json::Null {
            Some(None)
        } else {
            T::from_json(json).map(Some)
        }
    }
}

impl<T: FromJson> FromJson for Box<T> {
    fn from_json(json: Json) -> Option<Self> {
        T::from_json(json).map(Self::new)
    }
}

impl<T: FromJson> FromJson for Vec<T> {
    fn from_json(json: Json) -> Option<Self> {
        if let Json::List(items) = json {
            items.into_iter().map(T::from_json).collect()
        } else {
            None
        }
    }
}

impl<T: FromJson, const N: usize> FromJson for [T; N] {
    fn from_json(json: Json) -> Option<Self> {
        Vec::from_json(json)?.try_into().ok()
    }
}

impl<L: FromJson, R: FromJson> FromJson for (L, R) {
    fn from_json(json: Json) -> Option<Self> {
        let [left, right] = FromJson::from_json(json)?;
        Some((L::from_json(left)?, R::from_json(right)?))
    }
}

impl<T: FromJson> FromJson for Sorted<String, T> {
    fn from_json(json: Json) -> Option<Self> {
        if let Json::Object(members) = json {
            let members = members.into_entries().into_iter();
            members
                .map(|(name, value)| Some((name, T::from_json(value)?)))
                .collect()
        } else {
            None
        }
    }
}

/// Reads a type that is a closed set of words.
macro_rules! words_from_json {
    ($($type:ty => $($variant:ident)*;)+) => {
        $(impl $crate::json::FromJson for $type {
            fn from_json(json: $crate::json::Json) -> Option<Self> {
                let word = json.text()?;
                [$(Self::$variant),*].into_iter().find(|known| known.as_str() == word)
            }
        })+
    };
}
pub(crate) use words_from_json;
