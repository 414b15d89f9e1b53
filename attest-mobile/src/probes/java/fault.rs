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

use attest_core::facts::Observation;
use jni::Env;
use jni::errors::{Error, JniError};

use crate::probes::sys::Errno;

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

    /// What became of a call; a pending exception is cleared, whatever the call says.
    pub(super) fn settle<T>(env: &mut Env<'_>, outcome: Result<T, Error>) -> Result<T, Self> {
        let thrown = env.exception_check().then(|| Self::of_exception(env));
        match (thrown, outcome) {
            (Some(fault), _) => Err(fault),
            (None, outcome) => outcome.map_err(Self::from),
        }
    }

    /// The kind of the pending exception, which is cleared. Nothing of the exception itself is called: its class is a name, and
    /// its superclasses are.
    fn of_exception(env: &mut Env<'_>) -> Self {
        let Some(exception) = env.exception_occurred() else {
            return Self::THROWN;
        };
        env.exception_clear();
        let found = kind(env, &exception);
        env.exception_clear();
        found.unwrap_or(Self::THROWN)
    }
}

/// Superclasses that are looked at. Android's own exceptions are at most six deep.
const DEPTH_MAX: usize = 8;

fn kind(env: &mut Env<'_>, exception: &jni::objects::JThrowable<'_>) -> Result<Fault, Error> {
    let mut class = Some(env.get_object_class(exception)?);
    for _ in 0..DEPTH_MAX {
        let Some(current) = class else { break };
        let name = current.get_name(env)?.try_to_string(env)?;
        let fault = match name.as_str() {
            "android.content.pm.PackageManager$NameNotFoundException" => Some(Fault::ABSENT),
            "java.lang.ClassNotFoundException"
            | "java.lang.NoSuchFieldError"
            | "java.lang.NoSuchMethodError"
            | "java.lang.UnsatisfiedLinkError" => Some(Fault::NO_SUCH_MEMBER),
            "java.lang.SecurityException" => Some(Fault::REFUSED),
            "java.lang.OutOfMemoryError" => Some(Fault::NO_MEMORY),
            _ => None,
        };
        if let Some(fault) = fault {
            return Ok(fault);
        }
        class = env.get_superclass(&current)?;
    }
    Ok(Fault::THROWN)
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let no_such_member = matches!(
            error,
            Error::ClassNotFound { .. }
                | Error::NoClassDefFound { .. }
                | Error::MethodNotFound { .. }
                | Error::NoSuchMethod(_)
                | Error::FieldNotFound { .. }
        );
        if no_such_member {
            Self::NO_SUCH_MEMBER
        } else if matches!(error, Error::SecurityViolation) {
            Self::REFUSED
        } else if matches!(error, Error::JniCall(JniError::NoMemory)) {
            Self::NO_MEMORY
        } else {
            Self::THROWN
        }
    }
}

impl From<Fault> for Observation {
    fn from(fault: Fault) -> Self {
        fault.0.into()
    }
}
