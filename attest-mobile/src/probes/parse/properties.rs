//! The Android property area, a file of `/dev/__properties__`: the properties without asking the C library, which may be hooked.
//!
//! An area is 128 bytes of head and a trie whose places are counted from behind it; siblings form a binary tree. Every node is
//! visited once at most, so that the walk ends on any bytes. Layout as in Android 8 and later (bionic, `prop_area.h`, `prop_info.h`).
//!
//! The system writes while it is read: a property that is being written has no value here and makes the result truncated; reading
//! once more is the answer.

use std::borrow::Cow;

use super::bytes::{le32, part, place, sum, until_nul};
use super::{ParseError, Parsed, lines};

/// Bytes of an area; Android makes 128 KiB, on large pages 1 MiB. A bitmap of a thirty-second of it is held.
pub const MAX_AREA_BYTES: usize = 1 << 20;
/// Nodes that are visited; no area has more properties.
pub const MAX_NODES: usize = 1 << 15;
/// Bytes of a name.
pub const MAX_NAME_BYTES: usize = 1 << 10;
/// Bytes of a value that is no short one.
pub const MAX_LONG_VALUE_BYTES: usize = 1 << 16;

const MAGIC: u32 = 0x504f_5250;
const VERSION: u32 = 0xfc6e_d0ab;
const HEAD_BYTES: usize = 128;
/// A node's lengths and places, before its name.
const NODE_BYTES: usize = 20;
/// A property's serial and value, before its name.
const INFO_BYTES: usize = 96;
const VALUE_AT: usize = 4;
const SHORT_VALUE_BYTES: usize = 92;
/// Behind the words for readers that know short values alone.
const LONG_OFFSET_AT: usize = 60;
const DIRTY: u32 = 1;
const LONG: u32 = 1 << 16;

/// One property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property<'a> {
    /// The full name, an item of the fact `prop.names`.
    pub name: Cow<'a, str>,
    /// The value, that of the fact `prop`; `None` while it is written, or if it lies nowhere.
    pub value: Option<Cow<'a, str>>,
    /// The property's serial as it stands: it counts the changes in its lower bits.
    pub serial: u32,
}

/// The properties of an area, in no order.
///
/// # Errors
/// `OtherFormat` and `Variant` for bytes that are no such area, `Short` for less than a head, `Bound` for one that is too large.
pub fn properties(area: &[u8]) -> Result<Parsed<Vec<Property<'_>>>, ParseError> {
    if area.len() > MAX_AREA_BYTES {
        return Err(ParseError::Bound);
    }
    let (magic, version, used) = (le32(area, 8)?, le32(area, 12)?, le32(area, 0)?);
    if magic != MAGIC {
        return Err(ParseError::OtherFormat);
    }
    if version != VERSION {
        return Err(ParseError::Variant);
    }
    let data = area.get(HEAD_BYTES..).ok_or(ParseError::Short)?;
    let mut walk = Walk {
        data,
        seen: vec![0; data.len().div_ceil(4 * 64)],
        waiting: Vec::new(),
        text_bytes: 0,
        found: Parsed {
            value: Vec::new(),
            truncated: place(used)? > data.len(),
        },
    };
    walk.all();
    Ok(walk.found)
}

struct Walk<'a> {
    data: &'a [u8],
    /// A bit for each four bytes at which something was read.
    seen: Vec<u64>,
    waiting: Vec<usize>,
    /// Bytes of names and values so far. They lie apart from each other: more than the area has are read several times.
    text_bytes: usize,
    found: Parsed<Vec<Property<'a>>>,
}

impl Walk<'_> {
    fn all(&mut self) {
        // The root is the one thing at place 0, which elsewhere means that there is nothing.
        self.first_time(0);
        self.waiting.push(0);
        let mut nodes = 0;
        while let Some(at) = self.waiting.pop() {
            if nodes == MAX_NODES || self.text_bytes > self.data.len() {
                self.found.truncated = true;
                return;
            }
            nodes += 1;
            if self.node(at).is_err() {
                self.found.truncated = true;
            }
        }
    }

    /// True if nothing was read at this place before and something can be.
    fn first_time(&mut self, at: usize) -> bool {
        let (word, bit) = (at / 4 / 64, 1 << (at / 4 % 64));
        let fresh = at.is_multiple_of(4) && at < self.data.len();
        match self.seen.get_mut(word) {
            Some(bits) if fresh && *bits & bit == 0 => {
                *bits |= bit;
                true
            }
            _ => false,
        }
    }

    fn node(&mut self, at: usize) -> Result<(), ParseError> {
        let mut link = |at| {
            let to = place(le32(self.data, at)?)?;
            Ok(match to {
                0 => None,
                to if self.first_time(to) => Some(to),
                _ => {
                    self.found.truncated = true;
                    None
                }
            })
        };
        let prop = link(sum(at, 4)?)?;
        let [left, right, children] = [link(sum(at, 8)?)?, link(sum(at, 12)?)?, link(sum(at, 16)?)?];
        self.waiting.extend([right, children, left].into_iter().flatten());
        if let Some(prop) = prop {
            let length = place(le32(self.data, at)?)?;
            let segment = part(self.data, sum(at, NODE_BYTES)?, length)?;
            self.property(prop, segment)?;
        }
        Ok(())
    }

    /// The property at a place, which hangs at the node of this segment of its name.
    fn property(&mut self, at: usize, segment: &[u8]) -> Result<(), ParseError> {
        let name = until_nul(self.data, sum(at, INFO_BYTES)?, MAX_NAME_BYTES);
        // What was looked at in vain counts as well.
        self.text_bytes += name.map_or(MAX_NAME_BYTES, <[u8]>::len);
        let (name, serial) = (name?, le32(self.data, at)?);
        let last = name.rsplit(|byte| *byte == b'.').next();
        if name.is_empty() || last != Some(segment) {
            return Err(ParseError::Contradiction);
        }
        let value = self.value(at, serial);
        if value.is_none() {
            self.found.truncated = true;
        }
        self.found.value.push(Property {
            name: lines::lossy(name),
            value: value.map(lines::lossy),
            serial,
        });
        Ok(())
    }
}

impl<'a> Walk<'a> {
    fn value(&mut self, at: usize, serial: u32) -> Option<&'a [u8]> {
        if serial & DIRTY != 0 {
            return None;
        }
        let data: &'a [u8] = self.data;
        let (start, max) = if serial & LONG == 0 {
            (at.checked_add(VALUE_AT)?, SHORT_VALUE_BYTES)
        } else {
            let offset = le32(data, at.checked_add(LONG_OFFSET_AT)?).and_then(place).ok()?;
            // It lies behind the property: nearer, it would be read out of the property itself.
            let offset = Some(offset).filter(|offset| *offset > INFO_BYTES)?;
            (at.checked_add(offset)?, MAX_LONG_VALUE_BYTES)
        };
        let value = until_nul(data, start, max).ok();
        self.text_bytes += value.map_or(max, <[u8]>::len);
        // The serial states a short value's length: another one was written meanwhile.
        let stated = usize::try_from(serial >> 24).ok();
        if serial & LONG == 0 && value.map(<[u8]>::len) != stated {
            self.found.truncated = true;
        }
        value
    }
}
