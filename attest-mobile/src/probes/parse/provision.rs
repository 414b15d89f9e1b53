//! `embedded.mobileprovision`: what a provisioning profile allows. The App Store's packages have none.
//!
//! The property list is searched for within its signed envelope; the signature is not verified, and says nothing about the app.

use super::ParseError;
use super::bytes::{find, part, sum};
use super::plist::{self, Value};

/// Bytes of a profile that are searched; they have some ten KiB.
pub const MAX_BYTES: usize = 1 << 20;
/// Teams and entitlements that are kept of each.
pub const MAX_NAMES: usize = 1 << 10;

const STARTS: [&[u8]; 2] = [b"<?xml", b"<plist"];
const END: &[u8] = b"</plist>";

/// What a profile says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profile {
    /// `TeamIdentifier`.
    pub teams: Vec<String>,
    /// The entitlement `application-identifier`, with the prefix.
    pub app_id: Option<String>,
    /// The names of the entitlements that it allows, sorted.
    pub entitlements: Vec<String>,
    /// The entitlement `get-task-allow`: a debugger may attach, as in development.
    pub allows_debugging: bool,
    /// `ProvisionsAllDevices`: an enterprise's.
    pub is_for_all_devices: bool,
    /// How many devices it names; none for the App Store's and an enterprise's.
    pub devices: usize,
}

/// What a profile says.
///
/// # Errors
/// `OtherFormat` without a property list, `Contradiction` with more than one or without a dictionary, `Bound`, and those of [`plist::plist`].
pub fn profile(envelope: &[u8]) -> Result<Profile, ParseError> {
    if envelope.len() > MAX_BYTES {
        return Err(ParseError::Bound);
    }
    let start = STARTS.iter().filter_map(|start| find(envelope, start)).min();
    let start = start.ok_or(ParseError::OtherFormat)?;
    let list = envelope.get(start..).ok_or(ParseError::Short)?;
    let length = sum(find(list, END).ok_or(ParseError::Short)?, END.len())?;
    // With two lists, two readers could read two profiles.
    let behind = list.get(length..).ok_or(ParseError::Short)?;
    if STARTS.iter().any(|start| find(behind, start).is_some()) {
        return Err(ParseError::Contradiction);
    }
    let value = plist::plist(part(list, 0, length)?)?;
    if !matches!(value, Value::Dictionary(_)) {
        return Err(ParseError::Contradiction);
    }
    read(&value)
}

fn read(profile: &Value) -> Result<Profile, ParseError> {
    let allowed = profile.at("Entitlements");
    let entitlements: Vec<String> = match allowed {
        Some(Value::Dictionary(entries)) => entries.keys().cloned().collect(),
        _ => Vec::new(),
    };
    let items = |key| match profile.at(key) {
        Some(Value::List(items)) => items.as_slice(),
        _ => &[],
    };
    let is_true = |value: Option<&Value>| value == Some(&Value::Boolean(true));
    let teams = items("TeamIdentifier");
    if teams.len() > MAX_NAMES || entitlements.len() > MAX_NAMES {
        return Err(ParseError::Bound);
    }
    let entitled = |key| allowed.and_then(|allowed| allowed.at(key));
    Ok(Profile {
        teams: teams
            .iter()
            .filter_map(|team| team.as_text().map(str::to_owned))
            .collect(),
        app_id: entitled("application-identifier")
            .and_then(Value::as_text)
            .map(str::to_owned),
        allows_debugging: is_true(entitled("get-task-allow")),
        is_for_all_devices: is_true(profile.at("ProvisionsAllDevices")),
        devices: items("ProvisionedDevices").len(),
        entitlements,
    })
}
