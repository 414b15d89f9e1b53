//! The probes of Android, one file per family of facts. All but the property area run on any Linux.

mod apk;
mod by_view;
mod code;
mod mapped_file;
#[cfg(test)]
#[expect(
    unsafe_code,
    reason = "files are mapped as a loader does it, and their pages changed"
)]
mod mapping;
mod maps;

use super::Probe;

/// One of each.
#[must_use]
pub fn probes() -> Vec<Box<dyn Probe>> {
    vec![
        Box::new(apk::Apk::on(None)),
        Box::new(code::Code),
        Box::new(maps::Maps),
    ]
}
