//! What differs between processors: numbers of system calls, flags, and where the kernel puts the fields of its answers.
//!
//! From the kernel's `asm/unistd.h`, `asm/fcntl.h`, `asm/stat.h` and `asm/statfs.h` of each architecture. The tables of
//! all architectures are compiled into tests everywhere; only the target's own is compiled into the library.

use std::ffi::{c_int, c_long};

/// The number of a system call that writes into the room that it is given and nowhere else, and changes nothing of this process
/// beyond its descriptors, and nothing on the phone beyond a file that is made to be removed.
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
    pub(super) unlinkat: Call,
    pub(super) faccessat: Call,
    pub(super) getdents64: Call,
    pub(super) statfs: Call,
    /// It reads at the places of its second list, and writes into the rooms of its first.
    pub(super) process_vm_readv: Call,
    pub(super) rt_sigaction: Call,
    pub(super) socket: Call,
    pub(super) connect: Call,
    pub(super) sendto: Call,
    pub(super) ppoll: Call,
    pub(super) getuid: Call,
    pub(super) getppid: Call,
    /// These two are no [`Call`]s, for they change what is mapped. On ARM it is `mmap2`, which counts in pages.
    pub(super) mmap: c_long,
    pub(super) munmap: c_long,
    pub(super) o_directory: c_int,
    /// Where a descriptor is for files above 2 GiB only if it says so.
    pub(super) o_largefile: c_int,
    /// How a file offset is passed.
    pub(super) offset: Passed,
    pub(super) stat: StatFields,
    /// The size that the call wants to be told.
    pub(super) statfs_size: Option<c_int>,
    pub(super) statfs_flags: Field,
    /// What an address and each half of `struct timespec` take.
    pub(super) word_bytes: usize,
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
        bytes
            .iter()
            .rev()
            .fold(0, |value, byte| value << 8 | u64::from(*byte))
    }
}

/// Room for the longest answer in the form of a structure, with some to spare.
#[derive(Debug, Clone, Copy)]
#[repr(align(8))]
pub(super) struct Answer(pub(super) [u8; ANSWER_BYTES]);

impl Answer {
    /// Writes what a call reads there first.
    pub(super) fn put(&mut self, at: usize, bytes: &[u8]) {
        for (place, byte) in self.0.iter_mut().skip(at).zip(bytes) {
            *place = *byte;
        }
    }
}

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
/// `AF_INET`, `SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC` and `MSG_NOSIGNAL`, the same on all three.
pub(super) const AF_INET: c_int = 2;
pub(super) const TCP: c_int = 1 | 0o4_000 | 0o2_000_000;
pub(super) const MSG_NOSIGNAL: c_int = 0x4000;
/// `PROT_READ` and `MAP_PRIVATE`, the same on all three.
pub(super) const PROT_READ: usize = 1;
pub(super) const MAP_PRIVATE: usize = 2;
/// The bytes of a set of signals.
pub(super) const SIGSET_BYTES: c_int = 8;
/// `O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY`, the same on all three.
pub(super) const OPEN: c_int = 0o2_000_000 | 0o4_000 | 0o400;
/// `O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC`, the same on all three.
pub(super) const CREATE: c_int = 0o1 | 0o100 | 0o200 | 0o2_000_000;

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
    unlinkat: Call(263),
    faccessat: Call(269),
    getdents64: Call(217),
    statfs: Call(137),
    process_vm_readv: Call(310),
    rt_sigaction: Call(13),
    socket: Call(41),
    connect: Call(42),
    sendto: Call(44),
    ppoll: Call(271),
    getuid: Call(102),
    getppid: Call(110),
    mmap: 9,
    munmap: 11,
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
    word_bytes: 8,
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
    unlinkat: Call(35),
    faccessat: Call(48),
    getdents64: Call(61),
    statfs: Call(43),
    process_vm_readv: Call(270),
    rt_sigaction: Call(134),
    socket: Call(198),
    connect: Call(203),
    sendto: Call(206),
    ppoll: Call(73),
    getuid: Call(174),
    getppid: Call(173),
    mmap: 222,
    munmap: 215,
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
    word_bytes: 8,
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
    unlinkat: Call(328),
    faccessat: Call(334),
    getdents64: Call(217),
    statfs: Call(266),
    process_vm_readv: Call(376),
    rt_sigaction: Call(174),
    socket: Call(281),
    connect: Call(283),
    sendto: Call(290),
    ppoll: Call(336),
    getuid: Call(199),
    getppid: Call(64),
    mmap: 192,
    munmap: 91,
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
    word_bytes: 4,
};

#[cfg(test)]
mod tests {
    use std::fs;
    use std::mem::{offset_of, size_of};

    use super::*;
    use crate::probes::sys::direct::trap::Registers;

    /// The structures as the kernel's headers declare them, with the widths that their types have on the architecture.
    #[repr(C)]
    struct X86Stat {
        dev: u64,
        ino: u64,
        nlink: u64,
        mode: u32,
        uid: u32,
        gid: u32,
        pad0: u32,
        rdev: u64,
        size: i64,
        rest: [u64; 11],
    }

    #[repr(C)]
    struct Aarch64Stat {
        dev: u64,
        ino: u64,
        mode: u32,
        nlink: u32,
        uid: u32,
        gid: u32,
        rdev: u64,
        pad1: u64,
        size: i64,
        blksize: i32,
        pad2: i32,
        blocks: i64,
        times: [u64; 6],
        unused: [u32; 2],
    }

