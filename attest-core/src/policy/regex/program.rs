//! What an expression is compiled to.

/// Steps, one after the other; the expression matches where their end is reached.
#[derive(Debug, Clone, Default)]
pub(super) struct Program {
    pub(super) steps: Vec<Step>,
    /// Characters of all classes, from the first to the last one of each range.
    pub(super) ranges: Vec<Range>,
}

/// Numbers of characters.
pub(super) type Range = (u32, u32);

#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// Goes on after this character.
    Character(char),
    /// Goes on after a character of these ranges.
    Class { first: u16, count: u16 },
    /// Goes on if this holds here.
    Look(Look),
    /// Goes on at this distance.
    Jump(isize),
    /// Goes on at the next step, and at this distance as well.
    Split(isize),
}

/// What must hold between two characters.
#[derive(Debug, Clone, Copy)]
pub(super) enum Look {
    Start,
    End,
    LineStart,
    LineEnd,
    /// Where `\r`, `\n` and both together end a line.
    AnyLineStart,
    AnyLineEnd,
    Boundary,
    NoBoundary,
    WordStart,
    WordEnd,
    NoWordBefore,
    NoWordAfter,
}

impl Program {
    /// Whether this step waits for this character.
    pub(super) fn takes(&self, step: usize, character: char) -> bool {
        match self.steps.get(step) {
            Some(Step::Character(expected)) => *expected == character,
            Some(Step::Class { first, count }) => {
                let ranges = self.ranges.iter().skip((*first).into()).take((*count).into());
                let number = u32::from(character);
                ranges
                    .into_iter()
                    .any(|(from, to)| (*from..=*to).contains(&number))
            }
            Some(Step::Look(_) | Step::Jump(_) | Step::Split(_)) | None => false,
        }
    }
}

impl Look {
    pub(super) fn holds(self, text: &[u8], at: usize) -> bool {
        let before = at.checked_sub(1).and_then(|before| text.get(before)).copied();
        let after = text.get(at).copied();
        let is_word =
            |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let (word_before, word_after) = (is_word(before), is_word(after));
        match self {
            Self::Start => before.is_none(),
            Self::End => after.is_none(),
            Self::LineStart => matches!(before, None | Some(b'\n')),
            Self::LineEnd => matches!(after, None | Some(b'\n')),
            Self::AnyLineStart => {
                matches!(before, None | Some(b'\n')) || (before == Some(b'\r') && after != Some(b'\n'))
            }
            Self::AnyLineEnd => {
                matches!(after, None | Some(b'\r')) || (after == Some(b'\n') && before != Some(b'\r'))
            }
            Self::Boundary => word_before != word_after,
            Self::NoBoundary => word_before == word_after,
            Self::WordStart => !word_before && word_after,
            Self::WordEnd => word_before && !word_after,
            Self::NoWordBefore => !word_before,
            Self::NoWordAfter => !word_after,
        }
    }
}
