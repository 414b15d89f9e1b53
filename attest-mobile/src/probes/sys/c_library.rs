//! The view through the C library, by the names that apps use: `open`, `stat`, `readlink`, `access`, `opendir`.
//!
//! In Android's library these call `openat`, `fstatat`, `readlinkat` and `faccessat` inside, so that a hook in either shows.
//! A hooked function may answer anything: no count that it states is believed beyond the room that it was given.

use std::ffi::{CStr, c_int, c_uint};
use std::io;
use std::mem::MaybeUninit;
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
use std::ptr;

#[cfg(target_vendor = "apple")]
use super::calls::MAX_PATH;
use super::calls::{Calls, Directory};
use super::{Errno, Stat};

pub(super) struct CLibrary;

impl Calls for CLibrary {
    fn open(&self, path: &CStr) -> Result<c_int, Errno> {
        // SAFETY: the path ends in zero and outlives the call; without O_CREAT there is no third argument.
        outcome(unsafe { libc::open(path.as_ptr(), OPEN) })
    }

    fn close(&self, fd: c_int) {
        // SAFETY: the caller owns the descriptor and uses it no more.
        unsafe { libc::close(fd) };
    }

    fn create(&self, path: &CStr) -> Result<c_int, Errno> {
        // SAFETY: the path ends in zero and outlives the call; the third argument is what O_CREAT asks for.
        outcome(unsafe { libc::open(path.as_ptr(), CREATE, c_uint::from(OWNER_ONLY)) })
    }

    fn remove(&self, path: &CStr) {
        // SAFETY: the path ends in zero.
        unsafe { libc::unlink(path.as_ptr()) };
    }

    fn read(&self, fd: c_int, into: &mut [u8]) -> Result<usize, Errno> {
        // SAFETY: `into` is writable for its length.
        written(
            unsafe { libc::read(fd, into.as_mut_ptr().cast(), into.len()) },
            into.len(),
        )
    }

    fn read_at(&self, fd: c_int, offset: u64, into: &mut [u8]) -> Result<usize, Errno> {
        let offset = i64::try_from(offset).map_err(|_| Errno::new(libc::EINVAL))?;
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        use libc::pread;
        #[cfg(any(target_os = "linux", target_os = "android"))]
        use libc::pread64 as pread;
        // SAFETY: `into` is writable for its length.
        written(
            unsafe { pread(fd, into.as_mut_ptr().cast(), into.len(), offset) },
            into.len(),
        )
    }

    fn stat(&self, path: &CStr) -> Result<Stat, Errno> {
        // SAFETY: the path ends in zero; `stat` has room for one.
        stat_of(|stat| outcome(unsafe { libc::stat(path.as_ptr(), stat) }))
    }

    fn stat_link(&self, path: &CStr) -> Result<Stat, Errno> {
        // SAFETY: the path ends in zero; `stat` has room for one.
        stat_of(|stat| outcome(unsafe { libc::lstat(path.as_ptr(), stat) }))
    }

    fn stat_open(&self, fd: c_int) -> Result<Stat, Errno> {
        // SAFETY: `stat` has room for one.
        stat_of(|stat| outcome(unsafe { libc::fstat(fd, stat) }))
    }

    fn read_link(&self, path: &CStr, into: &mut [u8]) -> Result<usize, Errno> {
        // SAFETY: the path ends in zero; `into` is writable for its length.
        written(
            unsafe { libc::readlink(path.as_ptr(), into.as_mut_ptr().cast(), into.len()) },
            into.len(),
        )
    }

    fn access(&self, path: &CStr, bits: u8) -> Result<(), Errno> {
        // SAFETY: the path ends in zero.
        outcome(unsafe { libc::access(path.as_ptr(), c_int::from(bits)) }).map(drop)
    }

