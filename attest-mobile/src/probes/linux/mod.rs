//! The probes of Android, one file per family of facts, beside those that it shares with iOS (`posix`). All but the property area run
//! on any Linux.
//!
//! Each question is answered by the view that it asks for and by no other; the same code asks through every view.

mod apk;
mod code;
mod cpuinfo;
mod images;
mod mapped_file;
#[cfg(test)]
#[expect(
    unsafe_code,
    reason = "files are mapped as a loader does it, and their pages changed"
)]
mod mapping;
mod maps;
mod mounts;
mod own;
mod process;
mod properties;
mod signals;

use super::posix::by_view;
use super::{Probe, posix};

/// One of each, and the shared ones.
#[must_use]
pub fn probes() -> Vec<Box<dyn Probe>> {
    let mut probes = posix::probes();
    probes.extend([
        Box::new(apk::Apk::of_this_system()) as Box<dyn Probe>,
        Box::new(code::Code),
        Box::new(cpuinfo::Processors),
        Box::new(images::Images),
        Box::new(maps::Maps),
        Box::new(mounts::Mounts),
        Box::new(process::Process),
        Box::new(properties::Properties::default()),
        Box::new(signals::Signals),
    ]);
    probes
}

#[cfg(test)]
mod tests;
