//! The value of a fact or of a policy clause: text, an integer, a boolean, a list of text, or rows of named columns.
//!
//! Read by a visitor of its own, so that an error keeps its place; numbers with a fraction are never accepted.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, SeqAccess, Visitor},
};

use crate::json::{FromJson, Json};
use crate::sorted::Sorted;

/// One row of a fact with columns: text by the name of its column.
pub type Row = Sorted<String, String>;

/// A value in a policy or an observation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// UTF-8 text.
    Text(String),
    /// A signed 64-bit integer.
    Integer(i64),
    /// True or false.
    Boolean(bool),
    /// A list of text; integers in a list are kept as their decimal text.
    List(Vec<String>),
    /// Rows of named columns, only in observations; none at all are an empty list.
    Rows(Vec<Row>),
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Integer(number) => serializer.serialize_i64(*number),
            Self::Boolean(flag) => serializer.serialize_bool(*flag),
            Self::List(items) => items.serialize(serializer),
            Self::Rows(rows) => rows.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, an integer, a boolean or a list of text")
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Boolean(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Integer(number))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Value, E> {
        i64::try_from(number)
            .map(Value::Integer)
            .map_err(|_| E::custom("an integer beyond 64 signed bits"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let (mut items, mut rows) = (Vec::new(), Vec::new());
        while let Some(item) = seq.next_element::<Item>()? {
            match item {
                Item::Text(text) if rows.is_empty() => items.push(text),
                Item::Row(row) if items.is_empty() => rows.push(row),
                Item::Text(_) | Item::Row(_) => {
                    return Err(serde::de::Error::custom("a list holds either text or rows"));
                }
            }
        }
        Ok(if rows.is_empty() {
            Value::List(items)
        } else {
            Value::Rows(rows)
        })
    }
}

enum Item {
    Text(String),
    Row(Row),
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ItemVisitor;
        impl<'de> Visitor<'de> for ItemVisitor {
            type Value = Item;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text, an integer or a row of these")
            }

            fn visit_str<E>(self, text: &str) -> Result<Item, E> {
                Ok(Item::Text(text.to_owned()))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Item, E> {
                Ok(Item::Text(number.to_string()))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Item, E> {
                Ok(Item::Text(number.to_string()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Item, A::Error> {
                let mut row = Row::default();
                while let Some((column, cell)) = map.next_entry::<String, Self::Value>()? {
                    let Item::Text(text) = cell else {
                        return Err(serde::de::Error::custom("a column holds text or an integer"));
                    };
                    if row.insert(column, text).is_some() {
                        return Err(serde::de::Error::custom("a row has each column once"));
                    }
                }
                Ok(Item::Row(row))
            }
        }
        deserializer.deserialize_any(ItemVisitor)
    }
}

impl FromJson for Value {
    fn from_json(json: Json) -> Option<Self> {
        Some(match json {
            Json::Text(text) => Self::Text(text),
            Json::Integer(number) => Self::Integer(number.try_into().ok()?),
            Json::Boolean(flag) => Self::Boolean(flag),
            Json::List(items) if matches!(items.first(), Some(Json::Object(_))) => {
                Self::Rows(items.into_iter().map(row).collect::<Option<_>>()?)
            }
            Json::List(items) => Self::List(items.into_iter().map(item).collect::<Option<_>>()?),
            Json::Null | Json::Fraction | Json::Object(_) => return None,
        })
    }
}

fn row(json: Json) -> Option<Row> {
    let Json::Object(cells) = json else { return None };
    cells
        .into_entries()
        .into_iter()
        .map(|(column, cell)| Some((column, item(cell)?)))
        .collect()
}

/// A text; integers are kept as their decimal text.
fn item(json: Json) -> Option<String> {
    match json {
        Json::Text(text) => Some(text),
        Json::Integer(number) => Some(number.to_string()),
        Json::Null | Json::Boolean(_) | Json::Fraction | Json::List(_) | Json::Object(_) => None,
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Value {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Value".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "Text, an integer, a boolean or a list of text.",
            "oneOf": [
                { "type": "string" },
                { "type": "integer" },
                { "type": "boolean" },
                { "type": "array", "items": { "type": ["string", "integer"] } },
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    #[test]
    fn reads_each_shape_and_refuses_the_rest() {
        let check = |input: &str, expect: Option<Value>| {
            assert_eq!(serde_json::from_str::<Value>(input).ok(), expect, "{input}");
            assert_eq!(json::read_as::<Value>(input.as_bytes()), expect, "{input}");
        };
        check(r#""a""#, Some(Value::Text("a".into())));
        check("-3", Some(Value::Integer(-3)));
        check("true", Some(Value::Boolean(true)));
        check(r#"["a",7]"#, Some(Value::List(vec!["a".into(), "7".into()])));
        check("1.5", None);
        check("[]", Some(Value::List(Vec::new())));
        let row = |path: &str| {
            Row::from([
                ("path".to_owned(), path.to_owned()),
                ("ino".to_owned(), "7".to_owned()),
            ])
        };
        check(
            r#"[{"path":"/a","ino":7},{"ino":"7","path":"/b"}]"#,
            Some(Value::Rows(vec![row("/a"), row("/b")])),
        );
        check(r#"[{"path":"/a"},"b"]"#, None);
        check(r#"["b",{"path":"/a"}]"#, None);
        check(r#"[{"path":{"a":"b"}}]"#, None);
        check(r#"[{"path":null}]"#, None);
        check(r#"[{"path":"a","path":"b"}]"#, None);
        check("null", None);
        check("{}", None);
        check("[[]]", None);
        check("18446744073709551615", None);
    }
}
