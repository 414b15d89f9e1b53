//! The instruction that enters the kernel, inlined wherever a call is made, so that there is no one place to patch.

use std::arch::asm;
use std::ffi::{CStr, c_int, c_long};
use std::marker::PhantomData;

use super::abi::{ABI, ANSWER_BYTES, Abi, Answer, Call, MAP_PRIVATE, PROT_READ, Passed};
use crate::probes::sys::Errno;

/// What a call is given.
pub(super) enum Argument<'a> {
    Number(c_int),
    Path(&'a CStr),
    /// Address and length of what the call reads.
    Bytes(&'a [u8]),
    /// No address: the call leaves that out.
    Nothing,
    /// Address and length of what the call may write into.
    Room(&'a mut [u8]),
    /// The address alone: the call writes a structure that fits.
    Answer(&'a mut Answer),
    /// A place in a file.
    Offset(u64),
    /// The address of a list of one part, and that it is one.
    Listed(Listed<'a>),
}

/// A part of memory as the kernel takes it in a list: `struct iovec`.
#[repr(C)]
pub(super) struct Listed<'a> {
    address: usize,
    length: usize,
    room: PhantomData<&'a mut [u8]>,
}

impl<'a> Listed<'a> {
    /// What the call may write into.
    pub(super) fn room(room: &'a mut [u8]) -> Self {
        Self {
            address: room.as_mut_ptr().expose_provenance(),
            length: room.len(),
            room: PhantomData,
        }
    }

    /// What the call reads if it can.
    pub(super) const fn place(address: usize, length: usize) -> Self {
        Self {
            address,
            length,
            room: PhantomData,
        }
    }
}

/// What the kernel answers. It has written at most into the rooms among the arguments.
#[inline(always)]
pub(super) fn call<const N: usize>(number: Call, mut arguments: [Argument<'_>; N]) -> Result<usize, Errno> {
    let mut registers = Registers::default();
    for argument in &mut arguments {
        match argument {
            Argument::Number(number) => registers.push((*number as isize).cast_unsigned()),
            Argument::Path(path) => registers.push(path.as_ptr().expose_provenance()),
            Argument::Bytes(bytes) => {
                registers.push(bytes.as_ptr().expose_provenance());
                registers.push(bytes.len());
            }
            Argument::Nothing => registers.push(0),
            Argument::Room(room) => {
                registers.push(room.as_mut_ptr().expose_provenance());
                registers.push(room.len());
            }
            Argument::Answer(Answer(room)) => registers.push(room.as_mut_ptr().expose_provenance()),
            Argument::Offset(offset) => registers.push_wide(&ABI, *offset),
            Argument::Listed(part) => {
                registers.push((&raw mut *part).expose_provenance());
                registers.push(1);
            }
        }
    }
    // SAFETY: only `abi.rs` makes a `Call`, of calls that read paths up to their zero and write only where they are given
    // room; each address stands for a borrow that outlives this, with its length or, for an answer, with more room than the
    // kernel's structure takes.
    let returned = unsafe { trap(number.number(), registers.values) };
    match returned {
        -4095..0 => Err(Errno::new(i32::try_from(-returned).unwrap_or_default())),
        _ => usize::try_from(returned).map_err(|_| Errno::SENSELESS),
    }
}

/// Calls `look` with the address of a page of the file, which is mapped to be read for that long.
pub(super) fn while_mapped(fd: c_int, look: &mut dyn FnMut(usize)) -> Result<(), Errno> {
    let (descriptor, length) = ((fd as isize).cast_unsigned(), 1);
    // SAFETY: a new mapping at a place of the kernel's choice, which is nobody else's.
    let at = unsafe { trap(ABI.mmap, [0, length, PROT_READ, MAP_PRIVATE, descriptor, 0]) };
    if let -4095..0 = at {
        return Err(Errno::new(i32::try_from(-at).unwrap_or_default()));
    }
    look(at.cast_unsigned());
    // SAFETY: it is the mapping from above, and nobody has a reference into it.
    unsafe { trap(ABI.munmap, [at.cast_unsigned(), length, 0, 0, 0, 0]) };
    Ok(())
}

/// What is passed, in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Registers {
    pub(super) values: [usize; 6],
    used: usize,
}

impl Registers {
    #[inline(always)]
    pub(super) fn push(&mut self, value: usize) {
        if let Some(register) = self.values.get_mut(self.used) {
            *register = value;
        }
        self.used += 1;
    }

    #[inline(always)]
    pub(super) fn push_wide(&mut self, abi: &Abi, value: u64) {
        let word = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
        match abi.offset {
            Passed::Whole => self.push(word(value)),
            Passed::EvenPair => {
                self.used += self.used % 2;
                self.push(word(value & 0xffff_ffff));
                self.push(word(value >> 32));
            }
        }
    }
}

/// Enters the kernel.
///
/// # Safety
/// What the kernel does by this call with these arguments must be sound.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn trap(number: c_long, arguments: [usize; 6]) -> isize {
    let [a, b, c, d, e, f] = arguments;
    let returned;
    // SAFETY: the instruction changes rax, rcx and r11, and no stack of ours; the rest is the caller's promise.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number => returned,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
            lateout("rcx") _, lateout("r11") _,
            options(nostack),
        );
    }
    returned
}

/// Enters the kernel.
///
/// # Safety
/// What the kernel does by this call with these arguments must be sound.
#[cfg(target_arch = "aarch64")]
#[inline(always)]
unsafe fn trap(number: c_long, arguments: [usize; 6]) -> isize {
    let [a, b, c, d, e, f] = arguments;
    let returned;
    // SAFETY: the instruction changes x0 alone, and no stack of ours; the rest is the caller's promise.
    unsafe {
        asm!(
            "svc #0",
            in("x8") number,
            inlateout("x0") a => returned,
            in("x1") b, in("x2") c, in("x3") d, in("x4") e, in("x5") f,
            options(nostack),
        );
    }
    returned
}

/// Enters the kernel. The number goes into r7, which in Thumb code is the frame pointer and so cannot be named as an operand.
///
/// # Safety
/// What the kernel does by this call with these arguments must be sound.
#[cfg(target_arch = "arm")]
#[inline(always)]
unsafe fn trap(number: c_long, arguments: [usize; 6]) -> isize {
    let [a, b, c, d, e, f] = arguments;
    let returned;
    // SAFETY: r7 is as before, the instruction changes r0 alone, and no stack of ours; the rest is the caller's promise.
    unsafe {
        asm!(
            "mov {kept}, r7",
            "mov r7, {number}",
            "svc #0",
            "mov r7, {kept}",
            kept = out(reg) _,
            number = in(reg) number,
            inlateout("r0") a => returned,
            in("r1") b, in("r2") c, in("r3") d, in("r4") e, in("r5") f,
            options(nostack),
        );
    }
    returned
}

const _: () = assert!(size_of::<Answer>() == ANSWER_BYTES && size_of::<usize>() == size_of::<c_long>());
