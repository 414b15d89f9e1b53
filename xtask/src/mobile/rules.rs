//! What a library for phones must be. Each problem is a sentence that names what is wrong and how to mend it.

use super::archive::Static;
use super::elf::Shared;
use super::stubs::{LIBRARIES, NOTE, NOTE_OWNER};
use super::symbols::{Symbols, problems};
use super::target::ANDROID_API;

/// What apps look for in the file system and what other libraries ask for.
pub(crate) const SONAME: &str = "libattest.so";
/// Phones with pages of 16 KB do not load what is aligned to less.
pub(crate) const PAGE: u64 = 0x4000;
/// The list that Android's symbols are in.
pub(crate) const ANDROID_LIST: &str = "attest-mobile/link/android.txt";
/// The list that iOS's symbols are in.
pub(crate) const IOS_LIST: &str = "attest-mobile/link/ios.txt";
/// The list of what apps call.
pub(crate) const EXPORT_LIST: &str = "attest-mobile/link/exports.txt";

/// What is wrong with Android's library.
pub(crate) fn shared(library: &Shared, listed: &Symbols, exports: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    let mut rule = |broken: bool, problem: &dyn Fn() -> String| {
        if broken {
            found.push(problem());
        }
    };
    let aligned = !library.alignments.is_empty() && library.alignments.iter().all(|align| *align == PAGE);
    rule(!aligned, &|| {
        format!(
            "is aligned to {:x?}, not {PAGE:#x}: link with -z max-page-size=16384",
            library.alignments
        )
    });
    rule(!library.relro, &|| {
        "can be written to after loading: link with -z relro".into()
    });
    rule(!library.bind_now, &|| {
        "resolves symbols late: link with -z now".into()
    });
    rule(library.text_relocations, &|| {
        "writes to its own code when it is loaded, which Android refuses: compile everything as PIC".into()
    });
    rule(library.executable_stack, &|| {
        "asks for an executable stack: link with -z noexecstack".into()
    });
    rule(library.soname.as_deref() != Some(SONAME), &|| {
        format!("calls itself {:?}: link with -soname={SONAME}", library.soname)
    });
    for needed in &library.needed {
        let known = needed
            .strip_suffix(".so")
            .is_some_and(|name| LIBRARIES.contains(&name));
        rule(!known, &|| {
            format!(
                "needs {needed}: an app has only {} for sure; leave out what asks for it",
                LIBRARIES.join(", ")
            )
        });
    }
    rule(library.symbol_table, &|| {
        "is not stripped: profile `mobile` has strip = \"symbols\"".into()
    });
    let marked = library
        .notes
        .iter()
        .any(|(owner, text)| owner == NOTE_OWNER && text == NOTE);
    rule(!marked, &|| {
        "does not say that it is not for shipping: the stand-in unwinder was not linked".into()
    });
    found.extend(export_problems(&library.exports, exports));
    found.extend(problems(&library.undefined, listed, ANDROID_API, ANDROID_LIST));
    found
}

/// What is wrong with the library for iOS. An app's linker drops what nothing calls, so that other names than ours may be in it.
pub(crate) fn archive(library: &Static, listed: &Symbols, exports: &[String], oldest: u32) -> Vec<String> {
    let ours =
        |name: &&String| name.starts_with("attest_") || name.starts_with("JNI_") || name.starts_with("Java_");
    let exported: Vec<String> = library.exports.iter().filter(ours).cloned().collect();
    let mut found = export_problems(&exported, exports);
    found.extend(problems(&library.undefined, listed, oldest, IOS_LIST));
    found
}

fn export_problems(exported: &[String], expected: &[String]) -> Vec<String> {
    let missing = expected.iter().filter(|name| !exported.contains(name));
    let missing = missing.map(|name| {
        format!(
            "does not export `{name}`: write it, or take it out of {EXPORT_LIST}, and apps that call it break"
        )
    });
    let surplus = exported.iter().filter(|name| !expected.contains(name));
    let surplus = surplus.map(|name| {
        format!("exports `{name}`, which nobody reviewed: make it private, or add it to {EXPORT_LIST}")
    });
    missing.chain(surplus).collect()
}

/// The names of the list that belong to this platform: `platform name` on each line, `all` being every platform.
pub(crate) fn exports(text: &str, platform: &str) -> Vec<String> {
    let lines = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default());
    let names = lines.filter_map(|line| line.trim().split_once(' '));
    let names = names.filter(|(on, _)| *on == platform || *on == "all");
    names.map(|(_, name)| name.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests;
