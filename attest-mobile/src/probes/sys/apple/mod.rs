//! The view by system calls of our own on Apple's 64-bit ARM: no function of the system's library takes part in asking.
//!
//! Numbers and arguments are those of xnu's `syscalls.master`, structures those of the crate `libc`, which are the kernel's own here.
//! Apple promises neither, so nothing depends on it: what does not answer is an error, which is inconclusive. Why we ask this way
//! nevertheless is in docs/adr/0014. **Nobody has run this so far**; it is compiled for iPhones and the simulator.

mod trap;

use std::ffi::{CStr, c_int, c_uint};

use self::trap::{Argument, call};
use super::c_library::{CREATE, OPEN, OWNER_ONLY, loopback, process_name, stat_of};
use super::calls::{Calls, Directory, MAX_PATH};
use super::dirents::Dirents;
use super::{Errno, Stat, mounts};

pub(super) const CALLS: Option<&'static dyn Calls> = Some(&Direct);

/// One call's room for names, as much as Apple's own library takes at most.
const NAMES_BYTES: usize = 32 * 1024;

struct Direct;

impl Calls for Direct {
    fn open(&self, path: &CStr) -> Result<c_int, Errno> {
        open(path, OPEN)
    }

    fn close(&self, fd: c_int) {
        let _: Result<usize, Errno> = call(number::CLOSE, [Argument::Number(fd)]);
    }

    fn create(&self, path: &CStr) -> Result<c_int, Errno> {
        open(path, CREATE)
    }

    fn remove(&self, path: &CStr) {
        let _: Result<usize, Errno> = call(number::UNLINK, [Argument::Path(path)]);
    }

    fn read(&self, fd: c_int, into: &mut [u8]) -> Result<usize, Errno> {
        let room = into.len();
        within(
            room,
            call(number::READ, [Argument::Number(fd), Argument::Room(into)]),
        )
    }

    fn read_at(&self, fd: c_int, offset: u64, into: &mut [u8]) -> Result<usize, Errno> {
        let room = into.len();
        let (fd, into) = (Argument::Number(fd), Argument::Room(into));
        within(room, call(number::PREAD, [fd, into, Argument::Offset(offset)]))
    }

    fn stat(&self, path: &CStr) -> Result<Stat, Errno> {
        stat_of(|stat| call(number::STAT64, [Argument::Path(path), Argument::Stat(stat)]))
    }

    fn stat_link(&self, path: &CStr) -> Result<Stat, Errno> {
        stat_of(|stat| call(number::LSTAT64, [Argument::Path(path), Argument::Stat(stat)]))
    }

    fn stat_open(&self, fd: c_int) -> Result<Stat, Errno> {
        stat_of(|stat| call(number::FSTAT64, [Argument::Number(fd), Argument::Stat(stat)]))
    }

    fn read_link(&self, path: &CStr, into: &mut [u8]) -> Result<usize, Errno> {
        let room = into.len();
        within(
            room,
            call(number::READLINK, [Argument::Path(path), Argument::Room(into)]),
        )
    }

    fn access(&self, path: &CStr, bits: u8) -> Result<(), Errno> {
        let wish = Argument::Number(bits.into());
        call(number::ACCESS, [Argument::Path(path), wish]).map(drop)
    }

    fn mount_flags(&self, path: &CStr) -> Result<u64, Errno> {
        mounts::flags_at(path, |room| {
            let now = Argument::Number(libc::MNT_NOWAIT);
            call(number::GETFSSTAT64, [Argument::Mounts(room), now])
        })
    }

    fn directory(&self, path: &CStr) -> Result<Box<dyn Directory>, Errno> {
        Ok(Box::new(Entries {
            fd: open(path, OPEN | libc::O_DIRECTORY)?,
            room: vec![0; NAMES_BYTES],
            position: 0,
        }))
    }

    fn memory(&self, _: c_int, _: usize, _: &mut [u8]) -> Result<usize, Errno> {
        Err(Errno::NO_SUCH_VIEW)
    }

    fn connect(&self, port: u16) -> Result<c_int, Errno> {
        let socket = [libc::AF_INET, libc::SOCK_STREAM, 0].map(Argument::Number);
        let fd = descriptor(call(number::SOCKET, socket))?;
        let connected = prepare(fd).and_then(|()| {
            let address = loopback(port);
            super::socket::begun(
                call(
                    number::CONNECT,
                    [Argument::Number(fd), Argument::Address(&address)],
                )
                .map(drop),
            )
        });
        connected.map(|()| fd).inspect_err(|_| self.close(fd))
    }

    fn send(&self, fd: c_int, bytes: &[u8]) -> Result<usize, Errno> {
        let to_its_peer = [const { Argument::Number(0) }; 3];
        let [flags, address, length] = to_its_peer;
        let sent = call(
            number::SENDTO,
            [
                Argument::Number(fd),
                Argument::Bytes(bytes),
                flags,
                address,
                length,
            ],
        );
        within(bytes.len(), sent)
    }

    fn wait(&self, fd: c_int, wanted: i16, ms: u16) -> Result<bool, Errno> {
        let mut one = libc::pollfd {
            fd,
            events: wanted,
            revents: 0,
        };
        let wait = [
            Argument::Poll(&mut one),
            Argument::Number(1),
            Argument::Number(ms.into()),
        ];
        call(number::POLL, wait).map(|ready| ready > 0)
    }

