//! Reads files and standard input up to a bound; what is longer is refused, never cut.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// All bytes of `reader`; `None` if there are more than `max_bytes`.
///
/// # Errors
/// The reader's.
pub(crate) fn read_bounded(reader: impl Read, max_bytes: usize) -> io::Result<Option<Vec<u8>>> {
    let limit = u64::try_from(max_bytes).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    reader.take(limit).read_to_end(&mut bytes)?;
    Ok((bytes.len() <= max_bytes).then_some(bytes))
}

/// All bytes of a file; `None` if there are more than `max_bytes`.
///
/// # Errors
/// The operating system's.
pub(crate) fn file(path: &Path, max_bytes: usize) -> io::Result<Option<Vec<u8>>> {
    read_bounded(File::open(path)?, max_bytes)
}

/// The argument, or standard input where it is absent or `-`; `None` if there are more than `max_bytes`.
///
/// # Errors
/// The operating system's.
pub(crate) fn argument(text: Option<&str>, max_bytes: usize) -> io::Result<Option<Vec<u8>>> {
    match text {
        None | Some("-") => read_bounded(io::stdin().lock(), max_bytes),
        Some(text) => Ok((text.len() <= max_bytes).then(|| text.as_bytes().to_vec())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_exact() {
        for (len, expect) in [(0, true), (4, true), (5, false), (500, false)] {
            assert_eq!(
                read_bounded(vec![b'a'; len].as_slice(), 4).unwrap().is_some(),
                expect,
                "{len}"
            );
        }
    }
}
