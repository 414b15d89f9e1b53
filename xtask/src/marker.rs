//! Searching a built binary for text that must not be in it. The same search is first made in a development build,
//! where the text must be: a search that could not find it proves nothing. An optimised build may cut a text to pieces, so what
//! Cargo resolves for the deployable is looked at, too.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::workspace::Workspace;

/// Part of every binary that was built with the gateway's deliberate faults.
pub(crate) const FAULTS: &str = "attest-gateway-faults-enabled";

/// The value of `pub const MARKER: &str = "…"` in the testkit's source, `None` when there is none or it is too short
/// to be found by anything but itself.
pub(crate) fn declared(source: &str) -> Option<String> {
    let (_, rest) = source.split_once("pub const MARKER: &str")?;
    let value = rest.split('"').nth(1)?;
    (value.len() >= 16 && value.is_ascii()).then(|| value.to_owned())
}

/// Every text that must not be in a deployable; `None` if the testkit declares none.
pub(crate) fn all(workspace: &Workspace) -> Option<[String; 2]> {
    let source = std::fs::read_to_string(workspace.root.join("testkit/src/lib.rs")).ok()?;
    Some([declared(&source)?, FAULTS.to_owned()])
}

/// Whether the file holds these bytes anywhere.
///
/// # Errors
/// The file cannot be read.
pub(crate) fn occurs(path: &Path, needle: &str) -> io::Result<bool> {
    let mut bytes = Vec::new();
    File::open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes
        .windows(needle.len())
        .any(|window| window == needle.as_bytes()))
}

/// That what Cargo resolves for the deployable has neither the testkit nor the feature of the faults; what is wrong if it has.
pub(crate) fn not_resolved(workspace: &Workspace) -> Result<(), String> {
    let mut tree = workspace.cargo(["tree", "--locked", "--package", "attest", "--no-default-features"]);
    tree.args(["--edges", "normal", "--prefix", "none", "--format", "{p} [{f}]"]);
    let output = tree.output().map_err(|error| format!("cargo tree: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err("`cargo tree` says nothing of the deployable".to_owned());
    }
    forbidden(&text).map_or(Ok(()), |line| Err(format!("the deployable is made of {line}")))
}

/// The first line of a tree that a deployable must not have; also where the gateway itself is not found.
fn forbidden(tree: &str) -> Option<&str> {
    let named = |line: &str, name: &str| line.split(' ').next() == Some(name);
    let features = |line: &str, word: &str| {
        let list = line.rsplit_once('[').map_or("", |(_, list)| list);
        list.split([',', ']']).any(|feature| feature == word)
    };
    let bad = |line: &&str| {
        named(line, "attest-testkit")
            || named(line, "attest-mobile")
            || (named(line, "attest-gateway") && features(line, "faults"))
            || (named(line, "attest") && features(line, "dev"))
    };
    let gateway = tree.lines().any(|line| named(line, "attest-gateway"));
    tree.lines().find(bad).or((!gateway).then_some("no gateway"))
}

#[cfg(test)]
mod tests {
    use super::{declared, forbidden, occurs};

    #[test]
    fn a_tree_with_simulated_phones_or_faults_is_refused() {
        let check = |more: &str, expect: Option<&str>| {
            let tree = format!("attest v0.1.0 (/x) []\nserde v1.0.0 [dev,faults]\n{more}");
            assert_eq!(forbidden(&tree), expect, "{more}");
        };
        check(
            "attest-gateway v0.1.0 (/x) []\nattest-gateway v0.1.0 (/x) [] (*)",
            None,
        );
        let testkit = "attest-testkit v0.1.0 (/x) []";
        check(
            &format!("attest-gateway v0.1.0 (/x) []\n{testkit}"),
            Some(testkit),
        );
        let faulty = "attest-gateway v0.1.0 (/x) [default,faults] (*)";
        check(faulty, Some(faulty));
        check("", Some("no gateway"));
    }

    #[test]
    fn the_marker_is_read_from_source_text() {
        let check = |source, expect: Option<&str>| assert_eq!(declared(source).as_deref(), expect);
        check(
            "//! x\npub const MARKER: &str = \"attest-testkit-marker\";",
            Some("attest-testkit-marker"),
        );
        check(
            "pub const MARKER: &str =\n    \"attest-testkit-marker\";",
            Some("attest-testkit-marker"),
        );
        check("pub const MARKER: &str = \"short\";", None);
        check("pub const OTHER: &str = \"attest-testkit-marker\";", None);
    }

    #[test]
    fn a_marker_is_found_wherever_it_lies() {
        let folder = tempfile::tempdir().unwrap();
        let check = |bytes: &[u8], expect| {
            let path = folder.path().join("binary");
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(occurs(&path, "marker-of-16-byt").unwrap(), expect, "{bytes:?}");
        };
        check(b"marker-of-16-byt", true);
        check(b"\x7fELF\0\0marker-of-16-byt", true);
        check(b"\x7fELF\0\0marker-of-16-by\0t", false);
        check(b"", false);
    }
}
