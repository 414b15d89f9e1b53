//! The commands that lint and link for a target, with everything that must be set for them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::rules::SONAME;
use super::stubs::LIBRARIES;
use super::target::{IOS, Target};
use super::tools::Tools;
use crate::console::say;
use crate::dist;
use crate::workspace::{Workspace, typed};

/// What phones get of this project.
const PACKAGES: [&str; 3] = ["attest-core", "attest-mobile", LIBRARY];
const LIBRARY: &str = "attest-mobile-library";

/// How Android's library is linked. A build with the NDK passes the same.
const LINK: [&str; 13] = [
    // Texts that end alike are one.
    "-O2",
    "--shared",
    "--gc-sections",
    "--eh-frame-hdr",
    "--strip-all",
    // What a hook could write to is read-only before the app runs.
    "-znow",
    "-znoexecstack",
    // Phones with large pages load nothing else.
    "-zmax-page-size=16384",
    // Half the size of relocations; known since Android 6.
    "--pack-dyn-relocs=android",
    "--hash-style=gnu",
    // Functions that are the same are one.
    "--icf=all",
    // attest-mobile/library/src/generator.rs.
    "--wrap=ring_core_0_17_14__p256_point_mul_base",
    "--wrap=ring_core_0_17_14__p256_point_mul_base_vartime",
];

/// How everything is compiled, the standard library too. A build with the NDK passes the same.
const COMPILE: [&str; 4] = [
    // Panics unwind from calls: tables that are right at every instruction are for profilers.
    "-Zuse-sync-unwind=yes",
    // A panic while something is dropped ends the process, so that nothing has to clean up behind it. What we drop does not panic.
    "-Zpanic-in-drop=abort",
    // A panic reaches the app by its message, which never had a place in it.
    "-Zlocation-detail=none",
    // Nothing is shown by `{:?}` on a phone.
    "-Zfmt-debug=none",
];

/// What the code generator is told. Cutting out what occurs twice costs a row in the unwinder's tables, too; a second look finds more.
const GENERATE: [&str; 4] = [
    "-Cllvm-args=-outliner-benefit-threshold=28",
    "-Cllvm-args=-machine-outliner-reruns=1",
    "-Cllvm-args=-tail-merge-size=2",
    "-Cllvm-args=-inline-threshold=25",
];

/// Lints all that phones get of this project, warnings being errors; whether that held.
pub(crate) fn lint(workspace: &Workspace, tools: &Tools, target: &Target) -> bool {
    let mut clippy = cargo(workspace, tools, target, "clippy");
    for package in PACKAGES {
        clippy.args(["--package", package]);
    }
    clippy.args(["--", "-D", "warnings"]);
    ran(&mut clippy)
}

/// How much of the library is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// What is shipped.
    All,
    /// What is below the surface that UniFFI makes.
    Core,
}

/// Builds the target's library as it is shipped, for an app's linker or for [`share`]; where it is, or `None` if it does not build.
pub(crate) fn archive(workspace: &Workspace, tools: &Tools, target: &Target, part: Part) -> Option<PathBuf> {
    let mut build = cargo(workspace, tools, target, "rustc");
    build.args([
        "--profile",
        "mobile",
        "--package",
        LIBRARY,
        "--crate-type",
        "staticlib",
    ]);
    if part == Part::Core {
        build.args(["--no-default-features", "--features", "whole"]);
    }
    build.arg("--").args(GENERATE);
    // Paths of this machine are nobody's business, and their length would change the size.
    let mut flags = dist::remapped(workspace);
    flags.push("\u{1f}--remap-path-prefix=");
    flags.push(&tools.source);
    flags.push("=/rust");
    for flag in COMPILE {
        flags.push("\u{1f}");
        flags.push(flag);
    }
    build.env("CARGO_ENCODED_RUSTFLAGS", flags);
    let built = tools.folder.join(target.triple).join("mobile/libattest.a");
    ran(&mut build).then_some(built)
}

/// Links what Android loads of `archive`, with the libraries in `stand_ins` for the platform's, exporting these names and no other:
/// linked by the compiler it would also export what only tools read.
pub(crate) fn share(
    tools: &Tools,
    target: &Target,
    archive: &Path,
    stand_ins: &Path,
    exports: &[String],
) -> Result<PathBuf, String> {
    let folder = tools.folder.join(target.triple).join("mobile");
    let script = folder.join("exports.map");
    let text = format!("{{ global: {}; local: *; }};\n", exports.join("; "));
    fs::write(&script, text).map_err(|error| format!("{}: {error}", script.display()))?;
    let library = folder.join(SONAME);
    let mut link = Command::new(&tools.linker);
    link.args(["-flavor", "gnu"]).args(LINK).arg("-L").arg(stand_ins);
    link.args(exports.iter().map(|name| format!("--undefined={name}")));
    link.arg(format!("--version-script={}", script.display()));
    link.arg(format!("-soname={SONAME}"));
    // What is not in the stand-ins is told by its own rule, all of it and with what to do.
    link.arg("--unresolved-symbols=ignore-all");
    link.arg("-o").arg(&library).arg(archive);
    // The unwinder belongs to the library; the others are the platform's.
    link.arg("-lunwind").arg("--as-needed");
    link.args(
        LIBRARIES
            .iter()
            .map(|name| format!("-l{}", name.trim_start_matches("lib"))),
    );
    if ran(&mut link) {
        Ok(library)
    } else {
        Err("does not link: see the linker's words above".into())
    }
}

fn cargo(workspace: &Workspace, tools: &Tools, target: &Target, chore: &str) -> Command {
    let mut cargo = workspace.cargo([
        chore,
        "--locked",
        "-Zbuild-std=std,panic_unwind",
        "-Zbuild-std-features=optimize_for_size",
    ]);
    cargo
        .args(["--target", target.triple])
        .arg("--target-dir")
        .arg(&tools.folder);
    // The compiler builds its own standard library, which is not stable to ask for.
    cargo.env("RUSTC_BOOTSTRAP", "1");
    cargo.env("__CARGO_TESTS_ONLY_SRC_ROOT", &tools.source);
    let suffix = target.triple.replace('-', "_");
    cargo.env(format!("CC_{suffix}"), &tools.clang);
    let mut flags = vec![
        format!("--target={}", target.clang),
        "-nostdlibinc".to_owned(),
        "-DRING_CORE_NOSTDLIBINC=1".to_owned(),
        // What a debugger would read names paths of this machine, and a static library keeps it.
        "-g0".to_owned(),
        // No panic passes through it.
        "-fno-asynchronous-unwind-tables".to_owned(),
        "-fno-unwind-tables".to_owned(),
    ];
    flags.extend(target.defines.iter().map(|define| (*define).to_owned()));
    if target.is_apple() {
        flags.push(format!(
            "-isystem {}",
            tools.apple_sdk.join("usr/include").display()
        ));
        cargo
            .env("SDKROOT", &tools.apple_sdk)
            .env("IPHONEOS_DEPLOYMENT_TARGET", IOS);
    }
    cargo.env(format!("CFLAGS_{suffix}"), flags.join(" "));
    cargo
}

fn ran(command: &mut Command) -> bool {
    say(format!("  $ {}", typed(command)));
    command.status().is_ok_and(|status| status.success())
}
