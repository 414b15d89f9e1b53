//! The writer of compact JSON: the members of a type in the order of its fields, nothing between them, and only what must be escaped.
//!
//! It writes what other writers write. Fractions, bytes and numbers of more than 64 bits are refused: no type of ours has any.

use std::fmt;

use serde::ser::{self, Serialize, Serializer};

/// The text of a value; `None` if it has none: a fraction, or a map of which a key is no text.
#[must_use]
pub fn written<T: Serialize + ?Sized>(value: &T) -> Option<Vec<u8>> {
    let mut writer = Writer(Vec::new());
    value.serialize(&mut writer).ok()?;
    Some(writer.0)
}

/// The value has no text.
#[derive(Debug)]
struct WriteError;

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no JSON of ours")
    }
}

impl std::error::Error for WriteError {}

impl ser::Error for WriteError {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

type Written = Result<(), WriteError>;

struct Writer(Vec<u8>);

impl Writer {
    #[inline(never)]
    fn plain(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    #[inline(never)]
    fn number(&mut self, mut magnitude: u64) {
        let mut digits = [0; 20];
        let mut count = 0;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + u8::try_from(magnitude % 10).unwrap_or_default();
            magnitude /= 10;
            count += 1;
            if magnitude == 0 {
                break;
            }
        }
        self.0.extend(digits.iter().skip(digits.len() - count));
    }

    #[inline(never)]
    fn text(&mut self, text: &str) {
        self.0.reserve(text.len() + 2);
        self.0.push(b'"');
        for byte in text.bytes() {
            let short = match byte {
                b'"' | b'\\' => byte,
                0x08 => b'b',
                0x09 => b't',
                0x0a => b'n',
                0x0c => b'f',
                0x0d => b'r',
                0..=0x1f => {
                    let low = char::from_digit(u32::from(byte & 15), 16).unwrap_or_default();
                    self.plain(if byte < 16 { "\\u000" } else { "\\u001" });
                    self.plain(low.encode_utf8(&mut [0; 4]));
                    continue;
                }
                _ => {
                    self.0.push(byte);
                    continue;
                }
            };
            self.0.extend_from_slice(&[b'\\', short]);
        }
        self.0.push(b'"');
    }

    /// Begins what ends with `end`.
    fn begin(&mut self, start: &str, end: &'static str) -> Rest<'_> {
        self.plain(start);
        Rest {
            writer: self,
            is_first: true,
            end,
        }
    }

    /// Begins a variant with content, which is an object of one member.
    fn variant(&mut self, variant: &str) {
        self.plain("{");
        self.text(variant);
        self.plain(":");
    }
}

/// What remains to be written of a list or object.
struct Rest<'a> {
    writer: &'a mut Writer,
    is_first: bool,
    end: &'static str,
}

impl Rest<'_> {
    #[inline(never)]
    fn next(&mut self) -> &mut Writer {
        if !std::mem::take(&mut self.is_first) {
            self.writer.plain(",");
        }
        self.writer
    }

    #[inline(never)]
    fn name(&mut self, name: &str) -> &mut Writer {
        self.next().text(name);
        self.writer.plain(":");
        self.writer
    }

    fn close(self) -> Written {
        self.writer.plain(self.end);
        Ok(())
    }
}

impl<'a> Serializer for &'a mut Writer {
    type Ok = ();
    type Error = WriteError;
    type SerializeSeq = Rest<'a>;
    type SerializeTuple = Rest<'a>;
    type SerializeTupleStruct = Rest<'a>;
    type SerializeTupleVariant = Rest<'a>;
    type SerializeMap = Rest<'a>;
    type SerializeStruct = Rest<'a>;
    type SerializeStructVariant = Rest<'a>;

    fn serialize_bool(self, flag: bool) -> Written {
        self.plain(if flag { "true" } else { "false" });
        Ok(())
    }

    fn serialize_i8(self, number: i8) -> Written {
        self.serialize_i64(number.into())
    }

    fn serialize_i16(self, number: i16) -> Written {
        self.serialize_i64(number.into())
    }

    fn serialize_i32(self, number: i32) -> Written {
        self.serialize_i64(number.into())
    }

    fn serialize_i64(self, number: i64) -> Written {
        if number < 0 {
            self.plain("-");
        }
        self.number(number.unsigned_abs());
        Ok(())
    }

    fn serialize_u8(self, number: u8) -> Written {
        self.serialize_u64(number.into())
    }

    fn serialize_u16(self, number: u16) -> Written {
        self.serialize_u64(number.into())
    }

    fn serialize_u32(self, number: u32) -> Written {
        self.serialize_u64(number.into())
    }

