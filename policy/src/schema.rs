//! The JSON Schemas of policies and packs, for editors.

use crate::{packs::PackSource, source::PolicySource};

/// The JSON Schema of a policy source, as pretty JSON with a final line break.
#[must_use]
pub fn schema() -> String {
    pretty(&schemars::schema_for!(PolicySource))
}

/// The JSON Schema of a pack, as pretty JSON with a final line break.
#[must_use]
pub fn pack_schema() -> String {
    pretty(&schemars::schema_for!(PackSource))
}

fn pretty(schema: &schemars::Schema) -> String {
    let mut text = serde_json::to_string_pretty(schema).unwrap_or_default();
    text.push('\n');
    text
}
