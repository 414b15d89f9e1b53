//! What the platform's own API says, asked through JNI: package manager, build fields, classes and their loaders, sensors.
//!
//! This is the view that a hook inside the process changes most easily, and often the only one there is. Where libc or the
//! kernel can tell the same, a policy compares; where not, `java.class_loader` and `java.object_loader` ask whether the API's own
//! objects are still the platform's.
//!
//! - [`Java::capture`] remembers once, when the app starts, the virtual machine, the class loader that loaded this library's entry,
//!   the context and who called. It reads nothing else, so that it may be called on the main thread.
//! - A scan attaches its thread and detaches it afterwards. On the main thread nothing is asked: `EWOULDBLOCK`.
//! - Every question has a local frame of its own, every item of a list another; no reference outlives it.
//! - Every exception is cleared and becomes an error number (`fault.rs` has the table); none reaches the app.
//! - Lists and texts have caps, and one that is longer is an error, never a shorter one.
//!
//! `gl.renderer` and `gl.vendor` stay unanswered: without a context of its own there is nothing to ask, and making one loads the
//! graphics driver into the app and takes longer than a whole scan may. `prop.names` has no API in Java.
//!
//! **Run so far on HotSpot only**, against Android's framework classes: see `attest-mobile/android`. Neither ART nor its list of
//! hidden members was there; a member that is refused is `ENOSYS`.

mod app;
#[expect(
    unsafe_code,
    reason = "the virtual machine is reached through its own table of functions"
)]
mod attached;
mod build;
mod call;
mod classes;
mod family;
mod fault;
mod fields;
mod files;
mod hardware;
#[expect(
    unsafe_code,
    reason = "the virtual machine is reached through its own table of functions"
)]
mod jvm;
mod packages;
mod process;
mod runtime;

#[cfg(test)]
pub(super) use self::family::families;
pub use self::family::{JavaProbe, probes};
pub use self::jvm::{Env, Object};
pub use self::runtime::{CaptureError, Java};
