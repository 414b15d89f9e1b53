//! Where a library lies: its file, where in the file its head is, and where in memory its code is.

use super::super::super::parse::elf::{self, Elf};
use super::super::super::parse::maps::{Backing, Region};
use super::super::super::sys::{Errno, Files};
use super::super::mapped_file::MappedFile;

/// Which library is meant.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wanted<'a> {
    /// The one with code at this address.
    Around(u64),
    /// The one whose file has this name, or this path.
    Named(&'a str),
}

/// A library's file, and each place at which it is loaded.
#[derive(Debug)]
pub(super) struct Placed<'d> {
    pub(super) file: MappedFile<'d>,
    pub(super) elf: Elf,
    /// Where in the file its head is: within an APK not at the beginning.
    pub(super) head_at: u64,
    /// What was added to the addresses of its headers, for each time that it was loaded.
    pub(super) biases: Vec<u64>,
}

/// Times that one library is loaded, and beginnings of one within an APK that are tried.
const MAX_PLACES: usize = 64;

/// Where the library lies.
pub(super) fn find<'d>(
    files: &Files<'d>,
    map: &[Region<'_>],
    wanted: Wanted<'_>,
) -> Result<Placed<'d>, Errno> {
    let path = path(map, wanted)?;
    let own: Vec<_> = map.iter().filter(|region| region.path == path).collect();
    let file = MappedFile::open(files, own.first().ok_or(ABSENT)?)?;
    if !file.is_same()? {
        return Err(Errno::new(libc::ESTALE));
    }
    let starts = own.iter().filter(|region| match wanted {
        Wanted::Around(address) => region.start <= address,
        Wanted::Named(_) => region.offset == 0,
    });
    let mut found: Option<Placed<'d>> = None;
    // The nearest first: within an APK others lie before.
    let mut file = Some(file);
    for (tried, start) in starts.rev().enumerate() {
        if tried == MAX_PLACES {
            return Err(Errno::CUT);
        }
        if let Some(found) = &mut found {
            if let Wanted::Named(_) = wanted {
                found.biases.extend(bias(&found.elf, start, map, wanted));
            }
            continue;
        }
        let Some(opened) = &file else { break };
        let head = opened.part(start.offset, elf::HEAD_BYTES)?;
        let Ok(elf) = elf::elf(&head) else { continue };
        if let Some(bias) = bias(&elf, start, map, wanted)
            && let Some(file) = file.take()
        {
            found = Some(Placed {
                file,
                elf,
                head_at: start.offset,
                biases: vec![bias],
            });
        }
    }
    found.ok_or(ABSENT)
}

/// The one path that is meant.
fn path<'m>(map: &'m [Region<'_>], wanted: Wanted<'_>) -> Result<&'m str, Errno> {
    let meant = |region: &Region<'_>| match wanted {
        Wanted::Around(address) => (region.start..region.end).contains(&address),
        Wanted::Named(name) if name.starts_with('/') => region.path == name,
        Wanted::Named(name) => region.path.rsplit('/').next() == Some(name),
    };
    let mut paths = map
        .iter()
        .filter(|region| region.backing() == Backing::File && meant(region))
        .map(|region| region.path.as_ref());
    let path = paths.next().ok_or(ABSENT)?;
    if paths.all(|other| other == path) {
        Ok(path)
    } else {
        Err(Errno::new(libc::ENOTUNIQ))
    }
}

/// What was added to the addresses, if the file's beginning at `start` is that of a library whose code is there to be run. Whoever put
/// other memory in the place of its code is not spared by that.
fn bias(elf: &Elf, start: &Region<'_>, map: &[Region<'_>], wanted: Wanted<'_>) -> Option<u64> {
    let first = elf.segments.first().filter(|first| first.offset == 0)?;
    let bias = start.start.wrapping_sub(first.address);
    let mut texts = elf.text().map(|text| {
        bias.wrapping_add(text.address)..bias.wrapping_add(text.address).wrapping_add(text.memory_bytes)
    });
    let runs = |address: u64| {
        let at = map.partition_point(|region| region.end <= address);
        map.get(at)
            .is_some_and(|region| region.start <= address && region.is_executable())
    };
    let is_placed = match wanted {
        Wanted::Around(address) => texts.any(|text| text.contains(&address)),
        Wanted::Named(_) => texts.any(|text| runs(text.start)),
    };
    is_placed.then_some(bias)
}

const ABSENT: Errno = Errno::new(libc::ENOENT);
