//! The view by system calls of our own: no function of the C library takes part in asking.
//!
//! Answers are bytes at stated places (`abi.rs`), read by safe code; the one unsafe block is in `trap.rs`.

mod abi;
mod agreement;
#[expect(
    unsafe_code,
    reason = "a system call is an instruction of its own and is given addresses"
)]
mod trap;

use std::ffi::{CStr, c_int};

use self::abi::{
    ABI, AF_INET, AT_FDCWD, AT_SYMLINK_NOFOLLOW, CREATE, Call, MSG_NOSIGNAL, OPEN, SIGSET_BYTES, TCP,
};
use self::trap::{Argument, Listed, call};
use super::c_library::OWNER_ONLY;
use super::calls::{Calls, Directory, FLAGS_ARE_THERE};
use super::dirents::Dirents;
use super::{Errno, Stat};

pub(super) const CALLS: Option<&'static dyn Calls> = Some(&Direct);

/// One call's room for names, as much as Android's C library takes.
const NAMES_BYTES: usize = 32 * 1024;

struct Direct;

impl Calls for Direct {
    fn open(&self, path: &CStr) -> Result<c_int, Errno> {
        open(path, OPEN | ABI.o_largefile)
    }

    fn close(&self, fd: c_int) {
        // Linux has released the descriptor even when it reports an error.
        let _: Result<usize, Errno> = call(ABI.close, [Argument::Number(fd)]);
    }

    fn create(&self, path: &CStr) -> Result<c_int, Errno> {
        open(path, CREATE)
    }

    fn remove(&self, path: &CStr) {
        let name = [
            Argument::Number(AT_FDCWD),
            Argument::Path(path),
            Argument::Number(0),
        ];
        let _: Result<usize, Errno> = call(ABI.unlinkat, name);
    }

    fn read(&self, fd: c_int, into: &mut [u8]) -> Result<usize, Errno> {
        let room = into.len();
        within(room, call(ABI.read, [Argument::Number(fd), Argument::Room(into)]))
    }

    fn read_at(&self, fd: c_int, offset: u64, into: &mut [u8]) -> Result<usize, Errno> {
        let room = into.len();
        let range = [
            Argument::Number(fd),
            Argument::Room(into),
            Argument::Offset(offset),
        ];
        within(room, call(ABI.pread64, range))
    }

    fn stat(&self, path: &CStr) -> Result<Stat, Errno> {
        stat_at(path, 0)
    }

    fn stat_link(&self, path: &CStr) -> Result<Stat, Errno> {
        stat_at(path, AT_SYMLINK_NOFOLLOW)
    }

    fn stat_open(&self, fd: c_int) -> Result<Stat, Errno> {
        stat_by(|room| call(ABI.fstat, [Argument::Number(fd), Argument::Answer(room)]))
    }

    fn read_link(&self, path: &CStr, into: &mut [u8]) -> Result<usize, Errno> {
        let room = into.len();
        let link = [
            Argument::Number(AT_FDCWD),
            Argument::Path(path),
            Argument::Room(into),
        ];
        within(room, call(ABI.readlinkat, link))
    }

    fn access(&self, path: &CStr, bits: u8) -> Result<(), Errno> {
        let wish = Argument::Number(c_int::from(bits));
        call(
            ABI.faccessat,
            [Argument::Number(AT_FDCWD), Argument::Path(path), wish],
        )
        .map(drop)
    }

    fn mount_flags(&self, path: &CStr) -> Result<u64, Errno> {
        let mut room = abi::Answer::default();
        let path = Argument::Path(path);
        match ABI.statfs_size {
            None => call(ABI.statfs, [path, Argument::Answer(&mut room)])?,
            Some(size) => call(
                ABI.statfs,
                [path, Argument::Number(size), Argument::Answer(&mut room)],
            )?,
        };
        Ok(ABI.statfs_flags.of(&room) & !FLAGS_ARE_THERE)
    }

    fn directory(&self, path: &CStr) -> Result<Box<dyn Directory>, Errno> {
        let fd = open(path, OPEN | ABI.o_largefile | ABI.o_directory)?;
        Ok(Box::new(Entries {
            fd,
            room: vec![0; NAMES_BYTES],
        }))
    }

    fn memory(&self, pid: c_int, address: usize, into: &mut [u8]) -> Result<usize, Errno> {
        let length = into.len();
        let copy = [
            Argument::Number(pid),
            Argument::Listed(Listed::room(into)),
            Argument::Listed(Listed::place(address, length)),
            Argument::Number(0),
        ];
        within(length, call(ABI.process_vm_readv, copy))
    }

    fn while_mapped(&self, fd: c_int, look: &mut dyn FnMut(usize)) -> Result<(), Errno> {
        trap::while_mapped(fd, look)
    }

    fn handler(&self, signal: c_int) -> Result<usize, Errno> {
        let mut room = abi::Answer::default();
        let (signal, set) = (Argument::Number(signal), Argument::Number(SIGSET_BYTES));
        call(
            ABI.rt_sigaction,
            [signal, Argument::Nothing, Argument::Answer(&mut room), set],
        )?;
        // It is the first of the structure everywhere.
        let handler = abi::Field {
            at: 0,
            bytes: ABI.word_bytes,
        };
        usize::try_from(handler.of(&room)).map_err(|_| Errno::SENSELESS)
    }

