//! Host implementations for phones that are simulated and for tests: a key in software, storage in memory or in files, the
//! system's clock, and fixed observations. Transport and timer belong to a runtime and are not here.

mod clock;
mod key;
mod observations;
mod storage;

pub use self::clock::SystemClock;
pub(crate) use self::clock::wall_s;
pub use self::key::SoftwareKey;
pub use self::observations::FixedObservations;
pub use self::storage::{FileStorage, MemoryStorage};
pub use crate::probes::sys::boot::BootClock;
