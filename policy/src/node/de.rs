//! From the tree to types, by serde; an error carries the field path and the place of what it is about.

use std::fmt;

use serde::{
    Deserialize,
    de::{
        self, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
        VariantAccess, Visitor, value::StrDeserializer,
    },
    forward_to_deserialize_any,
};

use super::{Key, Kind, Node};
use crate::problem::Position;

/// Why a tree is not of the expected type.
#[derive(Debug)]
pub(crate) struct NodeError {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) position: Option<Position>,
    /// The segments of the field path, the innermost first.
    segments: Vec<String>,
}

impl NodeError {
    fn new(code: &'static str, message: String) -> Self {
        Self {
            code,
            message,
            position: None,
            segments: Vec::new(),
        }
    }

    fn inside(mut self, segment: impl fmt::Display, position: Position) -> Self {
        self.segments.push(segment.to_string());
        self.position.get_or_insert(position);
        self
    }

    fn at(mut self, position: Position) -> Self {
        self.position.get_or_insert(position);
        self
    }

    /// The field path.
    pub(crate) fn path(&self) -> String {
        let joined: String = self.segments.iter().rev().map(String::as_str).collect();
        joined.strip_prefix('.').map_or(joined.clone(), str::to_owned)
    }
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for NodeError {}

impl de::Error for NodeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new("field", message.to_string())
    }

    fn invalid_type(unexpected: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(
            "type",
            format!("expected {}, found {unexpected}", plain(expected)),
        )
    }

    fn invalid_value(unexpected: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(
            "field",
            format!("expected {}, found {unexpected}", plain(expected)),
        )
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::new(
            "unknown-field",
            format!("unknown field `{}`, expected {}", short(field), one_of(expected)),
        )
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::new(
            "unknown-word",
            format!("unknown word `{}`, expected {}", short(variant), one_of(expected)),
        )
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new("missing-field", format!("`{field}` is missing"))
    }
}

/// Serde's word for what it expects, in the words of this format.
fn plain(expected: &dyn de::Expected) -> String {
    let expected = expected.to_string();
    match expected.as_str() {
        "u8" | "u16" | "u32" | "u64" => "a whole number that is not negative".to_owned(),
        "i32" | "i64" => "a whole number".to_owned(),
        "a sequence" => "a list".to_owned(),
        text if text.starts_with("struct ") => "a map".to_owned(),
        _ => expected,
    }
}

fn short(text: &str) -> String {
    text.chars().take(80).collect()
}

fn one_of(words: &[&str]) -> String {
    match words {
        [] => "nothing".to_owned(),
        [word] => format!("`{word}`"),
        _ => format!("one of `{}`", words.join("`, `")),
    }
}

/// The value of a tree.
///
/// # Errors
/// The first mismatch, with its path and place.
pub(crate) fn from_node<'de, T: Deserialize<'de>>(node: &'de Node) -> Result<T, NodeError> {
    T::deserialize(node).map_err(|error| error.at(node.at))
}

impl<'de> Deserializer<'de> for &'de Node {
    type Error = NodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NodeError> {
        let read = match &self.kind {
            Kind::Null => visitor.visit_unit(),
            Kind::Boolean(flag) => visitor.visit_bool(*flag),
            Kind::Integer(number) => visitor.visit_i64(*number),
            Kind::Fraction(number) => visitor.visit_f64(*number),
            Kind::Text(text) => visitor.visit_borrowed_str(text),
            Kind::List(items) => visitor.visit_seq(Items {
                items: items.iter(),
                index: 0,
            }),
            Kind::Map(entries) => visitor.visit_map(Entries {
                entries: entries.iter(),
                open: None,
            }),
        };
        read.map_err(|error| error.at(self.at))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NodeError> {
        match self.kind {
            Kind::Null => visitor.visit_none(),
            Kind::Boolean(_)
            | Kind::Integer(_)
            | Kind::Fraction(_)
            | Kind::Text(_)
            | Kind::List(_)
            | Kind::Map(_) => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, NodeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NodeError> {
        let read = match &self.kind {
            Kind::Text(word) => visitor.visit_enum(word.as_str().into_deserializer()),
            Kind::Map(entries) => match entries.as_slice() {
                [(key, value)] => visitor.visit_enum(Keyed { key, value }),
                _ => Err(NodeError::new("type", format!("expected {}", one_of(variants)))),
            },
            Kind::Null | Kind::Boolean(_) | Kind::Integer(_) | Kind::Fraction(_) | Kind::List(_) => {
                Err(NodeError::new("type", format!("expected {}", one_of(variants))))
            }
        };
        read.map_err(|error| error.at(self.at))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

struct Items<'de> {
    items: std::slice::Iter<'de, Node>,
    index: usize,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = NodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, NodeError> {
        let Some(node) = self.items.next() else {
            return Ok(None);
        };
        let index = self.index;
        self.index += 1;
        seed.deserialize(node)
            .map(Some)
            .map_err(|error| error.inside(format_args!("[{index}]"), node.at))
    }
}

struct Entries<'de> {
    entries: std::slice::Iter<'de, (Key, Node)>,
    open: Option<(&'de Key, &'de Node)>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = NodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, NodeError> {
        let Some((key, value)) = self.entries.next() else {
            return Ok(None);
        };
        self.open = Some((key, value));
        let name: StrDeserializer<'_, NodeError> = key.text.as_str().into_deserializer();
        seed.deserialize(name)
            .map(Some)
            .map_err(|error| error.inside(format_args!(".{}", key.text), key.at))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, NodeError> {
        let Some((key, value)) = self.open.take() else {
            return Err(NodeError::new("type", "a value without a key".to_owned()));
        };
        seed.deserialize(value)
            .map_err(|error| error.inside(format_args!(".{}", key.text), value.at))
    }
}

/// `{variant: content}`.
struct Keyed<'de> {
    key: &'de Key,
    value: &'de Node,
}

impl<'de> EnumAccess<'de> for Keyed<'de> {
    type Error = NodeError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), NodeError> {
        let name: StrDeserializer<'_, NodeError> = self.key.text.as_str().into_deserializer();
        let variant = seed.deserialize(name).map_err(|error| error.at(self.key.at))?;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for Keyed<'de> {
    type Error = NodeError;

    fn unit_variant(self) -> Result<(), NodeError> {
        let message = format!("`{}` stands alone, without content", self.key.text);
        Err(NodeError::new("type", message).at(self.key.at))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, NodeError> {
        seed.deserialize(self.value)
            .map_err(|error| error.inside(format_args!(".{}", self.key.text), self.value.at))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, NodeError> {
        self.value.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NodeError> {
        self.value.deserialize_any(visitor)
    }
}
