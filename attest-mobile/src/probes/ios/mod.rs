//! The probes of iOS, one file per family of facts.
//!
//! What they conclude from bytes is run by the tests on any system. `foreign.rs` alone calls the platform. **Not run so far:** no
//! iPhone and no simulator has executed any of it; it is compiled for both. The direct view does not exist here: who asks
//! by it is answered `ENOSYS`.

mod bundle;
mod environment;
mod executable;
#[cfg(target_os = "ios")]
#[expect(unsafe_code, reason = "functions of the platform are foreign")]
mod foreign;
#[cfg(not(target_os = "ios"))]
mod foreign {
    //! Elsewhere there is nobody to ask.

    use super::super::sys::{Capped, Errno};

    pub(super) fn process() -> Result<Vec<u8>, Errno> {
        Err(Errno::NO_SUCH_VIEW)
    }

    pub(super) fn can_fork() -> Result<bool, Errno> {
        Err(Errno::NO_SUCH_VIEW)
    }

    pub(super) fn code_signing() -> Result<u32, Errno> {
        Err(Errno::NO_SUCH_VIEW)
    }

    pub(super) fn images() -> Result<Capped<Vec<Vec<u8>>>, Errno> {
        Err(Errno::NO_SUCH_VIEW)
    }

    pub(super) fn class_exists(_: &str) -> Result<bool, Errno> {
        Err(Errno::NO_SUCH_VIEW)
    }
}
mod images;
mod objc;
mod process;

use attest_core::facts::FactRef;

use super::sys::View;
use super::{Probe, view_of};

/// One of each.
#[must_use]
pub fn probes() -> Vec<Box<dyn Probe>> {
    vec![
        Box::new(bundle::Bundle::default()),
        Box::new(environment::Environment),
        Box::new(executable::Executable::default()),
        Box::new(images::Images::default()),
        Box::new(objc::Classes::default()),
        Box::new(process::Process::default()),
    ]
}

/// The native view by which a question is asked.
fn native(question: &FactRef) -> Option<View> {
    view_of(question).and_then(View::of)
}

/// True if it asks the C library, the one view there is of what is no file.
fn is_libc(question: &FactRef) -> bool {
    native(question) == Some(View::Libc)
}

#[cfg(test)]
mod tests;
