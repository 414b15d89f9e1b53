//! Property lists of an app, binary or XML, and the one inside a provisioning profile.

use std::io::Cursor;
use std::thread;

use plist::{Dictionary, Value};

/// Lists nest at will and are dropped level by level: a megabyte of them needs at most this much stack, which is not touched else.
const STACK_BYTES: usize = 256 << 20;

/// What `Info.plist` says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct About {
    pub(super) bundle: Option<String>,
    pub(super) version: Option<String>,
    pub(super) build: Option<String>,
    pub(super) minimum_os: Option<String>,
    pub(super) executable: Option<String>,
}

/// What a provisioning profile says. Its signature is not verified.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Profile {
    pub(super) team: Option<String>,
    pub(super) app_id: Option<String>,
    pub(super) app_attest_environment: Option<String>,
}

impl Profile {
    /// What stands before the bundle in the app id, else the team.
    pub(super) fn prefix(&self) -> Option<String> {
        let app_id = self.app_id.as_deref();
        let prefix = app_id.and_then(|id| Some(id.split_once('.')?.0.to_owned()));
        prefix.or_else(|| self.team.clone())
    }

    /// The bundle in the app id, perhaps with a `*` at its end.
    pub(super) fn bundle(&self) -> Option<&str> {
        Some(self.app_id.as_deref()?.split_once('.')?.1)
    }
}

fn text(dictionary: &Dictionary, key: &str) -> Option<String> {
    dictionary.get(key)?.as_string().map(str::to_owned)
}

/// Reads a property list and takes from it, on a stack that no list overflows.
fn taken<T: Send + 'static>(bytes: Vec<u8>, take: fn(&Dictionary) -> T) -> Result<T, String> {
    let unreadable = || "no property list that can be read".to_owned();
    thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(move || {
            let value = Value::from_reader(Cursor::new(bytes)).map_err(|error| error.to_string())?;
            value.as_dictionary().map(take).ok_or_else(unreadable)
        })
        .map_err(|error| error.to_string())?
        .join()
        .unwrap_or_else(|_| Err(unreadable()))
}

pub(super) fn about(bytes: Vec<u8>) -> Result<About, String> {
    taken(bytes, |list| About {
        bundle: text(list, "CFBundleIdentifier"),
        version: text(list, "CFBundleShortVersionString"),
        build: text(list, "CFBundleVersion"),
        minimum_os: text(list, "MinimumOSVersion"),
        executable: text(list, "CFBundleExecutable").filter(|name| !name.contains('/')),
    })
}

/// The XML property list inside the CMS around it.
pub(super) fn profile(cms: &[u8]) -> Result<Profile, String> {
    let find = |from: usize, what: &[u8]| {
        let after = cms.get(from..)?;
        let at = after.windows(what.len()).position(|window| window == what)?;
        from.checked_add(at)
    };
    let end_tag = b"</plist>";
    let list = find(0, b"<?xml")
        .and_then(|start| cms.get(start..find(start, end_tag)?.checked_add(end_tag.len())?))
        .ok_or("no property list in it")?;
    taken(list.to_vec(), |list| {
        let entitlements = list.get("Entitlements").and_then(Value::as_dictionary);
        let entitled = |key| text(entitlements?, key);
        let teams = list.get("TeamIdentifier").and_then(Value::as_array);
        let named = teams.and_then(|teams| Some(teams.first()?.as_string()?.to_owned()));
        Profile {
            team: named.or_else(|| entitled("com.apple.developer.team-identifier")),
            app_id: entitled("application-identifier"),
            app_attest_environment: entitled("com.apple.developer.devicecheck.appattest-environment"),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn xml(body: &str) -> Vec<u8> {
        format!("<?xml version=\"1.0\"?><plist version=\"1.0\">{body}</plist>").into_bytes()
    }

    #[test]
    fn deep_lists_are_read_or_refused() {
        let depth = 130_000;
        let nested = format!("{}{}", "<array>".repeat(depth), "</array>".repeat(depth));
        let list = xml(&format!("<dict><key>a</key>{nested}</dict>"));
        assert_eq!(about(list), Ok(About::default()));
        assert!(about(xml(&"<array>".repeat(depth))).is_err());
        assert!(about(xml("<array/>")).is_err());
        assert!(about(b"bplist00".to_vec()).is_err());
        assert!(about(Vec::new()).is_err());
    }

    #[test]
    fn a_profile_is_found_in_its_envelope() {
        let list = xml(
            "<dict><key>TeamIdentifier</key><array><string>A1B2C3D4E5</string></array>\
             <key>Entitlements</key><dict><key>application-identifier</key><string>F6G7H8I9J0.com.example.*</string></dict></dict>",
        );
        let cms = [b"\x30\x80\x06\x09".as_slice(), &list, b"\x00\x00<?xml"].concat();
        let profile = profile(&cms).unwrap();
        assert_eq!(profile.team.as_deref(), Some("A1B2C3D4E5"));
        assert_eq!(profile.prefix().as_deref(), Some("F6G7H8I9J0"));
        assert_eq!(profile.bundle(), Some("com.example.*"));
        for cms in [b"".as_slice(), b"<?xml", b"</plist><?xml"] {
            assert!(super::profile(cms).is_err());
        }
    }
}
