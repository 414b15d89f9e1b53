//! What the package manager says about the app and its neighbours.

use attest_core::facts::{FactId, FactRef, Observation, Value};
use ring::digest::{SHA256, digest};

use super::call::Call;
use super::family::Family;
use super::fault::Fault;
use super::jvm::{Argument, Object};
use super::{app, build};
use crate::probes::Lifetime;
use crate::probes::answers::{boolean, integer, text};

pub(super) const FAMILY: Family = Family {
    name: "java.packages",
    facts: &[
        FactId::PM_PACKAGE_EXISTS,
        FactId::PM_PACKAGES_FOR_UID,
        FactId::PM_INSTALLER,
        FactId::PM_SOURCE_DIR,
        FactId::PM_FLAGS,
        FactId::PM_FEATURES,
        FactId::PM_SIGNERS,
    ],
    cost_us: 2_000,
    lifetime: Lifetime::Scan,
    ask,
};

/// Packages that share a uid.
const PACKAGES_MAX: usize = 256;
/// Phones have about 150.
const FEATURES_MAX: usize = 1_024;
/// The system reads at most ten.
const SIGNERS_MAX: usize = 16;
const CERTIFICATE_MAX: usize = 64 * 1_024;

const GET_SIGNATURES: i32 = 0x40;
const GET_SIGNING_CERTIFICATES: i32 = 0x0800_0000;
/// The first with `SigningInfo`.
const PIE: i32 = 28;
/// The first with `InstallSourceInfo`.
const R: i32 = 30;

fn ask(call: &mut Call<'_, '_>, question: &FactRef) -> Result<Observation, Fault> {
    Ok(match question.fact() {
        FactId::PM_PACKAGE_EXISTS => boolean(exists(call, question.param().unwrap_or_default())?),
        FactId::PM_PACKAGES_FOR_UID => Value::List(packages(call)?).into(),
        FactId::PM_INSTALLER => text(installer(call)?),
        FactId::PM_SOURCE_DIR => {
            let app = described(call)?;
            text(call.text_field(&app, c"sourceDir")?)
        }
        FactId::PM_FLAGS => {
            let app = described(call)?;
            integer(call.integer_field(&app, c"flags")?)
        }
        FactId::PM_FEATURES => Value::List(features(call)?).into(),
        FactId::PM_SIGNERS => Value::List(signers(call)?).into(),
        _ => return Err(Fault::UNFIT),
    })
}

fn manager<'local>(call: &mut Call<'_, 'local>) -> Result<Object<'local>, Fault> {
    let sig = c"()Landroid/content/pm/PackageManager;";
    call.object(&call.java.context(), c"getPackageManager", sig, &[])
}

/// The app's own package, as its context names it.
fn own<'local>(call: &mut Call<'_, 'local>) -> Result<Object<'local>, Fault> {
    let sig = c"()Ljava/lang/String;";
    call.object(&call.java.context(), c"getPackageName", sig, &[])
}

fn package<'local>(
    call: &mut Call<'_, 'local>,
    name: &Object<'_>,
    flags: i32,
) -> Result<Object<'local>, Fault> {
    let manager = manager(call)?;
    let sig = c"(Ljava/lang/String;I)Landroid/content/pm/PackageInfo;";
    let with = [Argument::Object(name), Argument::Int(flags)];
    call.object(&manager, c"getPackageInfo", sig, &with)
}

fn described<'local>(call: &mut Call<'_, 'local>) -> Result<Object<'local>, Fault> {
    let (manager, own) = (manager(call)?, own(call)?);
    let sig = c"(Ljava/lang/String;I)Landroid/content/pm/ApplicationInfo;";
    let with = [Argument::Object(&own), Argument::Int(0)];
    call.object(&manager, c"getApplicationInfo", sig, &with)
}

fn exists(call: &mut Call<'_, '_>, name: &str) -> Result<bool, Fault> {
    let name = call.string(name)?;
    match package(call, &name, 0) {
        Ok(_) => Ok(true),
        Err(Fault::ABSENT) => Ok(false),
        Err(fault) => Err(fault),
    }
}

fn packages(call: &mut Call<'_, '_>) -> Result<Vec<String>, Fault> {
    let (manager, uid) = (manager(call)?, app::uid(call)?);
    let sig = c"(I)[Ljava/lang/String;";
    let names = call.object(&manager, c"getPackagesForUid", sig, &[Argument::Int(uid)])?;
    call.texts(names, PACKAGES_MAX)
}

fn installer(call: &mut Call<'_, '_>) -> Result<String, Fault> {
    let (manager, own) = (manager(call)?, own(call)?);
    let with = [Argument::Object(&own)];
    if build::sdk(call)? >= R {
        let sig = c"(Ljava/lang/String;)Landroid/content/pm/InstallSourceInfo;";
        let source = call.object(&manager, c"getInstallSourceInfo", sig, &with)?;
        return call.text(&source, c"getInstallingPackageName");
    }
    let sig = c"(Ljava/lang/String;)Ljava/lang/String;";
    let name = call.object(&manager, c"getInstallerPackageName", sig, &with)?;
    call.read(name)
}

fn features(call: &mut Call<'_, '_>) -> Result<Vec<String>, Fault> {
    let manager = manager(call)?;
    let sig = c"()[Landroid/content/pm/FeatureInfo;";
    let features = call.object(&manager, c"getSystemAvailableFeatures", sig, &[])?;
    // The version of OpenGL ES is among them, without a name.
    call.each(features, FEATURES_MAX, &mut |call, feature| {
        call.text_field(&feature, c"name")
    })
}

/// Who signs the app now. Those of before a rotation are not among them: the signing block does not name them as signers either.
fn signers(call: &mut Call<'_, '_>) -> Result<Vec<String>, Fault> {
    let own = own(call)?;
    let signatures = c"[Landroid/content/pm/Signature;";
    let signers = if build::sdk(call)? >= PIE {
        let package = package(call, &own, GET_SIGNING_CERTIFICATES)?;
        let sig = c"Landroid/content/pm/SigningInfo;";
        let signing = call.field(&package, c"signingInfo", sig)?;
        let sig = c"()[Landroid/content/pm/Signature;";
        call.object(&signing, c"getApkContentsSigners", sig, &[])?
    } else {
        let package = package(call, &own, GET_SIGNATURES)?;
        call.field(&package, c"signatures", signatures)?
    };
    call.each(signers, SIGNERS_MAX, &mut |call, signer| {
        let bytes = call.object(&signer, c"toByteArray", c"()[B", &[])?;
        let certificate = call.bytes(bytes, CERTIFICATE_MAX)?;
        Ok(hex(digest(&SHA256, &certificate).as_ref()))
    })
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}
