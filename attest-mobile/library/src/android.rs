//! The natives of `attest.mobile.Native`.

use std::os::fd::{FromRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use attest_core::policy::Variables;
use attest_mobile::host::BootClock;
use attest_mobile::probes::Collector;
use attest_mobile::probes::isolated::{Isolated, serve};
use attest_mobile::probes::java::{Env, Java, Object};
use attest_mobile::probes::sys::Unlimited;
use jni_sys::{JNIEnv, jclass, jint, jobject};
use ring::rand::SystemRandom;

/// The probe that asks the isolated process; there is one process, and one such probe.
pub(crate) fn isolated() -> &'static Isolated {
    static ISOLATED: OnceLock<Isolated> = OnceLock::new();
    ISOLATED.get_or_init(|| Isolated::new(Arc::new(SystemRandom::new())))
}

/// Remembers the app; false if that was refused. A panic is a refusal.
///
/// # Safety
/// Only a virtual machine calls it, with what it passes to a static native method of these parameters.
// SAFETY: no other function of this name is linked: it is that of a class which is ours.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn Java_attest_mobile_Native_begin(
    env: *mut JNIEnv,
    entry: jclass,
    context: jobject,
) -> bool {
    let begun = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: all three are good on this thread until the method returns.
        let (env, entry, context) = unsafe {
            (
                Env::from_raw(env),
                Object::from_raw(entry),
                Object::from_raw(context),
            )
        };
        let java = Java::capture(&mut env?, &entry, &context).ok()?;
        Some(java.begin())
    }));
    matches!(begun, Ok(Some(_)))
}

/// Asks the process at the other end of this socket from now on. The descriptor is the library's then.
///
/// # Safety
/// As above; the descriptor is open and nobody else's.
// SAFETY: as above.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn Java_attest_mobile_Native_connect(
    _: *mut JNIEnv,
    _: jclass,
    descriptor: jint,
) -> bool {
    // SAFETY: the caller's promise.
    let channel = unsafe { stream(descriptor) };
    let connected = AssertUnwindSafe(|| channel.map(|channel| isolated().connect(channel)));
    matches!(catch_unwind(connected), Ok(Some(())))
}

/// The isolated process's side: answers what comes through this socket until the app is gone. The descriptor is the library's then.
///
/// # Safety
/// As above.
// SAFETY: as above.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn Java_attest_mobile_Native_serve(
    _: *mut JNIEnv,
    _: jclass,
    descriptor: jint,
) {
    // SAFETY: the caller's promise.
    let channel = unsafe { stream(descriptor) };
    let served = AssertUnwindSafe(|| {
        let Some(channel) = channel else { return };
        let probes = attest_mobile::probes::linux::probes();
        let collector = Collector::new(probes, Arc::new(BootClock), Variables::default());
        while serve(&channel, &|asked| collector.scan(asked), &Unlimited).is_ok() {}
    });
    drop(catch_unwind(served));
}

/// # Safety
/// A descriptor that is not negative is open and nobody else's.
unsafe fn stream(descriptor: jint) -> Option<UnixStream> {
    if descriptor < 0 {
        return None;
    }
    // SAFETY: the caller's promise.
    Some(UnixStream::from(unsafe { OwnedFd::from_raw_fd(descriptor) }))
}
