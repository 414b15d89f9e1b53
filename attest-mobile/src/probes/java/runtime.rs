//! The virtual machine and the app, remembered once; and a thread of its own attached for as long as it asks.

use std::sync::{Arc, OnceLock};

use super::attached::{Lasting, Machine};
use super::call::Call;
use super::fault::Fault;
use super::jvm::{Env, Object, Of, Said};
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

static BEGUN: OnceLock<Arc<Java>> = OnceLock::new();

/// The virtual machine, and what of the app is needed to ask it.
#[derive(Debug)]
pub struct Java {
    machine: Machine,
    loader: Lasting,
    context: Lasting,
    start: Lasting,
}

impl Java {
    /// Remembers the class loader of `entry`, which is the class with this library's entries, the app's context and the stack of
    /// the caller. Takes microseconds and may be called on the main thread. No exception is left.
    ///
    /// # Errors
    /// [`CaptureError`] if there is no context, or the virtual machine refused.
    pub fn capture(
        env: &mut Env<'_>,
        entry: &Object<'_>,
        context: &Object<'_>,
    ) -> Result<Self, CaptureError> {
        if context.is_null() {
            return Err(CaptureError::NoContext);
        }
        let captured = env.framed(8, |env| {
            let sig = c"()Ljava/lang/ClassLoader;";
            let loader = env.call(Of::Object(entry), c"getClassLoader", sig, &[])?;
            let throwables = env.boot_class(c"java/lang/Throwable")?;
            let start = env.create(&throwables, c"()V", &[])?;
            let context = lasting(env, context)?;
            Ok(Self {
                machine: Machine::of(env)?,
                loader: Lasting::new(env, &loader.nullable()?)?,
                context: Lasting::new(env, &context)?,
                start: Lasting::new(env, &start)?,
            })
        });
        captured.map_err(|_| CaptureError::Refused)
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

    pub(super) fn loader(&self) -> Object<'_> {
        self.loader.object()
    }

    pub(super) fn context(&self) -> Object<'_> {
        self.context.object()
    }

    /// A `Throwable` that was made, and never thrown, when the app began: it holds the stack of then.
    pub(super) fn start(&self) -> Object<'_> {
        self.start.object()
    }

    /// Runs `ask` with the calling thread attached, which is detached afterwards if it was not attached before; refused on the
    /// main thread.
    pub(super) fn ask(
        &self,
        deadline: &dyn Deadline,
        ask: impl FnOnce(&mut Call<'_, '_>),
    ) -> Result<(), Fault> {
        self.machine.attached(|env| {
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
fn lasting<'local>(env: &mut Env<'local>, context: &Object<'_>) -> Result<Object<'local>, Fault> {
    let (name, sig) = (c"getApplicationContext", c"()Landroid/content/Context;");
    let app = env.call(Of::Object(context), name, sig, &[]);
    app.and_then(Said::object).or_else(|_| env.again(context))
}

impl Call<'_, '_> {
    /// True on the thread of the main looper. Without a main looper there is no main thread.
    fn on_main_thread(&mut self) -> Result<bool, Fault> {
        let looper = self.class("android.os.Looper")?;
        let sig = c"()Landroid/os/Looper;";
        let main = match self.static_object(&looper, c"getMainLooper", sig, &[]) {
            Err(Fault::ABSENT) => return Ok(false),
            main => main?,
        };
        let main = self.object(&main, c"getThread", c"()Ljava/lang/Thread;", &[])?;
        let threads = self.class("java.lang.Thread")?;
        let sig = c"()Ljava/lang/Thread;";
        let current = self.static_object(&threads, c"currentThread", sig, &[])?;
        Ok(self.same(&main, &current))
    }
}
