//! One question being asked: calls, fields and lists, each with its cap.

use std::ffi::CStr;

use super::attached::Lasting;
use super::fault::Fault;
use super::jvm::{Argument, Env, Object, Of, Said};
use super::runtime::Java;
use crate::probes::sys::Deadline;

/// The longest text that is read, in UTF-16 units.
const TEXT_MAX: usize = 4096;
/// Local references that a frame has room for before it grows.
const FRAME: i32 = 16;

/// What a question is asked with, within one local frame.
pub(super) struct Call<'a, 'local> {
    pub(super) env: &'a mut Env<'local>,
    pub(super) java: &'a Java,
    pub(super) deadline: &'a dyn Deadline,
}

impl<'local> Call<'_, 'local> {
    /// Runs `ask` in a local frame of its own: what it refers to is freed afterwards, and no exception is left.
    pub(super) fn framed<T>(
        &mut self,
        ask: impl FnOnce(&mut Call<'_, '_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        if self.deadline.has_passed() {
            return Err(Fault::STOPPED);
        }
        let (java, deadline) = (self.java, self.deadline);
        self.env
            .framed(FRAME, |env| ask(&mut Call { env, java, deadline }))
    }

    /// The class of this name, such as `android.os.Build`, by the app's loader. It is not initialised by this.
    pub(super) fn class(&mut self, name: &str) -> Result<Object<'local>, Fault> {
        let name = self.string(name)?;
        let classes = self.env.boot_class(c"java/lang/Class")?;
        let loader = self.java.loader();
        let sig = c"(Ljava/lang/String;ZLjava/lang/ClassLoader;)Ljava/lang/Class;";
        let with = [
            Argument::Object(&name),
            Argument::Boolean(false),
            Argument::Object(&loader),
        ];
        let class = self.static_object(&classes, c"forName", sig, &with);
        self.env.free(classes);
        self.env.free(name);
        class
    }

    pub(super) fn string(&mut self, text: &str) -> Result<Object<'local>, Fault> {
        self.env.string(text)
    }

    /// What a method returns; null is absent.
    pub(super) fn object(
        &mut self,
        on: &Object<'_>,
        name: &CStr,
        sig: &CStr,
        with: &[Argument<'_>],
    ) -> Result<Object<'local>, Fault> {
        self.env.call(Of::Object(on), name, sig, with)?.object()
    }

    pub(super) fn integer_of(
        &mut self,
        on: &Object<'_>,
        name: &CStr,
        sig: &CStr,
        with: &[Argument<'_>],
    ) -> Result<i32, Fault> {
        self.env.call(Of::Object(on), name, sig, with)?.integer()
    }

    pub(super) fn void(&mut self, on: &Object<'_>, name: &CStr) -> Result<(), Fault> {
        self.env.call(Of::Object(on), name, c"()V", &[]).map(drop)
    }

    pub(super) fn boolean(&mut self, on: &Object<'_>, name: &CStr) -> Result<bool, Fault> {
        self.env.call(Of::Object(on), name, c"()Z", &[])?.boolean()
    }

    /// The text that a method without arguments returns.
    pub(super) fn text(&mut self, on: &Object<'_>, name: &CStr) -> Result<String, Fault> {
        let text = self.object(on, name, c"()Ljava/lang/String;", &[])?;
        self.read(text)
    }

    pub(super) fn static_value(
        &mut self,
        class: &Object<'_>,
        name: &CStr,
        sig: &CStr,
        with: &[Argument<'_>],
    ) -> Result<Said<'local>, Fault> {
        self.env.call(Of::Class(class), name, sig, with)
    }

    pub(super) fn static_object(
        &mut self,
        class: &Object<'_>,
        name: &CStr,
        sig: &CStr,
        with: &[Argument<'_>],
    ) -> Result<Object<'local>, Fault> {
        self.static_value(class, name, sig, with)?.object()
    }

    pub(super) fn create(
        &mut self,
        class: &Object<'_>,
        sig: &CStr,
        with: &[Argument<'_>],
    ) -> Result<Object<'local>, Fault> {
        self.env.create(class, sig, with)
    }

    pub(super) fn field(
        &mut self,
        of: &Object<'_>,
        name: &CStr,
        sig: &CStr,
    ) -> Result<Object<'local>, Fault> {
        self.env.field(Of::Object(of), name, sig)?.object()
    }

    pub(super) fn integer_field(&mut self, of: &Object<'_>, name: &CStr) -> Result<i32, Fault> {
        self.env.field(Of::Object(of), name, c"I")?.integer()
    }

    pub(super) fn text_field(&mut self, of: &Object<'_>, name: &CStr) -> Result<String, Fault> {
        let text = self.field(of, name, c"Ljava/lang/String;")?;
        self.read(text)
    }

    pub(super) fn static_field(
        &mut self,
        class: &Object<'_>,
        name: &CStr,
        sig: &CStr,
    ) -> Result<Object<'local>, Fault> {
        self.env.field(Of::Class(class), name, sig)?.object()
    }

    pub(super) fn static_integer_field(&mut self, class: &Object<'_>, name: &CStr) -> Result<i32, Fault> {
        self.env.field(Of::Class(class), name, c"I")?.integer()
    }

    pub(super) fn class_of(&mut self, object: &Object<'_>) -> Object<'local> {
        self.env.class_of(object)
    }

    pub(super) fn class_name(&mut self, class: &Object<'_>) -> Result<String, Fault> {
        self.text(class, c"getName")
    }

    pub(super) fn same(&mut self, left: &Object<'_>, right: &Object<'_>) -> bool {
        self.env.same(left, right)
    }

    /// A reference that outlives this frame.
    pub(super) fn lasting(&mut self, object: &Object<'_>) -> Result<Lasting, Fault> {
        Lasting::new(self.env, object)
    }

    /// The text of a `String`, if it is not longer than [`TEXT_MAX`]; null is absent.
    pub(super) fn read(&mut self, text: Object<'_>) -> Result<String, Fault> {
        self.env.text(&text, TEXT_MAX)
    }

    /// The bytes of a `byte[]`, if they are not more than `most`.
    pub(super) fn bytes(&mut self, array: Object<'_>, most: usize) -> Result<Vec<u8>, Fault> {
        self.env.bytes(&array, most)
    }

    /// What `read` makes of each object of an array, which has at most `most`; absent items are left out.
    pub(super) fn each<T>(
        &mut self,
        array: Object<'_>,
        most: usize,
        read: &mut dyn FnMut(&mut Call<'_, '_>, Object<'_>) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let length = self.env.length(&array, most)?;
        let mut items = Vec::with_capacity(length);
        for index in 0..length {
            let item = self.framed(|call| {
                let item = call.env.element(&array, index)?;
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
    pub(super) fn texts(&mut self, array: Object<'_>, most: usize) -> Result<Vec<String>, Fault> {
        self.each(array, most, &mut |call, text| call.read(text))
    }

    /// The objects of a `java.util.Collection` as an array.
    pub(super) fn array_of(&mut self, collection: &Object<'_>) -> Result<Object<'local>, Fault> {
        self.object(collection, c"toArray", c"()[Ljava/lang/Object;", &[])
    }
}
