//! The probes of Android, one file per family of facts. All but the property area run on any Linux.
//!
//! Each question is answered by the view that it asks for and by no other; the same code asks through every view.

mod apk;
mod app;
mod by_view;
mod canary;
mod code;
mod cpuinfo;
mod environment;
mod fds;
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
mod net;
mod own;
mod paths;
mod process;
mod properties;
mod signals;

use super::Probe;

/// One of each.
#[must_use]
pub fn probes() -> Vec<Box<dyn Probe>> {
    vec![
        Box::new(apk::Apk::of_this_system()),
        Box::new(app::App),
        Box::new(canary::Canary),
        Box::new(code::Code),
        Box::new(cpuinfo::Processors),
        Box::new(environment::Environment),
        Box::new(fds::Fds),
        Box::new(images::Images),
        Box::new(maps::Maps),
        Box::new(mounts::Mounts),
        Box::new(net::Net::default()),
        Box::new(paths::Paths),
        Box::new(process::Process),
        Box::new(properties::Properties::default()),
        Box::new(signals::Signals),
    ]
}

#[cfg(test)]
mod tests;
