//! The phone side as one native library: `libattest.so` on Android, `libattest.a` on iOS.
//!
//! Only entries of the foreign side are here, each of them thin; what they do is in `attest-mobile`. A panic never crosses
//! them. With the feature `dev` there are entries for tests besides, and a marker that what is shipped is searched for.

#[cfg(any(target_os = "android", target_os = "linux"))]
#[expect(
    unsafe_code,
    reason = "a name that the foreign side can find is unsafe to choose"
)]
mod android;
#[cfg(all(feature = "dev", any(target_os = "android", target_os = "linux")))]
#[expect(
    unsafe_code,
    reason = "a name that the foreign side can find is unsafe to choose"
)]
pub mod dev;
#[cfg(all(
    any(target_os = "android", target_os = "linux"),
    any(target_arch = "aarch64", target_arch = "x86_64")
))]
#[expect(unsafe_code, reason = "ring's own multiplication of a point is called")]
mod generator;
#[cfg(feature = "surface")]
pub mod surface;
#[expect(
    unsafe_code,
    reason = "a name that the foreign side can find is unsafe to choose"
)]
mod version;
#[cfg(all(
    feature = "whole",
    not(feature = "surface"),
    any(target_os = "android", target_os = "ios", target_os = "linux")
))]
#[expect(unsafe_code, reason = "a name that the linker keeps is unsafe to choose")]
mod whole;

#[cfg(feature = "surface")]
uniffi::setup_scaffolding!("attest");
