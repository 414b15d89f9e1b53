//! What differs between processors: numbers of system calls, flags, and where the kernel puts the fields of its answers.
//!
//! From the kernel's `asm/unistd.h`, `asm/fcntl.h`, `asm/stat.h` and `asm/statfs.h` of each architecture. The tables of
//! all architectures are compiled into tests everywhere; only the target's own is compiled into the library.

use std::ffi::{c_int, c_long};

/// The number of a system call that writes into the room that it is given and nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Call(c_long);

impl Call {
    pub(super) const fn number(self) -> c_long {
        self.0
    }
}

/// An architecture's table.
#[derive(Debug)]
pub(super) struct Abi {
    pub(super) openat: Call,
    pub(super) close: Call,
    pub(super) read: Call,
    pub(super) pread64: Call,
    pub(super) fstatat: Call,
    pub(super) fstat: Call,
    pub(super) readlinkat: Call,
    pub(super) faccessat: Call,
    pub(super) getdents64: Call,
    pub(super) statfs: Call,
    pub(super) getuid: Call,
    pub(super) getppid: Call,
    pub(super) o_directory: c_int,
    /// Where a descriptor is for files above 2 GiB only if it says so.
    pub(super) o_largefile: c_int,
    /// How a file offset is passed.
    pub(super) offset: Passed,
    pub(super) stat: StatFields,
    /// The size that the call wants to be told.
    pub(super) statfs_size: Option<c_int>,
    pub(super) statfs_flags: Field,
}

/// How 64 bits are passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "an architecture passes them in one of these ways")
)]
pub(super) enum Passed {
    /// In one register.
    Whole,
    /// In two, low half first, of which the first is an even one.
    EvenPair,
}

/// Where `struct stat` has what we read.
#[derive(Debug)]
pub(super) struct StatFields {
    pub(super) mode: Field,
    pub(super) uid: Field,
    pub(super) dev: Field,
    pub(super) ino: Field,
    pub(super) size: Field,
}

/// An unsigned little-endian number in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) at: usize,
    pub(super) bytes: usize,
}

impl Field {
    /// Its value.
    pub(super) fn of(self, answer: &Answer) -> u64 {
        let bytes = answer.0.get(self.at..self.at + self.bytes).unwrap_or_default();
        bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
    }
}

/// Room for the longest answer in the form of a structure, with some to spare.
#[derive(Debug, Clone, Copy)]
#[repr(align(8))]
pub(super) struct Answer(pub(super) [u8; ANSWER_BYTES]);

impl Default for Answer {
    fn default() -> Self {
        Self([0; ANSWER_BYTES])
    }
}

/// `struct stat` of x86_64 takes 144, the others and `struct statfs` less.
pub(super) const ANSWER_BYTES: usize = 256;

/// Relative to the working directory; we ask for absolute paths.
pub(super) const AT_FDCWD: c_int = -100;
/// Of a link itself.
pub(super) const AT_SYMLINK_NOFOLLOW: c_int = 0x100;
/// `O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY`, the same on all three.
pub(super) const OPEN: c_int = 0o2_000_000 | 0o4_000 | 0o400;

#[cfg(target_arch = "aarch64")]
pub(super) use self::AARCH64 as ABI;
#[cfg(target_arch = "arm")]
pub(super) use self::ARM as ABI;
#[cfg(target_arch = "x86_64")]
pub(super) use self::X86_64 as ABI;

const fn field(at: usize, bytes: usize) -> Field {
    Field { at, bytes }
}

#[cfg(any(test, target_arch = "x86_64"))]
pub(super) const X86_64: Abi = Abi {
    openat: Call(257),
    close: Call(3),
    read: Call(0),
    pread64: Call(17),
    fstatat: Call(262),
    fstat: Call(5),
    readlinkat: Call(267),
    faccessat: Call(269),
    getdents64: Call(217),
    statfs: Call(137),
    getuid: Call(102),
    getppid: Call(110),
    o_directory: 0x1_0000,
    o_largefile: 0,
    offset: Passed::Whole,
    stat: StatFields {
        dev: field(0, 8),
        ino: field(8, 8),
        mode: field(24, 4),
        uid: field(28, 4),
        size: field(48, 8),
    },
    statfs_size: None,
    statfs_flags: field(80, 8),
};

#[cfg(any(test, target_arch = "aarch64"))]
pub(super) const AARCH64: Abi = Abi {
    openat: Call(56),
    close: Call(57),
    read: Call(63),
    pread64: Call(67),
    fstatat: Call(79),
    fstat: Call(80),
    readlinkat: Call(78),
    faccessat: Call(48),
    getdents64: Call(61),
    statfs: Call(43),
    getuid: Call(174),
    getppid: Call(173),
    o_directory: 0x4000,
    o_largefile: 0,
    offset: Passed::Whole,
    stat: StatFields {
        dev: field(0, 8),
        ino: field(8, 8),
        mode: field(16, 4),
        uid: field(24, 4),
        size: field(48, 8),
    },
    statfs_size: None,
    statfs_flags: field(80, 8),
};

/// The EABI's, with `fstatat64`, `fstat64`, `statfs64` and `getuid32`.
#[cfg(any(test, target_arch = "arm"))]
pub(super) const ARM: Abi = Abi {
    openat: Call(322),
    close: Call(6),
    read: Call(3),
    pread64: Call(180),
    fstatat: Call(327),
    fstat: Call(197),
    readlinkat: Call(332),
    faccessat: Call(334),
    getdents64: Call(217),
    statfs: Call(266),
    getuid: Call(199),
    getppid: Call(64),
    o_directory: 0x4000,
    o_largefile: 0x2_0000,
    offset: Passed::EvenPair,
    stat: StatFields {
        dev: field(0, 8),
        ino: field(96, 8),
        mode: field(16, 4),
        uid: field(24, 4),
        size: field(48, 8),
    },
    // With the padding that the kernel's own structure does not have; it takes both, and C libraries say this.
    statfs_size: Some(88),
    statfs_flags: field(64, 4),
};