    fn descriptor_room(&self) -> Result<c_int, Errno> {
        descriptor(call(number::GETDTABLESIZE, []))
    }

    fn descriptor_path(&self, fd: c_int, into: &mut [u8; MAX_PATH]) -> Result<(), Errno> {
        let wish = Argument::Number(libc::F_GETPATH);
        call(
            number::FCNTL,
            [Argument::Number(fd), wish, Argument::LongestPath(into)],
        )
        .map(drop)
    }

    fn process(&self, into: &mut [u8]) -> Result<usize, Errno> {
        let room = into.len();
        let mut bytes = room;
        let name = process_name(own_id(number::GETPID));
        let ask = [
            Argument::Name(&name),
            Argument::Counted(into, &mut bytes),
            Argument::Number(0),
            Argument::Number(0),
        ];
        call(number::SYSCTL, ask)?;
        within(room, Ok(bytes))
    }

    fn code_signing(&self) -> Result<u32, Errno> {
        let mut flags = [0; size_of::<u32>()];
        let (own, status) = (own_id(number::GETPID), Argument::Number(CS_OPS_STATUS));
        call(
            number::CSOPS,
            [Argument::Number(own), status, Argument::Room(&mut flags)],
        )?;
        Ok(u32::from_ne_bytes(flags))
    }

    fn uid(&self) -> u32 {
        own_id(number::GETUID).cast_unsigned()
    }

    fn parent_pid(&self) -> i32 {
        own_id(number::GETPPID)
    }
}

/// So that it never waits, no other program inherits it, and a connection that is gone raises no signal.
fn prepare(fd: c_int) -> Result<(), Errno> {
    for [wish, flags] in [
        [libc::F_SETFD, libc::FD_CLOEXEC],
        [libc::F_SETFL, libc::O_NONBLOCK],
    ] {
        call(number::FCNTL, [fd, wish, flags].map(Argument::Number))?;
    }
    let on = 1_i32.to_ne_bytes();
    let [socket, level, name] = [fd, libc::SOL_SOCKET, libc::SO_NOSIGPIPE].map(Argument::Number);
    call(number::SETSOCKOPT, [socket, level, name, Argument::Bytes(&on)]).map(drop)
}

/// An open directory.
struct Entries {
    fd: c_int,
    room: Vec<u8>,
    position: i64,
}

impl Directory for Entries {
    fn next(&mut self, each: &mut dyn FnMut(&[u8])) -> Result<bool, Errno> {
        let names = [
            Argument::Number(self.fd),
            Argument::Room(&mut self.room),
            Argument::Position(&mut self.position),
        ];
        let count = within(NAMES_BYTES, call(number::GETDIRENTRIES64, names))?;
        for name in Dirents::apple(self.room.get(..count).unwrap_or_default()) {
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
    let (flags, mode) = (Argument::Number(flags), Argument::Number(OWNER_ONLY.into()));
    descriptor(call(number::OPEN, [Argument::Path(path), flags, mode]))
}

fn descriptor(returned: Result<usize, Errno>) -> Result<c_int, Errno> {
    c_int::try_from(returned?).map_err(|_| Errno::SENSELESS)
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
fn own_id(number: number::Call) -> c_int {
    let id = call(number, []).ok().and_then(|id| c_uint::try_from(id).ok());
    id.unwrap_or_default().cast_signed()
}

/// Asks for the flags of the code signature: `CS_OPS_STATUS` of xnu's `codesign.h`.
const CS_OPS_STATUS: c_int = 0;

/// The calls that are made: each writes into the room that it is given and nowhere else, and changes nothing of this process beyond its
/// descriptors, and nothing on the phone beyond a file that is made to be removed.
mod number {
    /// The number of such a call.
    #[derive(Debug, Clone, Copy)]
    pub(super) struct Call(pub(super) usize);

    pub(super) const READ: Call = Call(3);
    pub(super) const OPEN: Call = Call(5);
    pub(super) const CLOSE: Call = Call(6);
    pub(super) const UNLINK: Call = Call(10);
    pub(super) const GETPID: Call = Call(20);
    pub(super) const GETUID: Call = Call(24);
    pub(super) const ACCESS: Call = Call(33);
    pub(super) const GETPPID: Call = Call(39);
    pub(super) const READLINK: Call = Call(58);
    pub(super) const GETDTABLESIZE: Call = Call(89);
    pub(super) const FCNTL: Call = Call(92);
    pub(super) const SOCKET: Call = Call(97);
    pub(super) const CONNECT: Call = Call(98);
    pub(super) const SETSOCKOPT: Call = Call(105);
    pub(super) const SENDTO: Call = Call(133);
    pub(super) const PREAD: Call = Call(153);
    pub(super) const CSOPS: Call = Call(169);
    pub(super) const SYSCTL: Call = Call(202);
    pub(super) const POLL: Call = Call(230);
    pub(super) const STAT64: Call = Call(338);
    pub(super) const FSTAT64: Call = Call(339);
    pub(super) const LSTAT64: Call = Call(340);
    pub(super) const GETDIRENTRIES64: Call = Call(344);
    pub(super) const GETFSSTAT64: Call = Call(347);
}
