//! How answers reach the evaluator: borrowed, so that a lookup never allocates.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, MapAccess, Visitor},
    ser::SerializeMap,
};

use super::{FactRef, Row, Value};
use crate::json::{FromJson, Json, Members};
use crate::sorted::Sorted;

/// The error number of a fact that nobody asked the platform about.
pub const NOT_OBSERVED: i32 = -1;

/// What a source says about one fact.
#[derive(Debug, Clone, Copy)]
pub enum Answer<'a> {
    /// Text.
    Text(&'a str),
    /// An integer.
    Integer(i64),
    /// True or false.
    Boolean(bool),
    /// A list of text.
    List(&'a dyn TextList),
    /// Rows of named columns.
    Rows(&'a dyn RowList),
    /// The platform was asked and says that there is no such thing.
    Absent,
    /// The question could not be answered, with the platform's error number.
    Error(i32),
}

/// Answers questions about facts; never fails, never blocks.
pub trait FactSource {
    /// The answer to one question. A fact the source does not know is [`Answer::Error`] with [`NOT_OBSERVED`].
    fn answer(&self, fact: &FactRef) -> Answer<'_>;
}

/// A list of text that is borrowed item by item, so that a source may keep it in any form.
pub trait TextList: fmt::Debug {
    /// The number of items.
    fn len(&self) -> usize;
    /// The item at `index`, `None` from [`TextList::len`] on; before that `None` is an item that is there and not known.
    fn item(&self, index: usize) -> Option<&str>;
    /// True without any item.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// False if more items follow, nobody knows how many.
    fn is_whole(&self) -> bool {
        true
    }
}

/// Rows that are borrowed cell by cell, so that a source may keep them in any form.
pub trait RowList: fmt::Debug {
    /// The number of rows.
    fn len(&self) -> usize;
    /// The text of a column, by its name in the table of facts; `None` if this row does not have it, and from
    /// [`RowList::len`] on.
    fn cell(&self, row: usize, column: &str) -> Option<&str>;
    /// True without any row.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// False if more rows follow, nobody knows how many.
    fn is_whole(&self) -> bool {
        true
    }
}

impl RowList for Vec<Row> {
    fn len(&self) -> usize {
        self.len()
    }

    fn cell(&self, row: usize, column: &str) -> Option<&str> {
        self.get(row)?.get(column).map(String::as_str)
    }
}

impl TextList for Vec<String> {
    fn len(&self) -> usize {
        self.len()
    }

    fn item(&self, index: usize) -> Option<&str> {
        self.get(index).map(String::as_str)
    }
}

impl TextList for Vec<&str> {
    fn len(&self) -> usize {
        self.len()
    }

    fn item(&self, index: usize) -> Option<&str> {
        self.get(index).copied()
    }
}

impl TextList for &[&str] {
    fn len(&self) -> usize {
        (**self).len()
    }

    fn item(&self, index: usize) -> Option<&str> {
        self.get(index).copied()
    }
}

impl<const N: usize> TextList for [&str; N] {
    fn len(&self) -> usize {
        N
    }

    fn item(&self, index: usize) -> Option<&str> {
        self.get(index).copied()
    }
}

/// The beginning of a list that goes on, nobody knows how far: what is in it is there, and what is not may follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head<T>(pub Vec<T>);

impl TextList for Head<String> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn item(&self, index: usize) -> Option<&str> {
        self.0.item(index)
    }

    fn is_whole(&self) -> bool {
        false
    }
}

impl RowList for Head<Row> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn cell(&self, row: usize, column: &str) -> Option<&str> {
        self.0.cell(row, column)
    }

    fn is_whole(&self) -> bool {
        false
    }
}

/// What a probe observed, owned. In a policy's tests: a value, `null` for absent, `{error: 13}` for an error, `{head: […]}` for the
/// beginning of a list or of rows that goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observation {
    /// A value.
    Value(Value),
    /// The beginning of a list.
    ListHead(Head<String>),
    /// The beginning of rows.
    RowsHead(Head<Row>),
    /// There is no such thing.
    Absent,
    /// The probe failed with this error number.
    Error(i32),
}

