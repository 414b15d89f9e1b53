//! Canonical JSON as TUF signs it (OLPC): members in byte order, no space, only `"` and `\` escaped, whole numbers only.

use serde_json::Value;

/// The canonical form of a value; `None` if it holds a number with a fraction, which has none.
#[must_use]
pub fn canonical(value: &Value) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    write(value, &mut out)?;
    Some(out)
}

fn write(value: &Value, out: &mut Vec<u8>) -> Option<()> {
    match value {
        Value::Null => out.extend(b"null"),
        Value::Bool(flag) => out.extend(flag.to_string().bytes()),
        Value::Number(number) => {
            let whole = number
                .as_i64()
                .map(i128::from)
                .or_else(|| number.as_u64().map(i128::from))?;
            out.extend(whole.to_string().bytes());
        }
        Value::String(text) => quoted(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write(item, out)?;
            }
            out.push(b']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by(|left, right| left.0.cmp(right.0));
            out.push(b'{');
            for (index, (name, value)) in members.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                quoted(name, out);
                out.push(b':');
                write(value, out)?;
            }
            out.push(b'}');
        }
    }
    Some(())
}

fn quoted(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_have_one_form() {
        let check = |input: &str, expect: Option<&str>| {
            let value: Value = serde_json::from_str(input).unwrap();
            let text = canonical(&value).map(|bytes| String::from_utf8(bytes).unwrap());
            assert_eq!(text.as_deref(), expect, "{input}");
        };
        check(
            r#" {"b": [1, -2, null, true], "a": {"z": "x", "é": ""}} "#,
            Some(r#"{"a":{"z":"x","é":""},"b":[1,-2,null,true]}"#),
        );
        check("\"\\u00e9\\n\\\"\\\\\"", Some("\"é\n\\\"\\\\\""));
        check("18446744073709551615", Some("18446744073709551615"));
        check("[1.0]", None);
    }
}
