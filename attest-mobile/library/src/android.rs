//! The natives of `attest.mobile.Native`.

use attest_mobile::probes::java::{CaptureError, Java};
use jni::objects::{JClass, JObject};
use jni::{EnvUnowned, Outcome};

/// Remembers the app; false if that was refused. A panic is a refusal.
// SAFETY: no other function of this name is linked: it is that of a class which is ours.
#[unsafe(no_mangle)]
pub(crate) extern "system" fn Java_attest_mobile_Native_begin<'local>(
    mut env: EnvUnowned<'local>,
    entry: JClass<'local>,
    context: JObject<'local>,
) -> bool {
    let outcome = env.with_env(|env| {
        let java = Java::capture(env, &entry, &context)?;
        drop(java.begin());
        Ok::<(), CaptureError>(())
    });
    matches!(outcome.into_outcome(), Outcome::Ok(()))
}
