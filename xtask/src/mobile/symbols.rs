//! The reviewed list of what the library may use of a platform: each symbol with the library that has it and the version since when.
//! What is not in the list is not used; what is newer than the oldest supported system is used weakly only.

use std::collections::BTreeMap;
use std::path::Path;

/// A symbol that may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Symbol {
    /// The library that has it, such as `libc`.
    pub(crate) library: String,
    /// The first version of the system with it.
    pub(crate) since: u32,
}

/// All of them by name.
pub(crate) type Symbols = BTreeMap<String, Symbol>;

/// A symbol that a library uses and does not have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Undefined {
    /// Its name.
    pub(crate) name: String,
    /// It may be missing at run time.
    pub(crate) weak: bool,
}

/// Reads a list; the error names the line.
pub(crate) fn read(path: &Path) -> Result<Symbols, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    parse(&text).map_err(|problem| format!("{}: {problem}", path.display()))
}

/// `library symbol since` on each line; what follows `#` is a remark.
fn parse(text: &str) -> Result<Symbols, String> {
    let mut symbols = Symbols::new();
    for (index, line) in text.lines().enumerate() {
        let words: Vec<&str> = line
            .split('#')
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        let problem = |what: &str| Err(format!("line {}: {what}", index + 1));
        let (library, name, since) = match words.as_slice() {
            [] => continue,
            [library, name, since] => (*library, *name, *since),
            _ => return problem("not `library symbol since`"),
        };
        let Ok(since) = since.parse() else {
            return problem("the version is no number");
        };
        let is_name = |name: &str| {
            name.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$')
        };
        if !is_name(library) || !is_name(name) {
            return problem("a name has other characters than letters, digits, _ and $");
        }
        let symbol = Symbol {
            library: library.to_owned(),
            since,
        };
        if symbols.insert(name.to_owned(), symbol).is_some() {
            return problem("the symbol is listed twice");
        }
    }
    Ok(symbols)
}

/// What is wrong with what is used, `oldest` being the oldest supported system; each with how to mend it.
pub(crate) fn problems(used: &[Undefined], listed: &Symbols, oldest: u32, list: &str) -> Vec<String> {
    let judge = |Undefined { name, weak }: &Undefined| match listed.get(name) {
        None => Some(format!(
            "uses `{name}`, which nobody reviewed: leave it out, or add it to {list} with the version since when it is there"
        )),
        Some(Symbol { since, .. }) if *since > oldest && !weak => Some(format!(
            "uses `{name}`, which is there since {since} and not in {oldest}: look it up with dlsym, or do without"
        )),
        Some(_) => None,
    };
    used.iter().filter_map(judge).collect()
}

/// The listed symbols that nothing uses.
pub(crate) fn unused<'a>(used: &'a [Undefined], listed: &'a Symbols) -> impl Iterator<Item = &'a str> {
    let is_used = |name: &str| used.iter().any(|used| used.name == name);
    listed
        .keys()
        .map(String::as_str)
        .filter(move |name| !is_used(name))
}

#[cfg(test)]
mod tests {
    use super::{Undefined, parse, problems, unused};

    const LIST: &str =
        "# a remark\nlibc abort 21\nlibc getrandom 28 # weak\n\nliblog __android_log_write 21\n";

    fn used(names: &[(&str, bool)]) -> Vec<Undefined> {
        let one = |(name, weak): &(&str, bool)| Undefined {
            name: (*name).to_owned(),
            weak: *weak,
        };
        names.iter().map(one).collect()
    }

    #[test]
    fn a_list_names_library_symbol_and_version() {
        let symbols = parse(LIST).unwrap();
        assert_eq!(symbols.len(), 3);
        assert_eq!(
            (&*symbols["getrandom"].library, symbols["getrandom"].since),
            ("libc", 28)
        );
        let check = |text, expect: &str| assert_eq!(parse(text).unwrap_err(), expect, "{text}");
        check("libc abort", "line 1: not `library symbol since`");
        check("\nlibc abort 21 weak", "line 2: not `library symbol since`");
        check("libc abort L", "line 1: the version is no number");
        check(
            "libc a;b 21",
            "line 1: a name has other characters than letters, digits, _ and $",
        );
        check(
            "libc abort 21\nlibm abort 21",
            "line 2: the symbol is listed twice",
        );
    }

    #[test]
    fn what_is_unlisted_or_too_new_is_a_problem() {
        let symbols = parse(LIST).unwrap();
        let check = |name, weak, expect: Option<&str>| {
            let found = problems(&used(&[(name, weak)]), &symbols, 24, "the list");
            assert_eq!(found.len(), usize::from(expect.is_some()), "{found:?}");
            let expect = expect.unwrap_or_default();
            assert!(found.iter().all(|problem| problem.contains(expect)), "{found:?}");
        };
        check("abort", false, None);
        check("abort", true, None);
        check("getrandom", true, None);
        check("getrandom", false, Some("dlsym"));
        check("pthread_cancel", false, Some("add it to the list"));
        check("pthread_cancel", true, Some("add it to the list"));
    }

    #[test]
    fn what_nothing_uses_is_told() {
        let symbols = parse(LIST).unwrap();
        let used = used(&[("abort", false), ("getrandom", true)]);
        assert_eq!(
            unused(&used, &symbols).collect::<Vec<_>>(),
            ["__android_log_write"]
        );
    }
}
