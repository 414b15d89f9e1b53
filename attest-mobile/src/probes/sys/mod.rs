//! Files, links, directories and ids of this process, asked through two [`View`]s: the C library, and the kernel directly.
//!
//! A cloner or a hooking framework redirects functions of the C library. The direct view has no function to redirect: its
//! system calls are inlined machine code (`direct/trap.rs`), their numbers and layouts are tables (`direct/abi.rs`). So where
//! the views differ, somebody lies. Neither sees through a changed kernel, `ptrace`, or a seccomp filter whose trap goes to a
//! signal handler of this process; the facts `proc.tracer_pid`, `proc.seccomp_filters` and `signal.handler` are for these.
//!
//! - Nothing here reads a clock: a [`Deadline`] is handed in and asked before each call, so that a scan can be cancelled too.
//! - Every answer has a cap in bytes or entries and says if it was cut ([`Capped`]); a cut answer is never taken for whole.
//! - Every descriptor is closed when its owner goes, whatever happened.
//! - Nothing is opened that its opening would change or that could wait: no FIFO, socket or device.
//! - The direct view makes only calls that Android's own C library makes: the seccomp filter of apps kills for others.
//!
//! The direct view exists on Linux and Android for x86_64, aarch64 and 32-bit ARM (`direct`), and on iOS for aarch64 (`apple`); elsewhere
//! [`Files::through`] says [`Errno::NO_SUCH_VIEW`]. **Run so far on x86_64 Linux only:** no ARM processor and no iPhone has executed any
//! of this. Compiling it for a target compares our table with what the crate `libc` knows of that target (`direct/agreement.rs`).

#[cfg(all(target_vendor = "apple", target_arch = "aarch64"))]
#[expect(
    unsafe_code,
    reason = "a system call is an instruction of its own and is given addresses"
)]
mod apple;
#[expect(unsafe_code, reason = "the C library reads the clock")]
pub mod boot;
#[expect(unsafe_code, reason = "functions of the C library are foreign")]
mod c_library;
mod calls;
mod deadline;
mod descriptors;
#[cfg(all(
    any(target_os = "linux", target_os = "android"),
    target_endian = "little",
    any(
        all(target_arch = "x86_64", target_pointer_width = "64"),
        all(target_arch = "aarch64", target_pointer_width = "64"),
        target_arch = "arm",
    )
))]
mod direct;
#[cfg(any(
    target_os = "linux",
    target_os = "android",
    all(target_vendor = "apple", target_arch = "aarch64")
))]
mod dirents;
mod errno;
mod files;
#[cfg(any(target_os = "linux", target_os = "android"))]
#[expect(unsafe_code, reason = "the loader tells its list by a callback")]
mod images;
#[expect(unsafe_code, reason = "the C library makes the list")]
mod interfaces;
#[cfg(any(target_vendor = "apple", test))]
#[cfg_attr(
    target_vendor = "apple",
    expect(unsafe_code, reason = "the kernel writes structures")
)]
mod mounts;
#[cfg(target_os = "android")]
#[expect(unsafe_code, reason = "functions of the C library are foreign")]
mod properties;
mod socket;
mod stat;
mod view;

#[cfg(all(target_vendor = "apple", target_arch = "aarch64"))]
use apple as direct;

#[cfg(not(any(
    all(
        any(target_os = "linux", target_os = "android"),
        target_endian = "little",
        any(
            all(target_arch = "x86_64", target_pointer_width = "64"),
            all(target_arch = "aarch64", target_pointer_width = "64"),
            target_arch = "arm",
        )
    ),
    all(target_vendor = "apple", target_arch = "aarch64"),
)))]
mod direct {
    pub(super) const CALLS: Option<&'static dyn super::calls::Calls> = None;
}

pub use self::deadline::{Deadline, Unlimited};
pub use self::errno::Errno;
pub use self::files::{Capped, File, Files};
#[cfg(any(target_os = "linux", target_os = "android"))]
pub use self::images::{Image, images};
pub use self::interfaces::interface_names;
#[cfg(target_os = "android")]
pub use self::properties::{property, property_names};
pub use self::stat::{Kind, Stat};
pub use self::view::View;

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;
