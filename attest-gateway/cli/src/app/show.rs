//! What was measured, for people.

use std::fmt::Write as _;

use super::android::{AndroidApp, CertificateFacts, SchemeSigners};
use super::ios::IosApp;
use super::measure::Measured;

/// The largest API level that schemes name: all that come.
const OPEN_END: u32 = 0x7fff_ffff;

/// The text, with a line end; what came from the file is not yet made printable.
pub(super) fn app(app: &Measured) -> String {
    let mut text = String::new();
    // Writing into a string does not fail.
    let _written = match app {
        Measured::Android(app) => android(app, &mut text),
        Measured::Ios(app) => ios(app, &mut text),
    };
    text
}

fn or_unknown<T: ToString>(value: Option<&T>) -> String {
    value.map_or_else(|| "unknown".to_owned(), T::to_string)
}

fn android(app: &AndroidApp, text: &mut String) -> std::fmt::Result {
    writeln!(text, "Android app  {}", or_unknown(app.package.as_ref()))?;
    writeln!(
        text,
        "  version    {} (code {})",
        or_unknown(app.version.as_ref()),
        or_unknown(app.version_code.as_ref())
    )?;
    writeln!(
        text,
        "  SDK        at least {}, made for {}",
        or_unknown(app.min_sdk.as_ref()),
        or_unknown(app.target_sdk.as_ref())
    )?;
    app.schemes.iter().try_for_each(|scheme| signers(scheme, text))
}

fn signers(scheme: &SchemeSigners, text: &mut String) -> std::fmt::Result {
    for signer in &scheme.signers {
        write!(text, "\nSigned by scheme {}", scheme.scheme)?;
        match (signer.min_sdk, signer.max_sdk) {
            (Some(min), Some(OPEN_END)) => write!(text, ", Android API {min} and later")?,
            (Some(min), Some(max)) => write!(text, ", Android API {min} to {max}")?,
            _ => {}
        }
        if let Some(file) = &signer.file {
            write!(text, ", {file}")?;
        }
        writeln!(
            text,
            ", signature {}",
            signer.signature.unwrap_or("not looked at")
        )?;
        certificate(&signer.certificate, text)?;
        if !signer.lineage.is_empty() {
            writeln!(text, "  lineage    oldest first")?;
        }
        for ancestor in &signer.lineage {
            writeln!(
                text,
                "             {} ({}), signature {}",
                ancestor.certificate.sha256.hex,
                or_unknown(ancestor.certificate.subject.as_ref()),
                ancestor.signature
            )?;
        }
    }
    Ok(())
}

fn certificate(certificate: &CertificateFacts, text: &mut String) -> std::fmt::Result {
    writeln!(text, "  subject    {}", or_unknown(certificate.subject.as_ref()))?;
    writeln!(text, "  hex        {}", certificate.sha256.hex)?;
    writeln!(text, "  base64     {}", certificate.sha256.base64)?;
    writeln!(text, "  base64url  {}", certificate.sha256.base64url)?;
    writeln!(text, "  colon      {}", certificate.sha256.colon)
}

fn ios(app: &IosApp, text: &mut String) -> std::fmt::Result {
    writeln!(text, "iOS app      {}", or_unknown(app.bundle.as_ref()))?;
    writeln!(
        text,
        "  team       {}{}",
        or_unknown(app.team.as_ref()),
        app.team_source
            .map_or_else(String::new, |source| format!(" (from {source})"))
    )?;
    writeln!(
        text,
        "  version    {} (build {})",
        or_unknown(app.version.as_ref()),
        or_unknown(app.build.as_ref())
    )?;
    writeln!(
        text,
        "  iOS        at least {}",
        or_unknown(app.minimum_os.as_ref())
    )?;
    writeln!(
        text,
        "  App Attest {}",
        app.app_attest_environment
            .as_deref()
            .unwrap_or("no environment in its entitlements that can be seen")
    )
}
