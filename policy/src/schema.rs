//! The JSON Schema of a policy source, for editors.

use crate::source::PolicySource;

/// The JSON Schema of a policy source, as pretty JSON with a final line break.
#[must_use]
pub fn schema() -> String {
    let schema = schemars::schema_for!(PolicySource);
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}