    #[repr(C)]
    struct ArmStat64 {
        dev: u64,
        pad0: [u8; 4],
        short_ino: u32,
        mode: u32,
        nlink: u32,
        uid: u32,
        gid: u32,
        rdev: u64,
        pad3: [u8; 4],
        size: i64,
        blksize: u32,
        blocks: u64,
        times: [u32; 6],
        ino: u64,
    }

    #[repr(C)]
    struct Statfs<Word> {
        kind: Word,
        bsize: Word,
        blocks: [u64; 5],
        fsid: [i32; 2],
        namelen: Word,
        frsize: Word,
        flags: Word,
        spare: [Word; 4],
    }

    macro_rules! places {
        ($stat:ty) => {
            (
                [
                    offset_of!($stat, dev),
                    offset_of!($stat, ino),
                    offset_of!($stat, mode),
                    offset_of!($stat, uid),
                    offset_of!($stat, size),
                ],
                size_of::<$stat>(),
            )
        };
    }

    #[test]
    fn fields_are_where_the_kernel_s_headers_put_them() {
        let check = |abi: &Abi, (places, size): ([usize; 5], usize), expect: usize| {
            let stat = &abi.stat;
            let fields = [stat.dev, stat.ino, stat.mode, stat.uid, stat.size];
            assert_eq!(fields.map(|field| field.at), places);
            assert_eq!(fields.map(|field| field.bytes), [8, 8, 4, 4, 8]);
            assert_eq!(size, expect);
            assert!(size <= ANSWER_BYTES);
        };
        check(&X86_64, places!(X86Stat), 144);
        check(&AARCH64, places!(Aarch64Stat), 128);
        check(&ARM, places!(ArmStat64), 104);
        for (abi, at, bytes, size) in [
            (
                &X86_64,
                offset_of!(Statfs<u64>, flags),
                8,
                size_of::<Statfs<u64>>(),
            ),
            (
                &AARCH64,
                offset_of!(Statfs<u64>, flags),
                8,
                size_of::<Statfs<u64>>(),
            ),
            (&ARM, offset_of!(Statfs<u32>, flags), 4, size_of::<Statfs<u32>>()),
        ] {
            assert_eq!(abi.statfs_flags, Field { at, bytes });
            assert!(size <= ANSWER_BYTES);
        }
        assert_eq!(
            ARM.statfs_size,
            Some(c_int::try_from(size_of::<Statfs<u32>>()).unwrap())
        );
    }

    #[test]
    fn the_generic_table_has_the_numbers_of_aarch64() {
        // aarch64 takes the kernel's generic table, whose header many a machine has for its own compiler.
        let Ok(header) = fs::read_to_string("/usr/include/asm-generic/unistd.h") else {
            eprintln!("absent: 21 numbers are not compared, for the kernel's headers are not here");
            return;
        };
        let stated = |name: &str| {
            let of = |prefix: &str| {
                header.lines().find_map(|line| {
                    let mut words = line.split_whitespace();
                    (words.next() == Some("#define") && words.next()? == format!("{prefix}{name}"))
                        .then(|| words.next()?.parse::<c_long>().ok())?
                })
            };
            of("__NR_").or_else(|| of("__NR3264_")).map(Call)
        };
        for (name, call) in [
            ("openat", AARCH64.openat),
            ("close", AARCH64.close),
            ("read", AARCH64.read),
            ("pread64", AARCH64.pread64),
            ("fstatat", AARCH64.fstatat),
            ("fstat", AARCH64.fstat),
            ("readlinkat", AARCH64.readlinkat),
            ("unlinkat", AARCH64.unlinkat),
            ("faccessat", AARCH64.faccessat),
            ("getdents64", AARCH64.getdents64),
            ("statfs", AARCH64.statfs),
            ("process_vm_readv", AARCH64.process_vm_readv),
            ("rt_sigaction", AARCH64.rt_sigaction),
            ("socket", AARCH64.socket),
            ("connect", AARCH64.connect),
            ("sendto", AARCH64.sendto),
            ("ppoll", AARCH64.ppoll),
            ("getuid", AARCH64.getuid),
            ("getppid", AARCH64.getppid),
            ("mmap", Call(AARCH64.mmap)),
            ("munmap", Call(AARCH64.munmap)),
        ] {
            assert_eq!(stated(name), Some(call), "{name}");
        }
    }

    #[test]
    fn offsets_take_an_even_pair_of_registers_on_arm() {
        let passed = |abi: &Abi| {
            let mut registers = Registers::default();
            // pread64(fd, room, length, offset)
            for value in [3, 0x1000, 16] {
                registers.push(value);
            }
            registers.push_wide(abi, 0x5_0000_0002);
            registers.values
        };
        assert_eq!(passed(&ARM), [3, 0x1000, 16, 0, 2, 5]);
        assert_eq!(passed(&AARCH64), [3, 0x1000, 16, 0x5_0000_0002, 0, 0]);
        assert_eq!(passed(&X86_64), [3, 0x1000, 16, 0x5_0000_0002, 0, 0]);
    }

    #[test]
    fn numbers_are_read_little_end_first_and_never_beyond() {
        let mut answer = Answer::default();
        answer.0[4..8].copy_from_slice(&[0x78, 0x56, 0x34, 0x12]);
        assert_eq!(field(4, 4).of(&answer), 0x1234_5678);
        assert_eq!(field(0, 8).of(&answer), 0x1234_5678_0000_0000);
        assert_eq!(field(ANSWER_BYTES - 4, 8).of(&answer), 0);
    }
}
