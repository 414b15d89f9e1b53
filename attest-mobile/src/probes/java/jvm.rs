//! The few functions of JNI that questions need, over the virtual machine's own table.
//!
//! After each call no exception is pending: it became a [`Fault`]. What is passed is compared with the signature before the call, and
//! what a text or array is read from with its class, because the virtual machine looks at neither. No reference outlives its frame.

use std::ffi::CStr;
use std::fmt;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use jni_sys::{JNIEnv, jclass, jobject, jvalue};

use super::fault::Fault;

/// Arguments of one call.
const ARGUMENTS_MAX: usize = 4;

/// An object or null, at most as long as the frame that it was found in.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Object<'local> {
    raw: jobject,
    frame: PhantomData<&'local ()>,
}

impl Object<'_> {
    /// No object.
    pub(super) const NULL: Self = Self::new(ptr::null_mut());

    const fn new(raw: jobject) -> Self {
        Self {
            raw,
            frame: PhantomData,
        }
    }

    /// The object of a reference that the virtual machine passed.
    ///
    /// # Safety
    /// It is null or a reference that is good for as long as `'local`, on this thread.
    #[must_use]
    pub const unsafe fn from_raw(raw: jobject) -> Self {
        Self::new(raw)
    }

    pub(super) const fn raw(self) -> jobject {
        self.raw
    }

    pub(super) fn is_null(self) -> bool {
        self.raw.is_null()
    }
}

impl fmt::Debug for Object<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Object")
    }
}

/// What is passed to a method.
#[derive(Debug, Clone, Copy)]
pub(super) enum Argument<'a> {
    Object(&'a Object<'a>),
    Int(i32),
    Boolean(bool),
}

/// What a method returned or a field holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Said<'local> {
    Object(Object<'local>),
    Integer(i32),
    Boolean(bool),
    Nothing,
}

impl<'local> Said<'local> {
    /// An object that is there; null is absent.
    pub(super) fn object(self) -> Result<Object<'local>, Fault> {
        match self.nullable()? {
            object if object.is_null() => Err(Fault::ABSENT),
            object => Ok(object),
        }
    }

    /// An object or null.
    pub(super) fn nullable(self) -> Result<Object<'local>, Fault> {
        if let Self::Object(object) = self {
            Ok(object)
        } else {
            Err(Fault::UNFIT)
        }
    }

    pub(super) fn integer(self) -> Result<i32, Fault> {
        if let Self::Integer(number) = self {
            Ok(number)
        } else {
            Err(Fault::UNFIT)
        }
    }

    pub(super) fn boolean(self) -> Result<bool, Fault> {
        if let Self::Boolean(flag) = self {
            Ok(flag)
        } else {
            Err(Fault::UNFIT)
        }
    }
}

/// Whose method or field it is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Of<'a> {
    Object(&'a Object<'a>),
    Class(&'a Object<'a>),
}

/// The virtual machine as one thread that is attached to it reaches it, within one frame.
pub struct Env<'local> {
    raw: NonNull<JNIEnv>,
    /// A thread's own: neither sent nor shared.
    frame: PhantomData<*mut &'local ()>,
}

impl fmt::Debug for Env<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Env")
    }
}

/// Calls a function of the table.
macro_rules! jni {
    ($env:expr, $function:ident $(, $argument:expr)*) => {{
        let env: *mut JNIEnv = $env.table();
        // SAFETY: the table is that of this thread for as long as an `Env` is there, and every virtual machine that runs Android's
        // framework has version 1.6. References are good by their lifetimes, ids are of the class they are used with, what is
        // passed fits the signature, and texts end with a zero.
        unsafe { ((**env).v1_6.$function)(env $(, $argument)*) }
    }};
}

impl<'local> Env<'local> {
    /// The virtual machine as a native method is given it; `None` for null.
    ///
    /// # Safety
    /// It is that of this thread, which stays attached for as long as `'local`.
    #[must_use]
    pub unsafe fn from_raw(raw: *mut JNIEnv) -> Option<Self> {
        NonNull::new(raw).map(|raw| Self {
            raw,
            frame: PhantomData,
        })
    }

