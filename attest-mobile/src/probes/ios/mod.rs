//! The probes of iOS, one file per family of facts, beside those that it shares with Android (`posix`).
//!
//! What they conclude from bytes is run by the tests on any system. `foreign.rs` alone calls the platform, and `sys` the kernel.
//! **Not run so far:** no iPhone and no simulator has executed any of it; it is compiled for both. A question for a view that
//! there is not, such as the loaded images by system call, stays unanswered.

mod app;
mod bundle;
mod executable;
#[cfg(target_vendor = "apple")]
#[expect(unsafe_code, reason = "functions of the platform are foreign")]
mod foreign;
#[cfg(not(target_vendor = "apple"))]
mod foreign {
    //! Elsewhere there is nobody to ask.

    use super::super::sys::{Capped, Errno, View};

    pub(super) fn process(_: View) -> Result<Vec<u8>, Errno> {
        Err(Errno::NO_SUCH_VIEW)
    }

    pub(super) fn code_signing(_: View) -> Result<u32, Errno> {
        Err(Errno::NO_SUCH_VIEW)
    }

    pub(super) fn can_fork() -> Result<bool, Errno> {
        Err(Errno::NO_SUCH_VIEW)
    }

    pub(super) fn images() -> Result<Capped<Vec<Vec<u8>>>, Errno> {
        Err(Errno::NO_SUCH_VIEW)
    }

    pub(super) fn threads() -> Result<Capped<Vec<Vec<u8>>>, Errno> {
        Err(Errno::NO_SUCH_VIEW)
    }

    pub(super) fn class_exists(_: &str) -> Result<bool, Errno> {
        Err(Errno::NO_SUCH_VIEW)
    }

    pub(super) fn bundle_identifier() -> Result<Option<Vec<u8>>, Errno> {
        Err(Errno::NO_SUCH_VIEW)
    }

    pub(super) fn bundle_path() -> Result<Option<Vec<u8>>, Errno> {
        Err(Errno::NO_SUCH_VIEW)
    }
}
mod images;
mod objc;
mod process;
mod provision;
mod threads;

use super::posix::by_view::native;
use super::{Probe, posix};

/// One of each, and the shared ones.
#[must_use]
pub fn probes() -> Vec<Box<dyn Probe>> {
    let mut probes = posix::probes();
    probes.extend([
        Box::new(app::App::default()) as Box<dyn Probe>,
        Box::new(bundle::Bundle::default()),
        Box::new(executable::Executable::default()),
        Box::new(images::Images::default()),
        Box::new(objc::Classes::default()),
        Box::new(process::Process::default()),
        Box::new(provision::Provision::default()),
        Box::new(threads::Threads::default()),
    ]);
    probes
}

#[cfg(test)]
mod played;
#[cfg(test)]
mod tests;
