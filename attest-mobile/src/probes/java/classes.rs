//! Which classes there are, who loaded them, and of which class the platform's own objects are.

use attest_core::facts::{FactId, FactRef, Observation};

use super::call::Call;
use super::family::Family;
use super::fault::Fault;
use super::fields;
use super::jvm::{Argument, Object};
use crate::probes::Lifetime;
use crate::probes::answers::{boolean, text};

pub(super) const FAMILY: Family = Family {
    name: "java.classes",
    facts: &[
        FactId::JAVA_CLASS_EXISTS,
        FactId::JAVA_CLASS_LOADER,
        FactId::JAVA_OBJECT_CLASS,
        FactId::JAVA_OBJECT_LOADER,
    ],
    cost_us: 500,
    lifetime: Lifetime::Scan,
    ask,
};

fn ask(call: &mut Call<'_, '_>, question: &FactRef) -> Result<Observation, Fault> {
    let param = question.param().unwrap_or_default();
    Ok(match question.fact() {
        FactId::JAVA_CLASS_EXISTS => boolean(exists(call, param)?),
        FactId::JAVA_CLASS_LOADER => match found(call, param)? {
            Some(class) => text(loader(call, &class)?),
            None => return Err(Fault::ABSENT),
        },
        FactId::JAVA_OBJECT_CLASS => {
            let object = fields::object(call, param)?;
            let class = call.class_of(&object);
            text(call.class_name(&class)?)
        }
        FactId::JAVA_OBJECT_LOADER => {
            let object = fields::object(call, param)?;
            let class = call.class_of(&object);
            text(loader(call, &class)?)
        }
        _ => return Err(Fault::UNFIT),
    })
}

fn exists(call: &mut Call<'_, '_>, name: &str) -> Result<bool, Fault> {
    Ok(found(call, name)?.is_some())
}

/// The class, by the app's loader or by the system's: some frameworks are put on the path of the system's alone.
fn found<'local>(call: &mut Call<'_, 'local>, name: &str) -> Result<Option<Object<'local>>, Fault> {
    match call.class(name) {
        Ok(class) => return Ok(Some(class)),
        Err(Fault::NO_SUCH_MEMBER | Fault::ABSENT) => {}
        Err(fault) => return Err(fault),
    }
    let loaders = call.class("java.lang.ClassLoader")?;
    let sig = c"()Ljava/lang/ClassLoader;";
    let system = call.static_object(&loaders, c"getSystemClassLoader", sig, &[])?;
    let name = call.string(name)?;
    let sig = c"(Ljava/lang/String;)Ljava/lang/Class;";
    match call.object(&system, c"loadClass", sig, &[Argument::Object(&name)]) {
        Ok(class) => Ok(Some(class)),
        Err(Fault::NO_SUCH_MEMBER | Fault::ABSENT) => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// The class of a class's loader, `boot` if it is the loader of `java.lang.Object`, which is null on some virtual machines.
pub(super) fn loader(call: &mut Call<'_, '_>, class: &Object<'_>) -> Result<String, Fault> {
    let own = loader_of(call, class)?;
    if is_boot(call, &own)? {
        return Ok("boot".to_owned());
    }
    let class = call.class_of(&own);
    call.class_name(&class)
}

pub(super) fn is_boot(call: &mut Call<'_, '_>, loader: &Object<'_>) -> Result<bool, Fault> {
    let object = call.class("java.lang.Object")?;
    let boot = loader_of(call, &object)?;
    Ok(call.same(loader, &boot))
}

/// The loader of a class, which may be null.
pub(super) fn loader_of<'local>(
    call: &mut Call<'_, 'local>,
    class: &Object<'_>,
) -> Result<Object<'local>, Fault> {
    let sig = c"()Ljava/lang/ClassLoader;";
    match call.object(class, c"getClassLoader", sig, &[]) {
        Err(Fault::ABSENT) => Ok(Object::NULL),
        found => found,
    }
}
