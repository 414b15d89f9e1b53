//! The instruction that enters Apple's kernel, inlined wherever a call is made, so that there is no one place to patch.

use std::arch::asm;
use std::ffi::{CStr, c_int};

use super::number::Call;
use crate::probes::sys::Errno;
use crate::probes::sys::calls::MAX_PATH;
use crate::probes::sys::mounts::Room as Mounts;

/// What a call is given.
pub(super) enum Argument<'a> {
    Number(c_int),
    Path(&'a CStr),
    /// Address and length of what the call reads.
    Bytes(&'a [u8]),
    /// Address and length of a socket's address.
    Address(&'a libc::sockaddr_in),
    /// Address and length of a name of numbers.
    Name(&'a [c_int; 4]),
    /// Address and length of what the call may write into.
    Room(&'a mut [u8]),
    /// Address of what the call may write into, and of its length, of which the call makes how much it wrote.
    Counted(&'a mut [u8], &'a mut usize),
    /// Address and length of a room for mounts.
    Mounts(&'a mut Mounts),
    /// A place in a file.
    Offset(u64),
    /// Where a directory was read up to.
    Position(&'a mut i64),
    /// The address alone: the call writes a structure of this kind, or the longest path.
    Stat(*mut libc::stat),
    Poll(&'a mut libc::pollfd),
    LongestPath(&'a mut [u8; MAX_PATH]),
}

/// What the kernel answers. It has written at most into the rooms among the arguments.
#[inline(always)]
pub(super) fn call<const N: usize>(number: Call, mut arguments: [Argument<'_>; N]) -> Result<usize, Errno> {
    let mut registers = [0; 6];
    let mut free = registers.iter_mut();
    let mut push = |value: usize| {
        if let Some(register) = free.next() {
            *register = value;
        }
    };
    for argument in &mut arguments {
        match argument {
            Argument::Number(number) => push((*number as isize).cast_unsigned()),
            Argument::Path(path) => push(path.as_ptr().expose_provenance()),
            Argument::Bytes(bytes) => {
                push(bytes.as_ptr().expose_provenance());
                push(bytes.len());
            }
            Argument::Address(address) => {
                push((&raw const **address).expose_provenance());
                push(size_of_val(*address));
            }
            Argument::Name(name) => {
                push(name.as_ptr().expose_provenance());
                push(name.len());
            }
            Argument::Room(room) => {
                push(room.as_mut_ptr().expose_provenance());
                push(room.len());
            }
            Argument::Counted(room, length) => {
                push(room.as_mut_ptr().expose_provenance());
                push((&raw mut **length).expose_provenance());
            }
            Argument::Mounts(room) => {
                push(room.as_mut_ptr().expose_provenance());
                push(size_of_val(*room));
            }
            Argument::Offset(offset) => push(usize::try_from(*offset).unwrap_or(usize::MAX)),
            Argument::Position(position) => push((&raw mut **position).expose_provenance()),
            Argument::Stat(room) => push(room.expose_provenance()),
            Argument::Poll(one) => push((&raw mut **one).expose_provenance()),
            Argument::LongestPath(room) => push(room.as_mut_ptr().expose_provenance()),
        }
    }
    // SAFETY: `mod.rs` alone makes a `Call`, of calls that read paths up to their zero and write only where they are given room;
    // each address stands for a borrow that outlives this, or, for a structure, for room that its maker holds.
    let (returned, failed) = unsafe { trap(number.0, registers) };
    if failed == 0 {
        Ok(returned)
    } else {
        Err(Errno::new(i32::try_from(returned).unwrap_or(libc::EIO)))
    }
}

/// Enters the kernel: what it returns, and 1 if that is an error's number, which the carry flag says.
///
/// # Safety
/// What the kernel does by this call with these arguments must be sound.
#[inline(always)]
unsafe fn trap(number: usize, arguments: [usize; 6]) -> (usize, usize) {
    let [a, b, c, d, e, f] = arguments;
    let (returned, failed);
    // SAFETY: the instruction changes what a function may change at most, and no stack of ours; the rest is the caller's promise.
    unsafe {
        asm!(
            "svc #0x80",
            "cset x9, cs",
            inlateout("x16") number => _,
            inlateout("x0") a => returned,
            inlateout("x1") b => _,
            inlateout("x2") c => _,
            inlateout("x3") d => _,
            inlateout("x4") e => _,
            inlateout("x5") f => _,
            lateout("x9") failed,
            clobber_abi("C"),
            options(nostack),
        );
    }
    (returned, failed)
}