    #[expect(
        clippy::needless_pass_by_ref_mut,
        reason = "who asks has the environment alone: nothing is made by the one of an outer frame while an inner one is open"
    )]
    const fn table(&mut self) -> *mut JNIEnv {
        self.raw.as_ptr()
    }

    pub(super) fn machine(&mut self) -> Result<NonNull<jni_sys::JavaVM>, Fault> {
        let mut machine = ptr::null_mut();
        let outcome = jni!(self, GetJavaVM, &raw mut machine);
        NonNull::new(machine)
            .filter(|_| outcome == jni_sys::JNI_OK)
            .ok_or(Fault::THROWN)
    }

    /// Runs `work` in a frame with room for `capacity` references, all of which are freed afterwards.
    pub(super) fn framed<T>(
        &mut self,
        capacity: i32,
        work: impl FnOnce(&mut Env<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let pushed = jni!(self, PushLocalFrame, capacity);
        self.settle(())?;
        if pushed != jni_sys::JNI_OK {
            return Err(Fault::NO_MEMORY);
        }
        let frame = Frame(Env {
            raw: self.raw,
            frame: PhantomData,
        });
        let mut inner = Env {
            raw: frame.0.raw,
            frame: PhantomData,
        };
        work(&mut inner)
    }

    /// The value, unless an exception is pending, which is cleared.
    fn settle<T>(&mut self, value: T) -> Result<T, Fault> {
        if !self.has_thrown() {
            return Ok(value);
        }
        let exception = Object::new(jni!(self, ExceptionOccurred));
        self.clear();
        let fault = Fault::of_exception(self, &exception);
        self.free(exception);
        Err(fault)
    }

    pub(super) fn has_thrown(&mut self) -> bool {
        jni!(self, ExceptionCheck)
    }

    /// Clears what is pending.
    pub(super) fn clear(&mut self) {
        jni!(self, ExceptionClear);
    }

    /// Frees a reference before its frame ends.
    pub(super) fn free(&mut self, object: Object<'_>) {
        jni!(self, DeleteLocalRef, object.raw);
    }

    /// A class of the boot loader, its name with slashes.
    pub(super) fn boot_class(&mut self, name: &CStr) -> Result<Object<'local>, Fault> {
        let class = jni!(self, FindClass, name.as_ptr());
        self.settle(Object::new(class))
    }

    pub(super) fn class_of(&mut self, object: &Object<'_>) -> Object<'local> {
        Object::new(jni!(self, GetObjectClass, object.raw))
    }

    pub(super) fn superclass(&mut self, class: &Object<'_>) -> Object<'local> {
        Object::new(jni!(self, GetSuperclass, class.raw))
    }

    pub(super) fn same(&mut self, left: &Object<'_>, right: &Object<'_>) -> bool {
        jni!(self, IsSameObject, left.raw, right.raw)
    }

    /// Another reference to the same object, in this frame.
    pub(super) fn again(&mut self, object: &Object<'_>) -> Result<Object<'local>, Fault> {
        let raw = jni!(self, NewLocalRef, object.raw);
        self.made(raw)
    }

    pub(super) fn new_global(&mut self, object: &Object<'_>) -> Result<jobject, Fault> {
        let raw = jni!(self, NewGlobalRef, object.raw);
        self.made(raw).map(Object::raw)
    }

    /// # Safety
    /// Nobody uses the reference any more.
    pub(super) unsafe fn delete_global(&mut self, raw: jobject) {
        jni!(self, DeleteGlobalRef, raw);
    }

    fn made(&mut self, raw: jobject) -> Result<Object<'local>, Fault> {
        let object = self.settle(Object::new(raw))?;
        if object.is_null() {
            Err(Fault::NO_MEMORY)
        } else {
            Ok(object)
        }
    }

    /// What a method returns.
    pub(super) fn call(
        &mut self,
        of: Of<'_>,
        name: &CStr,
        sig: &CStr,
        with: &[Argument<'_>],
    ) -> Result<Said<'local>, Fault> {
        let said = self.call_unsettled(of, name, sig, with);
        self.settle(())?;
        said
    }

    /// The same, with an exception of the call left pending.
    pub(super) fn call_unsettled(
        &mut self,
        of: Of<'_>,
        name: &CStr,
        sig: &CStr,
        with: &[Argument<'_>],
    ) -> Result<Said<'local>, Fault> {
        let (arguments, kind) = fitted(sig, with).ok_or(Fault::UNFIT)?;
        let arguments = arguments.as_ptr();
        match of {
            Of::Class(class) => {
                let id = jni!(self, GetStaticMethodID, class.raw, name.as_ptr(), sig.as_ptr());
                if id.is_null() {
                    return Err(Fault::NO_SUCH_MEMBER);
                }
                Ok(match kind {
                    Kind::Object => Said::Object(Object::new(jni!(
                        self,
                        CallStaticObjectMethodA,
                        class.raw,
                        id,
                        arguments
                    ))),
                    Kind::Integer => {
                        Said::Integer(jni!(self, CallStaticIntMethodA, class.raw, id, arguments))
                    }
                    Kind::Boolean => {
                        Said::Boolean(jni!(self, CallStaticBooleanMethodA, class.raw, id, arguments))
                    }
                    Kind::Nothing => {
                        jni!(self, CallStaticVoidMethodA, class.raw, id, arguments);
                        Said::Nothing
                    }
                })
            }
            Of::Object(object) if object.is_null() => Err(Fault::ABSENT),
            Of::Object(object) => {
                let class = self.class_of(object);
                let id = jni!(self, GetMethodID, class.raw, name.as_ptr(), sig.as_ptr());
                self.free(class);
                if id.is_null() {
                    return Err(Fault::NO_SUCH_MEMBER);
                }
                let object = object.raw;
                Ok(match kind {
                    Kind::Object => {
                        Said::Object(Object::new(jni!(self, CallObjectMethodA, object, id, arguments)))
                    }
                    Kind::Integer => Said::Integer(jni!(self, CallIntMethodA, object, id, arguments)),
                    Kind::Boolean => Said::Boolean(jni!(self, CallBooleanMethodA, object, id, arguments)),
                    Kind::Nothing => {
                        jni!(self, CallVoidMethodA, object, id, arguments);
                        Said::Nothing
                    }
                })
            }
        }
    }

    /// A new object of a class, by the constructor of this signature.
    pub(super) fn create(
        &mut self,
        class: &Object<'_>,
        sig: &CStr,
        with: &[Argument<'_>],
    ) -> Result<Object<'local>, Fault> {
        let (arguments, _) = fitted(sig, with).ok_or(Fault::UNFIT)?;
        let id = jni!(self, GetMethodID, class.raw, c"<init>".as_ptr(), sig.as_ptr());
        self.settle(())?;
        let raw = jni!(self, NewObjectA, class.raw, id, arguments.as_ptr());
        self.made(raw)
    }

    /// What a field holds.
    pub(super) fn field(&mut self, of: Of<'_>, name: &CStr, sig: &CStr) -> Result<Said<'local>, Fault> {
        let (name, kind) = (name.as_ptr(), Kind::of(sig.to_bytes()).ok_or(Fault::UNFIT)?);
        let said = match of {
            Of::Class(class) => {
                let class: jclass = class.raw;
                let id = jni!(self, GetStaticFieldID, class, name, sig.as_ptr());
                self.settle(())?;
                match kind {
                    Kind::Object => Said::Object(Object::new(jni!(self, GetStaticObjectField, class, id))),
                    Kind::Integer => Said::Integer(jni!(self, GetStaticIntField, class, id)),
                    Kind::Boolean | Kind::Nothing => return Err(Fault::UNFIT),
                }
            }
            Of::Object(object) if object.is_null() => return Err(Fault::ABSENT),
            Of::Object(object) => {
                let class = self.class_of(object);
                let id = jni!(self, GetFieldID, class.raw, name, sig.as_ptr());
                self.free(class);
                self.settle(())?;
                match kind {
                    Kind::Object => Said::Object(Object::new(jni!(self, GetObjectField, object.raw, id))),
                    Kind::Integer => Said::Integer(jni!(self, GetIntField, object.raw, id)),
                    Kind::Boolean | Kind::Nothing => return Err(Fault::UNFIT),
                }
            }
        };
        self.settle(said)
    }

    pub(super) fn string(&mut self, text: &str) -> Result<Object<'local>, Fault> {
        let units: Vec<u16> = text.encode_utf16().collect();
        let length = i32::try_from(units.len()).map_err(|_| Fault::CUT)?;
        let raw = jni!(self, NewString, units.as_ptr(), length);
        self.made(raw)
    }

    /// The text of a `String` of at most `most` UTF-16 units.
    pub(super) fn text(&mut self, text: &Object<'_>, most: usize) -> Result<String, Fault> {
        self.expect(text, c"java/lang/String")?;
        let read = self.text_unsettled(text, most);
        self.settle(())?;
        read
    }

    /// The same of what is a `String` for certain, with an exception left pending.
    pub(super) fn text_unsettled(&mut self, text: &Object<'_>, most: usize) -> Result<String, Fault> {
        let length = jni!(self, GetStringLength, text.raw);
        let mut units = vec![0_u16; capped(length, most)?];
        jni!(self, GetStringRegion, text.raw, 0, length, units.as_mut_ptr());
        Ok(String::from_utf16_lossy(&units))
    }

    pub(super) fn new_bytes(&mut self, length: i32) -> Result<Object<'local>, Fault> {
        let raw = jni!(self, NewByteArray, length);
        self.made(raw)
    }

    /// The bytes of a `byte[]` of at most `most`.
    pub(super) fn bytes(&mut self, array: &Object<'_>, most: usize) -> Result<Vec<u8>, Fault> {
        self.expect(array, c"[B")?;
        let length = jni!(self, GetArrayLength, array.raw);
        let mut bytes = vec![0_u8; capped(length, most)?];
        jni!(
            self,
            GetByteArrayRegion,
            array.raw,
            0,
            length,
            bytes.as_mut_ptr().cast()
        );
        self.settle(())?;
        Ok(bytes)
    }

    /// How many objects an array holds, if they are at most `most`.
    pub(super) fn length(&mut self, array: &Object<'_>, most: usize) -> Result<usize, Fault> {
        self.expect(array, c"[Ljava/lang/Object;")?;
        capped(jni!(self, GetArrayLength, array.raw), most)
    }

    /// One object of an array whose length was asked for.
    pub(super) fn element(&mut self, array: &Object<'_>, index: usize) -> Result<Object<'local>, Fault> {
        let index = i32::try_from(index).map_err(|_| Fault::UNFIT)?;
        let raw = jni!(self, GetObjectArrayElement, array.raw, index);
        self.settle(Object::new(raw))
    }

    fn expect(&mut self, object: &Object<'_>, class: &CStr) -> Result<(), Fault> {
        if object.is_null() {
            return Err(Fault::ABSENT);
        }
        let class = self.boot_class(class)?;
        let is = jni!(self, IsInstanceOf, object.raw, class.raw);
        self.free(class);
        if is { Ok(()) } else { Err(Fault::THROWN) }
    }
}

/// A frame that ends with this, whether its work returned or panicked.
struct Frame<'local>(Env<'local>);

