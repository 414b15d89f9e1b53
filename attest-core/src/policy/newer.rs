//! Detectors as phones read them: one that needs a newer engine may be written in ways that this one does not know, and is
//! then kept as far as it must be to say `unsupported`. It never makes the rest of a policy unreadable.

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value as Json;

use super::{Category, Condition, Detector, ENGINE_VERSION, Mode, Severity, detector::first_engine};
use crate::facts::Platform;

/// What every engine can read of a detector, whatever else it has.
#[derive(Deserialize)]
struct Outline {
    id: String,
    platform: Platform,
    category: Category,
    severity: Severity,
    #[serde(default)]
    mode: Mode,
    #[serde(default = "first_engine")]
    engine_min: u32,
    why: String,
}

/// The detectors; the condition of one that needs a newer engine is not kept.
pub(super) fn detectors<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Detector>, D::Error> {
    let written = Vec::<Json>::deserialize(deserializer)?;
    let detectors = written.into_iter().enumerate().map(|(index, written)| {
        let needed = written.get("engine_min").and_then(Json::as_u64);
        let read = if needed.is_some_and(|needed| needed > u64::from(ENGINE_VERSION)) {
            Outline::deserialize(written).map(Detector::from)
        } else {
            Detector::deserialize(written)
        };
        read.map_err(|error| D::Error::custom(format_args!("detectors[{index}]: {error}")))
    });
    detectors.collect()
}

impl From<Outline> for Detector {
    fn from(outline: Outline) -> Self {
        Self {
            id: outline.id,
            platform: outline.platform,
            category: outline.category,
            severity: outline.severity,
            mode: outline.mode,
            engine_min: outline.engine_min,
            why: outline.why,
            when: Condition::All(Vec::new()),
        }
    }
}
