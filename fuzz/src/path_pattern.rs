//! Path patterns of routes and requirements.

use attest_core::policy::PathPattern;

/// The lines are two patterns and a path: a pattern reads as it is written, covers itself, and matches whatever a pattern
/// that it covers matches.
pub fn path_pattern(data: &[u8]) -> bool {
    let mut lines = crate::text(data).splitn(3, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (wide, narrow, path) = (line(), line(), line());
    let Ok(wide) = wide.parse::<PathPattern>() else { return false };
    assert_eq!(wide.to_string().parse::<PathPattern>().as_ref(), Ok(&wide), "{wide} reads otherwise");
    assert!(wide.covers(&wide), "{wide} does not cover itself");
    let Ok(narrow) = narrow.parse::<PathPattern>() else { return false };
    if wide.covers(&narrow) && narrow.matches(path) {
        assert!(wide.matches(path), "{wide} covers {narrow} and does not match {path}");
    }
    true
}
