//! Looks for duplicate members in a JSON text without escapes, in one pass and without parsing it. It never calls a text
//! sound: what it does not understand it leaves to the full scan, and the syntax to the reader that comes after it.

/// Nesting beyond this is left to the full scan; tokens have two levels.
const DEPTH: usize = 8;
/// Members of all open objects beyond this are left to the full scan; tokens have about fifteen.
const MEMBERS: usize = 32;

#[derive(Clone, Copy)]
struct Open {
    object: bool,
    /// How many names the objects around it have.
    names_before: usize,
}

/// Whether every object in `text` has distinct members; `None` where only the full scan can tell.
pub(super) fn has_distinct_members(text: &[u8]) -> Option<bool> {
    if text.first() != Some(&b'{') || text.contains(&b'\\') {
        return None;
    }
    let mut open: [Option<Open>; DEPTH] = [None; DEPTH];
    let mut depth = 0_usize;
    let mut names: [&[u8]; MEMBERS] = [&[]; MEMBERS];
    let mut named = 0_usize;
    let mut name_comes = false;
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'"' => {
                let end = rest.iter().position(|byte| *byte == b'"')?;
                let (string, after) = rest.split_at(end);
                rest = after.get(1..)?;
                if name_comes {
                    name_comes = false;
                    let around = (*open.get(depth.checked_sub(1)?)?)?.names_before;
                    if names.get(around..named)?.contains(&string) {
                        return Some(false);
                    }
                    *names.get_mut(named)? = string;
                    named += 1;
                }
            }
            b'{' | b'[' => {
                let object = *byte == b'{';
                *open.get_mut(depth)? = Some(Open {
                    object,
                    names_before: named,
                });
                depth += 1;
                name_comes = object;
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                named = (*open.get(depth)?)?.names_before;
                name_comes = false;
            }
            b',' => name_comes = (*open.get(depth.checked_sub(1)?)?)?.object,
            _ => {}
        }
    }
    (depth == 0).then_some(true)
}

#[cfg(test)]
mod tests {
    use super::super::{JsonError, scan_object};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_what_is_understood_is_judged() {
        let check = |text: &str, expect| assert_eq!(has_distinct_members(text.as_bytes()), expect, "{text}");
        check("{}", Some(true));
        check(r#"{"a":1,"b":{"a":[{"a":"a,{"},{"a":2}]}}"#, Some(true));
        check(r#"{"a":1,"a":2}"#, Some(false));
        check(r#"{"a":{"b":1},"a":2}"#, Some(false));
        check(r#"{"x":[{"b":1,"b":1}]}"#, Some(false));
        check(r#"{"a":1,"\u0061":2}"#, None);
        check(r#" {"a":1}"#, None);
        check(r#"{"a":"#, None);
        check("}", None);
        check(&"{\"a\":".repeat(9), None);
        let members: Vec<_> = (0..33).map(|n| format!("\"{n}\":0")).collect();
        check(&format!("{{{}}}", members.join(",")), None);
    }

    /// JSON texts, duplicate members included.
    fn object() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("1".to_owned()),
            Just("null".to_owned()),
            "[a-c,:{}\\[\\] ]{0,4}".prop_map(|text| format!("\"{text}\"")),
        ];
        let value = leaf.prop_recursive(3, 12, 3, |inner| {
            let members = prop::collection::vec(("[a-d]", inner.clone()), 0..4);
            prop_oneof![
                prop::collection::vec(inner, 0..3).prop_map(|items| format!("[{}]", items.join(","))),
                members.prop_map(written),
            ]
        });
        prop::collection::vec(("[a-d]", value), 0..4).prop_map(written)
    }

    fn written(members: Vec<(String, String)>) -> String {
        let members: Vec<_> = members
            .iter()
            .map(|(name, value)| format!("\"{name}\": {value}"))
            .collect();
        format!("{{{}}}", members.join(" ,"))
    }

    proptest! {
        #[test]
        fn it_agrees_with_the_full_scan(text in object()) {
            let full = match scan_object(text.as_bytes()) {
                Ok(()) => true,
                Err(JsonError::Ambiguous) => false,
                Err(JsonError::Malformed) => return Err(TestCaseError::fail(text)),
            };
            prop_assert_eq!(has_distinct_members(text.as_bytes()), Some(full), "{}", text);
        }

        #[test]
        fn any_bytes_are_survived(text in "[{}\\[\\]\",:a\\\\ ]{0,40}") {
            let _verdict = has_distinct_members(text.as_bytes());
        }
    }
}
