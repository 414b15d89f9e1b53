//! Property dumps: `{props: {NAME: TEXT}, complete?, cpuinfo?, features?}`, with what Android itself derives from
//! properties derived in the same way.

use std::collections::BTreeMap;

use attest_core::{
    facts::{FactId, FactRef, Platform, Value},
    policy::Variables,
};
use serde_json::{Map, Value as Json};

use super::{
    Record, RecordError, RecordedFacts,
    fields::{ABOUT, Fields},
};

/// Where `init` looks for a part of the product's identity that the plain property does not name, in its order.
const PARTITIONS: [&str; 5] = ["product", "odm", "vendor", "system_ext", "system"];

/// `Build`'s text fields and their properties; each is `unknown` where the property is not set.
const BUILD: [(&str, &str); 9] = [
    ("build.tags", "ro.build.tags"),
    ("build.type", "ro.build.type"),
    ("build.brand", "ro.product.brand"),
    ("build.manufacturer", "ro.product.manufacturer"),
    ("build.model", "ro.product.model"),
    ("build.device", "ro.product.device"),
    ("build.product", "ro.product.name"),
    ("build.hardware", "ro.hardware"),
    ("build.board", "ro.product.board"),
];

pub(super) fn read(
    members: &Map<String, Json>,
    platform: Platform,
    place: &str,
    case: Option<String>,
    notes: &mut Vec<String>,
) -> Result<Record, RecordError> {
    let fields = Fields::new(members, place);
    fields.of_platform(platform)?;
    if platform != Platform::Android {
        return Err(RecordError::PlatformDiffers {
            place: fields.place("props"),
            recorded: Platform::Android.as_str().to_owned(),
            asked: platform.as_str(),
        });
    }
    let mut properties = properties(&fields)?;
    let complete = fields.flag("complete")?.unwrap_or(false);
    let mut facts = RecordedFacts::default();
    if complete {
        facts.hold_all_properties();
        facts.put(
            "prop.names",
            Some(Value::List(properties.keys().cloned().collect())),
        );
    }
    derive(&mut properties);
    build(&properties, complete, &mut facts);
    for (name, value) in properties {
        match FactRef::new(FactId::PROP, Some(&name), None) {
            Ok(fact) => facts.state(fact, Value::Text(value)),
            Err(error) => notes.push(format!("{}: {error}; not read", fields.place("props"))),
        }
    }
    facts.put("cpuinfo.line", fields.lines("cpuinfo")?.map(Value::List));
    facts.put("pm.features", fields.lines("features")?.map(Value::List));
    let known = [&ABOUT[..], &["props", "complete", "cpuinfo", "features"]].concat();
    fields.note_others(&known, notes);
    Ok(Record {
        case,
        facts,
        variables: Variables::default(),
    })
}

fn properties(fields: &Fields<'_>) -> Result<BTreeMap<String, String>, RecordError> {
    let mut properties = BTreeMap::new();
    for (name, value) in fields.object("props")?.into_iter().flatten() {
        let text = match value {
            Json::Null => continue,
            Json::String(text) => text.clone(),
            Json::Bool(_) | Json::Number(_) => value.to_string(),
            Json::Array(_) | Json::Object(_) => {
                return Err(RecordError::MemberUnfit {
                    place: format!("{}.{name}", fields.place("props")),
                    expected: "text",
                });
            }
        };
        properties.insert(name.clone(), text);
    }
    Ok(properties)
}

/// Sets the properties that `init` sets when no file does.
fn derive(properties: &mut BTreeMap<String, String>) {
    for part in ["brand", "device", "manufacturer", "model", "name"] {
        let plain = format!("ro.product.{part}");
        let of = |partition| properties.get(&format!("ro.product.{partition}.{part}"));
        if set(properties, &plain).is_none()
            && let Some(value) = PARTITIONS.into_iter().find_map(of).cloned()
        {
            properties.insert(plain, value);
        }
    }
    if set(properties, "ro.build.fingerprint").is_none()
        && let Some(fingerprint) = fingerprint(properties)
    {
        properties.insert("ro.build.fingerprint".to_owned(), fingerprint);
    }
}

fn fingerprint(properties: &BTreeMap<String, String>) -> Option<String> {
    let part = |name: &str| set(properties, name);
    Some(format!(
        "{}/{}/{}:{}/{}/{}:{}/{}",
        part("ro.product.brand")?,
        part("ro.product.name")?,
        part("ro.product.device")?,
        part("ro.build.version.release")?,
        part("ro.build.id")?,
        part("ro.build.version.incremental")?,
        part("ro.build.type")?,
        part("ro.build.tags")?,
    ))
}

/// What `android.os.Build` says.
fn build(properties: &BTreeMap<String, String>, complete: bool, facts: &mut RecordedFacts) {
    let part = |name: &str| set(properties, name);
    for (fact, property) in BUILD {
        facts.put_text(fact, part(property).or(complete.then_some("unknown")));
    }
    facts.put_text("build.fingerprint", part("ro.build.fingerprint"));
    facts.put_text("build.security_patch", part("ro.build.version.security_patch"));
    facts.put_text("os.version", part("ro.build.version.release"));
    let sdk = part("ro.build.version.sdk").and_then(|text| text.parse().ok());
    facts.put("build.sdk", sdk.map(Value::Integer));
    let abis: Vec<String> = match part("ro.product.cpu.abilist") {
        Some(list) => list.split(',').map(|abi| abi.trim().to_owned()).collect(),
        None => ["ro.product.cpu.abi", "ro.product.cpu.abi2"]
            .into_iter()
            .filter_map(part)
            .map(str::to_owned)
            .collect(),
    };
    facts.put(
        "build.abis",
        (complete || !abis.is_empty()).then_some(Value::List(abis)),
    );
}

/// A property that is set to something: the platform treats an empty one as not set.
fn set<'a>(properties: &'a BTreeMap<String, String>, name: &str) -> Option<&'a str> {
    properties
        .get(name)
        .map(String::as_str)
        .filter(|text| !text.is_empty())
}
