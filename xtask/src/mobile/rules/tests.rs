use super::super::archive::Static;
use super::super::elf::Shared;
use super::super::stubs::{NOTE, NOTE_OWNER};
use super::super::symbols::{Symbol, Symbols, Undefined};
use super::{archive, exports, shared};

fn used(name: &str) -> Undefined {
    Undefined {
        name: name.to_owned(),
        weak: false,
    }
}

fn listed() -> Symbols {
    let symbol = |library: &str, since| Symbol {
        library: library.to_owned(),
        since,
    };
    Symbols::from([
        ("abort".to_owned(), symbol("libc", 21)),
        ("renameat2".to_owned(), symbol("libc", 30)),
    ])
}

fn expected() -> Vec<String> {
    vec!["JNI_OnLoad".to_owned(), "attest_version".to_owned()]
}

fn good() -> Shared {
    Shared {
        alignments: vec![0x4000, 0x4000],
        relro: true,
        bind_now: true,
        soname: Some("libattest.so".to_owned()),
        needed: vec!["libc.so".to_owned(), "libdl.so".to_owned()],
        undefined: vec![used("abort")],
        exports: expected(),
        notes: vec![(NOTE_OWNER.to_owned(), NOTE.to_owned())],
        ..Shared::default()
    }
}

#[test]
fn each_rule_has_its_own_sentence_that_names_the_mend() {
    assert_eq!(shared(&good(), &listed(), &expected()), [""; 0]);
    let check = |spoil: fn(&mut Shared), mend: &str| {
        let mut library = good();
        spoil(&mut library);
        let found = shared(&library, &listed(), &expected());
        assert_eq!(found.len(), 1, "{mend}: {found:?}");
        assert!(found[0].contains(mend), "{mend}: {found:?}");
    };
    check(|library| library.alignments[1] = 0x1000, "max-page-size=16384");
    check(|library| library.alignments.clear(), "max-page-size=16384");
    check(|library| library.relro = false, "-z relro");
    check(|library| library.bind_now = false, "-z now");
    check(|library| library.text_relocations = true, "PIC");
    check(|library| library.executable_stack = true, "-z noexecstack");
    check(|library| library.soname = None, "-soname=libattest.so");
    check(
        |library| library.soname = Some("libother.so".to_owned()),
        "-soname=libattest.so",
    );
    check(
        |library| library.needed.push("libc++_shared.so".to_owned()),
        "needs libc++_shared.so",
    );
    check(
        |library| library.needed.push("libc.so.6".to_owned()),
        "needs libc.so.6",
    );
    check(|library| library.symbol_table = true, "strip");
    check(|library| library.notes.clear(), "not for shipping");
    check(
        |library| library.exports.push("attest_more".to_owned()),
        "exports `attest_more`",
    );
    check(
        |library| drop(library.exports.pop()),
        "does not export `attest_version`",
    );
    check(
        |library| library.undefined.push(used("pthread_cancel")),
        "add it to attest-mobile/link/android.txt",
    );
    check(|library| library.undefined.push(used("renameat2")), "dlsym");
}

#[test]
fn an_archive_may_hold_other_names_but_not_others_of_ours() {
    let good = || Static {
        exports: vec!["attest_version".to_owned(), "rust_eh_personality".to_owned()],
        undefined: vec![used("abort")],
        loaded_bytes: 1,
    };
    let exports = ["attest_version".to_owned()];
    let check = |library: Static, mend: Option<&str>| {
        let found = archive(&library, &listed(), &exports, 15);
        assert_eq!(found.len(), usize::from(mend.is_some()), "{mend:?}: {found:?}");
        assert!(
            found
                .iter()
                .all(|problem| problem.contains(mend.unwrap_or_default())),
            "{mend:?}: {found:?}"
        );
    };
    // Both symbols of the list are newer than iOS 15 here, which shows that its own version counts.
    let problems = archive(&good(), &listed(), &exports, 15);
    assert!(
        problems.len() == 1 && problems[0].contains("not in 15"),
        "{problems:?}"
    );
    let old = || Static {
        undefined: vec![],
        ..good()
    };
    check(old(), None);
    let with = |name: &str| Static {
        exports: vec!["attest_version".to_owned(), name.to_owned()],
        ..old()
    };
    check(with("JNI_OnLoad"), Some("exports `JNI_OnLoad`"));
    check(with("attest_more"), Some("exports `attest_more`"));
    check(
        Static {
            exports: vec![],
            ..old()
        },
        Some("does not export `attest_version`"),
    );
}

#[test]
fn exports_belong_to_one_platform_or_all() {
    let text = "# what apps call\nall attest_version # a remark\nandroid JNI_OnLoad\n\nios attest_ios\n";
    let check = |platform, expect: &[&str]| assert_eq!(exports(text, platform), expect);
    check("android", &["attest_version", "JNI_OnLoad"]);
    check("ios", &["attest_version", "attest_ios"]);
}