impl Observation {
    /// The borrowed form of this observation.
    #[must_use]
    pub fn answer(&self) -> Answer<'_> {
        match self {
            Self::Value(Value::Text(text)) => Answer::Text(text),
            Self::Value(Value::Integer(number)) => Answer::Integer(*number),
            Self::Value(Value::Boolean(flag)) => Answer::Boolean(*flag),
            Self::Value(Value::List(items)) => Answer::List(items),
            Self::Value(Value::Rows(rows)) => Answer::Rows(rows),
            Self::ListHead(items) => Answer::List(items),
            Self::RowsHead(rows) => Answer::Rows(rows),
            Self::Absent => Answer::Absent,
            Self::Error(errno) => Answer::Error(*errno),
        }
    }
}

impl From<Value> for Observation {
    fn from(value: Value) -> Self {
        Self::Value(value)
    }
}

impl Serialize for Observation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(value) => value.serialize(serializer),
            Self::ListHead(Head(items)) => member(serializer, "head", items),
            Self::RowsHead(Head(rows)) => member(serializer, "head", rows),
            Self::Absent => serializer.serialize_unit(),
            Self::Error(errno) => member(serializer, "error", errno),
        }
    }
}

fn member<S: Serializer>(serializer: S, name: &str, value: &impl Serialize) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry(name, value)?;
    map.end()
}

impl<'de> Deserialize<'de> for Observation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ObservationVisitor)
    }
}

struct ObservationVisitor;

