//! TUF's JSON: read without ambiguity, and written in the canonical form that signatures cover.
//!
//! A member that stands twice is refused, so that no other reader sees other metadata; a number with a fraction has no canonical form
//! and is refused too.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// A JSON value with its members in byte order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Json {
    Null,
    Boolean(bool),
    Integer(i128),
    Text(String),
    List(Vec<Self>),
    Object(BTreeMap<String, Self>),
}

/// The value of a whole text; `None` if it is no JSON or not of the kind told above.
pub(super) fn read(bytes: &[u8]) -> Option<Json> {
    serde_json::from_slice(bytes).ok()
}

impl Json {
    pub(super) fn member(&self, name: &str) -> Option<&Self> {
        self.object()?.get(name)
    }

    pub(super) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self {
            Some(text)
        } else {
            None
        }
    }

    pub(super) fn unsigned(&self) -> Option<u64> {
        if let Self::Integer(number) = self {
            u64::try_from(*number).ok()
        } else {
            None
        }
    }

    pub(super) fn boolean(&self) -> Option<bool> {
        if let Self::Boolean(flag) = self {
            Some(*flag)
        } else {
            None
        }
    }

    pub(super) fn list(&self) -> Option<&[Self]> {
        if let Self::List(items) = self {
            Some(items)
        } else {
            None
        }
    }

    pub(super) fn object(&self) -> Option<&BTreeMap<String, Self>> {
        if let Self::Object(members) = self {
            Some(members)
        } else {
            None
        }
    }

    /// The canonical form: members in order, no space, only `"` and `\` escaped.
    pub(super) fn canonical(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend(b"null"),
            Self::Boolean(flag) => out.extend(flag.to_string().bytes()),
            Self::Integer(number) => out.extend(number.to_string().bytes()),
            Self::Text(text) => quoted(text, out),
            Self::List(items) => {
                out.push(b'[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    item.write(out);
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
                    value.write(out);
                }
                out.push(b'}');
            }
        }
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

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without fractions and with distinct members")
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
        let mut members = BTreeMap::new();
        while let Some((name, value)) = map.next_entry::<String, Json>()? {
            if members.insert(name, value).is_some() {
                return Err(A::Error::custom("a member stands twice"));
            }
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_one_meaning_and_writes_one_form() {
        let check = |input: &str, expect: Option<&str>| {
            let read = read(input.as_bytes()).map(|json| String::from_utf8(json.canonical()).unwrap());
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
