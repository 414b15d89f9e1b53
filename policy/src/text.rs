//! From bytes to the text of a source, or the one problem that keeps them from being text.

use crate::{
    MAX_SOURCE_BYTES,
    problem::{Level, Position, Problem},
};

/// The text of a source.
///
/// # Errors
/// The problem and its place: it is too large, not UTF-8, or there is nothing in it.
pub fn source_text<'a>(file_name: &str, bytes: &'a [u8]) -> Result<&'a str, Box<Problem>> {
    let problem = |position, code, message: String| {
        Box::new(Problem {
            file: file_name.to_owned(),
            position,
            path: String::new(),
            code,
            level: Level::Error,
            message,
        })
    };
    if bytes.len() > MAX_SOURCE_BYTES {
        let message = format!("a source has at most {MAX_SOURCE_BYTES} bytes");
        return Err(problem(Position::START, "source-too-large", message));
    }
    let text = str::from_utf8(bytes).map_err(|error| {
        let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let message = "not UTF-8 text: save the file as UTF-8";
        problem(end_of(good), "source-not-utf8", message.to_owned())
    })?;
    if text.trim().is_empty() {
        let message = "the file is empty".to_owned();
        return Err(problem(Position::START, "source-empty", message));
    }
    Ok(text)
}

/// The place after these bytes, which are UTF-8.
fn end_of(bytes: &[u8]) -> Position {
    let good = str::from_utf8(bytes).unwrap_or_default();
    let (lines, last) = good
        .split('\n')
        .fold((0, ""), |(lines, _), line| (lines + 1, line));
    Position {
        line: lines,
        column: u64::try_from(last.chars().count())
            .unwrap_or(u64::MAX)
            .saturating_add(1),
    }
}
