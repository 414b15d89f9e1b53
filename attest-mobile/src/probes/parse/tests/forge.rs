//! Inputs of the binary formats, well-formed with each part open to being spoiled. Needs nothing but the standard library, because
//! the seeds of the fuzz bodies are made of it, too.

/// One program header of an ELF file.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) kind: u32,
    pub(crate) flags: u32,
    pub(crate) offset: u64,
    pub(crate) address: u64,
    pub(crate) file_bytes: u64,
    pub(crate) memory_bytes: u64,
}

/// A library for 64-bit ARM with these program headers.
pub(crate) fn elf64(loads: &[Load]) -> Vec<u8> {
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\xb7\0\x01\0\0\0".to_vec();
    for wide in [0_u64, 64, 0] {
        file.extend(wide.to_le_bytes());
    }
    file.extend([0; 4]);
    for narrow in [64, 56, count(loads), 0, 0, 0] {
        file.extend(narrow.to_le_bytes());
    }
    for load in loads {
        file.extend(load.kind.to_le_bytes());
        file.extend(load.flags.to_le_bytes());
        let fields = [
            load.offset,
            load.address,
            load.address,
            load.file_bytes,
            load.memory_bytes,
        ];
        for wide in fields.into_iter().chain([0x1000]) {
            file.extend(wide.to_le_bytes());
        }
    }
    file
}

/// The same for 32-bit ARM.
pub(crate) fn elf32(loads: &[Load]) -> Vec<u8> {
    let mut file = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x28\0\x01\0\0\0".to_vec();
    file.extend(words(&[0, 52, 0, 0]));
    for narrow in [52, 32, count(loads), 0, 0, 0] {
        file.extend(narrow.to_le_bytes());
    }
    let narrow = |wide: u64| u32::try_from(wide).unwrap_or(u32::MAX);
    for load in loads {
        let (address, flags) = (narrow(load.address), load.flags);
        let [offset, file_bytes, memory_bytes] =
            [load.offset, load.file_bytes, load.memory_bytes].map(narrow);
        file.extend(words(&[
            load.kind,
            offset,
            address,
            address,
            file_bytes,
            memory_bytes,
            flags,
            0x1000,
        ]));
    }
    file
}

/// An archive of stored entries, with `block` right before its directory.
pub(crate) fn zip(entries: &[(&str, &[u8])], block: &[u8], comment: &[u8]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in entries {
        let at = size(&file);
        let mut lengths = words(&[0, size(content), size(content)]);
        lengths.extend(count(name.as_bytes()).to_le_bytes());
        file.extend([b"PK\x03\x04\x0a\0\0\0\0\0\0\0\0\0".as_slice(), &lengths, &[0; 2]].concat());
        file.extend([name.as_bytes(), content].concat());
        directory.extend([b"PK\x01\x02\x0a\0\x0a\0\0\0\0\0\0\0\0\0".as_slice(), &lengths].concat());
        // An extra field and a comment of an entry are to be stepped over.
        directory.extend([&[4, 0, 1, 0], [0; 8].as_slice(), &at.to_le_bytes()].concat());
        directory.extend([name.as_bytes(), b"\x99\x99\0\0c"].concat());
    }
    file.extend(block);
    let at = size(&file);
    let mut end = b"PK\x05\x06\0\0\0\0".to_vec();
    end.extend(count(entries).to_le_bytes().repeat(2));
    end.extend(words(&[size(&directory), at]));
    end.extend(count(comment).to_le_bytes());
    [file, directory, end, comment.to_vec()].concat()
}

/// A property area as the system fills it.
pub(crate) struct Area(Vec<u8>);

impl Area {
    pub(crate) fn new() -> Self {
        // The root, which has no name, and the system's room for a value that changes.
        Self(vec![0; 20 + 92])
    }

    pub(crate) fn add(&mut self, name: &str, value: &str) {
        let mut at = 0;
        for segment in name.split('.') {
            at = self.below(at, segment.as_bytes());
        }
        let short = value.len() < 92;
        let length = if short { size(value.as_bytes()) } else { 56 };
        let serial = length << 24 | if short { 0 } else { 1 << 16 };
        let shown = if short {
            value.as_bytes()
        } else {
            b"Must use the newer call to read this one".as_slice()
        };
        let mut info = serial.to_le_bytes().to_vec();
        info.extend(shown);
        info.resize(96, 0);
        info.extend([name.as_bytes(), &[0]].concat());
        info.resize(info.len().next_multiple_of(4), 0);
        if !short {
            let offset = size(&info);
            info.splice(60..64, offset.to_le_bytes());
            info.extend([value.as_bytes(), &[0]].concat());
        }
        let place = self.append(&info);
        self.put(at + 4, place);
    }

