//! From the tree to types, by serde; an error carries the field path and the place of what it is about.

use std::fmt;

use serde::{
    Deserialize,
    de::{
        self, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
        VariantAccess, Visitor, value::StrDeserializer,
    },
    forward_to_deserialize_any,
};

use super::{Key, Kind, Node, Step};
use crate::{nearest::nearest, problem::Position};

/// Why a tree is not of the expected type.
#[derive(Debug)]
pub(crate) struct NodeError {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) position: Option<Position>,
    /// The field that is missing, or that an unknown one is probably meant to be.
    pub(super) field: Option<&'static str>,
    /// The steps of the field path, the innermost first.
    steps: Vec<Step>,
}

impl NodeError {
    fn new(code: &'static str, message: String) -> Self {
        Self {
            code,
            message,
            position: None,
            field: None,
            steps: Vec::new(),
        }
    }

    fn inside(mut self, step: Step, position: Position) -> Self {
        self.steps.push(step);
        self.position.get_or_insert(position);
        self
    }

    fn at(mut self, position: Position) -> Self {
        self.position.get_or_insert(position);
        self
    }

    /// The field path.
    pub(super) fn path(&self) -> Vec<Step> {
        self.steps.iter().rev().cloned().collect()
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

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(
            "type",
            format!("expected {}, found {unexpected}", plain(expected)),
        )
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(
            "field",
            format!("expected {}, found {unexpected}", plain(expected)),
        )
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let near = nearest(field, expected.iter().copied());
        let hint = near.map_or_else(
            || format!("expected {}", one_of(expected)),
            |near| format!("did you mean `{near}`?"),
        );
        let message = format!("unknown field `{}`, {hint}", short(field));
        Self {
            field: near,
            ..Self::new("unknown-field", message)
        }
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::new(
            "unknown-word",
            format!("unknown word `{}`, expected {}", short(variant), one_of(expected)),
        )
    }

    fn missing_field(field: &'static str) -> Self {
        Self {
            field: Some(field),
            ..Self::new("missing-field", format!("`{field}` is missing"))
        }
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
pub(super) fn from_node<'de, T: Deserialize<'de>>(node: &'de Node) -> Result<T, NodeError> {
    T::deserialize(node).map_err(|error| error.at(node.at))
}

impl<'de> Deserializer<'de> for &'de Node {
    type Error = NodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NodeError> {
        let read = match &self.kind {
            Kind::Null | Kind::Cut => visitor.visit_unit(),
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
            Kind::Null | Kind::Cut => visitor.visit_none(),
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

    /// Only a map is a struct: serde would take a list of values in the order of the fields, too.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NodeError> {
        let found = match &self.kind {
            Kind::Map(_) => return self.deserialize_any(visitor),
            Kind::Null | Kind::Cut => Unexpected::Other("nothing"),
            Kind::Boolean(flag) => Unexpected::Bool(*flag),
            Kind::Integer(number) => Unexpected::Signed(*number),
            Kind::Fraction(number) => Unexpected::Float(*number),
            Kind::Text(text) => Unexpected::Str(text),
            Kind::List(_) => Unexpected::Other("list"),
        };
        Err(<NodeError as de::Error>::invalid_type(found, &"a map").at(self.at))
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
            Kind::Null
            | Kind::Boolean(_)
            | Kind::Integer(_)
            | Kind::Fraction(_)
            | Kind::List(_)
            | Kind::Cut => Err(NodeError::new("type", format!("expected {}", one_of(variants)))),
        };
        read.map_err(|error| error.at(self.at))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

struct Items<'de> {
    items: std::slice::Iter<'de, Node>,
    index: usize,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = NodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, NodeError> {
        let (index, node) = loop {
            let Some(node) = self.items.next() else {
                return Ok(None);
            };
            let index = self.index;
            self.index += 1;
            if node.kind != Kind::Cut {
                break (index, node);
            }
        };
        seed.deserialize(node)
            .map(Some)
            .map_err(|error| error.inside(Step::Index(index), node.at))
    }
}

struct Entries<'de> {
    entries: std::slice::Iter<'de, (Key, Node)>,
    open: Option<(&'de Key, &'de Node)>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = NodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, NodeError> {
        let Some((key, value)) = self.entries.find(|(_, value)| value.kind != Kind::Cut) else {
            return Ok(None);
        };
        self.open = Some((key, value));
        let name: StrDeserializer<'_, NodeError> = key.text.as_str().into_deserializer();
        seed.deserialize(name)
            .map(Some)
            .map_err(|error| error.inside(Step::Key(key.text.clone()), key.at))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, NodeError> {
        let Some((key, value)) = self.open.take() else {
            return Err(NodeError::new("type", "a value without a key".to_owned()));
        };
        seed.deserialize(value)
            .map_err(|error| error.inside(Step::Key(key.text.clone()), value.at))
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
            .map_err(|error| error.inside(Step::Key(self.key.text.clone()), self.value.at))
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
