//! Real libraries, linked for this machine in different ways.

#![cfg(all(target_os = "linux", target_pointer_width = "64"))]

use std::process::Command;

use super::Shared;

const SOURCE: &str =
    "#[unsafe(no_mangle)] pub extern \"C\" fn seen() -> u32 { std::process::id() } pub fn unseen() {}";

/// A library of this source, linked with these arguments.
fn linked(arguments: &[&str]) -> Shared {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("lib.rs");
    std::fs::write(&source, SOURCE).unwrap();
    let library = folder.path().join("library.so");
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc
        .args(["--edition=2024", "--crate-type=cdylib", "-Copt-level=0"])
        .arg("-o")
        .arg(&library)
        .arg(&source);
    for argument in arguments {
        rustc.arg(format!("-Clink-arg=-Wl,{argument}"));
    }
    let output = rustc.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Shared::read(&std::fs::read(library).unwrap()).unwrap()
}

#[test]
fn a_library_says_how_it_was_linked() {
    let good = linked(&[
        "-z,max-page-size=16384",
        "-z,relro",
        "-z,now",
        "-soname,libx.so",
        "-s",
    ]);
    assert_eq!(good.alignments.iter().max(), Some(&0x4000));
    assert_eq!(good.alignments.iter().min(), Some(&0x4000));
    assert_eq!(
        (
            good.relro,
            good.bind_now,
            good.text_relocations,
            good.executable_stack,
            good.symbol_table
        ),
        (true, true, false, false, false)
    );
    assert_eq!(good.soname.as_deref(), Some("libx.so"));
    assert!(
        good.needed.iter().any(|name| name == "libc.so.6"),
        "{:?}",
        good.needed
    );
    assert_eq!(good.exports, ["seen"]);
    let getpid = good.undefined.iter().find(|used| used.name == "getpid").unwrap();
    assert!(!getpid.weak);
    assert!(
        good.undefined.iter().any(|used| used.weak),
        "{:?}",
        good.undefined
    );
    assert!(
        good.notes.iter().any(|(owner, _)| owner == "GNU"),
        "{:?}",
        good.notes
    );
}

#[test]
fn and_how_it_should_not_have_been() {
    let bad = linked(&["-z,max-page-size=4096", "-z,norelro", "-z,lazy", "-z,execstack"]);
    assert_eq!(bad.alignments.iter().max(), Some(&0x1000));
    assert_eq!(
        (bad.relro, bad.bind_now, bad.executable_stack, bad.symbol_table),
        (false, false, true, true)
    );
    assert_eq!(bad.soname.as_deref(), None);
}

#[test]
fn what_is_no_library_is_an_error() {
    let check = |bytes: &[u8]| assert!(Shared::read(bytes).is_err(), "{bytes:?}");
    check(b"");
    check(b"\x7fELF");
    check(b"!<arch>\n");
    let whole = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    check(&whole[..64]);
}
