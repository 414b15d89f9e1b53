//! A scan that refuses duplicate members and deep nesting anywhere in a JSON text, before it is read into types.
//! RFC 8725 section 2.9 and RFC 7515 section 4: two readers must never see two values for one name.

mod plain;

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};

/// Nesting deeper than this is refused. The deepest condition that a policy may hold needs 51 levels.
pub(super) const MAX_DEPTH: u8 = 64;
/// An object with more members than this is refused, so that the scan stays linear in practice.
pub(super) const MAX_MEMBERS: usize = 256;

/// What is wrong with a JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// Not JSON, or not the whole text.
    #[error("not JSON")]
    Malformed,
    /// An object has the same member twice, too many members, or nests too deeply.
    #[error("a duplicate member, or more members or depth than allowed")]
    Ambiguous,
}

/// Reads `text` as `T`, unless it is not one JSON object or an object in it, at any depth, has the same member twice.
///
/// # Errors
/// [`JsonError::Malformed`] if it is not the object that `T` reads, [`JsonError::Ambiguous`] for duplicate members and excess.
pub(super) fn read_object<'de, T: Deserialize<'de>>(text: &'de [u8]) -> Result<T, JsonError> {
    // Every token passes here: what has no escapes is looked through without being parsed twice.
    match plain::has_distinct_members(text) {
        Some(true) => {}
        Some(false) => return Err(JsonError::Ambiguous),
        None => scan_object(text)?,
    }
    serde_json::from_slice(text).map_err(|_| JsonError::Malformed)
}

/// Refuses `text` unless it is one JSON object whose objects, at every depth, have distinct members.
///
/// # Errors
/// [`JsonError::Malformed`] if it is not a JSON object, [`JsonError::Ambiguous`] for duplicate members and excess.
pub fn scan_object(text: &[u8]) -> Result<(), JsonError> {
    if text.trim_ascii_start().first() != Some(&b'{') {
        return Err(JsonError::Malformed);
    }
    let mut reader = serde_json::Deserializer::from_slice(text);
    Scan { depth: 0 }
        .deserialize(&mut reader)
        .map_err(|error| match error.classify() {
            serde_json::error::Category::Data => JsonError::Ambiguous,
            serde_json::error::Category::Io
            | serde_json::error::Category::Syntax
            | serde_json::error::Category::Eof => JsonError::Malformed,
        })?;
    reader.end().map_err(|_| JsonError::Malformed)
}

#[derive(Clone, Copy)]
struct Scan {
    depth: u8,
}

impl Scan {
    fn deeper<E: de::Error>(self) -> Result<Self, E> {
        if self.depth >= MAX_DEPTH {
            return Err(E::custom("too deep"));
        }
        Ok(Self {
            depth: self.depth + 1,
        })
    }
}

impl<'de> DeserializeSeed<'de> for Scan {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Scan {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        while items.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        let mut seen: Vec<Cow<'de, str>> = Vec::with_capacity(8);
        while let Some(Name(name)) = members.next_key()? {
            if seen.len() >= MAX_MEMBERS || seen.contains(&name) {
                return Err(de::Error::custom("duplicate or too many members"));
            }
            seen.push(name);
            members.next_value_seed(inner)?;
        }
        Ok(())
    }
}

struct Name<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: de::Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct NameVisitor;

        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }

        reader.deserialize_str(NameVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table() {
        let deep = format!("{}{}", "{\"a\":".repeat(65), "1".to_owned() + &"}".repeat(65));
        for (text, expect) in [
            (r#"{"a":1,"b":[{"c":null}]}"#, Ok(())),
            ("{}", Ok(())),
            (r#"{"a":1,"a":2}"#, Err(JsonError::Ambiguous)),
            (r#"{"a":1,"\u0061":2}"#, Err(JsonError::Ambiguous)),
            (r#"{"a":[{"b":1,"b":1}]}"#, Err(JsonError::Ambiguous)),
            (deep.as_str(), Err(JsonError::Ambiguous)),
            (r#"{"a":1} "#, Ok(())),
            (r#"{"a":1}x"#, Err(JsonError::Malformed)),
            (r#"{"a":}"#, Err(JsonError::Malformed)),
            ("[1]", Err(JsonError::Malformed)),
            ("", Err(JsonError::Malformed)),
        ] {
            assert_eq!(scan_object(text.as_bytes()), expect, "{text}");
        }
    }
}
