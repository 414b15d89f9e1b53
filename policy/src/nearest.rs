//! The nearest of some known words, for "did you mean".

/// Words longer than this have no nearest one: the search is bounded.
const MAX_WORD_BYTES: usize = 64;

/// The known word that is most like `word`, if any is alike enough to be meant.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > MAX_WORD_BYTES {
        return None;
    }
    let limit = word.chars().count().div_ceil(3);
    known
        .into_iter()
        .filter(|known| known.len() <= MAX_WORD_BYTES)
        .map(|known| (distance(known, word), known))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, known)| *distance <= limit && *distance < known.len())
        .map(|(_, known)| known)
}

/// ` (did you mean …?)`, or nothing.
pub(crate) fn hint<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known).map_or_else(String::new, |near| format!(" (did you mean `{near}`?)"))
}

/// Levenshtein distance over bytes.
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.bytes().enumerate() {
        let mut diagonal = i;
        let mut previous = i + 1;
        if let Some(first) = row.first_mut() {
            *first = previous;
        }
        for (cell, b) in row.iter_mut().skip(1).zip(right.bytes()) {
            let substituted = diagonal + usize::from(a != b);
            diagonal = *cell;
            previous = substituted.min(diagonal + 1).min(previous + 1);
            *cell = previous;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_like_the_one_written() {
        let known = ["version", "environment", "detectors", "why", "use"];
        let check = |word: &str, expect: Option<&str>| assert_eq!(nearest(word, known), expect, "{word}");
        check("detecters", Some("detectors"));
        check("verson", Some("version"));
        check("wy", Some("why"));
        check("colour", None);
        check("", None);
        check(&"x".repeat(100), None);
    }
}