    #[cfg(target_vendor = "apple")]
    fn mount_flags(&self, path: &CStr) -> Result<u64, Errno> {
        super::mounts::flags_at(path, |room| {
            let bytes = c_int::try_from(size_of_val(room)).unwrap_or_default();
            // SAFETY: it is writable for that many bytes.
            let count = outcome(unsafe { libc::getfsstat(room.as_mut_ptr(), bytes, libc::MNT_NOWAIT) })?;
            Ok(usize::try_from(count).unwrap_or_default())
        })
    }

    #[cfg(not(target_vendor = "apple"))]
    fn mount_flags(&self, path: &CStr) -> Result<u64, Errno> {
        // SAFETY: the path ends in zero; there is room for one.
        flags_of(|room| outcome(unsafe { statfs(path.as_ptr(), room) }))
    }

    fn directory(&self, path: &CStr) -> Result<Box<dyn Directory>, Errno> {
        // SAFETY: the path ends in zero.
        let stream = unsafe { libc::opendir(path.as_ptr()) };
        if stream.is_null() {
            return Err(last_error());
        }
        Ok(Box::new(Stream(stream)))
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn memory(&self, pid: c_int, address: usize, into: &mut [u8]) -> Result<usize, Errno> {
        let room = libc::iovec {
            iov_base: into.as_mut_ptr().cast(),
            iov_len: into.len(),
        };
        let place = libc::iovec {
            iov_base: ptr::without_provenance_mut(address),
            iov_len: into.len(),
        };
        // SAFETY: it writes into `into` alone; what it reads it reads by the address, whatever is there.
        written(
            unsafe { libc::process_vm_readv(pid, &raw const room, 1, &raw const place, 1, 0) },
            into.len(),
        )
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn memory(&self, _: c_int, _: usize, _: &mut [u8]) -> Result<usize, Errno> {
        Err(Errno::NO_SUCH_VIEW)
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn while_mapped(&self, fd: c_int, look: &mut dyn FnMut(usize)) -> Result<(), Errno> {
        // SAFETY: a new mapping at a place of the kernel's choice.
        let at = unsafe { libc::mmap(ptr::null_mut(), 1, libc::PROT_READ, libc::MAP_PRIVATE, fd, 0) };
        if at == libc::MAP_FAILED {
            return Err(last_error());
        }
        look(at.addr());
        // SAFETY: it is the mapping from above, and nobody has a reference into it.
        unsafe { libc::munmap(at, 1) };
        Ok(())
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn handler(&self, signal: c_int) -> Result<usize, Errno> {
        let mut room = MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: without a new action nothing changes; there is room for the old one.
        outcome(unsafe { libc::sigaction(signal, ptr::null(), room.as_mut_ptr()) })?;
        // SAFETY: of what it consists, the zeros that were there before the call are values too.
        Ok(unsafe { room.assume_init() }.sa_sigaction)
    }

    fn connect(&self, port: u16) -> Result<c_int, Errno> {
        let fd = tcp_socket()?;
        let address = loopback(port);
        let length = libc::socklen_t::try_from(size_of_val(&address)).unwrap_or_default();
        // SAFETY: the address outlives the call and is as long as is said.
        let connected = outcome(unsafe { libc::connect(fd, (&raw const address).cast(), length) });
        super::socket::begun(connected.map(drop))
            .map(|()| fd)
            .inspect_err(|_| self.close(fd))
    }

    fn send(&self, fd: c_int, bytes: &[u8]) -> Result<usize, Errno> {
        // SAFETY: `bytes` is readable for its length.
        written(
            unsafe { libc::send(fd, bytes.as_ptr().cast(), bytes.len(), NO_SIGNAL) },
            bytes.len(),
        )
    }

    fn wait(&self, fd: c_int, wanted: i16, ms: u16) -> Result<bool, Errno> {
        let mut one = libc::pollfd {
            fd,
            events: wanted,
            revents: 0,
        };
        // SAFETY: it is one, as is said.
        outcome(unsafe { libc::poll(&raw mut one, 1, c_int::from(ms)) }).map(|ready| ready > 0)
    }

    #[cfg(target_vendor = "apple")]
    fn descriptor_room(&self) -> Result<c_int, Errno> {
        // SAFETY: it has no conditions.
        let room = unsafe { libc::sysconf(libc::_SC_OPEN_MAX) };
        // As many as can be counted, if there is no bound.
        c_int::try_from(room)
            .map(|room| if room < 0 { c_int::MAX } else { room })
            .map_err(|_| Errno::SENSELESS)
    }

    #[cfg(target_vendor = "apple")]
    fn descriptor_path(&self, fd: c_int, into: &mut [u8; MAX_PATH]) -> Result<(), Errno> {
        // SAFETY: there is room for the longest path.
        outcome(unsafe { libc::fcntl(fd, libc::F_GETPATH, into.as_mut_ptr()) }).map(drop)
    }

    #[cfg(target_vendor = "apple")]
    fn process(&self, into: &mut [u8]) -> Result<usize, Errno> {
        let room = into.len();
        let mut bytes = room;
        // SAFETY: it has no conditions.
        let mut name = process_name(unsafe { libc::getpid() });
        let parts = c_uint::try_from(name.len()).unwrap_or_default();
        let (into, none) = (into.as_mut_ptr().cast(), ptr::null_mut());
        // SAFETY: the name has as many parts, and the room as many bytes, as is said.
        outcome(unsafe { libc::sysctl(name.as_mut_ptr(), parts, into, &raw mut bytes, none, 0) })?;
        if bytes <= room {
            Ok(bytes)
        } else {
            Err(Errno::SENSELESS)
        }
    }

    /// The function for it is in no public header: it is asked directly or not at all.
    #[cfg(target_vendor = "apple")]
    fn code_signing(&self) -> Result<u32, Errno> {
        Err(Errno::NO_SUCH_VIEW)
    }

    fn uid(&self) -> u32 {
        // SAFETY: it has no conditions.
        unsafe { libc::getuid() }
    }

    fn parent_pid(&self) -> i32 {
        // SAFETY: it has no conditions.
        unsafe { libc::getppid() }
    }
}

/// 127.0.0.1.
pub(super) fn loopback(port: u16) -> libc::sockaddr_in {
    // SAFETY: it consists of integers, for which zeros are values.
    let mut address = unsafe { MaybeUninit::<libc::sockaddr_in>::zeroed().assume_init() };
    address.sin_family = INET;
    address.sin_port = port.to_be();
    address.sin_addr.s_addr = u32::from_ne_bytes([127, 0, 0, 1]);
    address
}

/// A socket that never waits and that no other program inherits.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn tcp_socket() -> Result<c_int, Errno> {
    let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: it has no conditions.
    outcome(unsafe { libc::socket(libc::AF_INET, kind, 0) })
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn tcp_socket() -> Result<c_int, Errno> {
    // SAFETY: it has no conditions.
    let fd = outcome(unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0) })?;
    let on: c_int = 1;
    let length = libc::socklen_t::try_from(size_of_val(&on)).unwrap_or_default();
    // SAFETY: the descriptor is ours; the option is as long as is said.
    let set = unsafe {
        outcome(libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC))
            .and_then(|_| outcome(libc::fcntl(fd, libc::F_SETFL, libc::O_NONBLOCK)))
            .and_then(|_| {
                let on = (&raw const on).cast();
                outcome(libc::setsockopt(
                    fd,
                    libc::SOL_SOCKET,
                    libc::SO_NOSIGPIPE,
                    on,
                    length,
                ))
            })
    };
    set.map(|_| fd).inspect_err(|_| CLibrary.close(fd))
}

/// An open directory of the C library; never null.
struct Stream(*mut libc::DIR);

impl Directory for Stream {
    fn next(&mut self, each: &mut dyn FnMut(&[u8])) -> Result<bool, Errno> {
        // Only the error number tells the end from a failure, and the end leaves it alone.
        // SAFETY: it points to this thread's own error number.
        unsafe { *error_number() = 0 };
        // SAFETY: the directory is open, and nobody else uses it.
        let entry = unsafe { libc::readdir(self.0) };
        if entry.is_null() {
            return match last_error() {
                Errno::NONE => Ok(false),
                errno => Err(errno),
            };
        }
        // SAFETY: the entry lives until the next call. Only as much of it exists as its name takes, so no reference to all of
        // it is made; the name ends in zero.
        each(unsafe { CStr::from_ptr((&raw const (*entry).d_name).cast()) }.to_bytes());
        Ok(true)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: it is open, and used no more.
        unsafe { libc::closedir(self.0) };
    }
}

impl Errno {
    const NONE: Self = Self::new(0);
}

#[cfg(any(target_os = "linux", target_os = "android"))]
const NO_SIGNAL: c_int = libc::MSG_NOSIGNAL;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const NO_SIGNAL: c_int = 0;

/// `AF_INET`, in the width of an address.
const INET: libc::sa_family_t = 2;

#[cfg(any(target_os = "linux", target_os = "android"))]
const LARGE: c_int = libc::O_LARGEFILE;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const LARGE: c_int = 0;

/// What `sysctl` calls the record of a process.
#[cfg(target_vendor = "apple")]
pub(super) const fn process_name(pid: c_int) -> [c_int; 4] {
    [libc::CTL_KERN, libc::KERN_PROC, libc::KERN_PROC_PID, pid]
}

pub(super) const CREATE: c_int = libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL | libc::O_CLOEXEC;
/// What a file that is made may be for: nobody but its owner.
pub(super) const OWNER_ONLY: u16 = 0o600;

pub(super) const OPEN: c_int = libc::O_RDONLY | libc::O_CLOEXEC | libc::O_NONBLOCK | libc::O_NOCTTY | LARGE;

// The same function; the crate names the flags in this structure only.
#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
use libc::statfs;
#[cfg(target_os = "linux")]
use libc::statfs64 as statfs;

#[cfg(target_os = "android")]
use libc::__errno as error_number;
#[cfg(target_os = "linux")]
use libc::__errno_location as error_number;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
use libc::__error as error_number;

fn last_error() -> Errno {
    Errno::new(io::Error::last_os_error().raw_os_error().unwrap_or_default())
}

fn outcome(returned: c_int) -> Result<c_int, Errno> {
    if returned < 0 {
        Err(last_error())
    } else {
        Ok(returned)
    }
}

fn written(returned: isize, room: usize) -> Result<usize, Errno> {
    match usize::try_from(returned) {
        Ok(count) if count <= room => Ok(count),
        Ok(_) => Err(Errno::SENSELESS),
        Err(_) => Err(last_error()),
    }
}

/// What a call that writes one tells.
pub(super) fn stat_of<T>(call: impl FnOnce(*mut libc::stat) -> Result<T, Errno>) -> Result<Stat, Errno> {
    let mut room = MaybeUninit::<libc::stat>::zeroed();
    call(room.as_mut_ptr())?;
    // SAFETY: it consists of integers, for which the zeros that were there before the call are values too.
    let stat = unsafe { room.assume_init() };
    let mode = u32::try_from(number(stat.st_mode)).unwrap_or_default();
    Ok(Stat::new(
        mode,
        stat.st_uid,
        number(stat.st_dev),
        number(stat.st_ino),
        number(stat.st_size),
    ))
}

/// The flags that a call that writes such a structure tells.
#[cfg(not(target_vendor = "apple"))]
pub(super) fn flags_of<T>(call: impl FnOnce(*mut statfs) -> Result<T, Errno>) -> Result<u64, Errno> {
    let mut room = MaybeUninit::<statfs>::zeroed();
    call(room.as_mut_ptr())?;
    // SAFETY: it consists of integers, for which the zeros that were there before the call are values too.
    let flags = number(unsafe { room.assume_init() }.f_flags);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let flags = flags & !super::calls::FLAGS_ARE_THERE;
    Ok(flags)
}

/// A field whose width and sign depend on the platform.
fn number<T: TryInto<u64>>(field: T) -> u64 {
    field.try_into().unwrap_or_default()
}
