//! Verification of fields that device and gateway policy share.

use super::{
    ENGINE_VERSION, Fault, MAX_LIST_ITEMS, MAX_TEXT_BYTES, PathPattern, PathPatternError, Variables,
    document::{MAX_KEYS, MAX_LISTS},
    error::Errors,
};
use crate::environment::Environment;
use crate::sorted::Sorted;

pub(super) fn engine(needed: u32, errors: &mut Errors) {
    if needed > ENGINE_VERSION {
        errors.push("engine_min", Fault::EngineUnsupported { needed });
    }
}

pub(super) fn lists<'a>(
    count: usize,
    named_lists: impl Iterator<Item = (&'a String, &'a Vec<String>)>,
    errors: &mut Errors,
) {
    bounded("lists", count, MAX_LISTS, errors);
    for (name, items) in named_lists {
        let path = format!("lists.{name}");
        named(name, &path, errors);
        bounded(&path, items.len(), MAX_LIST_ITEMS, errors);
        for (index, item) in items.iter().enumerate() {
            if item.len() > MAX_TEXT_BYTES {
                errors.push(format_args!("{path}[{index}]"), Fault::TextTooLong);
            }
        }
    }
}

pub(super) fn values(named_values: &Sorted<String, String>, errors: &mut Errors) {
    bounded("values", named_values.len(), MAX_LISTS, errors);
    for (name, value) in named_values.iter() {
        let path = format!("values.{name}");
        named(name, &path, errors);
        if value.len() > MAX_TEXT_BYTES {
            errors.push(&path, Fault::TextTooLong);
        }
        if Variables::OF_EVERY_POLICY.contains(&name.as_str()) {
            let (code, message) = (
                "value-reserved",
                "every policy gives this value itself: use another name",
            );
            errors.push(&path, Fault::Contradiction { code, message });
        }
    }
}

pub(super) fn methods(words: &[String], path: &str, errors: &mut Errors) {
    if words.is_empty() {
        errors.push(format_args!("{path}.methods"), Fault::Empty);
    }
    bounded(&format!("{path}.methods"), words.len(), MAX_KEYS, errors);
    for (index, method) in words.iter().enumerate() {
        let capital = |byte: u8| byte.is_ascii_uppercase() || byte == b'-';
        if method.is_empty() || method.len() > 32 || !method.bytes().all(capital) || method == "CONNECT" {
            errors.push(
                format_args!("{path}.methods[{index}]"),
                Fault::Method { text: short(method) },
            );
        }
    }
}

/// `scheme://host[:port]` in lower case, without the scheme's default port; `http` in development only.
pub(super) fn origin(text: &str, environment: Environment, path: &str, errors: &mut Errors) {
    let authority = match (
        text.strip_prefix("https://"),
        text.strip_prefix("http://"),
        environment,
    ) {
        (Some(rest), _, _) => rest.strip_suffix(":443").map_or(Some(rest), |_| None),
        (_, Some(rest), Environment::Development) => rest.strip_suffix(":80").map_or(Some(rest), |_| None),
        _ => None,
    };
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-:[]".contains(&byte);
    if !authority.is_some_and(|text| !text.is_empty() && text.len() <= 255 && text.bytes().all(plain)) {
        errors.push(path, Fault::Origin { text: short(text) });
    }
}

pub(super) fn pattern(text: &str, path: &str, errors: &mut Errors) -> Option<PathPattern> {
    text.parse()
        .map_err(|error: PathPatternError| errors.push(format_args!("{path}.path"), error))
        .ok()
}

pub(super) fn bounded(path: &str, count: usize, max: usize, errors: &mut Errors) {
    if count > max {
        errors.push(path, Fault::TooMany { what: "entries", max });
    }
}

pub(super) fn reason(why: &str, path: &str, errors: &mut Errors) {
    if why.trim().is_empty() {
        errors.push(path, Fault::Empty);
    } else if why.len() > MAX_TEXT_BYTES {
        errors.push(path, Fault::TextTooLong);
    }
}

pub(super) fn named(name: &str, path: &str, errors: &mut Errors) {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
        errors.push(path, Fault::Name { text: short(name) });
    }
}

pub(super) fn unique<'a>(ids: impl Iterator<Item = &'a str>, what: &str, errors: &mut Errors) {
    let mut seen = Sorted::default();
    for (index, id) in ids.enumerate() {
        let path = format!("{what}[{index}].id");
        named(id, &path, errors);
        match seen.get(id) {
            Some(first) => {
                errors.push(
                    &path,
                    Fault::Duplicate {
                        id: short(id),
                        first: format!("{what}[{first}]"),
                    },
                );
            }
            None => {
                seen.insert(id, index);
            }
        }
    }
}

pub(super) fn short(text: &str) -> String {
    text.chars().take(80).collect()
}
