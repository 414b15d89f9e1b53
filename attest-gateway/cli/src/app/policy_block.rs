//! What was measured as an entry of a policy's `apps:`. Names that are not plain are never put into it.

use super::android::AndroidApp;
use super::ios::IosApp;
use super::measure::Measured;

/// Numbers that a version is compared by.
const MAX_VERSION_PARTS: usize = 4;

/// The lines, or what is missing for them.
pub(super) fn lines(app: &Measured) -> Result<String, &'static str> {
    match app {
        Measured::Android(app) => android(app),
        Measured::Ios(app) => ios(app),
    }
}

fn plain(name: Option<&str>) -> Option<&str> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    name.filter(|name| !name.is_empty() && name.bytes().all(fits))
}

fn id(name: &str, platform: &str) -> String {
    let name = name.replace(['.', '_'], "-").to_ascii_lowercase();
    format!("{name}-{platform}")
}

/// The numbers at the start of a version that policies can compare.
fn min_version(version: Option<&str>) -> Option<String> {
    let numbers = version?.split(['-', '+']).next()?;
    let parts: Vec<&str> = numbers.split('.').collect();
    let number = |part: &&str| part.bytes().all(|byte| byte.is_ascii_digit()) && part.parse::<u32>().is_ok();
    (parts.len() <= MAX_VERSION_PARTS && parts.iter().all(number)).then(|| numbers.to_owned())
}

fn with_version(lines: &mut Vec<String>, version: Option<&str>) {
    lines.push(match min_version(version) {
        Some(version) => format!("    min_version: '{version}'"),
        None => "    # min_version: its version is not dotted numbers".to_owned(),
    });
}

fn joined(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn android(app: &AndroidApp) -> Result<String, &'static str> {
    let package = plain(app.package.as_deref()).ok_or("the package is not known")?;
    let newest = app.schemes.last().ok_or("nobody signed it")?;
    let mut current: Vec<&str> = Vec::new();
    let mut earlier: Vec<&str> = Vec::new();
    for signer in &newest.signers {
        let hex = signer.certificate.sha256.hex.as_str();
        if !current.contains(&hex) {
            current.push(hex);
        }
    }
    for signer in app.schemes.iter().flat_map(|scheme| &scheme.signers) {
        let lineage = signer.lineage.iter().map(|ancestor| &ancestor.certificate);
        for certificate in lineage.chain([&signer.certificate]) {
            let hex = certificate.sha256.hex.as_str();
            if !current.contains(&hex) && !earlier.contains(&hex) {
                earlier.push(hex);
            }
        }
    }
    let list = |digests: &[&str]| {
        let quoted: Vec<String> = digests.iter().map(|hex| format!("'{hex}'")).collect();
        quoted.join(", ")
    };
    let mut lines = vec![
        format!("  - id: {}", id(package, "android")),
        "    platform: android".to_owned(),
        format!("    package: {package}"),
        format!("    signers: [{}]", list(&current)),
    ];
    if !earlier.is_empty() {
        lines.push(
            "    # Older Android versions, and key attestation after a rotation, name these.".to_owned(),
        );
        lines.push(format!("    previous_signers: [{}]", list(&earlier)));
    }
    with_version(&mut lines, app.version.as_deref());
    lines.push("    evidence: [android_key]".to_owned());
    Ok(joined(&lines))
}

fn ios(app: &IosApp) -> Result<String, &'static str> {
    let bundle = plain(app.bundle.as_deref()).ok_or("the bundle is not known")?;
    let team = plain(app.team.as_deref()).ok_or("the team is not known; pass it with --team")?;
    let mut lines = vec![
        format!("  - id: {}", id(bundle, "ios")),
        "    platform: ios".to_owned(),
        format!("    team: '{team}'"),
        format!("    bundle: {bundle}"),
    ];
    with_version(&mut lines, app.version.as_deref());
    lines.push("    evidence: [app_attest]".to_owned());
    Ok(joined(&lines))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_that_policies_compare() {
        for (version, expect) in [
            (Some("2.4.0"), Some("2.4.0")),
            (Some("2.4.0-rc1+7"), Some("2.4.0")),
            (Some("1.2.3.4"), Some("1.2.3.4")),
            (Some("1.2.3.4.5"), None),
            (Some("2.x"), None),
            (Some("v2"), None),
            (Some("2."), None),
            (Some("99999999999"), None),
            (Some(""), None),
            (None, None),
        ] {
            assert_eq!(min_version(version).as_deref(), expect, "{version:?}");
        }
    }

    #[test]
    fn names_that_are_not_plain_stay_out() {
        let app = |package: &str| {
            Measured::Android(AndroidApp {
                package: Some(package.to_owned()),
                ..AndroidApp::default()
            })
        };
        for package in ["", "a\nb: c", "a'b", "ä.b", "a b"] {
            assert_eq!(lines(&app(package)), Err("the package is not known"));
        }
        assert_eq!(lines(&app("com.example")), Err("nobody signed it"));
    }
}
