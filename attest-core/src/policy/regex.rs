//! Regular expressions: whether one matches somewhere in a text, in time linear in the text and in the expression.
//!
//! The language is that of the crate `regex-lite`: no look-around, no back-references, classes and case of ASCII only. Tests compare both;
//! this one takes somewhat larger expressions.
//! An expression is compiled to steps that are taken all at once, so that no text makes it try again; nothing recurses on a text.

mod class;
mod parse;
mod program;

use self::program::{Look, Program, Step};

/// A compiled regular expression.
#[derive(Debug, Clone)]
pub(super) struct Regex(Program);

impl Regex {
    /// The compiled form of `pattern`, or what is wrong with it.
    pub(super) fn new(pattern: &str, ignore_case: bool) -> Result<Self, &'static str> {
        parse::parse(pattern, ignore_case).map(Self)
    }

    /// Whether it matches somewhere in the text.
    pub(super) fn is_match(&self, text: &str) -> bool {
        let mut run = Run {
            program: &self.0,
            text: text.as_bytes(),
            at: 0,
            seen: vec![0; self.0.steps.len()],
            open: Vec::new(),
        };
        let (mut waiting, mut taken) = (Vec::new(), Vec::new());
        let is_anchored = matches!(self.0.steps.first(), Some(Step::Look(Look::Start)));
        let mut rest = text.chars();
        loop {
            // A match may begin anywhere, or only here.
            if (run.at == 0 || !is_anchored) && run.reach(0, &mut waiting) {
                return true;
            }
            if is_anchored && waiting.is_empty() {
                return false;
            }
            let Some(next) = rest.next() else { return false };
            run.at += next.len_utf8();
            std::mem::swap(&mut waiting, &mut taken);
            for &step in &taken {
                if run.program.takes(step, next) && run.reach(step + 1, &mut waiting) {
                    return true;
                }
            }
            taken.clear();
        }
    }
}

/// `text` as a pattern that matches just it.
pub(super) fn escape(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for character in text.chars() {
        if META.contains(character) {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}

/// Characters that mean something else than themselves.
const META: &str = r"\.+*?()|[]{}^$#&-~";

struct Run<'a> {
    program: &'a Program,
    text: &'a [u8],
    /// How many bytes are behind us.
    at: usize,
    /// Where each step was reached last, plus one.
    seen: Vec<usize>,
    /// Steps that are reached and not looked at yet.
    open: Vec<usize>,
}

impl Run<'_> {
    /// Adds to `waiting` all steps that wait for a character after `step` was reached here; true if the end is reached.
    fn reach(&mut self, step: usize, waiting: &mut Vec<usize>) -> bool {
        self.open.push(step);
        while let Some(step) = self.open.pop() {
            let Some(seen) = self.seen.get_mut(step) else {
                return true;
            };
            if std::mem::replace(seen, self.at + 1) == self.at + 1 {
                continue;
            }
            match self.program.steps.get(step) {
                Some(Step::Character(_) | Step::Class { .. }) => waiting.push(step),
                Some(Step::Look(look)) if look.holds(self.text, self.at) => self.open.push(step + 1),
                Some(Step::Look(_)) | None => {}
                Some(Step::Jump(distance)) => self.open.extend(step.checked_add_signed(*distance)),
                Some(Step::Split(distance)) => {
                    self.open.extend(step.checked_add_signed(*distance));
                    self.open.push(step + 1);
                }
            }
        }
        false
    }
}

#[cfg(test)]
mod tests;
