//! The head of a Mach-O file or of one in memory: whether it is encrypted as the App Store delivers it, and where its code
//! signature lies.
//!
//! Reads the header and the load commands, both widths, from the little end. A file of several architectures is told apart by
//! [`architectures`]; nothing here chooses one.

use super::ParseError;
use super::bytes::{be32, be64, le32, part, place, sum};

/// Load commands; apps have some hundred.
pub const MAX_COMMANDS: u32 = 1 << 12;
/// Bytes of all load commands, and so of the beginning of a file that is enough.
pub const MAX_COMMAND_BYTES: u32 = 1 << 20;
/// Architectures of one file.
pub const MAX_ARCHITECTURES: u32 = 16;

const MAGIC_32: u32 = 0xfeed_face;
const MAGIC_64: u32 = 0xfeed_facf;
/// These of several architectures are counted from the big end.
const FAT_32: u32 = 0xcafe_babe;
const FAT_64: u32 = 0xcafe_babf;
const CODE_SIGNATURE: u32 = 0x1d;
const ENCRYPTION_32: u32 = 0x21;
const ENCRYPTION_64: u32 = 0x2c;

/// What header and load commands say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Image {
    /// The processor: `0x0100000c` for 64-bit ARM.
    pub cpu: u32,
    /// 2 for a program, 6 for a library.
    pub kind: u32,
    /// The fact `macho.cryptid`; `None` without such a command, as in the simulator.
    pub cryptid: Option<u32>,
    /// Where the code signature lies in the file, for [`super::entitlements`]; `None` if it is not signed.
    pub signature: Option<Span>,
}

/// A part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Where it begins.
    pub offset: u64,
    /// How long it is.
    pub bytes: u64,
}

impl Span {
    /// These bytes of the file; `None` if the file ends before.
    #[must_use]
    pub fn of<'a>(&self, file: &'a [u8]) -> Option<&'a [u8]> {
        part(file, place(self.offset).ok()?, place(self.bytes).ok()?).ok()
    }
}

/// What header and load commands say.
///
/// # Errors
/// `OtherFormat`, also for a file of several architectures; `Variant` for the other byte order; `Short`, `Bound`; `Contradiction` for commands that do
/// not fit into their space or are there twice.
pub fn image(head: &[u8]) -> Result<Image, ParseError> {
    let header_bytes = match le32(head, 0)? {
        MAGIC_32 => 28,
        MAGIC_64 => 32,
        other if [MAGIC_32, MAGIC_64].contains(&other.swap_bytes()) => return Err(ParseError::Variant),
        _ => return Err(ParseError::OtherFormat),
    };
    let (count, bytes) = (le32(head, 16)?, le32(head, 20)?);
    if count > MAX_COMMANDS || bytes > MAX_COMMAND_BYTES {
        return Err(ParseError::Bound);
    }
    let mut image = Image {
        cpu: le32(head, 4)?,
        kind: le32(head, 12)?,
        cryptid: None,
        signature: None,
    };
    let mut rest = part(head, header_bytes, place(bytes)?)?;
    for _ in 0..count {
        let size = le32(rest, 4).and_then(place);
        // What does not fit into the commands' own space is no longer theirs.
        let split = size.ok().and_then(|size| rest.split_at_checked(size));
        let (command, behind) = split
            .filter(|(command, _)| command.len() >= 8)
            .ok_or(ParseError::Contradiction)?;
        image.take(command)?;
        rest = behind;
    }
    Ok(image)
}

impl Image {
    fn take(&mut self, command: &[u8]) -> Result<(), ParseError> {
        let twice = match le32(command, 0)? {
            ENCRYPTION_32 | ENCRYPTION_64 => self.cryptid.replace(le32(command, 16)?).is_some(),
            CODE_SIGNATURE => {
                let span = Span {
                    offset: le32(command, 8)?.into(),
                    bytes: le32(command, 12)?.into(),
                };
                self.signature.replace(span).is_some()
            }
            _ => false,
        };
        if twice {
            Err(ParseError::Contradiction)
        } else {
            Ok(())
        }
    }
}

/// One architecture of a file that has several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Architecture {
    /// The processor.
    pub cpu: u32,
    /// Where its image lies in the file.
    pub span: Span,
}

/// The architectures of a file that has several.
///
/// # Errors
/// `OtherFormat` for a file of one; `Short`, `Bound`.
pub fn architectures(head: &[u8]) -> Result<Vec<Architecture>, ParseError> {
    let each = match be32(head, 0)? {
        FAT_32 => 20,
        FAT_64 => 32,
        _ => return Err(ParseError::OtherFormat),
    };
    let count = be32(head, 4)?;
    if count > MAX_ARCHITECTURES {
        return Err(ParseError::Bound);
    }
    let mut found = Vec::new();
    for index in 0..place(count)? {
        let at = sum(8, index.saturating_mul(each))?;
        let header = part(head, at, each)?;
        let span = if each == 20 {
            Span {
                offset: be32(header, 8)?.into(),
                bytes: be32(header, 12)?.into(),
            }
        } else {
            Span {
                offset: be64(header, 8)?,
                bytes: be64(header, 16)?,
            }
        };
        found.push(Architecture {
            cpu: be32(header, 0)?,
            span,
        });
    }
    Ok(found)
}
