//! What phones read is what hosts read.

use serde_json::{Value as Written, json};

use crate::json;
use crate::policy::{DevicePolicy, PolicyReadError};

/// A policy with everything in it.
fn whole() -> Written {
    json!({
        "version": 7,
        "environment": "production",
        "engine_min": 1,
        "issued_at": 5,
        "expires_at": 9,
        "detectors": [
            {
                "id": "a", "platform": "android", "category": "cloner", "severity": "high", "mode": "shadow", "why": "w",
                "when": {"all": [
                    {"fact": "maps.path", "op": "any_matches", "value": "^/x", "except": {"op": "prefix", "value": ["/a", "/b"]}},
                    {"any": [{"not": {"fact": "prop(a)@libc", "op": "differs", "from": "prop(a)@syscall"}}]},
                    {"at_least": {"n": 1, "of": [{"fact": "build.sdk", "op": "lt", "value": -3}]}},
                    {"fact": "maps.rows", "op": "any_row",
                     "where": [{"column": "path", "op": "in", "value": ["x", 7]}],
                     "except": {"column": "dev", "op": "eq", "value": "y"}},
                    {"fact": "java.debugger", "op": "eq", "value": true},
                ]},
            },
            {
                "id": "new", "platform": "ios", "category": "hook", "severity": "info", "engine_min": 9, "why": "w",
                "when": {"some": "other form"}, "unknown": 1,
            },
        ],
        "requirements": [
            {"origin": "https://a.example", "methods": ["POST"], "path": "/pay", "token": "proof",
             "bind": ["query", "body", "authorization"], "single_use": true},
            {"origin": "https://a.example", "methods": ["GET"], "path": "/**"},
        ],
        "response_keys": [{"kty": "EC", "crv": "P-256", "kid": "k", "n": -1, "more": [null, true, {"deep": []}]}],
        "limits": {"token_lifetime_max_s": 60},
        "lists": {"hosts": ["a", "b"], "none": []},
        "values": {"name": "value"},
    })
}

fn check(text: &str) {
    let (phone, host) = (
        DevicePolicy::read(text.as_bytes()),
        DevicePolicy::from_json(text.as_bytes()),
    );
    match (phone, host) {
        (Ok((phone, keys)), Ok(mut host)) => {
            let expect = std::mem::take(&mut host.response_keys);
            assert_eq!(phone, host, "{text}");
            let expect = expect.iter().map(|key| json::read(key.to_string().as_bytes()));
            assert!(expect.eq(keys.into_iter().map(Some)), "{text}");
        }
        (Err(phone), Err(host)) => assert_eq!(phone.code(), host.code(), "{text}"),
        (phone, host) => panic!("{text}\nphone: {phone:?}\nhost: {host:?}"),
    }
}

#[test]
fn a_policy_with_everything_reads_the_same() {
    let (policy, keys) = DevicePolicy::read(whole().to_string().as_bytes()).unwrap();
    assert_eq!(
        (policy.detectors.len(), policy.requirements.len(), keys.len()),
        (2, 2, 1)
    );
    check(&whole().to_string());
    check(r#"{"version":1,"environment":"development"}"#);
}

#[test]
fn spoiled_anywhere_it_is_refused_by_both_or_by_none() {
    let substitutes = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1.5),
        json!(70_000),
        json!(u64::MAX),
        json!("word"),
        json!([]),
        json!([1, "a", {}]),
        json!({}),
        json!({"unknown": 1}),
    ];
    let whole = whole();
    let mut places = Vec::new();
    gather(&whole, String::new(), &mut places);
    assert!(places.len() > 80, "{}", places.len());
    for place in &places {
        for substitute in &substitutes {
            // A struct is never read from a list.
            if substitute.is_array() && whole.pointer(place).is_some_and(Written::is_object) {
                continue;
            }
            let mut spoiled = whole.clone();
            *spoiled.pointer_mut(place).unwrap() = substitute.clone();
            check(&spoiled.to_string());
        }
        if let Some((parent, name)) = place.rsplit_once('/') {
            let mut lacking = whole.clone();
            if let Some(object) = lacking.pointer_mut(parent).and_then(Written::as_object_mut) {
                object.remove(name);
                check(&lacking.to_string());
                object_of(&mut lacking, parent).insert("unknown".to_owned(), json!(null));
                check(&lacking.to_string());
            }
        }
    }
}

fn object_of<'a>(tree: &'a mut Written, place: &str) -> &'a mut serde_json::Map<String, Written> {
    tree.pointer_mut(place).and_then(Written::as_object_mut).unwrap()
}

fn gather(value: &Written, place: String, places: &mut Vec<String>) {
    match value {
        Written::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                gather(item, format!("{place}/{index}"), places);
            }
        }
        Written::Object(members) => {
            for (name, member) in members {
                gather(member, format!("{place}/{name}"), places);
            }
        }
        Written::Null | Written::Bool(_) | Written::Number(_) | Written::String(_) => {}
    }
    if !place.is_empty() {
        places.push(place);
    }
}

#[test]
fn what_could_be_read_in_two_ways_is_refused() {
    for text in [
        r#"{"version":1,"version":2,"environment":"production"}"#,
        r#"{"version":1,"environment":"production","lists":{"a":["x"],"a":["y"]}}"#,
    ] {
        assert!(matches!(
            DevicePolicy::read(text.as_bytes()),
            Err(PolicyReadError::Unreadable)
        ));
    }
}
