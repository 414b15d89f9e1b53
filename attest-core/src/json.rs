//! JSON as phones read and write it: one reader for all that they are sent, and from its tree into each type; one writer for all that
//! they send and keep. What generated code takes for each type, this takes once.
//!
//! A member that stands twice is refused at any depth, so that no other reader sees another value. What is read in this way reads the
//! same through serde, which hosts use, except that structs are objects and never lists.

mod from;
mod parse;
mod write;

pub(crate) use self::from::words_from_json;
pub use self::from::{FromJson, Members};
pub(crate) use self::parse::{Fault, Most};
pub use self::write::written;
use crate::sorted::Sorted;

/// A JSON value with its members in byte order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A number without fraction or exponent.
    Integer(i128),
    /// A number with one. No type of ours has any, so its value is not kept.
    Fraction,
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Self>),
    /// An object.
    Object(Sorted<String, Self>),
}

/// The value of a whole text; `None` if it is no JSON, or has a member twice.
#[must_use]
pub fn read(bytes: &[u8]) -> Option<Json> {
    read_within(bytes, MOST).ok()
}

/// As much as other readers read.
const MOST: Most = Most {
    depth: 127,
    members: usize::MAX,
};

/// The value of a whole text within these bounds.
pub(crate) fn read_within(bytes: &[u8], most: Most) -> Result<Json, Fault> {
    parse::parse(bytes, most)
}

/// What a whole text says, as a `T`; `None` if it is none.
#[must_use]
pub fn read_as<T: FromJson>(bytes: &[u8]) -> Option<T> {
    T::from_json(read(bytes)?)
}

impl Json {
    pub(crate) fn member(&self, name: &str) -> Option<&Self> {
        self.object()?.get(name)
    }

    pub(crate) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self {
            Some(text)
        } else {
            None
        }
    }

    pub(crate) fn integer(&self) -> Option<i128> {
        if let Self::Integer(number) = self {
            Some(*number)
        } else {
            None
        }
    }

    pub(crate) fn unsigned(&self) -> Option<u64> {
        self.integer()?.try_into().ok()
    }

    pub(crate) fn boolean(&self) -> Option<bool> {
        if let Self::Boolean(flag) = self {
            Some(*flag)
        } else {
            None
        }
    }

    pub(crate) fn list(&self) -> Option<&[Self]> {
        if let Self::List(items) = self {
            Some(items)
        } else {
            None
        }
    }

    pub(crate) fn object(&self) -> Option<&Sorted<String, Self>> {
        if let Self::Object(members) = self {
            Some(members)
        } else {
            None
        }
    }

    /// The canonical form that TUF's signatures cover: members in order, no space, only `"` and `\` escaped. Fractions have none.
    pub(crate) fn canonical(&self) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        self.write(&mut out)?;
        Some(out)
    }

    fn write(&self, out: &mut Vec<u8>) -> Option<()> {
        match self {
            Self::Null => out.extend(b"null"),
            Self::Fraction => return None,
            Self::Boolean(flag) => out.extend(flag.to_string().bytes()),
            Self::Integer(number) => out.extend(number.to_string().bytes()),
            Self::Text(text) => quoted(text, out),
            Self::List(items) => {
                out.push(b'[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    item.write(out)?;
                }
                out.push(b']');
            }
            Self::Object(members) => {
                out.push(b'{');
                for (index, (name, value)) in members.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    quoted(name, out);
                    out.push(b':');
                    value.write(out)?;
                }
                out.push(b'}');
            }
        }
        Some(())
    }
}

fn quoted(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

    use super::*;

    /// The same by another reader.
    pub(super) fn by_serde(bytes: &[u8]) -> Option<Json> {
        serde_json::from_slice(bytes).ok()
    }

    impl<'de> Deserialize<'de> for Json {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_any(Reader)
        }
    }

    struct Reader;

    impl<'de> Visitor<'de> for Reader {
        type Value = Json;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("JSON with distinct members")
        }

        fn visit_unit<E>(self) -> Result<Json, E> {
            Ok(Json::Null)
        }

        fn visit_bool<E>(self, flag: bool) -> Result<Json, E> {
            Ok(Json::Boolean(flag))
        }

        fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
            Ok(Json::Integer(number.into()))
        }

        fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
            Ok(Json::Integer(number.into()))
        }

        fn visit_f64<E>(self, _: f64) -> Result<Json, E> {
            Ok(Json::Fraction)
        }

        fn visit_str<E>(self, text: &str) -> Result<Json, E> {
            Ok(Json::Text(text.to_owned()))
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
            let mut items = Vec::new();
            while let Some(item) = seq.next_element()? {
                items.push(item);
            }
            Ok(Json::List(items))
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
            let mut members = Vec::new();
            while let Some(member) = map.next_entry::<String, Json>()? {
                members.push(member);
            }
            let members = Sorted::distinct(members);
            members
                .map(Json::Object)
                .ok_or_else(|| A::Error::custom("a member stands twice"))
        }
    }

    #[test]
    fn it_reads_one_meaning_and_writes_one_form() {
        let check = |input: &str, expect: Option<&str>| {
            let read = read(input.as_bytes()).and_then(|json| json.canonical());
            let read = read.map(|form| String::from_utf8(form).unwrap());
            assert_eq!(read.as_deref(), expect, "{input}");
        };
        check(
            r#" {"b": [1, -2, null, true], "a": {"z": "x"}} "#,
            Some(r#"{"a":{"z":"x"},"b":[1,-2,null,true]}"#),
        );
        check("\"\\u00e9\\n\\\"\\\\\"", Some("\"é\n\\\"\\\\\""));
        check("18446744073709551615", Some("18446744073709551615"));
        check(r#"{"a":1,"a":1}"#, None);
        check(r#"{"a":{"b":1,"b":2}}"#, None);
        check("1.0", None);
        check("1e3", None);
        check("{} {}", None);
        check("", None);
    }
}
