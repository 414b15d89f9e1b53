//! What `android.os.Build` and `SystemProperties` say.

use std::ffi::CStr;

use attest_core::facts::{FactId, FactRef, Observation, Value};

use super::call::Call;
use super::family::Family;
use super::fault::Fault;
use super::jvm::Argument;
use crate::probes::Lifetime;
use crate::probes::answers::{integer, text};

pub(super) const FAMILY: Family = Family {
    name: "java.build",
    facts: &[
        FactId::PROP,
        FactId::BUILD_TAGS,
        FactId::BUILD_TYPE,
        FactId::BUILD_FINGERPRINT,
        FactId::BUILD_BRAND,
        FactId::BUILD_MANUFACTURER,
        FactId::BUILD_MODEL,
        FactId::BUILD_DEVICE,
        FactId::BUILD_PRODUCT,
        FactId::BUILD_HARDWARE,
        FactId::BUILD_BOARD,
        FactId::BUILD_SDK,
        FactId::BUILD_ABIS,
        FactId::BUILD_SECURITY_PATCH,
        FactId::OS_VERSION,
    ],
    cost_us: 400,
    lifetime: Lifetime::Scan,
    ask,
};

const ABIS_MAX: usize = 16;
const BUILD: &str = "android.os.Build";
const VERSION: &str = "android.os.Build$VERSION";

fn ask(call: &mut Call<'_, '_>, question: &FactRef) -> Result<Observation, Fault> {
    let (class, field) = match question.fact() {
        FactId::BUILD_SDK => return sdk(call).map(integer),
        FactId::BUILD_ABIS => return abis(call),
        FactId::PROP => return property(call, question.param().unwrap_or_default()),
        FactId::BUILD_SECURITY_PATCH => (VERSION, c"SECURITY_PATCH"),
        FactId::OS_VERSION => (VERSION, c"RELEASE"),
        fact => (BUILD, field(fact).ok_or(Fault::UNFIT)?),
    };
    let class = call.class(class)?;
    let value = call.static_field(&class, field, c"Ljava/lang/String;")?;
    call.read(value).map(text)
}

fn field(fact: FactId) -> Option<&'static CStr> {
    Some(match fact {
        FactId::BUILD_TAGS => c"TAGS",
        FactId::BUILD_TYPE => c"TYPE",
        FactId::BUILD_FINGERPRINT => c"FINGERPRINT",
        FactId::BUILD_BRAND => c"BRAND",
        FactId::BUILD_MANUFACTURER => c"MANUFACTURER",
        FactId::BUILD_MODEL => c"MODEL",
        FactId::BUILD_DEVICE => c"DEVICE",
        FactId::BUILD_PRODUCT => c"PRODUCT",
        FactId::BUILD_HARDWARE => c"HARDWARE",
        FactId::BUILD_BOARD => c"BOARD",
        _ => return None,
    })
}

/// `Build.VERSION.SDK_INT`.
pub(super) fn sdk(call: &mut Call<'_, '_>) -> Result<i32, Fault> {
    let version = call.class(VERSION)?;
    call.static_integer_field(&version, c"SDK_INT")
}

fn abis(call: &mut Call<'_, '_>) -> Result<Observation, Fault> {
    let build = call.class(BUILD)?;
    let abis = call.static_field(&build, c"SUPPORTED_ABIS", c"[Ljava/lang/String;")?;
    Ok(Value::List(call.texts(abis, ABIS_MAX)?).into())
}

/// A property that is not set is empty, and one cannot tell it from an empty one.
fn property(call: &mut Call<'_, '_>, name: &str) -> Result<Observation, Fault> {
    let properties = call.class("android.os.SystemProperties")?;
    let name = call.string(name)?;
    let sig = c"(Ljava/lang/String;)Ljava/lang/String;";
    let value = call.static_object(&properties, c"get", sig, &[Argument::Object(&name)])?;
    let value = call.read(value)?;
    if value.is_empty() {
        Err(Fault::ABSENT)
    } else {
        Ok(text(value))
    }
}
