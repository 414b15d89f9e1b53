//! When to stop. Whoever scans owns the clock and the wish to cancel; here they are only asked.

/// Says whether to stop. It is asked before each call to the platform, so it should answer in nanoseconds.
pub trait Deadline {
    /// True once no further call is to be made. It stays true.
    fn has_passed(&self) -> bool;
}

impl<F: Fn() -> bool> Deadline for F {
    fn has_passed(&self) -> bool {
        self()
    }
}

/// A deadline that never passes, for what is asked outside of a scan.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unlimited;

impl Deadline for Unlimited {
    fn has_passed(&self) -> bool {
        false
    }
}
