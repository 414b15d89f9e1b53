//! Stand-ins for what the NDK would bring: libraries that have the reviewed symbols and do nothing, and an unwinder that ends the
//! process. Whatever is linked with that unwinder says so in a note, because it is for looking at and never for shipping.

use std::fs;
use std::path::{Path, PathBuf};

use super::symbols::Symbols;
use super::target::{ANDROID_API, Target};
use super::tools::Tools;
use crate::packages::quietly;
use crate::workspace::Workspace;

/// Who wrote the note.
pub(crate) const NOTE_OWNER: &str = "attest";
/// What it says.
pub(crate) const NOTE: &str = "not for shipping: its unwinder is a stand-in";

/// The libraries that Android's linker may be asked for.
pub(crate) const LIBRARIES: [&str; 4] = ["libc", "libdl", "libm", "liblog"];

/// What Rust's panics call. The NDK has these in a static library.
const UNWINDER: [&str; 14] = [
    "_Unwind_Backtrace",
    "_Unwind_DeleteException",
    "_Unwind_FindEnclosingFunction",
    "_Unwind_GetCFA",
    "_Unwind_GetDataRelBase",
    "_Unwind_GetIP",
    "_Unwind_GetIPInfo",
    "_Unwind_GetLanguageSpecificData",
    "_Unwind_GetRegionStart",
    "_Unwind_GetTextRelBase",
    "_Unwind_RaiseException",
    "_Unwind_Resume",
    "_Unwind_SetGR",
    "_Unwind_SetIP",
];

/// Makes them for `target`; the folder that they lie in.
pub(crate) fn make(
    workspace: &Workspace,
    tools: &Tools,
    target: &Target,
    symbols: &Symbols,
) -> Result<PathBuf, String> {
    let folder = tools.folder.join("stand-ins").join(target.triple);
    let failed = |what: &str| format!("no stand-in for {what} could be made");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for library in LIBRARIES {
        let object = compile(
            workspace,
            tools,
            target,
            &folder,
            library,
            &library_source(library, symbols),
        );
        let object = object.ok_or_else(|| failed(library))?;
        let mut link = workspace.command(&tools.linker);
        link.args(["-flavor", "gnu", "-shared", "-soname"])
            .arg(format!("{library}.so"))
            .arg(object);
        link.arg("-o").arg(folder.join(format!("{library}.so")));
        if !quietly(&mut link) {
            return Err(failed(library));
        }
    }
    let unwinder = compile(workspace, tools, target, &folder, "libunwind", &unwinder_source());
    let unwinder = unwinder.ok_or_else(|| failed("the unwinder"))?;
    // The linker looks for an archive of this name, and takes an object as well: then the note cannot be left out.
    fs::rename(unwinder, folder.join("libunwind.a")).map_err(|_| failed("the unwinder"))?;
    Ok(folder)
}

fn compile(
    workspace: &Workspace,
    tools: &Tools,
    target: &Target,
    folder: &Path,
    name: &str,
    source: &str,
) -> Option<PathBuf> {
    let file = folder.join(format!("{name}.c"));
    fs::write(&file, source).ok()?;
    let object = folder.join(format!("{name}.o"));
    let mut compile = workspace.command(&tools.clang);
    compile.arg(format!("--target={}", target.clang));
    compile.args(["-ffreestanding", "-fno-builtin", "-fPIC", "-w", "-c"]);
    compile.arg(file).arg("-o").arg(&object);
    quietly(&mut compile).then_some(object)
}

/// Only what the oldest supported Android has: what is newer stays undefined, as it would be there.
fn library_source(library: &str, symbols: &Symbols) -> String {
    let ours = symbols
        .iter()
        .filter(|(_, symbol)| symbol.library == library && symbol.since <= ANDROID_API);
    ours.map(|(name, _)| format!("void {name}(void) {{}}\n"))
        .collect()
}

fn unwinder_source() -> String {
    let functions: String = UNWINDER
        .iter()
        .map(|name| {
            format!("__attribute__((visibility(\"hidden\"))) void {name}(void) {{ __builtin_trap(); }}\n")
        })
        .collect();
    // As the ELF standard has notes: two sizes, a kind, a padded owner, a padded text.
    let (owner, text) = (NOTE_OWNER.len() + 1, NOTE.len() + 1);
    let (owner_room, text_room) = (owner.next_multiple_of(4), text.next_multiple_of(4));
    format!(
        "{functions}__attribute__((used, section(\".note.attest\"), aligned(4)))\n\
         static const struct {{ int owner, text, kind; char owned[{owner_room}]; char said[{text_room}]; }}\n\
         note = {{ {owner}, {text}, 1, \"{NOTE_OWNER}\", \"{NOTE}\" }};\n"
    )
}

#[cfg(test)]
mod tests {
    use super::super::symbols::{Symbol, Symbols};
    use super::{library_source, unwinder_source};

    #[test]
    fn a_library_has_its_own_symbols_that_are_old_enough() {
        let symbol = |library: &str, since| Symbol {
            library: library.to_owned(),
            since,
        };
        let symbols = Symbols::from([
            ("abort".to_owned(), symbol("libc", 21)),
            ("getrandom".to_owned(), symbol("libc", 28)),
            ("dlsym".to_owned(), symbol("libdl", 21)),
        ]);
        assert_eq!(library_source("libc", &symbols), "void abort(void) {}\n");
        assert_eq!(library_source("libdl", &symbols), "void dlsym(void) {}\n");
        assert_eq!(library_source("libm", &symbols), "");
    }

    #[test]
    fn the_unwinder_carries_the_note() {
        let source = unwinder_source();
        assert!(source.contains("void _Unwind_RaiseException(void) { __builtin_trap(); }"));
        assert!(
            source.contains("owned[8]; char said[48]; }\nnote = { 7, 45, 1, \"attest\", \"not for shipping")
        );
    }
}