    fn connect(&self, port: u16) -> Result<c_int, Errno> {
        let socket = [AF_INET, TCP, 0].map(Argument::Number);
        let fd = c_int::try_from(call(ABI.socket, socket)?).map_err(|_| Errno::SENSELESS)?;
        let mut address = [0; 16];
        let family = u16::try_from(AF_INET).unwrap_or_default().to_ne_bytes();
        let known = family.into_iter().chain(port.to_be_bytes()).chain([127, 0, 0, 1]);
        for (place, byte) in address.iter_mut().zip(known) {
            *place = byte;
        }
        let connected = call(ABI.connect, [Argument::Number(fd), Argument::Bytes(&address)]);
        super::socket::begun(connected.map(drop))
            .map(|()| fd)
            .inspect_err(|_| self.close(fd))
    }

    fn send(&self, fd: c_int, bytes: &[u8]) -> Result<usize, Errno> {
        let (socket, flags) = (Argument::Number(fd), Argument::Number(MSG_NOSIGNAL));
        let to_its_peer = Argument::Nothing;
        let sent = call(
            ABI.sendto,
            [
                socket,
                Argument::Bytes(bytes),
                flags,
                to_its_peer,
                Argument::Nothing,
            ],
        );
        within(bytes.len(), sent)
    }

    fn wait(&self, fd: c_int, wanted: i16, ms: u16) -> Result<bool, Errno> {
        // `struct pollfd`, and `struct timespec`: seconds and nanoseconds.
        let (mut one, mut time) = (abi::Answer::default(), abi::Answer::default());
        one.put(0, &fd.to_ne_bytes());
        one.put(4, &wanted.to_ne_bytes());
        let (seconds, rest) = (u32::from(ms / 1000), u32::from(ms % 1000) * 1_000_000);
        time.put(0, &seconds.to_le_bytes());
        time.put(ABI.word_bytes, &rest.to_le_bytes());
        let (fds, time) = (Argument::Answer(&mut one), Argument::Answer(&mut time));
        let (count, set) = (Argument::Number(1), Argument::Number(SIGSET_BYTES));
        call(ABI.ppoll, [fds, count, time, Argument::Nothing, set]).map(|ready| ready > 0)
    }

    fn uid(&self) -> u32 {
        own_id(ABI.getuid)
    }

    fn parent_pid(&self) -> i32 {
        i32::try_from(own_id(ABI.getppid)).unwrap_or_default()
    }
}

/// An open directory.
struct Entries {
    fd: c_int,
    room: Vec<u8>,
}

impl Directory for Entries {
    fn next(&mut self, each: &mut dyn FnMut(&[u8])) -> Result<bool, Errno> {
        let directory = [Argument::Number(self.fd), Argument::Room(&mut self.room)];
        let count = within(NAMES_BYTES, call(ABI.getdents64, directory))?;
        for name in Dirents::linux(self.room.get(..count).unwrap_or_default()) {
            each(name?);
        }
        Ok(count > 0)
    }
}

impl Drop for Entries {
    fn drop(&mut self) {
        Direct.close(self.fd);
    }
}

/// What is made is its owner's; for what is only opened the last argument means nothing.
fn open(path: &CStr, flags: c_int) -> Result<c_int, Errno> {
    let (place, path) = (Argument::Number(AT_FDCWD), Argument::Path(path));
    let (flags, mode) = (Argument::Number(flags), Argument::Number(OWNER_ONLY.into()));
    let fd = call(ABI.openat, [place, path, flags, mode])?;
    c_int::try_from(fd).map_err(|_| Errno::SENSELESS)
}

fn stat_at(path: &CStr, flags: c_int) -> Result<Stat, Errno> {
    stat_by(|room| {
        let (place, path) = (Argument::Number(AT_FDCWD), Argument::Path(path));
        call(
            ABI.fstatat,
            [place, path, Argument::Answer(room), Argument::Number(flags)],
        )
    })
}

fn stat_by(ask: impl FnOnce(&mut abi::Answer) -> Result<usize, Errno>) -> Result<Stat, Errno> {
    let mut room = abi::Answer::default();
    ask(&mut room)?;
    let stat = &ABI.stat;
    let narrow = |field: abi::Field| u32::try_from(field.of(&room)).unwrap_or_default();
    Ok(Stat::new(
        narrow(stat.mode),
        narrow(stat.uid),
        stat.dev.of(&room),
        stat.ino.of(&room),
        stat.size.of(&room),
    ))
}

/// The count that a call returned, if it is within the room.
fn within(room: usize, returned: Result<usize, Errno>) -> Result<usize, Errno> {
    returned.and_then(|count| {
        if count <= room {
            Ok(count)
        } else {
            Err(Errno::SENSELESS)
        }
    })
}

/// Calls that ask for an id of this process cannot fail.
fn own_id(number: Call) -> u32 {
    call(number, [])
        .ok()
        .and_then(|id| u32::try_from(id).ok())
        .unwrap_or_default()
}
