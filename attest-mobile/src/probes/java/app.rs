//! Who the app is and where it lies, as its context says.

use attest_core::facts::{FactId, FactRef, Observation};

use super::call::Call;
use super::family::Family;
use super::fault::Fault;
use super::jvm::Object;
use crate::probes::Lifetime;
use crate::probes::answers::{integer, text};

pub(super) const FAMILY: Family = Family {
    name: "java.app",
    facts: &[
        FactId::APP_DATA_DIR,
        FactId::APP_APK_PATH,
        FactId::APP_NATIVE_DIR,
        FactId::ID_PACKAGE,
        FactId::ID_UID,
        FactId::ID_USER_ID,
    ],
    cost_us: 200,
    lifetime: Lifetime::Scan,
    ask,
};

/// What Android adds to a uid for each user.
const UIDS_PER_USER: i32 = 100_000;

fn ask(call: &mut Call<'_, '_>, question: &FactRef) -> Result<Observation, Fault> {
    let context = call.java.context();
    Ok(match question.fact() {
        FactId::APP_DATA_DIR => {
            let app = described(call)?;
            text(call.text_field(&app, c"dataDir")?)
        }
        FactId::APP_NATIVE_DIR => {
            let app = described(call)?;
            text(call.text_field(&app, c"nativeLibraryDir")?)
        }
        FactId::APP_APK_PATH => text(call.text(&context, c"getPackageCodePath")?),
        FactId::ID_PACKAGE => text(call.text(&context, c"getPackageName")?),
        FactId::ID_UID => integer(uid(call)?),
        FactId::ID_USER_ID => integer(uid(call)? / UIDS_PER_USER),
        _ => return Err(Fault::UNFIT),
    })
}

/// The context's own `ApplicationInfo`; the package manager's is another.
fn described<'local>(call: &mut Call<'_, 'local>) -> Result<Object<'local>, Fault> {
    let sig = c"()Landroid/content/pm/ApplicationInfo;";
    call.object(&call.java.context(), c"getApplicationInfo", sig, &[])
}

/// `Process.myUid()`.
pub(super) fn uid(call: &mut Call<'_, '_>) -> Result<i32, Fault> {
    let process = call.class("android.os.Process")?;
    let uid = call.static_value(&process, c"myUid", c"()I", &[])?;
    uid.integer()
}
