//! Compares the target's table with what the crate `libc` knows of it, while compiling; it is nothing at run time.

use std::ffi::c_int;
use std::mem::{offset_of, size_of};

use super::abi::{
    ABI, AF_INET, ANSWER_BYTES, AT_FDCWD, AT_SYMLINK_NOFOLLOW, CREATE, MAP_PRIVATE, MSG_NOSIGNAL, OPEN,
    PROT_READ, TCP,
};

const _: () = {
    assert!(ABI.openat.number() == libc::SYS_openat);
    assert!(ABI.close.number() == libc::SYS_close);
    assert!(ABI.read.number() == libc::SYS_read);
    assert!(ABI.pread64.number() == libc::SYS_pread64);
    assert!(ABI.readlinkat.number() == libc::SYS_readlinkat);
    assert!(ABI.unlinkat.number() == libc::SYS_unlinkat);
    assert!(ABI.faccessat.number() == libc::SYS_faccessat);
    assert!(ABI.getdents64.number() == libc::SYS_getdents64);
    assert!(ABI.process_vm_readv.number() == libc::SYS_process_vm_readv);
    assert!(ABI.getppid.number() == libc::SYS_getppid);
    assert!(ABI.rt_sigaction.number() == libc::SYS_rt_sigaction);
    assert!(ABI.socket.number() == libc::SYS_socket);
    assert!(ABI.connect.number() == libc::SYS_connect);
    assert!(ABI.sendto.number() == libc::SYS_sendto);
    assert!(ABI.ppoll.number() == libc::SYS_ppoll);
    assert!(ABI.munmap == libc::SYS_munmap);
    assert!(PROT_READ == libc::PROT_READ as usize && MAP_PRIVATE == libc::MAP_PRIVATE as usize);
    assert!(AF_INET == libc::AF_INET && MSG_NOSIGNAL == libc::MSG_NOSIGNAL);
    assert!(TCP == libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC);
    assert!(ABI.word_bytes == size_of::<usize>());
    assert!(ABI.o_directory == libc::O_DIRECTORY);
    assert!(AT_FDCWD == libc::AT_FDCWD && AT_SYMLINK_NOFOLLOW == libc::AT_SYMLINK_NOFOLLOW);
    let open: c_int = libc::O_RDONLY | libc::O_CLOEXEC | libc::O_NONBLOCK | libc::O_NOCTTY;
    assert!(OPEN == open);
    let create: c_int = libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL | libc::O_CLOEXEC;
    assert!(CREATE == create);
};

#[cfg(target_arch = "x86_64")]
const _: () = {
    assert!(ABI.mmap == libc::SYS_mmap);
    assert!(ABI.fstatat.number() == libc::SYS_newfstatat);
    assert!(ABI.fstat.number() == libc::SYS_fstat);
    assert!(ABI.statfs.number() == libc::SYS_statfs);
    assert!(ABI.getuid.number() == libc::SYS_getuid);
};

// The crate names neither `newfstatat` nor `fstat` for Android here.
#[cfg(target_arch = "aarch64")]
const _: () = assert!(ABI.getuid.number() == libc::SYS_getuid && ABI.mmap == libc::SYS_mmap);

#[cfg(target_arch = "arm")]
const _: () = {
    assert!(ABI.mmap == libc::SYS_mmap2);
    assert!(ABI.fstatat.number() == libc::SYS_fstatat64);
    assert!(ABI.fstat.number() == libc::SYS_fstat64);
    assert!(ABI.statfs.number() == libc::SYS_statfs64);
    assert!(ABI.getuid.number() == libc::SYS_getuid32);
    assert!(ABI.o_largefile == libc::O_LARGEFILE);
};

// There `struct stat` is the kernel's, but in C libraries other than Android's on 32-bit ARM.
#[cfg(any(target_pointer_width = "64", target_os = "android"))]
const _: () = {
    assert!(ABI.stat.dev.at == offset_of!(libc::stat, st_dev));
    assert!(ABI.stat.ino.at == offset_of!(libc::stat, st_ino));
    assert!(ABI.stat.mode.at == offset_of!(libc::stat, st_mode));
    assert!(ABI.stat.uid.at == offset_of!(libc::stat, st_uid));
    assert!(ABI.stat.size.at == offset_of!(libc::stat, st_size));
    assert!(ABI.statfs_flags.at == offset_of!(libc::statfs64, f_flags));
    assert!(size_of::<libc::stat>() <= ANSWER_BYTES && size_of::<libc::statfs64>() <= ANSWER_BYTES);
};