impl Drop for Frame<'_> {
    fn drop(&mut self) {
        self.0.clear();
        jni!(self.0, PopLocalFrame, ptr::null_mut());
    }
}

fn capped(length: i32, most: usize) -> Result<usize, Fault> {
    usize::try_from(length)
        .ok()
        .filter(|length| *length <= most)
        .ok_or(Fault::CUT)
}

/// The kinds of values that questions meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Object,
    Integer,
    Boolean,
    Nothing,
}

impl Kind {
    /// The kind that the first letter of a type says.
    const fn of(sig: &[u8]) -> Option<Self> {
        match sig.first() {
            Some(b'L' | b'[') => Some(Self::Object),
            Some(b'I') => Some(Self::Integer),
            Some(b'Z') => Some(Self::Boolean),
            Some(b'V') => Some(Self::Nothing),
            _ => None,
        }
    }
}

/// The arguments as they are passed, and what is returned; `None` if they are others than the signature asks for.
fn fitted(sig: &CStr, with: &[Argument<'_>]) -> Option<([jvalue; ARGUMENTS_MAX], Kind)> {
    let mut passed = [jvalue { j: 0 }; ARGUMENTS_MAX];
    let mut slots = passed.iter_mut();
    let mut rest = sig.to_bytes().strip_prefix(b"(")?;
    for argument in with {
        let (kind, value) = match argument {
            Argument::Object(object) => (Kind::Object, jvalue { l: object.raw }),
            Argument::Int(number) => (Kind::Integer, jvalue { i: *number }),
            Argument::Boolean(flag) => (Kind::Boolean, jvalue { z: *flag }),
        };
        if Kind::of(rest)? != kind {
            return None;
        }
        *slots.next()? = value;
        rest = after(rest)?;
    }
    Some((passed, Kind::of(rest.strip_prefix(b")")?)?))
}

/// What comes behind the first type.
fn after(sig: &[u8]) -> Option<&[u8]> {
    let dimensions = sig.iter().take_while(|byte| **byte == b'[').count();
    let (kind, rest) = sig.get(dimensions..)?.split_first()?;
    if *kind != b'L' {
        return Some(rest);
    }
    let end = rest.iter().position(|byte| *byte == b';')?;
    rest.get(end + 1..)
}

#[cfg(test)]
mod tests {
    use super::{Argument, Kind, Object, fitted};

    #[test]
    fn only_what_a_signature_asks_for_is_passed() {
        let (object, number) = (Argument::Object(&Object::NULL), Argument::Int(7));
        let check = |sig, with: &[Argument<'_>], expect| {
            assert_eq!(
                fitted(sig, with).map(|(_, kind)| kind),
                expect,
                "{sig:?} {with:?}"
            );
        };
        check(c"()V", &[], Some(Kind::Nothing));
        check(c"()I", &[], Some(Kind::Integer));
        check(c"()[Ljava/lang/Object;", &[], Some(Kind::Object));
        check(c"(Ljava/lang/String;I)Z", &[object, number], Some(Kind::Boolean));
        check(
            c"([B[[Ljava/lang/String;I)I",
            &[object, object, number],
            Some(Kind::Integer),
        );
        check(c"(Ljava/lang/String;I)Z", &[number, object], None);
        check(c"(I)V", &[], None);
        check(c"()V", &[number], None);
        check(c"(J)V", &[number], None);
        check(c"()J", &[], None);
        check(c"(Ljava/lang/String", &[object], None);
        check(c"(IIIII)V", &[number; 5], None);
        check(c"", &[], None);
    }
}
