//! XML property lists, as code signatures and provisioning profiles carry them.
//!
//! Stricter than Apple's reader, so that nothing is read that another reader reads otherwise: no entities of its own, no key twice,
//! no text between elements. Binary lists are not read.

use std::collections::BTreeMap;

use super::ParseError;

/// Bytes of a list; profiles have some ten KiB.
pub const MAX_BYTES: usize = 1 << 20;
/// Values in it.
pub const MAX_VALUES: usize = 1 << 14;
/// How deep lists and dictionaries nest.
pub const MAX_DEPTH: usize = 32;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `<string>`.
    Text(String),
    /// `<integer>`.
    Integer(i64),
    /// `<true/>` or `<false/>`.
    Boolean(bool),
    /// `<array>`.
    List(Vec<Self>),
    /// `<dict>`.
    Dictionary(BTreeMap<String, Self>),
    /// `<data>`, `<date>` or `<real>`: no fact asks for one.
    Opaque,
}

impl Value {
    /// The value of a dictionary's key.
    #[must_use]
    pub fn at(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Dictionary(entries) => entries.get(key),
            Self::Text(_) | Self::Integer(_) | Self::Boolean(_) | Self::List(_) | Self::Opaque => None,
        }
    }

    /// The text, if it is text.
    #[must_use]
    pub const fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text.as_str()),
            Self::Integer(_) | Self::Boolean(_) | Self::List(_) | Self::Dictionary(_) | Self::Opaque => None,
        }
    }
}

