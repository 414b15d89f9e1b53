//! Whether two answers differ; lists differ as sets.
//!
//! An answer that could not be had is no difference, and no agreement either. Each item is read once; nothing is allocated.

use std::collections::BTreeSet;

use super::{
    Outcome,
    items::{ItemTest, Items},
};
use crate::facts::Answer;

/// The most items that the shorter of two compared lists may have; above it the comparison is inconclusive.
pub const MAX_DIFFERING_ITEMS: usize = 4_096;

pub(super) fn differs(left: Answer<'_>, right: Answer<'_>, except: Option<&ItemTest>) -> Outcome {
    match (left, right) {
        (Answer::Error(_), _) | (_, Answer::Error(_)) => Outcome::Inconclusive,
        (Answer::Absent, Answer::Absent) => Outcome::False,
        (Answer::Absent, _) | (_, Answer::Absent) => Outcome::True,
        (Answer::Text(left), Answer::Text(right)) => Outcome::of(left != right),
        (Answer::Integer(left), Answer::Integer(right)) => Outcome::of(left != right),
        (Answer::Boolean(left), Answer::Boolean(right)) => Outcome::of(left != right),
        (Answer::List(left), Answer::List(right)) => {
            let (left, right) = (Items::new(left, except), Items::new(right, except));
            let (short, long) = if left.len() <= right.len() {
                (left, right)
            } else {
                (right, left)
            };
            // The room on the stack fits the list, because clearing it costs more than comparing a short one.
            match short.len() {
                0..=64 => sets_differ_within::<64>(&short, &long),
                65..=512 => sets_differ_within::<512>(&short, &long),
                513..=MAX_DIFFERING_ITEMS => sets_differ_within::<MAX_DIFFERING_ITEMS>(&short, &long),
                _ => Outcome::Inconclusive,
            }
        }
        _ => Outcome::Inconclusive,
    }
}

#[inline(never)]
fn sets_differ_within<const N: usize>(short: &Items<'_>, long: &Items<'_>) -> Outcome {
    sets_differ(short, long, &mut [""; N], &mut [false; N])
}

#[inline(never)]
fn sets_differ<'a>(short: &Items<'a>, long: &Items<'a>, room: &mut [&'a str], seen: &mut [bool]) -> Outcome {
    let (mut filled, mut unknown) = (0, !short.is_whole());
    for (slot, item) in room.iter_mut().zip(short.iter()) {
        // An unknown item leaves an empty place, which only makes the outcome less certain.
        *slot = item.unwrap_or_default();
        unknown |= item.is_none();
        filled += 1;
    }
    let whole = !unknown;
    let sorted = room.get_mut(..filled).unwrap_or_default();
    sorted.sort_unstable();
    for item in long.iter() {
        let Some(item) = item else {
            unknown = true;
            continue;
        };
        let at = sorted.partition_point(|known| *known < item);
        if sorted.get(at) != Some(&item) {
            if whole {
                return Outcome::True;
            }
            continue;
        }
        if let Some(seen) = seen.get_mut(at) {
            *seen = true;
        }
    }
    if unknown || long.unread() > 0 {
        return Outcome::Inconclusive;
    }
    // Of equal items only the first is ever seen.
    let mut previous = None;
    for (item, seen) in sorted.iter().zip(seen.iter()) {
        if previous != Some(item) && !*seen {
            return Outcome::True;
        }
        previous = Some(item);
    }
    Outcome::False
}

/// The smallest item that only one of two lists has, for an explanation.
pub(super) fn one_sided<'a>(left: &Items<'a>, right: &Items<'a>) -> Option<&'a str> {
    let (left, right): (BTreeSet<&str>, BTreeSet<&str>) = (left.known().collect(), right.known().collect());
    left.symmetric_difference(&right).next().copied()
}
