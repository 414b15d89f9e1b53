//! The objects in the few fields of the platform that hosts and signature killers are known to replace.

use jni::objects::JObject;
use jni::strings::JNIStr;
use jni::{JValue, jni_sig, jni_str};

use super::call::Call;
use super::classes;
use super::fault::Fault;

/// Class loaders with a cache of creators; an app has a handful.
const CACHES_MAX: usize = 256;
const PACKAGE_INFO: &str = "android.content.pm.PackageInfo";

/// The object in a known field; absent if it is null.
pub(super) fn object<'local>(call: &mut Call<'_, 'local>, field: &str) -> Result<JObject<'local>, Fault> {
    match field {
        "PackageInfo.CREATOR" => {
            let class = call.class(PACKAGE_INFO)?;
            let sig = jni_sig!("Landroid/os/Parcelable$Creator;");
            call.static_field(&class, jni_str!("CREATOR"), &sig)
        }
        "Parcel.mCreators.PackageInfo" => cached(call, jni_str!("mCreators")),
        "Parcel.sPairedCreators.PackageInfo" => {
            let pair = cached(call, jni_str!("sPairedCreators"))?;
            call.field(&pair, jni_str!("first"), &jni_sig!("Ljava/lang/Object;"))
        }
        "mInstrumentation" => {
            let thread = activity_thread(call)?;
            call.field(
                &thread,
                jni_str!("mInstrumentation"),
                &jni_sig!("Landroid/app/Instrumentation;"),
            )
        }
        "mH.mCallback" => {
            let thread = activity_thread(call)?;
            let handler = call.field(
                &thread,
                jni_str!("mH"),
                &jni_sig!("Landroid/app/ActivityThread$H;"),
            )?;
            call.field(
                &handler,
                jni_str!("mCallback"),
                &jni_sig!("Landroid/os/Handler$Callback;"),
            )
        }
        "sPackageManager" => {
            let class = call.class("android.app.ActivityThread")?;
            let sig = jni_sig!("Landroid/content/pm/IPackageManager;");
            call.static_field(&class, jni_str!("sPackageManager"), &sig)
        }
        _ => Err(Fault::UNFIT),
    }
}

fn activity_thread<'local>(call: &mut Call<'_, 'local>) -> Result<JObject<'local>, Fault> {
    let class = call.class("android.app.ActivityThread")?;
    let sig = jni_sig!("()Landroid/app/ActivityThread;");
    call.static_object(&class, jni_str!("currentActivityThread"), &sig, &[])
}

/// The entry for `PackageInfo` in a cache of `Parcel`, which has one map for each class loader. If several have one, that whose
/// class another than the boot loader loaded counts.
fn cached<'local>(call: &mut Call<'_, 'local>, cache: &JNIStr) -> Result<JObject<'local>, Fault> {
    let parcel = call.class("android.os.Parcel")?;
    let caches = call.static_field(&parcel, cache, &jni_sig!("Ljava/util/HashMap;"))?;
    let caches = call.object(
        &caches,
        jni_str!("values"),
        &jni_sig!("()Ljava/util/Collection;"),
        &[],
    )?;
    let caches = call.array_of(&caches)?;
    let name = call.string(PACKAGE_INFO)?;
    let sig = jni_sig!("(Ljava/lang/Object;)Ljava/lang/Object;");
    let entries = call.each(caches, CACHES_MAX, &mut |call, cache| {
        let entry = call.object(&cache, jni_str!("get"), &sig, &[JValue::Object(&name)])?;
        let creator = creator_of(call, &entry)?;
        let class = call.class_of(&creator)?;
        let loader = classes::loader_of(call, &class)?;
        let boot = classes::is_boot(call, &loader)?;
        Ok((boot, call.env.new_global_ref(&entry)?))
    })?;
    let (_, entry) = entries
        .iter()
        .min_by_key(|(boot, _)| *boot)
        .ok_or(Fault::ABSENT)?;
    Ok(call.env.new_local_ref(entry)?)
}

/// The creator itself, also where the cache keeps it as the first of a pair.
fn creator_of<'local>(call: &mut Call<'_, 'local>, entry: &JObject<'_>) -> Result<JObject<'local>, Fault> {
    match call.field(entry, jni_str!("first"), &jni_sig!("Ljava/lang/Object;")) {
        Err(Fault::NO_SUCH_MEMBER) => Ok(call.env.new_local_ref(entry)?),
        first => first,
    }
}
