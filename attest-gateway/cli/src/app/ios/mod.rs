//! What an IPA says: bundle and version from its property list, team from its provisioning profile or its code signature.

mod macho;
mod plists;

use serde::Serialize;

use super::archive::Archive;
use super::measure::{Findings, MeasureError, Measured};

/// Property lists and profiles have some ten KiB.
const MAX_PLIST_BYTES: u64 = 1 << 20;
/// The largest executables have some hundred MiB.
const MAX_EXECUTABLE_BYTES: u64 = 1 << 30;

/// An IPA.
#[derive(Debug, Serialize)]
pub(in crate::app) struct IosApp {
    /// What App Attest puts before the bundle: the prefix of the app id, nearly always the team.
    pub(in crate::app) team: Option<String>,
    /// Where the team is from: `profile`, `code-signature` or `argument`.
    pub(in crate::app) team_source: Option<&'static str>,
    pub(in crate::app) bundle: Option<String>,
    pub(in crate::app) version: Option<String>,
    pub(in crate::app) build: Option<String>,
    pub(in crate::app) minimum_os: Option<String>,
    /// The entitlement: `production` or `development`; absent without a profile, or if App Attest is not asked for.
    pub(in crate::app) app_attest_environment: Option<String>,
}

/// The folder of the app itself, such as `Payload/Bank.app/`; `None` if there is none.
pub(super) fn bundle_folder(archive: &Archive) -> Option<String> {
    archive.names().find_map(|name| {
        let folder = name.strip_suffix("Info.plist")?;
        let app = folder.strip_prefix("Payload/")?.strip_suffix(".app/")?;
        (!app.contains('/')).then(|| folder.to_owned())
    })
}

pub(super) fn measure(
    archive: &mut Archive,
    folder: &str,
    given_team: Option<&str>,
) -> Result<Findings, MeasureError> {
    let mut warnings = Vec::new();
    let name = format!("{folder}Info.plist");
    let about = archive.read(&name, MAX_PLIST_BYTES)?;
    let about = plists::about(about).map_err(|problem| MeasureError::Entry { name, problem })?;
    let profile = profile(archive, folder, &mut warnings);
    let mut app = IosApp {
        team: None,
        team_source: None,
        bundle: about.bundle,
        version: about.version,
        build: about.build,
        minimum_os: about.minimum_os,
        app_attest_environment: profile
            .as_ref()
            .and_then(|profile| profile.app_attest_environment.clone()),
    };
    let signed = about
        .executable
        .filter(|_| profile.is_none())
        .and_then(|executable| signed_team(archive, &format!("{folder}{executable}"), &mut warnings));
    let found = [
        (given_team.map(str::to_owned), "argument"),
        (profile.as_ref().and_then(plists::Profile::prefix), "profile"),
        (signed, "code-signature"),
    ];
    if let Some((team, source)) = found.into_iter().find_map(|(team, source)| Some((team?, source))) {
        (app.team, app.team_source) = (Some(team), Some(source));
    } else {
        warnings.push("the file does not name its team; pass it with --team".to_owned());
    }
    if let Some(profile) = &profile {
        warnings.extend(disagreements(&app, profile));
    }
    let app = Measured::Ios(app);
    Ok(Findings { app, warnings })
}

fn profile(archive: &mut Archive, folder: &str, warnings: &mut Vec<String>) -> Option<plists::Profile> {
    let name = format!("{folder}embedded.mobileprovision");
    if !archive.has(&name) {
        return None;
    }
    let read = archive
        .read(&name, MAX_PLIST_BYTES)
        .map_err(|error| error.to_string())
        .and_then(|cms| plists::profile(&cms).map_err(|problem| format!("{name}: {problem}")));
    read.map_err(|problem| warnings.push(problem)).ok()
}

fn signed_team(archive: &mut Archive, name: &str, warnings: &mut Vec<String>) -> Option<String> {
    if !archive.has(name) {
        return None;
    }
    match archive.read(name, MAX_EXECUTABLE_BYTES) {
        Ok(executable) => macho::team(&executable),
        Err(error) => {
            warnings.push(error.to_string());
            None
        }
    }
}

/// Where the profile is about another app than the file.
fn disagreements(app: &IosApp, profile: &plists::Profile) -> Vec<String> {
    let mut found = Vec::new();
    if let (Some(team), Some(prefix)) = (&profile.team, profile.prefix())
        && *team != prefix
    {
        found.push(format!(
            "the app id begins with {prefix}, the team is {team}: App Attest goes by the app id"
        ));
    }
    if let (Some(bundle), Some(allowed)) = (&app.bundle, profile.bundle()) {
        let covers = allowed
            .strip_suffix('*')
            .map_or(allowed == bundle, |start| bundle.starts_with(start));
        if !covers {
            found.push(format!("the profile is for {allowed}, the app is {bundle}"));
        }
    }
    found
}