    fn serialize_u64(self, number: u64) -> Written {
        self.number(number);
        Ok(())
    }

    fn serialize_f32(self, _: f32) -> Written {
        Err(WriteError)
    }

    fn serialize_f64(self, _: f64) -> Written {
        Err(WriteError)
    }

    fn serialize_char(self, character: char) -> Written {
        self.serialize_str(character.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, text: &str) -> Written {
        self.text(text);
        Ok(())
    }

    fn serialize_bytes(self, _: &[u8]) -> Written {
        Err(WriteError)
    }

    fn serialize_none(self) -> Written {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Written {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Written {
        self.plain("null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Written {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Written {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Written {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Written {
        self.variant(variant);
        value.serialize(&mut *self)?;
        self.plain("}");
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Rest<'a>, WriteError> {
        Ok(self.begin("[", "]"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Rest<'a>, WriteError> {
        Ok(self.begin("[", "]"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Rest<'a>, WriteError> {
        Ok(self.begin("[", "]"))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Rest<'a>, WriteError> {
        self.variant(variant);
        Ok(self.begin("[", "]}"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Rest<'a>, WriteError> {
        Ok(self.begin("{", "}"))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Rest<'a>, WriteError> {
        Ok(self.begin("{", "}"))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Rest<'a>, WriteError> {
        self.variant(variant);
        Ok(self.begin("{", "}}"))
    }
}

/// Implements what takes items one after the other.
macro_rules! items {
    ($($kind:ident $one:ident),+) => {
        $(impl ser::$kind for Rest<'_> {
            type Ok = ();
            type Error = WriteError;

            fn $one<T: Serialize + ?Sized>(&mut self, item: &T) -> Written {
                item.serialize(self.next())
            }

            fn end(self) -> Written {
                self.close()
            }
        })+
    };
}

items!(
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field
);

/// Implements what takes members one after the other.
macro_rules! members {
    ($($kind:ident),+) => {
        $(impl ser::$kind for Rest<'_> {
            type Ok = ();
            type Error = WriteError;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Written {
                value.serialize(self.name(name))
            }

            fn end(self) -> Written {
                self.close()
            }
        })+
    };
}

members!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Rest<'_> {
    type Ok = ();
    type Error = WriteError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Written {
        let writer = self.next();
        let start = writer.0.len();
        key.serialize(&mut *writer)?;
        if writer.0.get(start) == Some(&b'"') {
            writer.plain(":");
            Ok(())
        } else {
            Err(WriteError)
        }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        value.serialize(&mut *self.writer)
    }

    fn end(self) -> Written {
        self.close()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde::Serialize;
    use serde_json::json;

    use super::written;

    #[derive(Serialize)]
    enum Form<'a> {
        Unit,
        Newtype(&'a str),
        Tuple(u8, i64),
        Struct { a: Option<bool>, b: [char; 2] },
    }

    #[derive(Serialize)]
    struct All<'a> {
        forms: Vec<Form<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        left_out: Option<u8>,
        unit: (),
        pair: (i8, u16),
        #[serde(flatten)]
        more: BTreeMap<&'a str, u64>,
    }

    fn check<T: Serialize>(value: &T) {
        let expect = serde_json::to_string(value).ok();
        let written = written(value).map(|text| String::from_utf8(text).unwrap());
        assert_eq!(written, expect);
    }

    #[test]
    fn it_writes_what_others_write() {
        check(&All {
            forms: vec![
                Form::Unit,
                Form::Newtype("\u{0}\u{8}\t\n\u{b}\u{c}\r\u{1b}\u{1f} \"\\/\u{7f}é😀"),
                Form::Tuple(255, i64::MIN),
                Form::Struct {
                    a: None,
                    b: ['"', 'ß'],
                },
            ],
            left_out: None,
            unit: (),
            pair: (-128, 65_535),
            more: [("", 0), ("most", u64::MAX)].into(),
        });
        check(&json!({"a": [], "b": {}, "c": [[true, false, null]], "d": 9, "e": -9}));
        check(&BTreeMap::from([((1, 2), 3)]));
    }

    #[test]
    fn what_no_type_of_ours_has_is_refused() {
        assert_eq!(written(&1.5), None);
        assert_eq!(written(&json!({"a": [0.5]})), None);
        assert_eq!(written(&BTreeMap::from([(1, 2)])), None);
    }

    proptest! {
        #[test]
        fn any_text_and_number(text: String, key: String, unsigned: u64, signed: i64) {
            check(&BTreeMap::from([(key, (text, unsigned, signed))]));
        }
    }
}
