//! The virtual machine and the app, remembered once; and a thread of its own attached for as long as it asks.

use std::sync::{Arc, OnceLock};

use jni::objects::{Global, JClass, JClassLoader, JObject};
use jni::{Env, JavaVM, jni_sig, jni_str};

use super::call::Call;
use super::fault::Fault;
use crate::probes::sys::Deadline;

/// Why the app's surroundings could not be remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// There is no context.
    #[error("there is no context")]
    NoContext,
    /// The virtual machine refused a reference, or threw.
    #[error("the virtual machine refused")]
    Refused,
}

impl CaptureError {
    /// Stable kebab-case code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoContext => "capture-no-context",
            Self::Refused => "capture-refused",
        }
    }
}

impl From<jni::errors::Error> for CaptureError {
    fn from(_: jni::errors::Error) -> Self {
        Self::Refused
    }
}

static BEGUN: OnceLock<Arc<Java>> = OnceLock::new();

/// The virtual machine, and what of the app is needed to ask it.
#[derive(Debug)]
pub struct Java {
    vm: JavaVM,
    loader: Global<JClassLoader<'static>>,
    context: Global<JObject<'static>>,
    start: Global<JObject<'static>>,
}

impl Java {
    /// Remembers the class loader of `entry`, which is the class with this library's entries, the app's context and the stack of
    /// the caller. Takes microseconds and may be called on the main thread. No exception is left.
    ///
    /// # Errors
    /// [`CaptureError`] if there is no context, or the virtual machine refused.
    pub fn capture(
        env: &mut Env<'_>,
        entry: &JClass<'_>,
        context: &JObject<'_>,
    ) -> Result<Self, CaptureError> {
        if context.is_null() {
            return Err(CaptureError::NoContext);
        }
        let captured = env.with_local_frame(8, |env| {
            let loader = entry.get_class_loader(env)?;
            let start = env.new_object(jni_str!("java/lang/Throwable"), jni_sig!("()V"), &[])?;
            let context = lasting(env, context)?;
            Ok(Self {
                vm: env.get_java_vm()?,
                loader: env.new_global_ref(&loader)?,
                context: env.new_global_ref(&context)?,
                start: env.new_global_ref(&start)?,
            })
        });
        env.exception_clear();
        captured
    }

    /// Keeps this for the whole process, unless there is one already: a process has one app, and the first to begin is the
    /// earliest of its start.
    pub fn begin(self) -> Arc<Self> {
        Arc::clone(BEGUN.get_or_init(|| Arc::new(self)))
    }

    /// What [`Java::begin`] kept.
    #[must_use]
    pub fn begun() -> Option<Arc<Self>> {
        BEGUN.get().cloned()
    }

    pub(super) fn loader(&self) -> &JClassLoader<'static> {
        &self.loader
    }

    pub(super) fn context(&self) -> &JObject<'static> {
        &self.context
    }

    /// A `Throwable` that was made, and never thrown, when the app began: it holds the stack of then.
    pub(super) fn start(&self) -> &JObject<'static> {
        &self.start
    }

    /// Runs `ask` with the calling thread attached, which is detached afterwards if it was not attached before; refused on the
    /// main thread.
    pub(super) fn ask(
        &self,
        deadline: &dyn Deadline,
        ask: impl FnOnce(&mut Call<'_, '_>),
    ) -> Result<(), Fault> {
        self.vm.attach_current_thread_for_scope(|env| {
            let mut call = Call {
                env,
                java: self,
                deadline,
            };
            if call.framed(|call| call.on_main_thread())? {
                return Err(Fault::ON_MAIN_THREAD);
            }
            ask(&mut call);
            Ok(())
        })
    }
}

/// The context that lives as long as the app; the one at hand while there is none yet.
fn lasting<'local>(
    env: &mut Env<'local>,
    context: &JObject<'_>,
) -> Result<JObject<'local>, jni::errors::Error> {
    let name = jni_str!("getApplicationContext");
    let app = env
        .call_method(context, name, jni_sig!("()Landroid/content/Context;"), &[])
        .and_then(jni::JValueOwned::l);
    env.exception_clear();
    match app {
        Ok(app) if !app.is_null() => Ok(app),
        _ => env.new_local_ref(context),
    }
}

impl Call<'_, '_> {
    /// True on the thread of the main looper. Without a main looper there is no main thread.
    fn on_main_thread(&mut self) -> Result<bool, Fault> {
        let looper = self.class("android.os.Looper")?;
        let sig = jni_sig!("()Landroid/os/Looper;");
        let main = match self.static_object(&looper, jni_str!("getMainLooper"), &sig, &[]) {
            Err(Fault::ABSENT) => return Ok(false),
            main => main?,
        };
        let main = self.object(
            &main,
            jni_str!("getThread"),
            &jni_sig!("()Ljava/lang/Thread;"),
            &[],
        )?;
        let threads = self.class("java.lang.Thread")?;
        let sig = jni_sig!("()Ljava/lang/Thread;");
        let current = self.static_object(&threads, jni_str!("currentThread"), &sig, &[])?;
        self.same(&main, &current)
    }
}
