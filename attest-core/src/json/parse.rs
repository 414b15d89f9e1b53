//! The grammar of RFC 8259, without any choice: what it refuses nobody reads.

use super::Json;
use crate::sorted::Sorted;

/// What is wrong with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is not JSON, or more than one value.
    Malformed,
    /// An object has a member twice, or there are more members or levels than allowed.
    Ambiguous,
}

/// How much is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Most {
    /// Lists and objects within each other.
    pub(crate) depth: usize,
    /// Members of one object.
    pub(crate) members: usize,
}

/// The value of a whole text.
pub(super) fn parse(text: &[u8], most: Most) -> Result<Json, Fault> {
    let mut parser = Parser { rest: text, most };
    let value = parser.value(0)?;
    parser.space();
    if parser.rest.is_empty() {
        Ok(value)
    } else {
        Err(Fault::Malformed)
    }
}

struct Parser<'a> {
    rest: &'a [u8],
    most: Most,
}

impl Parser<'_> {
    fn space(&mut self) {
        while let Some((b' ' | b'\t' | b'\n' | b'\r', rest)) = self.rest.split_first() {
            self.rest = rest;
        }
    }

    fn next(&mut self) -> Result<u8, Fault> {
        let (byte, rest) = self.rest.split_first().ok_or(Fault::Malformed)?;
        self.rest = rest;
        Ok(*byte)
    }

    fn literal(&mut self, word: &[u8], value: Json) -> Result<Json, Fault> {
        self.rest = self.rest.strip_prefix(word).ok_or(Fault::Malformed)?;
        Ok(value)
    }

    fn value(&mut self, depth: usize) -> Result<Json, Fault> {
        self.space();
        match self.rest.first() {
            Some(b'{' | b'[') if depth >= self.most.depth => Err(Fault::Ambiguous),
            Some(b'{') => self.object(depth + 1),
            Some(b'[') => self.list(depth + 1),
            Some(b'"') => self.text().map(Json::Text),
            Some(b'n') => self.literal(b"null", Json::Null),
            Some(b't') => self.literal(b"true", Json::Boolean(true)),
            Some(b'f') => self.literal(b"false", Json::Boolean(false)),
            _ => self.number(),
        }
    }

    /// Whether an item follows in a list or object that was begun, and not its end.
    fn goes_on(&mut self, is_first: bool, end: u8) -> Result<bool, Fault> {
        self.space();
        match self.rest.split_first() {
            Some((byte, rest)) if *byte == end => {
                self.rest = rest;
                Ok(false)
            }
            Some(_) if is_first => Ok(true),
            Some((b',', rest)) => {
                self.rest = rest;
                Ok(true)
            }
            _ => Err(Fault::Malformed),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Json, Fault> {
        self.next()?;
        let mut items = Vec::new();
        while self.goes_on(items.is_empty(), b']')? {
            items.push(self.value(depth)?);
        }
        Ok(Json::List(items))
    }

    fn object(&mut self, depth: usize) -> Result<Json, Fault> {
        self.next()?;
        let mut members = Vec::new();
        while self.goes_on(members.is_empty(), b'}')? {
            if members.len() >= self.most.members {
                return Err(Fault::Ambiguous);
            }
            self.space();
            let name = self.text()?;
            self.space();
            if self.next()? != b':' {
                return Err(Fault::Malformed);
            }
            members.push((name, self.value(depth)?));
        }
        Sorted::distinct(members)
            .map(Json::Object)
            .ok_or(Fault::Ambiguous)
    }

    fn text(&mut self) -> Result<String, Fault> {
        if self.next()? != b'"' {
            return Err(Fault::Malformed);
        }
        let mut bytes = Vec::new();
        loop {
            let plain = self.rest.iter();
            let plain = plain.take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..=0x1f));
            let (plain, rest) = self.rest.split_at(plain.count());
            bytes.extend_from_slice(plain);
            self.rest = rest;
            match self.next()? {
                b'"' => return String::from_utf8(bytes).map_err(|_| Fault::Malformed),
                b'\\' => {
                    let character = self.escaped()?;
                    bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                }
                _ => return Err(Fault::Malformed),
            }
        }
    }

    fn escaped(&mut self) -> Result<char, Fault> {
        Ok(match self.next()? {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let mut code = self.unit()?;
                if (0xd800..0xdc00).contains(&code) {
                    self.literal(b"\\u", Json::Null)?;
                    let low = self.unit()?;
                    if !(0xdc00..0xe000).contains(&low) {
                        return Err(Fault::Malformed);
                    }
                    code = 0x1_0000 + ((code - 0xd800) << 10) + (low - 0xdc00);
                }
                // A half of a pair alone is no character.
                char::from_u32(code).ok_or(Fault::Malformed)?
            }
            _ => return Err(Fault::Malformed),
        })
    }

    /// The four hexadecimal digits of an escape.
    fn unit(&mut self) -> Result<u32, Fault> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = char::from(self.next()?).to_digit(16);
            unit = unit * 16 + digit.ok_or(Fault::Malformed)?;
        }
        Ok(unit)
    }

    fn digits(&mut self) -> Result<&[u8], Fault> {
        let count = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at(count);
        self.rest = rest;
        if digits.is_empty() {
            Err(Fault::Malformed)
        } else {
            Ok(digits)
        }
    }

    fn takes(&mut self, bytes: &[u8]) -> bool {
        let Some((byte, rest)) = self.rest.split_first() else {
            return false;
        };
        let takes = bytes.contains(byte);
        if takes {
            self.rest = rest;
        }
        takes
    }

    fn number(&mut self) -> Result<Json, Fault> {
        let negative = self.takes(b"-");
        let digits = self.digits()?;
        if digits.len() > 1 && digits.first() == Some(&b'0') {
            return Err(Fault::Malformed);
        }
        let magnitude = digits.iter().try_fold(0_u64, |number, digit| {
            number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
        });
        let mut whole = true;
        if self.takes(b".") {
            self.digits()?;
            whole = false;
        }
        if self.takes(b"eE") {
            self.takes(b"+-");
            self.digits()?;
            whole = false;
        }
        let number = magnitude.filter(|_| whole).map(i128::from);
        // As other readers have it, -0 and what 64 bits do not hold are no integers.
        let number = if negative {
            number
                .map(|number| -number)
                .filter(|number| *number != 0 && *number >= i128::from(i64::MIN))
        } else {
            number
        };
        Ok(number.map_or(Json::Fraction, Json::Integer))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{read, tests::by_serde};

    fn check(text: &[u8]) {
        let shown = String::from_utf8_lossy(text);
        assert_eq!(read(text), by_serde(text), "{shown}");
    }

    #[test]
    fn it_reads_what_others_read() {
        for text in [
            "",
            " ",
            "null",
            "nul",
            "nullx",
            "true",
            "false",
            "0",
            "-0",
            "00",
            "-",
            "+1",
            "1.",
            ".5",
            "1.5",
            "1e",
            "1e+",
            "1e+5",
            "1E-2",
            "0.0",
            "01.5",
            "-1",
            "9223372036854775807",
            "-9223372036854775808",
            "-9223372036854775809",
            "18446744073709551615",
            "18446744073709551616",
            "123456789012345678901234567890",
            "[]",
            "[1]",
            "[1,]",
            "[,1]",
            "[1 2]",
            "[1,2",
            "{}",
            "{,}",
            r#"{"a":1,}"#,
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{a:1}"#,
            r#"{"a":1"b":2}"#,
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":1}"#,
            r#" { "b" : [ 1 , { } ] , "a" : null } "#,
            r#""\"\\\/\b\f\n\r\t\u0041""#,
            r#""\x""#,
            r#""\u12""#,
            r#""\u12g4""#,
            r#""\ud83d\ude00""#,
            r#""\ud83d""#,
            r#""\ud83dx""#,
            r#""\ude00""#,
            r#""\ud83d\u0041""#,
            "\"\u{7f}é😀\"",
            "\"\n\"",
            "\"",
            "\"\\",
            "[1] 2",
            "\u{feff}1",
            "'a'",
            "NaN",
            "[[[[]]]]",
            "\t\r\n1\t\r\n",
            "\u{b}1",
            "tru e",
        ] {
            check(text.as_bytes());
        }
        check(b"\"\xff\"");
        check(b"\"\xc3\"");
        for depth in [127, 128, 129] {
            check(format!("{}{}", "[".repeat(depth), "]".repeat(depth)).as_bytes());
        }
        check("[".repeat(1_000_000).as_bytes());
    }

    proptest! {
        #[test]
        fn any_text_is_read_as_others_read_it(text in "[\\[\\]{}\",:\\\\ u0-9a-f.eE+-]{0,24}") {
            check(text.as_bytes());
        }

        #[test]
        fn any_bytes_too(bytes in prop::collection::vec(any::<u8>(), 0..16)) {
            check(&bytes);
            check(&[b"\"", bytes.as_slice(), b"\""].concat());
        }
    }
}
