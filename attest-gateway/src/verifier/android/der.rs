//! A reader of DER that goes only as deep as its caller: no recursion, no allocation, each byte seen once per level.
//!
//! Lengths are definite and minimal, tag numbers are minimal, and nothing reads past the end. Two liberties, because real phones
//! need them: any value but zero is `TRUE`, and the order in a SET is not looked at.

/// What is left of an encoding.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

/// An identifier octet's meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tag {
    /// The class in the two highest bits, constructed in the next one.
    form: u8,
    /// The number.
    number: u32,
}

/// One element.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Element<'a> {
    pub(crate) tag: Tag,
    pub(crate) content: &'a [u8],
}

impl Tag {
    pub(crate) const BOOLEAN: Self = Self { form: 0, number: 1 };
    pub(crate) const INTEGER: Self = Self { form: 0, number: 2 };
    pub(crate) const OCTET_STRING: Self = Self { form: 0, number: 4 };
    pub(crate) const ENUMERATED: Self = Self { form: 0, number: 10 };
    pub(crate) const SEQUENCE: Self = Self {
        form: CONSTRUCTED,
        number: 16,
    };
    pub(crate) const SET: Self = Self {
        form: CONSTRUCTED,
        number: 17,
    };

    /// The number of an EXPLICIT context tag.
    pub(crate) const fn explicit(self) -> Option<u32> {
        if self.form == CONTEXT | CONSTRUCTED {
            Some(self.number)
        } else {
            None
        }
    }
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(encoding: &'a [u8]) -> Self {
        Self { rest: encoding }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Reads the next element, whatever it is.
    pub(crate) fn element(&mut self) -> Result<Element<'a>, DerError> {
        let tag = self.tag()?;
        let length = self.length()?;
        let (content, rest) = self.rest.split_at_checked(length).ok_or(DerError::Truncated)?;
        self.rest = rest;
        Ok(Element { tag, content })
    }

    /// Reads the next element, which is of this kind.
    pub(crate) fn expect(&mut self, tag: Tag) -> Result<&'a [u8], DerError> {
        let element = self.element()?;
        if element.tag == tag {
            Ok(element.content)
        } else {
            Err(DerError::OtherTag)
        }
    }

    /// Reads a SEQUENCE or SET.
    pub(crate) fn nested(&mut self, tag: Tag) -> Result<Self, DerError> {
        self.expect(tag).map(Self::new)
    }

    /// Reads an INTEGER that is not negative and fits.
    pub(crate) fn integer(&mut self) -> Result<u64, DerError> {
        self.expect(Tag::INTEGER).and_then(number)
    }

    /// Reads an INTEGER that is not negative and fits.
    pub(crate) fn integer_u32(&mut self) -> Result<u32, DerError> {
        self.integer()?.try_into().map_err(|_| DerError::Number)
    }

    /// Reads an ENUMERATED.
    pub(crate) fn enumerated(&mut self) -> Result<u64, DerError> {
        self.expect(Tag::ENUMERATED).and_then(number)
    }

    /// Reads a BOOLEAN, of which any value but zero is `TRUE`.
    pub(crate) fn boolean(&mut self) -> Result<bool, DerError> {
        match self.expect(Tag::BOOLEAN)? {
            [value] => Ok(*value != 0),
            _ => Err(DerError::Number),
        }
    }

    /// Succeeds at the end only.
    pub(crate) const fn finish(self) -> Result<(), DerError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(DerError::Trailing)
        }
    }

    fn byte(&mut self) -> Result<u8, DerError> {
        let (byte, rest) = self.rest.split_first().ok_or(DerError::Truncated)?;
        self.rest = rest;
        Ok(*byte)
    }

    fn tag(&mut self) -> Result<Tag, DerError> {
        let first = self.byte()?;
        let form = first & 0xe0;
        let low = first & 0x1f;
        if low != 0x1f {
            return Ok(Tag {
                form,
                number: u32::from(low),
            });
        }
        let mut number = 0_u32;
        for digits in 0..MAX_TAG_DIGITS {
            let byte = self.byte()?;
            if digits == 0 && byte == 0x80 {
                return Err(DerError::TagNumber);
            }
            number = (number << 7) | u32::from(byte & 0x7f);
            if byte & 0x80 == 0 {
                return if number < 0x1f {
                    Err(DerError::TagNumber)
                } else {
                    Ok(Tag { form, number })
                };
            }
        }
        Err(DerError::TagNumber)
    }

    fn length(&mut self) -> Result<usize, DerError> {
        let first = self.byte()?;
        if first < 0x80 {
            return Ok(usize::from(first));
        }
        let digits = first & 0x7f;
        if digits == 0 || digits > MAX_LENGTH_DIGITS {
            return Err(DerError::Length);
        }
        let mut length = 0_usize;
        for _ in 0..digits {
            let byte = self.byte()?;
            if length == 0 && byte == 0 {
                return Err(DerError::Length);
            }
            length = (length << 8) | usize::from(byte);
        }
        if length < 0x80 {
            Err(DerError::Length)
        } else {
            Ok(length)
        }
    }
}

