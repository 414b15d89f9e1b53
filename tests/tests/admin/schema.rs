//! Compares a value with a schema of the OpenAPI document: the words that our own schemas use, and a panic for any other.

use serde_json::Value;

/// Why `value` does not fit `schema`; empty if it does. References are looked up in `document`.
pub(crate) fn misfits(document: &Value, schema: &Value, value: &Value, place: &str) -> Vec<String> {
    let Some(members) = schema.as_object() else {
        panic!("{place}: no schema: {schema}")
    };
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let target = document.pointer(reference.trim_start_matches('#'));
        let target = target.unwrap_or_else(|| panic!("{reference} leads nowhere"));
        return misfits(document, target, value, place);
    }
    if let Some(choices) = schema.get("oneOf").and_then(Value::as_array) {
        let fitting = choices
            .iter()
            .filter(|choice| misfits(document, choice, value, place).is_empty());
        return if fitting.count() == 1 {
            vec![]
        } else {
            vec![format!("{place}: not one of {choices:?}")]
        };
    }
    let mut found = Vec::new();
    for (word, expect) in members {
        match word.as_str() {
            "type" => {
                if !is_of(expect, value) {
                    found.push(format!("{place}: {value} is not of type {expect}"));
                }
            }
            "enum" => {
                if !expect.as_array().unwrap().contains(value) {
                    found.push(format!("{place}: {value} is not one of {expect}"));
                }
            }
            "minimum" => {
                if value
                    .as_f64()
                    .is_some_and(|number| number < expect.as_f64().unwrap())
                {
                    found.push(format!("{place}: {value} is below {expect}"));
                }
            }
            "required" => {
                for name in expect.as_array().unwrap().iter().filter_map(Value::as_str) {
                    if value.is_object() && value.get(name).is_none() {
                        found.push(format!("{place}: `{name}` is missing"));
                    }
                }
            }
            "properties" => {
                for (name, value) in value.as_object().into_iter().flatten() {
                    match expect.get(name) {
                        Some(schema) => {
                            found.extend(misfits(document, schema, value, &format!("{place}.{name}")));
                        }
                        None => found.push(format!("{place}: `{name}` is not documented")),
                    }
                }
            }
            "items" => {
                for (at, value) in value.as_array().into_iter().flatten().enumerate() {
                    found.extend(misfits(document, expect, value, &format!("{place}[{at}]")));
                }
            }
            "description" | "format" | "additionalProperties" => {}
            other => panic!("{place}: `{other}` is not understood here"),
        }
    }
    found
}

fn is_of(expect: &Value, value: &Value) -> bool {
    if let Some(types) = expect.as_array() {
        return types.iter().any(|one| is_of(one, value));
    }
    match expect.as_str().unwrap_or_default() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "null" => value.is_null(),
        _ => panic!("type {expect} is not understood here"),
    }
}

#[test]
fn what_does_not_fit_is_found() {
    let document = serde_json::json!({"a": {"type": "object", "required": ["n"], "properties": {
        "n": {"type": "integer", "minimum": 0}, "s": {"type": ["string", "null"]},
        "e": {"type": "array", "items": {"type": "string", "enum": ["x"]}},
    }}});
    let schema = serde_json::json!({"$ref": "#/a"});
    for (value, expect) in [
        (serde_json::json!({"n": 1, "s": null, "e": ["x"]}), 0),
        (serde_json::json!({}), 1),
        (serde_json::json!({"n": -1}), 1),
        (serde_json::json!({"n": "1"}), 1),
        (serde_json::json!({"n": 1, "s": 2}), 1),
        (serde_json::json!({"n": 1, "e": ["y", 1]}), 3),
        (serde_json::json!({"n": 1, "more": 1}), 1),
        (serde_json::json!([]), 1),
    ] {
        let found = misfits(&document, &schema, &value, "");
        assert_eq!(found.len(), expect, "{value}: {found:?}");
    }
}
