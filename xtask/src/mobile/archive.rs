//! What a static library for iOS says of itself. Nothing is judged here.

use std::collections::BTreeSet;

use object::read::archive::ArchiveFile;
use object::{File, Object as _, ObjectSection as _, ObjectSymbol as _, SectionKind};

use super::symbols::Undefined;

/// A static library.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Static {
    /// What an app finds in it, sorted, as C calls it.
    pub(crate) exports: Vec<String>,
    /// What it uses of others, sorted, as C calls it.
    pub(crate) undefined: Vec<Undefined>,
    /// The bytes of it that can be loaded: an app's linker takes at most these.
    pub(crate) loaded_bytes: u64,
}

impl Static {
    /// Reads an archive of Mach-O objects; the error says what is broken.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, object::read::Error> {
        let (mut defined, mut used) = (BTreeSet::new(), BTreeSet::new());
        let mut loaded_bytes = 0;
        for member in ArchiveFile::parse(bytes)?.members() {
            let member = member?.data(bytes)?;
            // Beside objects there may be an index of names.
            let Ok(object) = File::parse(member) else {
                continue;
            };
            for symbol in object.symbols() {
                let name = symbol.name()?;
                let name = name.strip_prefix('_').unwrap_or(name);
                if symbol.is_undefined() && !name.is_empty() {
                    used.insert((name.to_owned(), symbol.is_weak()));
                } else if symbol.is_definition() && symbol.is_global() {
                    defined.insert(name.to_owned());
                }
            }
            let loaded = |kind| {
                !matches!(
                    kind,
                    SectionKind::Debug | SectionKind::Metadata | SectionKind::Other
                )
            };
            loaded_bytes += object
                .sections()
                .filter(|section| loaded(section.kind()))
                .map(|section| section.size())
                .sum::<u64>();
        }
        let outside = used.into_iter().filter(|(name, _)| !defined.contains(name));
        Ok(Self {
            undefined: outside.map(|(name, weak)| Undefined { name, weak }).collect(),
            exports: defined.into_iter().collect(),
            loaded_bytes,
        })
    }
}