/// The one value of a property list. Nothing but white space and comments may be behind it.
///
/// # Errors
/// `OtherFormat` without `<plist>`, `Variant` for entities of its own, `Short` for a list that ends early, `Bound`, and `Contradiction` for what has not
/// the form.
pub fn plist(text: &[u8]) -> Result<Value, ParseError> {
    if text.len() > MAX_BYTES {
        return Err(ParseError::Bound);
    }
    // A signature may pad the text.
    let end = text
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    let text = text.get(..end).unwrap_or_default();
    let mut reader = Reader {
        rest: std::str::from_utf8(text).map_err(|_| ParseError::Contradiction)?,
        values: 0,
    };
    reader.prologue()?;
    if reader.tag().map_err(|_| ParseError::OtherFormat)? != Tag::Open("plist") {
        return Err(ParseError::OtherFormat);
    }
    let tag = reader.tag()?;
    let value = reader.value(tag, 0)?;
    reader.close("plist")?;
    reader.skip()?;
    if reader.rest.is_empty() {
        Ok(value)
    } else {
        Err(ParseError::Contradiction)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tag<'a> {
    Open(&'a str),
    Close(&'a str),
    Empty(&'a str),
}

struct Reader<'a> {
    rest: &'a str,
    values: usize,
}

impl<'a> Reader<'a> {
    /// What is before `end`, which is skipped.
    fn until(&mut self, end: &str) -> Result<&'a str, ParseError> {
        let (before, behind) = self.rest.split_once(end).ok_or(ParseError::Short)?;
        self.rest = behind;
        Ok(before)
    }

    fn after(&mut self, start: &str) -> bool {
        let behind = self.rest.strip_prefix(start);
        self.rest = behind.unwrap_or(self.rest);
        behind.is_some()
    }

    /// Skips white space and comments.
    fn skip(&mut self) -> Result<(), ParseError> {
        loop {
            self.rest = self.rest.trim_ascii_start();
            if !self.after("<!--") {
                return Ok(());
            }
            self.until("-->")?;
        }
    }

    /// Skips what may be before the first element.
    fn prologue(&mut self) -> Result<(), ParseError> {
        self.after("\u{feff}");
        loop {
            self.skip()?;
            if self.after("<?") {
                self.until("?>")?;
            } else if self.after("<!DOCTYPE") {
                if self.until(">")?.contains(['[', '<']) {
                    return Err(ParseError::Variant);
                }
            } else {
                return Ok(());
            }
        }
    }

    /// The next tag; attributes are skipped.
    fn tag(&mut self) -> Result<Tag<'a>, ParseError> {
        self.skip()?;
        if self.rest.is_empty() {
            return Err(ParseError::Short);
        }
        if !self.after("<") {
            return Err(ParseError::Contradiction);
        }
        let inside = self.until(">")?;
        let name = |text: &'a str| text.split_ascii_whitespace().next().unwrap_or("");
        Ok(match (inside.strip_prefix('/'), inside.strip_suffix('/')) {
            (Some(closed), _) => Tag::Close(name(closed)),
            (None, Some(empty)) => Tag::Empty(name(empty)),
            (None, None) => Tag::Open(name(inside)),
        })
    }

    fn close(&mut self, name: &str) -> Result<(), ParseError> {
        if self.tag()? == Tag::Close(name) {
            Ok(())
        } else {
            Err(ParseError::Contradiction)
        }
    }

    fn value(&mut self, tag: Tag<'a>, depth: usize) -> Result<Value, ParseError> {
        self.values += 1;
        if self.values > MAX_VALUES || depth > MAX_DEPTH {
            return Err(ParseError::Bound);
        }
        Ok(match tag {
            Tag::Empty("true") => Value::Boolean(true),
            Tag::Empty("false") => Value::Boolean(false),
            Tag::Empty("string") => Value::Text(String::new()),
            Tag::Empty("array") => Value::List(Vec::new()),
            Tag::Empty("dict") => Value::Dictionary(BTreeMap::new()),
            Tag::Empty("data") => Value::Opaque,
            Tag::Open(name @ ("true" | "false")) => {
                self.close(name)?;
                Value::Boolean(name == "true")
            }
            Tag::Open("string") => Value::Text(self.text("string")?),
            Tag::Open("integer") => {
                let digits = self.text("integer")?;
                let number = digits.trim_ascii().parse();
                Value::Integer(number.map_err(|_| ParseError::Contradiction)?)
            }
            Tag::Open(name @ ("data" | "date" | "real")) => {
                self.text(name)?;
                Value::Opaque
            }
            Tag::Open("array") => self.list(depth)?,
            Tag::Open("dict") => self.dictionary(depth)?,
            Tag::Open(_) | Tag::Empty(_) | Tag::Close(_) => return Err(ParseError::Contradiction),
        })
    }

    fn list(&mut self, depth: usize) -> Result<Value, ParseError> {
        let mut items = Vec::new();
        loop {
            let tag = self.tag()?;
            if tag == Tag::Close("array") {
                return Ok(Value::List(items));
            }
            items.push(self.value(tag, depth + 1)?);
        }
    }

    fn dictionary(&mut self, depth: usize) -> Result<Value, ParseError> {
        let mut entries = BTreeMap::new();
        loop {
            let key = match self.tag()? {
                Tag::Close("dict") => return Ok(Value::Dictionary(entries)),
                Tag::Open("key") => self.text("key")?,
                Tag::Open(_) | Tag::Empty(_) | Tag::Close(_) => return Err(ParseError::Contradiction),
            };
            let tag = self.tag()?;
            let value = self.value(tag, depth + 1)?;
            if entries.insert(key, value).is_some() {
                return Err(ParseError::Contradiction);
            }
        }
    }

    /// The text of an element that was opened, up to its end.
    fn text(&mut self, name: &str) -> Result<String, ParseError> {
        let mut text = String::new();
        loop {
            let plain = self.until("<")?;
            unescape(plain, &mut text)?;
            if !self.after("![CDATA[") {
                break;
            }
            text.push_str(self.until("]]>")?);
        }
        match self.until(">")?.strip_prefix('/') {
            Some(closed) if closed.trim_ascii_end() == name => Ok(text),
            _ => Err(ParseError::Contradiction),
        }
    }
}

/// Appends `plain`, its entities replaced.
fn unescape(plain: &str, text: &mut String) -> Result<(), ParseError> {
    let mut rest = plain;
    while let Some((before, behind)) = rest.split_once('&') {
        text.push_str(before);
        let (entity, behind) = behind.split_once(';').ok_or(ParseError::Contradiction)?;
        text.push(character(entity).ok_or(ParseError::Contradiction)?);
        rest = behind;
    }
    text.push_str(rest);
    Ok(())
}

fn character(entity: &str) -> Option<char> {
    match entity {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = entity.strip_prefix('#')?;
            let (digits, radix) = match number.strip_prefix('x') {
                Some(digits) => (digits, 16),
                None => (number, 10),
            };
            let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            plain
                .then(|| u32::from_str_radix(digits, radix).ok())
                .flatten()?
                .try_into()
                .ok()
        }
    }
}
