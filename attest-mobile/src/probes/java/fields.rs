//! The objects in the few fields of the platform that hosts and signature killers are known to replace.

use std::ffi::CStr;

use super::call::Call;
use super::classes;
use super::fault::Fault;
use super::jvm::{Argument, Object};

/// Class loaders with a cache of creators; an app has a handful.
const CACHES_MAX: usize = 256;
const PACKAGE_INFO: &str = "android.content.pm.PackageInfo";

/// The object in a known field; absent if it is null.
pub(super) fn object<'local>(call: &mut Call<'_, 'local>, field: &str) -> Result<Object<'local>, Fault> {
    match field {
        "PackageInfo.CREATOR" => {
            let class = call.class(PACKAGE_INFO)?;
            let sig = c"Landroid/os/Parcelable$Creator;";
            call.static_field(&class, c"CREATOR", sig)
        }
        "Parcel.mCreators.PackageInfo" => cached(call, c"mCreators"),
        "Parcel.sPairedCreators.PackageInfo" => {
            let pair = cached(call, c"sPairedCreators")?;
            call.field(&pair, c"first", c"Ljava/lang/Object;")
        }
        "mInstrumentation" => {
            let thread = activity_thread(call)?;
            call.field(&thread, c"mInstrumentation", c"Landroid/app/Instrumentation;")
        }
        "mH.mCallback" => {
            let thread = activity_thread(call)?;
            let handler = call.field(&thread, c"mH", c"Landroid/app/ActivityThread$H;")?;
            call.field(&handler, c"mCallback", c"Landroid/os/Handler$Callback;")
        }
        "sPackageManager" => {
            let class = call.class("android.app.ActivityThread")?;
            let sig = c"Landroid/content/pm/IPackageManager;";
            call.static_field(&class, c"sPackageManager", sig)
        }
        _ => Err(Fault::UNFIT),
    }
}

fn activity_thread<'local>(call: &mut Call<'_, 'local>) -> Result<Object<'local>, Fault> {
    let class = call.class("android.app.ActivityThread")?;
    let sig = c"()Landroid/app/ActivityThread;";
    call.static_object(&class, c"currentActivityThread", sig, &[])
}

/// The entry for `PackageInfo` in a cache of `Parcel`, which has one map for each class loader. If several have one, that whose
/// class another than the boot loader loaded counts.
fn cached<'local>(call: &mut Call<'_, 'local>, cache: &CStr) -> Result<Object<'local>, Fault> {
    let parcel = call.class("android.os.Parcel")?;
    let caches = call.static_field(&parcel, cache, c"Ljava/util/HashMap;")?;
    let caches = call.object(&caches, c"values", c"()Ljava/util/Collection;", &[])?;
    let caches = call.array_of(&caches)?;
    let name = call.string(PACKAGE_INFO)?;
    let sig = c"(Ljava/lang/Object;)Ljava/lang/Object;";
    let entries = call.each(caches, CACHES_MAX, &mut |call, cache| {
        let entry = call.object(&cache, c"get", sig, &[Argument::Object(&name)])?;
        let creator = creator_of(call, &entry)?;
        let class = call.class_of(&creator);
        let loader = classes::loader_of(call, &class)?;
        let boot = classes::is_boot(call, &loader)?;
        Ok((boot, call.lasting(&entry)?))
    })?;
    let (_, entry) = entries
        .iter()
        .min_by_key(|(boot, _)| *boot)
        .ok_or(Fault::ABSENT)?;
    call.env.again(&entry.object())
}

/// The creator itself, also where the cache keeps it as the first of a pair.
fn creator_of<'local>(call: &mut Call<'_, 'local>, entry: &Object<'_>) -> Result<Object<'local>, Fault> {
    match call.field(entry, c"first", c"Ljava/lang/Object;") {
        Err(Fault::NO_SUCH_MEMBER) => call.env.again(entry),
        first => first,
    }
}
