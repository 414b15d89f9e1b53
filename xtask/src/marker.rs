//! Searching a built binary for text that must not be in it. The same search is first made in a development build,
//! where the text must be: a search that could not find it proves nothing.

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

#[cfg(test)]
mod tests {
    use super::{declared, occurs};

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
