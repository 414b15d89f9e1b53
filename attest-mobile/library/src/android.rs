//! The natives of `attest.mobile.Native`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use attest_mobile::probes::java::{Env, Java, Object};
use jni_sys::{JNIEnv, jclass, jobject};

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
