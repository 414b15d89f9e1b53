//! The virtual machine as any thread reaches it, and references that outlive a thread's.

use std::ptr::{self, NonNull};

use jni_sys::{JNI_OK, JNI_VERSION_1_6, JavaVM, jobject};

use super::fault::Fault;
use super::jvm::{Env, Object};

/// The virtual machine of this process, of which there is one as long as the process lives.
#[derive(Debug, Clone, Copy)]
pub(super) struct Machine(NonNull<JavaVM>);

// SAFETY: the invocation interface may be used by any thread.
unsafe impl Send for Machine {}
// SAFETY: as above.
unsafe impl Sync for Machine {}

/// Calls a function of the invocation interface.
macro_rules! invoke {
    ($machine:expr, $function:ident $(, $argument:expr)*) => {{
        let machine: *mut JavaVM = $machine.0.as_ptr();
        // SAFETY: the machine lives as long as the process, and what is pointed to is written before the call returns.
        unsafe { ((**machine).v1_2.$function)(machine $(, $argument)*) }
    }};
}

impl Machine {
    pub(super) fn of(env: &mut Env<'_>) -> Result<Self, Fault> {
        env.machine().map(Self)
    }

    /// Runs `work` with the calling thread attached, which is detached afterwards if it was not attached before.
    pub(super) fn attached<T>(self, work: impl FnOnce(&mut Env<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        let mut env = ptr::null_mut();
        let own = if invoke!(self, GetEnv, &raw mut env, JNI_VERSION_1_6) == JNI_OK {
            None
        } else if invoke!(self, AttachCurrentThread, &raw mut env, ptr::null_mut()) == JNI_OK {
            Some(Attachment(self))
        } else {
            return Err(Fault::NO_MEMORY);
        };
        // SAFETY: the virtual machine has just said so, and the thread stays attached until `own` is dropped.
        let env = unsafe { Env::from_raw(env.cast()) };
        let outcome = env.ok_or(Fault::THROWN).and_then(|mut env| work(&mut env));
        drop(own);
        outcome
    }
}

/// Detaches the thread that it attached.
struct Attachment(Machine);

impl Drop for Attachment {
    fn drop(&mut self) {
        invoke!(self.0, DetachCurrentThread);
    }
}

/// A reference that any thread may use, until it is dropped.
#[derive(Debug)]
pub(super) struct Lasting {
    machine: Machine,
    raw: jobject,
}

// SAFETY: a global reference belongs to no thread.
unsafe impl Send for Lasting {}
// SAFETY: as above.
unsafe impl Sync for Lasting {}

impl Lasting {
    /// A reference to the same object, or to none.
    pub(super) fn new(env: &mut Env<'_>, object: &Object<'_>) -> Result<Self, Fault> {
        let machine = Machine::of(env)?;
        let raw = if object.is_null() {
            object.raw()
        } else {
            env.new_global(object)?
        };
        Ok(Self { machine, raw })
    }

    pub(super) const fn object(&self) -> Object<'_> {
        // SAFETY: the reference is good until `self` is dropped.
        unsafe { Object::from_raw(self.raw) }
    }
}

impl Drop for Lasting {
    fn drop(&mut self) {
        let raw = self.raw;
        let free = |env: &mut Env<'_>| {
            // SAFETY: whoever borrowed it is gone.
            unsafe { env.delete_global(raw) };
            Ok(())
        };
        // A thread that cannot be attached leaves it to the virtual machine's end.
        let _freed_or_left: Result<(), Fault> = self.machine.attached(free);
    }
}