/// The value of an INTEGER or ENUMERATED that is not negative, minimal and fits.
fn number(content: &[u8]) -> Result<u64, DerError> {
    let digits = match content {
        [] | [0x80..=0xff, ..] | [0, 0..0x80, ..] => return Err(DerError::Number),
        [0] => return Ok(0),
        [0, digits @ ..] | digits => digits,
    };
    if digits.len() > size_of::<u64>() {
        return Err(DerError::Number);
    }
    Ok(digits
        .iter()
        .fold(0, |value, byte| (value << 8) | u64::from(*byte)))
}

/// Why an encoding cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DerError {
    /// A length goes past the end.
    #[error("truncated")]
    Truncated,
    /// A length is indefinite, not minimal or absurd.
    #[error("bad length")]
    Length,
    /// A tag number is not minimal or absurd.
    #[error("bad tag number")]
    TagNumber,
    /// An element is of another kind.
    #[error("unexpected tag")]
    OtherTag,
    /// A number is negative, not minimal, or too large.
    #[error("bad number")]
    Number,
    /// Something follows.
    #[error("trailing bytes")]
    Trailing,
}

const CONTEXT: u8 = 0x80;
const CONSTRUCTED: u8 = 0x20;
/// 28 bits: Android's tags have at most 16.
const MAX_TAG_DIGITS: usize = 4;
/// 16 MiB: far above any certificate.
const MAX_LENGTH_DIGITS: u8 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expect: Result<(Option<u32>, usize), DerError>) {
        let read = Reader::new(bytes)
            .element()
            .map(|element| (element.tag.explicit(), element.content.len()));
        assert_eq!(read, expect, "{bytes:02x?}");
    }

    #[test]
    fn identifiers_and_lengths_are_minimal_and_inside() {
        check(&[0xa1, 0], Ok((Some(1), 0)));
        check(&[0x04, 2, 0, 0], Ok((None, 2)));
        check(&[0xbf, 0x85, 0x40, 0], Ok((Some(704), 0)));
        check(&[0x9f, 0x85, 0x40, 0], Ok((None, 0)));
        check(&[&[0x04, 0x81, 0x80][..], &[0; 0x80]].concat(), Ok((None, 0x80)));
        check(&[], Err(DerError::Truncated));
        check(&[0x04], Err(DerError::Truncated));
        check(&[0x04, 2, 0], Err(DerError::Truncated));
        check(&[0x04, 0x82, 0xff], Err(DerError::Truncated));
        check(&[0x04, 0x83, 0xff, 0xff, 0xff, 0], Err(DerError::Truncated));
        check(&[0x24, 0x80, 0, 0], Err(DerError::Length));
        check(&[0x04, 0x81, 0x7f], Err(DerError::Length));
        check(&[0x04, 0x82, 0, 0x80], Err(DerError::Length));
        check(&[0x04, 0x84, 0xff, 0xff, 0xff, 0xff], Err(DerError::Length));
        check(
            &[0x04, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            Err(DerError::Length),
        );
        check(&[0xbf, 0x80, 0x40, 0], Err(DerError::TagNumber));
        check(&[0xbf, 0x1e, 0], Err(DerError::TagNumber));
        check(&[0xbf, 0xff, 0xff, 0xff, 0xff, 0x7f, 0], Err(DerError::TagNumber));
    }

    #[test]
    fn numbers_are_minimal_and_fit() {
        let read = |content: &[u8]| number(content).ok();
        assert_eq!(read(&[0]), Some(0));
        assert_eq!(read(&[0x7f]), Some(0x7f));
        assert_eq!(read(&[0, 0x80]), Some(0x80));
        assert_eq!(
            read(&[0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
            Some(u64::MAX)
        );
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[0xff]), None);
        assert_eq!(read(&[0, 0x7f]), None);
        assert_eq!(read(&[1, 0, 0, 0, 0, 0, 0, 0, 0]), None);
        assert_eq!(read(&[0x7f; 1000]), None);
    }

    #[test]
    fn any_value_but_zero_is_true() {
        let read = |value| Reader::new(&[1, 1, value]).boolean();
        assert_eq!([read(0), read(1), read(0xff)], [Ok(false), Ok(true), Ok(true)]);
        assert_eq!(Reader::new(&[1, 0]).boolean(), Err(DerError::Number));
        assert_eq!(Reader::new(&[1, 2, 0, 0]).boolean(), Err(DerError::Number));
    }
}
