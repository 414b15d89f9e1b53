//! What a shared library says of itself. Nothing is judged here.

use object::elf::{
    DF_1_NOW, DF_BIND_NOW, DF_TEXTREL, DT_BIND_NOW, DT_FLAGS, DT_FLAGS_1, DT_NEEDED, DT_SONAME, DT_TEXTREL,
    PF_X, PT_GNU_RELRO, PT_GNU_STACK, PT_LOAD,
};
use object::read::elf::{Dynamic, ElfFile64, ProgramHeader as _};
use object::{Endianness, Object as _, ObjectSymbol as _};

use super::symbols::Undefined;

/// A shared library.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Shared {
    /// How its loaded parts are aligned in memory.
    pub(crate) alignments: Vec<u64>,
    /// What is written once at load time cannot be written later.
    pub(crate) relro: bool,
    /// Everything is resolved at load time.
    pub(crate) bind_now: bool,
    /// Code is written to at load time.
    pub(crate) text_relocations: bool,
    /// The stack may be executed.
    pub(crate) executable_stack: bool,
    /// What it is called.
    pub(crate) soname: Option<String>,
    /// The libraries that it loads.
    pub(crate) needed: Vec<String>,
    /// What it uses of them, sorted.
    pub(crate) undefined: Vec<Undefined>,
    /// What others find in it, sorted.
    pub(crate) exports: Vec<String>,
    /// Its notes: who wrote each, and what.
    pub(crate) notes: Vec<(String, String)>,
    /// It still holds names for a debugger.
    pub(crate) symbol_table: bool,
}

impl Shared {
    /// Reads a 64-bit library; the error says what is broken.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, object::read::Error> {
        let file = ElfFile64::<Endianness>::parse(bytes)?;
        let mut shared = Self {
            symbol_table: !file.elf_symbol_table().is_empty(),
            ..Self::default()
        };
        shared.segments(&file, bytes)?;
        shared.dynamic(&file)?;
        shared.symbols(&file)?;
        Ok(shared)
    }

    fn segments(&mut self, file: &ElfFile64<'_>, bytes: &[u8]) -> Result<(), object::read::Error> {
        let endian = file.endian();
        for segment in file.elf_program_headers() {
            match segment.p_type(endian) {
                PT_LOAD => self.alignments.push(segment.p_align(endian)),
                PT_GNU_RELRO => self.relro = true,
                PT_GNU_STACK => self.executable_stack = segment.p_flags(endian).0 & PF_X.0 != 0,
                _ => {}
            }
            let Some(mut notes) = segment.notes(endian, bytes)? else {
                continue;
            };
            while let Some(note) = notes.next()? {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned();
                self.notes.push((text(note.name()), text(note.desc())));
            }
        }
        Ok(())
    }

    fn dynamic(&mut self, file: &ElfFile64<'_>) -> Result<(), object::read::Error> {
        let table = file.elf_dynamic_table()?;
        for entry in table.iter() {
            let text = |entry: Dynamic| {
                table
                    .string(entry)
                    .map(|name| String::from_utf8_lossy(name).into_owned())
            };
            let has = |flag: u64| entry.val & flag != 0;
            match entry.tag {
                DT_NEEDED => self.needed.push(text(entry)?),
                DT_SONAME => self.soname = Some(text(entry)?),
                DT_BIND_NOW => self.bind_now = true,
                DT_TEXTREL => self.text_relocations = true,
                DT_FLAGS => {
                    self.bind_now |= has(DF_BIND_NOW.0);
                    self.text_relocations |= has(DF_TEXTREL.0);
                }
                DT_FLAGS_1 => self.bind_now |= has(DF_1_NOW.0),
                _ => {}
            }
        }
        Ok(())
    }

    fn symbols(&mut self, file: &ElfFile64<'_>) -> Result<(), object::read::Error> {
        for symbol in file.dynamic_symbols() {
            let name = symbol.name()?.to_owned();
            if symbol.is_undefined() && !name.is_empty() {
                let weak = symbol.is_weak();
                self.undefined.push(Undefined { name, weak });
            } else if symbol.is_definition() && symbol.is_global() {
                self.exports.push(name);
            }
        }
        self.undefined.sort();
        self.exports.sort();
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests;
