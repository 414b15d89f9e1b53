//! What the SDK observes by itself on a phone. Observations stay there; only what detectors conclude leaves it.
//!
//! `probe.rs` says what a probe is, `posix`, `linux`, `ios` and `java` have one file per family of facts, and `collector` runs
//! those that a policy's detectors ask for. `sys` asks the platform and `parse` reads what it says.

#[cfg(unix)]
pub mod answers;
#[cfg(unix)]
pub mod collector;
#[cfg(any(target_vendor = "apple", all(unix, test)))]
pub mod ios;
#[cfg(any(target_os = "android", target_os = "linux"))]
pub mod isolated;
#[cfg(any(target_os = "android", target_os = "linux"))]
pub mod java;
#[cfg(any(target_os = "linux", target_os = "android"))]
pub mod linux;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod pages;
pub mod parse;
#[cfg(unix)]
pub mod posix;
#[cfg(unix)]
mod probe;
#[cfg(test)]
#[cfg(unix)]
mod shipped;
#[cfg(unix)]
pub mod sys;

#[cfg(unix)]
pub use self::answers::Answers;
#[cfg(unix)]
pub use self::collector::Collector;
#[cfg(unix)]
pub use self::probe::{Lifetime, Probe, Scope, view_of};
