//! What `android.os.Build` and `SystemProperties` say.

use attest_core::facts::{FactId, FactRef, Observation, Value};
use jni::strings::JNIStr;
use jni::{JValue, jni_sig, jni_str};

use super::call::Call;
use super::family::Family;
use super::fault::Fault;
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
        FactId::BUILD_SECURITY_PATCH => (VERSION, jni_str!("SECURITY_PATCH")),
        FactId::OS_VERSION => (VERSION, jni_str!("RELEASE")),
        fact => (BUILD, field(fact).ok_or(Fault::UNFIT)?),
    };
    let class = call.class(class)?;
    let value = call.static_field(&class, field, &jni_sig!("Ljava/lang/String;"))?;
    call.read(value).map(text)
}

fn field(fact: FactId) -> Option<&'static JNIStr> {
    Some(match fact {
        FactId::BUILD_TAGS => jni_str!("TAGS"),
        FactId::BUILD_TYPE => jni_str!("TYPE"),
        FactId::BUILD_FINGERPRINT => jni_str!("FINGERPRINT"),
        FactId::BUILD_BRAND => jni_str!("BRAND"),
        FactId::BUILD_MANUFACTURER => jni_str!("MANUFACTURER"),
        FactId::BUILD_MODEL => jni_str!("MODEL"),
        FactId::BUILD_DEVICE => jni_str!("DEVICE"),
        FactId::BUILD_PRODUCT => jni_str!("PRODUCT"),
        FactId::BUILD_HARDWARE => jni_str!("HARDWARE"),
        FactId::BUILD_BOARD => jni_str!("BOARD"),
        _ => return None,
    })
}

/// `Build.VERSION.SDK_INT`.
pub(super) fn sdk(call: &mut Call<'_, '_>) -> Result<i32, Fault> {
    let version = call.class(VERSION)?;
    call.static_integer_field(&version, jni_str!("SDK_INT"))
}

fn abis(call: &mut Call<'_, '_>) -> Result<Observation, Fault> {
    let build = call.class(BUILD)?;
    let abis = call.static_field(
        &build,
        jni_str!("SUPPORTED_ABIS"),
        &jni_sig!("[Ljava/lang/String;"),
    )?;
    Ok(Value::List(call.texts(abis, ABIS_MAX)?).into())
}

/// A property that is not set is empty, and one cannot tell it from an empty one.
fn property(call: &mut Call<'_, '_>, name: &str) -> Result<Observation, Fault> {
    let properties = call.class("android.os.SystemProperties")?;
    let name = call.string(name)?;
    let sig = jni_sig!("(Ljava/lang/String;)Ljava/lang/String;");
    let value = call.static_object(&properties, jni_str!("get"), &sig, &[JValue::Object(&name)])?;
    let value = call.read(value)?;
    if value.is_empty() {
        Err(Fault::ABSENT)
    } else {
        Ok(text(value))
    }
}
