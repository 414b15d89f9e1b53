//! One question being asked: calls, fields and lists, each with its exception settled and its cap.

use jni::Env;
use jni::objects::{JByteArray, JClass, JObject, JObjectArray, JString};
use jni::signature::{FieldSignature, MethodSignature};
use jni::strings::JNIStr;
use jni::{JValue, JValueOwned, jni_sig, jni_str};

use super::fault::Fault;
use super::runtime::Java;
use crate::probes::sys::Deadline;

/// The longest text that is read, in UTF-16 units.
const TEXT_MAX: i32 = 4096;
/// Local references that a frame has room for before it grows.
const FRAME: usize = 16;

type Method = MethodSignature<'static, 'static>;
type Field = FieldSignature<'static>;

/// What a question is asked with, within one local frame.
pub(super) struct Call<'a, 'local> {
    pub(super) env: &'a mut Env<'local>,
    pub(super) java: &'a Java,
    pub(super) deadline: &'a dyn Deadline,
}

impl<'local> Call<'_, 'local> {
    /// Runs `ask` in a local frame of its own: what it refers to is freed afterwards, and no exception is left.
    pub(super) fn framed<T>(
        &self,
        ask: impl FnOnce(&mut Call<'_, '_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        if self.deadline.has_passed() {
            return Err(Fault::STOPPED);
        }
        let (java, deadline) = (self.java, self.deadline);
        let outcome = self.env.with_local_frame(FRAME, |env| {
            let outcome = ask(&mut Call { env, java, deadline });
            env.exception_clear();
            outcome
        });
        self.env.exception_clear();
        outcome
    }

    fn settle<T>(&mut self, outcome: Result<T, jni::errors::Error>) -> Result<T, Fault> {
        Fault::settle(self.env, outcome)
    }

    /// The class of this name, such as `android.os.Build`, by the app's loader. It is not initialised by this.
    pub(super) fn class(&mut self, name: &str) -> Result<JClass<'local>, Fault> {
        let name = self.string(name)?;
        let found = JClass::for_name_with_loader(self.env, name, false, self.java.loader());
        let class = self.settle(found)?;
        if class.is_null() {
            Err(Fault::ABSENT)
        } else {
            Ok(class)
        }
    }

    pub(super) fn string(&mut self, text: &str) -> Result<JString<'local>, Fault> {
        let made = self.env.new_string(text);
        self.settle(made)
    }

    fn call(
        &mut self,
        on: &JObject<'_>,
        name: &JNIStr,
        sig: &Method,
        with: &[JValue<'_>],
    ) -> Result<JValueOwned<'local>, Fault> {
        if on.is_null() {
            return Err(Fault::ABSENT);
        }
        let said = self.env.call_method(on, name, sig, with);
        self.settle(said)
    }

    /// What a method returns; null is absent.
    pub(super) fn object(
        &mut self,
        on: &JObject<'_>,
        name: &JNIStr,
        sig: &Method,
        with: &[JValue<'_>],
    ) -> Result<JObject<'local>, Fault> {
        let value = self.call(on, name, sig, with)?;
        present(value)
    }

    pub(super) fn integer(&mut self, on: &JObject<'_>, name: &JNIStr) -> Result<i32, Fault> {
        self.integer_of(on, name, &jni_sig!("()I"), &[])
    }

    pub(super) fn integer_of(
        &mut self,
        on: &JObject<'_>,
        name: &JNIStr,
        sig: &Method,
        with: &[JValue<'_>],
    ) -> Result<i32, Fault> {
        Ok(self.call(on, name, sig, with)?.i()?)
    }

    pub(super) fn void(&mut self, on: &JObject<'_>, name: &JNIStr) -> Result<(), Fault> {
        self.call(on, name, &jni_sig!("()V"), &[]).map(drop)
    }

    pub(super) fn boolean(&mut self, on: &JObject<'_>, name: &JNIStr) -> Result<bool, Fault> {
        self.call(on, name, &jni_sig!("()Z"), &[])?
            .z()
            .map_err(Fault::from)
    }

    /// The text that a method without arguments returns.
    pub(super) fn text(&mut self, on: &JObject<'_>, name: &JNIStr) -> Result<String, Fault> {
        let text = self.object(on, name, &jni_sig!("()Ljava/lang/String;"), &[])?;
        self.read(text)
    }

    pub(super) fn static_value(
        &mut self,
        class: &JClass<'_>,
        name: &JNIStr,
        sig: &Method,
        with: &[JValue<'_>],
    ) -> Result<JValueOwned<'local>, Fault> {
        let said = self.env.call_static_method(class, name, sig, with);
        self.settle(said)
    }

    pub(super) fn static_object(
        &mut self,
        class: &JClass<'_>,
        name: &JNIStr,
        sig: &Method,
        with: &[JValue<'_>],
    ) -> Result<JObject<'local>, Fault> {
        present(self.static_value(class, name, sig, with)?)
    }

    pub(super) fn create(
        &mut self,
        class: &JClass<'_>,
        sig: &Method,
        with: &[JValue<'_>],
    ) -> Result<JObject<'local>, Fault> {
        let made = self.env.new_object(class, sig, with);
        self.settle(made)
    }

    fn field_value(
        &mut self,
        of: &JObject<'_>,
        name: &JNIStr,
        sig: &Field,
    ) -> Result<JValueOwned<'local>, Fault> {
        if of.is_null() {
            return Err(Fault::ABSENT);
        }
        let said = self.env.get_field(of, name, sig);
        self.settle(said)
    }

    pub(super) fn field(
        &mut self,
        of: &JObject<'_>,
        name: &JNIStr,
        sig: &Field,
    ) -> Result<JObject<'local>, Fault> {
        present(self.field_value(of, name, sig)?)
    }

    pub(super) fn integer_field(&mut self, of: &JObject<'_>, name: &JNIStr) -> Result<i32, Fault> {
        self.field_value(of, name, &jni_sig!("I"))?
            .i()
            .map_err(Fault::from)
    }

    pub(super) fn text_field(&mut self, of: &JObject<'_>, name: &JNIStr) -> Result<String, Fault> {
        let text = self.field(of, name, &jni_sig!("Ljava/lang/String;"))?;
        self.read(text)
    }

    fn static_field_value(
        &mut self,
        class: &JClass<'_>,
        name: &JNIStr,
        sig: &Field,
    ) -> Result<JValueOwned<'local>, Fault> {
        let said = self.env.get_static_field(class, name, sig);
        self.settle(said)
    }

    pub(super) fn static_field(
        &mut self,
        class: &JClass<'_>,
        name: &JNIStr,
        sig: &Field,
    ) -> Result<JObject<'local>, Fault> {
        present(self.static_field_value(class, name, sig)?)
    }

    pub(super) fn static_integer_field(&mut self, class: &JClass<'_>, name: &JNIStr) -> Result<i32, Fault> {
        self.static_field_value(class, name, &jni_sig!("I"))?
            .i()
            .map_err(Fault::from)
    }

    pub(super) fn class_of(&mut self, object: &JObject<'_>) -> Result<JClass<'local>, Fault> {
        let class = self.env.get_object_class(object);
        self.settle(class)
    }

    pub(super) fn class_name(&mut self, class: &JClass<'_>) -> Result<String, Fault> {
        let name = class.get_name(self.env);
        let name = self.settle(name)?;
        self.read(name.into())
    }

    pub(super) fn same(&mut self, left: &JObject<'_>, right: &JObject<'_>) -> Result<bool, Fault> {
        let same = self.env.is_same_object(left, right);
        self.settle(same)
    }

    /// The text of a `String`, if it is not longer than [`TEXT_MAX`]; null is absent.
    pub(super) fn read(&mut self, text: JObject<'_>) -> Result<String, Fault> {
        if text.is_null() {
            return Err(Fault::ABSENT);
        }
        if self.integer(&text, jni_str!("length"))? > TEXT_MAX {
            return Err(Fault::CUT);
        }
        let text = self.env.cast_local::<JString<'_>>(text);
        let text = self.settle(text)?.try_to_string(self.env);
        self.settle(text)
    }

    /// The bytes of a `byte[]`, if they are not more than `most`.
    pub(super) fn bytes(&mut self, array: JObject<'_>, most: usize) -> Result<Vec<u8>, Fault> {
        let array = self.env.cast_local::<JByteArray<'_>>(array);
        let array = self.settle(array)?;
        let length = array.len(self.env);
        if self.settle(length)? > most {
            return Err(Fault::CUT);
        }
        let bytes = self.env.convert_byte_array(&array);
        self.settle(bytes)
    }

    /// What `read` makes of each object of an array, which has at most `most`; absent items are left out.
    pub(super) fn each<T>(
        &mut self,
        array: JObject<'_>,
        most: usize,
        read: &mut dyn FnMut(&mut Call<'_, '_>, JObject<'_>) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let array = self.env.cast_local::<JObjectArray<'_>>(array);
        let array = self.settle(array)?;
        let length = array.len(self.env);
        let length = self.settle(length)?;
        if length > most {
            return Err(Fault::CUT);
        }
        let mut items = Vec::with_capacity(length);
        for index in 0..length {
            let item = self.framed(|call| {
                let item = array.get_element(call.env, index);
                let item = call.settle(item)?;
                read(call, item)
            });
            match item {
                Ok(item) => items.push(item),
                Err(Fault::ABSENT) => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(items)
    }

    /// The texts of a `String[]`, at most `most`.
    pub(super) fn texts(&mut self, array: JObject<'_>, most: usize) -> Result<Vec<String>, Fault> {
        self.each(array, most, &mut |call, text| call.read(text))
    }

    /// The objects of a `java.util.Collection` as an array.
    pub(super) fn array_of(&mut self, collection: &JObject<'_>) -> Result<JObject<'local>, Fault> {
        self.object(
            collection,
            jni_str!("toArray"),
            &jni_sig!("()[Ljava/lang/Object;"),
            &[],
        )
    }
}

fn present(value: JValueOwned<'_>) -> Result<JObject<'_>, Fault> {
    let object = value.l()?;
    if object.is_null() {
        Err(Fault::ABSENT)
    } else {
        Ok(object)
    }
}