    /// The file, as large as it is made.
    pub(crate) fn file(&self, bytes: usize) -> Vec<u8> {
        let head = words(&[size(&self.0), 7, 0x504f_5250, 0xfc6e_d0ab]);
        let mut file = [head.as_slice(), &[0; 112], &self.0].concat();
        file.resize(bytes.max(file.len()), 0);
        file
    }

    /// The node of this segment below the node at `parent`, made if it is not there yet.
    fn below(&mut self, parent: usize, segment: &[u8]) -> usize {
        let mut link = parent + 16;
        loop {
            let at = self.number(link);
            if at == 0 {
                let mut node = words(&[size(segment), 0, 0, 0, 0]);
                node.extend([segment, &[0]].concat());
                let place = self.append(&node);
                self.put(link, place);
                return usize::try_from(place).unwrap_or_default();
            }
            let length = self.number(at);
            let name = self.0.get(at + 20..at + 20 + length).unwrap_or_default();
            link = match (segment.len(), segment).cmp(&(length, name)) {
                std::cmp::Ordering::Less => at + 8,
                std::cmp::Ordering::Equal => return at,
                std::cmp::Ordering::Greater => at + 12,
            };
        }
    }

    fn number(&self, at: usize) -> usize {
        let bytes = self.0.get(at..).and_then(<[u8]>::first_chunk::<4>);
        bytes
            .and_then(|bytes| u32::from_le_bytes(*bytes).try_into().ok())
            .unwrap_or_default()
    }

    pub(crate) fn put(&mut self, at: usize, number: u32) {
        self.0.splice(at..at + 4, number.to_le_bytes());
    }

    fn append(&mut self, bytes: &[u8]) -> u32 {
        let at = size(&self.0);
        self.0.extend(bytes);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        at
    }
}

/// A program for 64-bit ARM with these load commands.
pub(crate) fn macho(commands: &[Vec<u8>]) -> Vec<u8> {
    let bytes = size(&commands.concat());
    let head = words(&[
        0xfeed_facf,
        0x0100_000c,
        0,
        2,
        u32::from(count(commands)),
        bytes,
        0,
        0,
    ]);
    [head, commands.concat()].concat()
}

/// A load command of these fields.
pub(crate) fn command(kind: u32, fields: &[u32]) -> Vec<u8> {
    let fields = words(fields);
    [words(&[kind, size(&fields) + 8]), fields].concat()
}

/// A code signature of these parts, each behind its kind.
pub(crate) fn signature(parts: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut index = Vec::new();
    let mut blobs = Vec::new();
    let start = 12 + 8 * u32::from(count(parts));
    for (number, (kind, content)) in parts.iter().enumerate() {
        let slot = u32::try_from(number).unwrap_or_default();
        index.extend([slot, start + size(&blobs)].map(u32::to_be_bytes).concat());
        blobs.extend([*kind, size(content) + 8].map(u32::to_be_bytes).concat());
        blobs.extend(content);
    }
    let head = [0xfade_0cc0, start + size(&blobs), u32::from(count(parts))];
    [head.map(u32::to_be_bytes).concat(), index, blobs].concat()
}

/// A code directory's content behind its kind and length.
pub(crate) fn code_directory(identifier: &str, team: &str) -> Vec<u8> {
    let team_at = 52 + size(identifier.as_bytes()) + 1;
    let fields = [0x2_0400, 0, 0, 52, 0, 0, 0, 0, 0, 0, team_at].map(u32::to_be_bytes);
    [fields.concat(), format!("{identifier}\0{team}\0").into_bytes()].concat()
}

/// Entitlements that are true, in DER.
pub(crate) fn der(names: &[&str]) -> Vec<u8> {
    let entries = names.iter().map(|name| {
        element(
            0x30,
            &[element(0x0c, name.as_bytes()), element(1, &[0xff])].concat(),
        )
    });
    let entries = entries.collect::<Vec<_>>().concat();
    element(0x70, &[&[2, 1, 1], element(0xb0, &entries).as_slice()].concat())
}

/// An element, its length in the shortest form of three.
pub(crate) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = count(content).to_be_bytes();
    let head = match (high, low) {
        (0, 0..=0x7f) => vec![tag, low],
        (0, _) => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    [head.as_slice(), content].concat()
}

/// A property list around this value.
pub(crate) fn plist(value: &str) -> Vec<u8> {
    let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \
                \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\">";
    format!("{head}{value}</plist>\n").into_bytes()
}

/// What stands around a profile's list, in shape.
pub(crate) fn envelope(list: &[u8]) -> Vec<u8> {
    [
        b"0\x82\x10\x00\x06\x09*\x86H\x86\xf7\x0d\x01\x07\x02".as_slice(),
        list,
        b"\xa0\x82\x0b\xad0<\x82",
    ]
    .concat()
}

pub(crate) fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn size(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

fn count<T>(items: &[T]) -> u16 {
    u16::try_from(items.len()).unwrap_or(u16::MAX)
}
