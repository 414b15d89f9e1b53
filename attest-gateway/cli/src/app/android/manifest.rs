//! Package, version and API levels of an `AndroidManifest.xml`.

use serde::Serialize;

use super::AndroidApp;
use super::axml::{self, AxmlError, Element, Value};

/// Android's own ids; the attributes' names may be stripped, these cannot.
const VERSION_CODE: u32 = 0x0101_021b;
const VERSION_CODE_MAJOR: u32 = 0x0101_0576;
const VERSION_NAME: u32 = 0x0101_021c;
const MIN_SDK: u32 = 0x0101_020c;
const TARGET_SDK: u32 = 0x0101_0270;

/// An API level, or the code name of one to come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(in crate::app) enum Sdk {
    Level(u32),
    Codename(String),
}

impl std::fmt::Display for Sdk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Level(level) => write!(f, "{level}"),
            Self::Codename(name) => f.write_str(name),
        }
    }
}

/// The value of an attribute, by Android's id or, where the file has no ids, by name.
fn value<'a>(element: &'a Element, id: u32, name: &str) -> Option<&'a Value> {
    let by_id = element
        .attributes
        .iter()
        .find(|attribute| attribute.id == Some(id));
    by_id
        .or_else(|| {
            element
                .attributes
                .iter()
                .find(|attribute| attribute.id.is_none() && attribute.name == name)
        })
        .map(|attribute| &attribute.value)
}

fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::Text(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Elsewhere => None,
    }
}

fn number(value: Option<&Value>) -> Option<u32> {
    match value? {
        Value::Number(number) => Some(*number),
        Value::Text(text) => text.parse().ok(),
        Value::Elsewhere => None,
    }
}

fn sdk(value: Option<&Value>) -> Option<Sdk> {
    number(value)
        .map(Sdk::Level)
        .or_else(|| text(value).map(Sdk::Codename))
}

/// What the manifest says. What it leaves to resources stays open.
pub(super) fn read(bytes: &[u8]) -> Result<AndroidApp, AxmlError> {
    let elements = axml::elements(bytes)?;
    let mut app = AndroidApp::default();
    for element in &elements {
        match (element.depth, element.name.as_str()) {
            (1, "manifest") => {
                app.package = element
                    .attributes
                    .iter()
                    .find(|attribute| attribute.name == "package")
                    .and_then(|attribute| text(Some(&attribute.value)));
                app.version = text(value(element, VERSION_NAME, "versionName"));
                let major = number(value(element, VERSION_CODE_MAJOR, "versionCodeMajor")).unwrap_or(0);
                app.version_code = number(value(element, VERSION_CODE, "versionCode"))
                    .map(|minor| (u64::from(major) << 32) | u64::from(minor));
            }
            (2, "uses-sdk") => {
                app.min_sdk = sdk(value(element, MIN_SDK, "minSdkVersion"));
                app.target_sdk = sdk(value(element, TARGET_SDK, "targetSdkVersion"));
            }
            _ => {}
        }
    }
    Ok(app)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by aapt from a manifest of package, versions and API levels.
    const MANIFEST: &[u8] = include_bytes!("testdata/AndroidManifest.xml");

    #[test]
    fn names_and_levels_are_read() {
        let app = read(MANIFEST).unwrap();
        assert_eq!(app.package.as_deref(), Some("com.example.bank"));
        assert_eq!(app.version.as_deref(), Some("2.4.0"));
        assert_eq!(app.version_code, Some(42));
        assert_eq!(app.min_sdk, Some(Sdk::Level(24)));
        assert_eq!(app.target_sdk, Some(Sdk::Level(34)));
    }

    #[test]
    fn spoiled_manifests_are_refused_or_read_and_never_panic() {
        assert_eq!(read(b"<manifest/>").err(), Some(AxmlError::NotBinaryXml));
        assert_eq!(read(&MANIFEST[..100]).err(), Some(AxmlError::Truncated));
        for end in 0..MANIFEST.len() {
            let _read = read(&MANIFEST[..end]).is_ok();
        }
        for at in 0..MANIFEST.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut spoiled = MANIFEST.to_vec();
                spoiled[at] = value;
                let _read = read(&spoiled).is_ok();
            }
        }
    }
}