impl<'de> Visitor<'de> for ObservationVisitor {
    type Value = Observation;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value, null (absent) or {error: number}")
    }

    fn visit_str<E>(self, text: &str) -> Result<Observation, E> {
        Ok(Value::Text(text.to_owned()).into())
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Observation, E> {
        Ok(Value::Boolean(flag).into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Observation, E> {
        Ok(Value::Integer(number).into())
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Observation, E> {
        i64::try_from(number)
            .map(|number| Value::Integer(number).into())
            .map_err(|_| E::custom("an integer beyond 64 signed bits"))
    }

    fn visit_unit<E>(self) -> Result<Observation, E> {
        Ok(Observation::Absent)
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, seq: A) -> Result<Observation, A::Error> {
        Value::deserialize(serde::de::value::SeqAccessDeserializer::new(seq)).map(Into::into)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Observation, A::Error> {
        let observation = match map.next_key::<String>()?.as_deref() {
            Some("error") => Observation::Error(map.next_value()?),
            Some("head") => match map.next_value()? {
                Value::List(items) => Observation::ListHead(Head(items)),
                Value::Rows(rows) => Observation::RowsHead(Head(rows)),
                Value::Text(_) | Value::Integer(_) | Value::Boolean(_) => {
                    return Err(A::Error::custom("only a list has a head"));
                }
            },
            _ => return Err(A::Error::custom("expected {error: number}")),
        };
        match map.next_key::<String>()? {
            None => Ok(observation),
            Some(_) => Err(A::Error::custom("nothing else may stand here")),
        }
    }
}

impl FromJson for Observation {
    fn from_json(json: Json) -> Option<Self> {
        let mut members = match json {
            Json::Null => return Some(Self::Absent),
            Json::Object(_) => Members::of(json)?,
            Json::Boolean(_) | Json::Integer(_) | Json::Fraction | Json::Text(_) | Json::List(_) => {
                return Value::from_json(json).map(Self::Value);
            }
        };
        let observation = match members.take_or("head", None)? {
            Some(Value::List(items)) => Self::ListHead(Head(items)),
            Some(Value::Rows(rows)) => Self::RowsHead(Head(rows)),
            Some(Value::Text(_) | Value::Integer(_) | Value::Boolean(_)) => return None,
            None => Self::Error(members.take("error")?),
        };
        members.all_known(observation)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Observation {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Observation".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let value = generator.subschema_for::<Value>();
        schemars::json_schema!({
            "description": "A value, null for absent, the error number of a probe that failed, or the head of a list that goes on.",
            "anyOf": [
                value,
                {
                    "description": "Rows of named columns.",
                    "type": "array",
                    "items": { "type": "object", "additionalProperties": { "type": ["string", "integer"] } },
                },
                { "type": "null" },
                {
                    "description": "What is known of a list or of rows that goes on, nobody knows how far.",
                    "type": "object",
                    "properties": { "head": { "type": "array", "items": { "type": ["string", "integer", "object"] } } },
                    "required": ["head"],
                    "additionalProperties": false,
                },
                {
                    "type": "object",
                    "properties": { "error": { "type": "integer" } },
                    "required": ["error"],
                    "additionalProperties": false,
                },
            ],
        })
    }
}

/// Observations by question: the phone's collected answers, or those a policy's test states.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FactMap(Sorted<FactRef, Observation>);

impl FactMap {
    /// Stores an observation and returns the one it replaced.
    pub fn insert(&mut self, fact: FactRef, observation: impl Into<Observation>) -> Option<Observation> {
        self.0.insert(fact, observation.into())
    }

    /// The observations in the order of their questions.
    pub fn iter(&self) -> impl Iterator<Item = (&FactRef, &Observation)> {
        self.0.iter()
    }

    /// True if the question was answered.
    #[must_use]
    pub fn contains(&self, fact: &FactRef) -> bool {
        self.0.contains(fact)
    }

    /// The number of observations.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True without any observation.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FactSource for FactMap {
    fn answer(&self, fact: &FactRef) -> Answer<'_> {
        self.0
            .get(fact)
            .map_or(Answer::Error(NOT_OBSERVED), Observation::answer)
    }
}

impl FromIterator<(FactRef, Observation)> for FactMap {
    fn from_iter<I: IntoIterator<Item = (FactRef, Observation)>>(iter: I) -> Self {
        let mut map = Self::default();
        for (fact, observation) in iter {
            map.0.insert(fact, observation);
        }
        map
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    #[test]
    fn observations_are_read_as_they_are_written() {
        let check = |written: &str, expect: Option<Observation>| {
            let read = serde_json::from_str::<Observation>(written).ok();
            assert_eq!(read, expect, "{written}");
            assert_eq!(
                json::read_as::<Observation>(written.as_bytes()),
                expect,
                "{written}"
            );
            if let Some(read) = read {
                assert_eq!(serde_json::to_string(&read).unwrap(), written);
                assert_eq!(json::written(&read).unwrap(), written.as_bytes());
            }
        };
        let row = Row::from([("path".to_owned(), "/a".to_owned())]);
        check("7", Some(Value::Integer(7).into()));
        check(r#"["a"]"#, Some(Value::List(vec!["a".into()]).into()));
        check("null", Some(Observation::Absent));
        check(r#"{"error":13}"#, Some(Observation::Error(13)));
        check(
            r#"{"head":["a"]}"#,
            Some(Observation::ListHead(Head(vec!["a".into()]))),
        );
        check(r#"{"head":[]}"#, Some(Observation::ListHead(Head(Vec::new()))));
        check(
            r#"{"head":[{"path":"/a"}]}"#,
            Some(Observation::RowsHead(Head(vec![row]))),
        );
        for refused in [
            "{}",
            r#"{"head":"a"}"#,
            r#"{"head":{"head":["a"]}}"#,
            r#"{"head":null}"#,
            r#"{"head":["a"],"error":13}"#,
            r#"{"error":13,"error":13}"#,
            r#"{"error":["a"]}"#,
            r#"{"other":13}"#,
        ] {
            check(refused, None);
        }
    }
}
