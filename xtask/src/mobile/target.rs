//! The targets that phones are, and what is made for each.

/// The oldest Android that the library loads on.
pub(crate) const ANDROID_API: u32 = 24;
/// The oldest iOS that apps with the library run on.
pub(crate) const IOS: &str = "15.0";

/// What is made for a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Product {
    /// Nothing: it is compiled and linted only.
    Nothing,
    /// The library that Android loads.
    Shared,
    /// The library that an iOS app links.
    Static,
}

/// One target.
#[derive(Debug)]
pub(crate) struct Target {
    /// As rustc calls it.
    pub(crate) triple: &'static str,
    /// As clang calls it, with the oldest system.
    pub(crate) clang: &'static str,
    /// What ring's C code needs besides.
    pub(crate) defines: &'static [&'static str],
    /// What is made.
    pub(crate) product: Product,
}

/// All of them, in the order in which they are looked at.
pub(crate) const TARGETS: [Target; 5] = [
    Target {
        triple: "aarch64-linux-android",
        clang: "aarch64-linux-android24",
        defines: &[],
        product: Product::Shared,
    },
    Target {
        triple: "x86_64-linux-android",
        clang: "x86_64-linux-android24",
        // clang's own header would ask for the C library's.
        defines: &["-D__MM_MALLOC_H"],
        product: Product::Shared,
    },
    Target {
        triple: "armv7-linux-androideabi",
        clang: "armv7a-linux-androideabi24",
        defines: &[],
        product: Product::Nothing,
    },
    Target {
        triple: "aarch64-apple-ios",
        clang: "arm64-apple-ios15.0",
        defines: &[],
        product: Product::Static,
    },
    Target {
        triple: "aarch64-apple-ios-sim",
        clang: "arm64-apple-ios15.0-simulator",
        defines: &[],
        product: Product::Nothing,
    },
];

impl Target {
    /// Whether it is one of Apple's.
    pub(crate) fn is_apple(&self) -> bool {
        self.triple.contains("apple")
    }
}

#[cfg(test)]
mod tests {
    use super::{ANDROID_API, IOS, TARGETS};

    #[test]
    fn the_oldest_systems_are_said_once() {
        for target in &TARGETS {
            let oldest = if target.is_apple() {
                format!("ios{IOS}")
            } else {
                format!(
                    "android{}{ANDROID_API}",
                    if target.clang.contains("eabi") { "eabi" } else { "" }
                )
            };
            assert!(target.clang.contains(&oldest), "{}", target.triple);
        }
    }
}
