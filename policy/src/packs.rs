//! Packs: detectors with their lists and tests, in files of their own, that policies take by name or by path.
//!
//! What ships is compiled in. A pack is read under the same budget as a policy, all packs of a policy together under
//! [`MAX_PACKS`], [`MAX_PACKS_BYTES`] and [`MAX_PACKS_NODES`]. Nothing here opens a file: the caller does, by [`PackFiles`].

mod join;
mod source;

pub(crate) use self::join::join;
pub use self::source::{PackSource, PackTest, PackUse};

/// The most packs of a policy.
pub const MAX_PACKS: usize = 32;

/// The most bytes of all packs of a policy together.
pub const MAX_PACKS_BYTES: usize = 1024 * 1024;

/// The most nodes of all packs of a policy together.
pub const MAX_PACKS_NODES: usize = 32_768;

macro_rules! pack {
    ($name:literal) => {
        ($name, include_str!(concat!("../packs/", $name, ".yaml")))
    };
}

/// The packs that ship with this release: name and text.
pub const SHIPPED: &[(&str, &str)] = &[
    pack!("android/cloner"),
    pack!("android/debugger"),
    pack!("android/device-key"),
    pack!("android/emulator"),
    pack!("android/hook"),
    pack!("android/repackaging"),
    pack!("android/root"),
    pack!("ios/debugger"),
    pack!("ios/hook"),
    pack!("ios/jailbreak"),
    pack!("ios/resigning"),
    pack!("ios/simulator"),
];

/// Reads the packs that a policy takes by path.
pub trait PackFiles {
    /// The text of a pack. `path` is as the policy has it (`./mine.yaml`), relative to the policy's folder; it never
    /// leaves that folder by its own words. Implementations bound what they read by
    /// [`MAX_SOURCE_BYTES`](crate::MAX_SOURCE_BYTES).
    ///
    /// # Errors
    /// Why it cannot be read, as a sentence.
    fn read(&self, path: &str) -> Result<String, String>;
}

/// For a policy that stands alone: there is no file beside it.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoPackFiles;

impl PackFiles for NoPackFiles {
    fn read(&self, _: &str) -> Result<String, String> {
        Err("this policy was read without its folder, so no pack beside it can be".to_owned())
    }
}

/// The text of a pack that ships, by its name.
#[must_use]
pub fn shipped(name: &str) -> Option<&'static str> {
    SHIPPED
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, text)| *text)
}
