//! Why a question got no value: the error number that each kind of failure has, and what an exception becomes.
//!
//! | what happened | number |
//! | --- | --- |
//! | null, or a package that is not known | none: absent |
//! | no such class, method or field, or it is hidden from apps | `ENOSYS` |
//! | `SecurityException` | `EACCES` |
//! | `OutOfMemoryError` | `ENOMEM` |
//! | more items or characters than the cap | `ENOBUFS` |
//! | asked on the main thread | `EWOULDBLOCK` |
//! | the deadline passed | `ECANCELED` |
//! | a field that is not among the known ones | `EINVAL` |
//! | any other exception | `EIO` |

use super::jvm::{Env, Object, Of, Said};
use crate::probes::sys::Errno;
use attest_core::facts::Observation;

/// Why there is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault(Errno);

impl Fault {
    pub(super) const ABSENT: Self = Self(Errno::new(libc::ENOENT));
    pub(super) const NO_SUCH_MEMBER: Self = Self(Errno::new(libc::ENOSYS));
    pub(super) const REFUSED: Self = Self(Errno::new(libc::EACCES));
    pub(super) const NO_MEMORY: Self = Self(Errno::new(libc::ENOMEM));
    pub(super) const ON_MAIN_THREAD: Self = Self(Errno::new(libc::EWOULDBLOCK));
    pub(super) const THROWN: Self = Self(Errno::new(libc::EIO));
    pub(super) const CUT: Self = Self(Errno::CUT);
    pub(super) const STOPPED: Self = Self(Errno::STOPPED);
    pub(super) const UNFIT: Self = Self(Errno::UNFIT);

    /// The kind of an exception that was cleared. Nothing of the exception itself is called: its class is a name, and its
    /// superclasses are. No exception is left.
    pub(super) fn of_exception(env: &mut Env<'_>, exception: &Object<'_>) -> Self {
        if exception.is_null() {
            return Self::THROWN;
        }
        let mut class = env.class_of(exception);
        for _ in 0..DEPTH_MAX {
            let found = name(env, &class).and_then(|name| Self::named(&name));
            let next = env.superclass(&class);
            env.free(class);
            class = next;
            if let Some(fault) = found {
                env.free(class);
                return fault;
            }
            if class.is_null() {
                break;
            }
        }
        env.free(class);
        Self::THROWN
    }

    fn named(class: &str) -> Option<Self> {
        Some(match class {
            "android.content.pm.PackageManager$NameNotFoundException" => Self::ABSENT,
            "java.lang.ClassNotFoundException"
            | "java.lang.NoClassDefFoundError"
            | "java.lang.NoSuchFieldError"
            | "java.lang.NoSuchMethodError"
            | "java.lang.UnsatisfiedLinkError" => Self::NO_SUCH_MEMBER,
            "java.lang.SecurityException" => Self::REFUSED,
            "java.lang.OutOfMemoryError" => Self::NO_MEMORY,
            _ => return None,
        })
    }
}

/// Superclasses that are looked at. Android's own exceptions are at most six deep.
const DEPTH_MAX: usize = 8;
/// The longest name of a class that is looked at.
const NAME_MAX: usize = 256;

/// The name of a class, if it says one.
fn name(env: &mut Env<'_>, class: &Object<'_>) -> Option<String> {
    let said = env.call_unsettled(Of::Object(class), c"getName", c"()Ljava/lang/String;", &[]);
    if env.has_thrown() {
        env.clear();
        return None;
    }
    let name = said.and_then(Said::object).ok()?;
    let text = env.text_unsettled(&name, NAME_MAX);
    env.clear();
    env.free(name);
    text.ok()
}

impl From<Fault> for Observation {
    fn from(fault: Fault) -> Self {
        fault.0.into()
    }
}
