//! Sets of characters as ranges that are in order and apart.

use super::program::Range;

/// The same ranges, in order and apart.
pub(super) fn joined(ranges: &[Range]) -> Vec<Range> {
    let mut class = Vec::new();
    ranges.iter().for_each(|range| join(&mut class, *range));
    class
}

/// Puts a range into a class, whose ranges stay in order and apart.
pub(super) fn join(class: &mut Vec<Range>, (mut from, mut to): Range) {
    let at = class.partition_point(|known| known.1.saturating_add(1) < from);
    while let Some(touched) = class.get(at).filter(|known| known.0 <= to.saturating_add(1)) {
        (from, to) = (from.min(touched.0), to.max(touched.1));
        class.remove(at);
    }
    class.insert(at, (from, to));
}

/// All other characters.
pub(super) fn complement(class: &[Range]) -> Vec<Range> {
    let (mut others, mut next) = (Vec::new(), 0);
    for (from, to) in class {
        if next < *from {
            others.push((next, from - 1));
        }
        next = to + 1;
    }
    if next <= u32::from(char::MAX) {
        others.push((next, char::MAX.into()));
    }
    others
}

/// Adds the other case of the letters of a class.
pub(super) fn fold(class: &mut Vec<Range>) {
    for (from, to) in class.clone() {
        let part = |first: char, last: char| {
            let (first, last) = (from.max(first.into()), to.min(last.into()));
            (first <= last).then_some((first, last))
        };
        if let Some((first, last)) = part('a', 'z') {
            join(class, (first - 32, last - 32));
        } else if let Some((first, last)) = part('A', 'Z') {
            join(class, (first + 32, last + 32));
        }
    }
}

/// The ranges of a named class, in order.
pub(super) fn named(name: &str) -> Option<&'static [Range]> {
    Some(match name {
        "alnum" => &[(48, 57), (65, 90), (97, 122)],
        "alpha" => &[(65, 90), (97, 122)],
        "ascii" => &[(0, 127)],
        "blank" => &[(9, 9), (32, 32)],
        "cntrl" => &[(0, 31), (127, 127)],
        "digit" => &[(48, 57)],
        "graph" => &[(33, 126)],
        "lower" => &[(97, 122)],
        "print" => &[(32, 126)],
        "punct" => &[(33, 47), (58, 64), (91, 96), (123, 126)],
        "space" => &[(9, 13), (32, 32)],
        "upper" => &[(65, 90)],
        "word" => &[(48, 57), (65, 90), (95, 95), (97, 122)],
        "xdigit" => &[(48, 57), (65, 70), (97, 102)],
        _ => return None,
    })
}
