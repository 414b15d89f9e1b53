//! From a pattern to steps. Groups are the only recursion, and bounded.

use super::META;
use super::class::{complement, fold, join, joined, named};
use super::program::{Look, Program, Range, Step};

type Parsed<T> = Result<T, &'static str>;

/// Constructs within each other.
const MAX_NESTING: u32 = 24;
/// What a compiled expression may take; a policy holds many, a phone has little. A step counts for 16 bytes, a range for 8.
const MAX_BYTES: usize = 64 * 1024;

const ENDED: &str = "the pattern ended too soon";
const UNCLOSED: &str = "found open group without closing ')'";
const TOO_LARGE: &str = "compiled regex exceeded size limit";
const NESTED: &str = "pattern has too much nesting";
const NOTHING_TO_REPEAT: &str = "nothing stands before a repetition";
const REPETITION: &str = "not a counted repetition";
const ESCAPE: &str = "unrecognized escape sequence";
const CHARACTER: &str = "not the number of a character";
const NAME: &str = "not the name of a group, or one that stands twice";
const FLAGS: &str = "not flags of a group";
const CLASS: &str = "not a character class of this dialect";

pub(super) fn parse(pattern: &str, ignore_case: bool) -> Parsed<Program> {
    let mut parser = Parser {
        rest: pattern,
        flags: Flags {
            ignore_case,
            ..Flags::default()
        },
        depth: 0,
        names: Vec::new(),
        program: Program::default(),
    };
    if parser.alternatives()? > MAX_NESTING {
        return Err(NESTED);
    }
    Ok(parser.program)
}

#[derive(Clone, Copy, Default)]
struct Flags {
    ignore_case: bool,
    lines: bool,
    dot_is_any: bool,
    any_line_end: bool,
    verbose: bool,
}

struct Parser<'a> {
    rest: &'a str,
    flags: Flags,
    depth: u32,
    names: Vec<&'a str>,
    program: Program,
}

/// What an escape stands for.
enum Item {
    Character(char),
    Class(Vec<Range>),
    Look(Look),
}

/// A part of a concatenation: where its steps begin, and how deep it is.
#[derive(Clone, Copy)]
struct Part {
    start: usize,
    height: u32,
}

impl<'a> Parser<'a> {
    fn first(&self) -> Option<char> {
        self.rest.chars().next()
    }

    /// Goes on by one character; whether another follows.
    fn bump(&mut self) -> bool {
        let mut rest = self.rest.chars();
        rest.next();
        self.rest = rest.as_str();
        !self.rest.is_empty()
    }

    /// As [`Self::bump`], and over space where that means nothing.
    fn bump_space(&mut self) -> bool {
        self.bump();
        self.space();
        !self.rest.is_empty()
    }

    fn space(&mut self) {
        while self.flags.verbose {
            match self.first() {
                Some(character) if character.is_whitespace() => {
                    self.bump();
                }
                Some('#') => while self.bump() && self.first() != Some('\n') {},
                _ => return,
            }
        }
    }

    fn takes(&mut self, prefix: &str) -> bool {
        let rest = self.rest.strip_prefix(prefix);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn bounded(&self) -> Parsed<()> {
        let bytes = self.program.steps.len() * 16 + self.program.ranges.len() * 8;
        if bytes > MAX_BYTES { Err(TOO_LARGE) } else { Ok(()) }
    }

    fn push(&mut self, step: Step) -> Parsed<()> {
        self.program.steps.push(step);
        self.bounded()
    }

    fn insert(&mut self, at: usize, step: Step) -> Parsed<()> {
        self.program.steps.insert(at, step);
        self.bounded()
    }

    /// How many steps there are from `start` on.
    fn since(&self, start: usize) -> isize {
        isize::try_from(self.program.steps.len().saturating_sub(start)).unwrap_or_default()
    }

    /// Everything up to the end of the group or pattern; how deep it is.
    fn alternatives(&mut self) -> Parsed<u32> {
        let depth = self.depth;
        if depth > MAX_NESTING {
            return Err(NESTED);
        }
        self.depth += 1;
        let (mut branch, mut ends, mut deepest) = (self.program.steps.len(), Vec::new(), 0);
        loop {
            deepest = self.concatenation(depth)?.max(deepest);
            if self.first() != Some('|') {
                break;
            }
            self.bump();
            let length = self.since(branch);
            self.insert(branch, Step::Split(length + 2))?;
            ends.push(self.program.steps.len());
            self.push(Step::Jump(0))?;
            branch = self.program.steps.len();
        }
        let is_one = ends.is_empty();
        for end in ends {
            let distance = self.since(end);
            if let Some(step) = self.program.steps.get_mut(end) {
                *step = Step::Jump(distance);
            }
        }
        self.depth = depth;
        Ok(if is_one { deepest } else { deepest + 1 })
    }

    /// Everything up to the next `|`, `)` or the end; how deep it is.
    fn concatenation(&mut self, depth: u32) -> Parsed<u32> {
        let (mut parts, mut deepest, mut last) = (0, 0, None::<Part>);
        loop {
            self.space();
            let start = self.program.steps.len();
            let height = match self.first() {
                None | Some('|') => break,
                Some(')') if depth == 0 => return Err("found closing ')' without matching '('"),
                Some(')') => break,
                Some('(') => {
                    let flags = self.flags;
                    let height = self.group()?;
                    if height.is_some() {
                        self.flags = flags;
                    }
                    if self.first() != Some(')') {
                        return Err(UNCLOSED);
                    }
                    self.bump();
                    // Flags alone are no part.
                    let Some(height) = height else { continue };
                    height
                }
                Some(sign @ ('?' | '*' | '+')) => {
                    let (least, most) = match sign {
                        '?' => (0, Some(1)),
                        '*' => (0, None),
                        _ => (1, None),
                    };
                    if self.bump() && self.first() == Some('?') {
                        self.bump();
                    }
                    self.repeat(last.as_mut(), least, most)?;
                    continue;
                }
                Some('{') => {
                    if last.is_none() {
                        return Err(NOTHING_TO_REPEAT);
                    }
                    let (least, most) = self.counts()?;
                    self.repeat(last.as_mut(), least, most)?;
                    continue;
                }
                Some('[') => {
                    let class = self.class()?;
                    self.one_of(&class)?;
                    0
                }
                Some(character) => {
                    self.bump();
                    self.primitive(character)?;
                    0
                }
            };
            deepest = last.map_or(0, |last| last.height).max(deepest);
            last = Some(Part { start, height });
            parts += 1;
        }
        deepest = last.map_or(0, |last| last.height).max(deepest);
        Ok(if parts > 1 { deepest + 1 } else { deepest })
    }

    fn primitive(&mut self, character: char) -> Parsed<()> {
        let item = match character {
            '\\' => self.escape()?,
            '.' => {
                let line_ends: &[Range] = match self.flags {
                    Flags { dot_is_any: true, .. } => &[],
                    Flags {
                        any_line_end: true, ..
                    } => &[(10, 10), (13, 13)],
                    _ => &[(10, 10)],
                };
                Item::Class(complement(line_ends))
            }
            '^' => Item::Look(self.line(Look::Start, Look::LineStart, Look::AnyLineStart)),
            '$' => Item::Look(self.line(Look::End, Look::LineEnd, Look::AnyLineEnd)),
            character => self.character(character),
        };
        match item {
            Item::Character(character) => self.push(Step::Character(character)),
            Item::Class(ranges) => self.one_of(&ranges),
            Item::Look(look) => self.push(Step::Look(look)),
        }
    }

    const fn line(&self, of_text: Look, of_line: Look, of_any_line: Look) -> Look {
        match self.flags {
            Flags { lines: false, .. } => of_text,
            Flags {
                any_line_end: true, ..
            } => of_any_line,
            _ => of_line,
        }
    }

    fn character(&self, character: char) -> Item {
        let mut both = vec![(character.into(), character.into())];
        if self.flags.ignore_case && character.is_ascii_alphabetic() {
            fold(&mut both);
            Item::Class(both)
        } else {
            Item::Character(character)
        }
    }

    fn one_of(&mut self, class: &[Range]) -> Parsed<()> {
        let first = u16::try_from(self.program.ranges.len()).map_err(|_| TOO_LARGE)?;
        let count = u16::try_from(class.len()).map_err(|_| TOO_LARGE)?;
        self.program.ranges.extend_from_slice(class);
        self.push(Step::Class { first, count })
    }

    /// Repeats what was parsed last.
    fn repeat(&mut self, part: Option<&mut Part>, least: u32, most: Option<u32>) -> Parsed<()> {
        let part = part.ok_or(NOTHING_TO_REPEAT)?;
        match (least, most) {
            (1, Some(1)) => return Ok(()),
            (0, Some(0)) => part.height = 0,
            _ => part.height += 1,
        }
        // Also of nothing there are not more.
        if usize::try_from(most.unwrap_or(least)).map_or(true, |times| times > MAX_BYTES / 16) {
            return Err(TOO_LARGE);
        }
        let body = self.program.steps.split_off(part.start);
        let length = isize::try_from(body.len()).unwrap_or_default();
        for _ in 0..least {
            self.program.steps.extend_from_slice(&body);
            self.bounded()?;
        }
        match most {
            None if least == 0 => {
                self.push(Step::Split(length + 2))?;
                self.program.steps.extend_from_slice(&body);
                self.push(Step::Jump(-length - 1))?;
            }
            None => self.push(Step::Split(-length))?,
            Some(most) => {
                for _ in least..most {
                    self.push(Step::Split(length + 1))?;
                    self.program.steps.extend_from_slice(&body);
                }
            }
        }
        self.bounded()
    }

    /// `{2}`, `{2,}` or `{2,3}`.
    fn counts(&mut self) -> Parsed<(u32, Option<u32>)> {
        if !self.bump_space() {
            return Err(ENDED);
        }
        let least = self.decimal()?;
        let mut most = Some(least);
        if self.first() == Some(',') {
            if !self.bump_space() {
                return Err(ENDED);
            }
            most = if self.first() == Some('}') {
                None
            } else {
                Some(self.decimal()?)
            };
        }
        if self.first() != Some('}') || most.is_some_and(|most| most < least) {
            return Err(REPETITION);
        }
        if self.bump_space() && self.first() == Some('?') {
            self.bump();
        }
        Ok((least, most))
    }

    fn decimal(&mut self) -> Parsed<u32> {
        while self.first().is_some_and(char::is_whitespace) {
            self.bump();
        }
        let mut number = None;
        while let Some(digit) = self.first().and_then(|digit| digit.to_digit(10)) {
            let sum = number.unwrap_or(0_u32).checked_mul(10);
            number = Some(sum.and_then(|sum| sum.checked_add(digit)).ok_or(REPETITION)?);
            self.bump_space();
        }
        while self.first().is_some_and(char::is_whitespace) {
            self.bump_space();
        }
        number.ok_or(REPETITION)
    }

    /// A group from its `(` up to its end, and how deep it is; `None` if it only sets flags.
    fn group(&mut self) -> Parsed<Option<u32>> {
        self.bump_space();
        if ["?=", "?!", "?<=", "?<!"]
            .iter()
            .any(|prefix| self.rest.starts_with(prefix))
        {
            return Err("look-around is not supported");
        }
        if self.takes("?P<") || self.takes("?<") {
            self.name()?;
        } else if self.takes("?") {
            let is_empty = self.first() == Some(')');
            self.flags = self.flags()?;
            return if self.takes(":") {
                self.alternatives().map(Some)
            } else if is_empty {
                Err(FLAGS)
            } else {
                Ok(None)
            };
        }
        self.alternatives().map(|height| Some(height + 1))
    }

    fn name(&mut self) -> Parsed<()> {
        let (name, rest) = self.rest.split_once('>').ok_or(NAME)?;
        let fits = |(index, character): (usize, char)| match character {
            'a'..='z' | 'A'..='Z' | '_' => true,
            '0'..='9' | '.' | '[' | ']' => index > 0,
            // Any letter of any script.
            _ => !character.is_ascii(),
        };
        if name.is_empty() || !name.char_indices().all(fits) || self.names.contains(&name) {
            return Err(NAME);
        }
        self.names.push(name);
        self.rest = rest;
        Ok(())
    }

    /// Flags up to the `:` or `)` behind them.
    fn flags(&mut self) -> Parsed<Flags> {
        let (mut flags, mut set, mut seen) = (self.flags, true, String::new());
        loop {
            let flag = self.first().ok_or(ENDED)?;
            if matches!(flag, ':' | ')') {
                return if seen.ends_with('-') {
                    Err(FLAGS)
                } else {
                    Ok(flags)
                };
            }
            if seen.contains(flag) {
                return Err(FLAGS);
            }
            seen.push(flag);
            match flag {
                '-' => set = false,
                'i' => flags.ignore_case = set,
                'm' => flags.lines = set,
                's' => flags.dot_is_any = set,
                'R' => flags.any_line_end = set,
                'x' => flags.verbose = set,
                // Which of several matches is found is of no interest, and there is no Unicode to leave out.
                'U' | 'u' => {}
                _ => return Err(FLAGS),
            }
            self.bump();
        }
    }

    /// An escape behind its `\`.
    fn escape(&mut self) -> Parsed<Item> {
        let character = self.first().ok_or(ENDED)?;
        match character {
            'x' => return self.hexadecimal(2),
            'u' => return self.hexadecimal(4),
            'U' => return self.hexadecimal(8),
            _ => self.bump(),
        };
        if character.is_ascii() && !character.is_ascii_alphanumeric() && !matches!(character, '<' | '>')
            || META.contains(character)
        {
            return Ok(self.character(character));
        }
        let class = |name, is_negated: bool| {
            let ranges = named(name).unwrap_or_default();
            Item::Class(if is_negated {
                complement(ranges)
            } else {
                joined(ranges)
            })
        };
        Ok(match character {
            'd' | 'D' => class("digit", character == 'D'),
            's' | 'S' => class("space", character == 'S'),
            'w' | 'W' => class("word", character == 'W'),
            'a' => self.character('\x07'),
            'f' => self.character('\x0c'),
            't' => self.character('\t'),
            'n' => self.character('\n'),
            'r' => self.character('\r'),
            'v' => self.character('\x0b'),
            'A' => Item::Look(Look::Start),
            'z' => Item::Look(Look::End),
            'b' => Item::Look(self.boundary()?.unwrap_or(Look::Boundary)),
            'B' => Item::Look(Look::NoBoundary),
            '<' => Item::Look(Look::WordStart),
            '>' => Item::Look(Look::WordEnd),
            _ => return Err(ESCAPE),
        })
    }

    /// What stands in braces behind `\b`, unless that is a number.
    fn boundary(&mut self) -> Parsed<Option<Look>> {
        let before = self.rest;
        if self.first() != Some('{') {
            return Ok(None);
        }
        if !self.bump_space() {
            return Err(ENDED);
        }
        let mut name = String::new();
        while let Some(character @ ('a'..='z' | 'A'..='Z' | '-')) = self.first() {
            name.push(character);
            self.bump_space();
        }
        if name.is_empty() {
            self.rest = before;
            return Ok(None);
        }
        let look = match name.as_str() {
            "start" => Look::WordStart,
            "end" => Look::WordEnd,
            "start-half" => Look::NoWordBefore,
            "end-half" => Look::NoWordAfter,
            _ => return Err(ESCAPE),
        };
        if self.takes("}") {
            Ok(Some(look))
        } else {
            Err(ESCAPE)
        }
    }

    /// The number of a character behind its `x`, `u` or `U`: so many digits, or any number of them in braces.
    fn hexadecimal(&mut self, digits: u32) -> Parsed<Item> {
        if !self.bump_space() {
            return Err(ENDED);
        }
        let in_braces = self.first() == Some('{');
        if in_braces {
            self.bump_space();
        }
        let (mut number, mut count) = (0_u32, 0);
        while let Some(digit) = self.first().and_then(|digit| digit.to_digit(16)) {
            if !in_braces && count == digits {
                break;
            }
            // No character has more than six digits.
            number = number.checked_mul(16).ok_or(CHARACTER)? + digit;
            count += 1;
            self.bump_space();
        }
        let is_whole = if in_braces {
            count > 0 && self.first() == Some('}')
        } else {
            count == digits
        };
        if !is_whole {
            return Err(CHARACTER);
        }
        if in_braces {
            self.bump_space();
        }
        char::from_u32(number)
            .map(|character| self.character(character))
            .ok_or(CHARACTER)
    }

    /// A class from its `[` to its `]`.
    fn class(&mut self) -> Parsed<Vec<Range>> {
        let mut class = Vec::new();
        self.bump_space();
        let is_negated = self.first() == Some('^');
        if is_negated {
            self.bump_space();
        }
        while self.first() == Some('-') {
            join(&mut class, ('-'.into(), '-'.into()));
            self.bump_space();
        }
        if class.is_empty() && self.first() == Some(']') {
            join(&mut class, (']'.into(), ']'.into()));
            self.bump_space();
        }
        loop {
            self.space();
            let next = self.rest.chars().nth(1);
            match self.first().ok_or(ENDED)? {
                ']' => break,
                '[' => {
                    for range in self.posix().ok_or(CLASS)? {
                        join(&mut class, range);
                    }
                }
                sign @ ('&' | '-' | '~') if next == Some(sign) => return Err(CLASS),
                _ => self.class_range(&mut class)?,
            }
        }
        self.bump();
        if self.flags.ignore_case {
            fold(&mut class);
        }
        Ok(if is_negated { complement(&class) } else { class })
    }

    fn class_range(&mut self, class: &mut Vec<Range>) -> Parsed<()> {
        let from = self.class_item()?;
        self.space();
        let is_range = self.first() == Some('-') && !matches!(self.after_space(), Some(']' | '-'));
        if is_range {
            self.bump_space();
            let to = self.class_item()?;
            let (Item::Character(from), Item::Character(to)) = (from, to) else {
                return Err(CLASS);
            };
            if from > to {
                return Err(CLASS);
            }
            join(class, (from.into(), to.into()));
            return Ok(());
        }
        match from {
            Item::Character(one) => join(class, (one.into(), one.into())),
            Item::Class(ranges) => ranges.into_iter().for_each(|range| join(class, range)),
            Item::Look(_) => return Err(CLASS),
        }
        Ok(())
    }

    /// The character behind the next one.
    fn after_space(&mut self) -> Option<char> {
        let before = self.rest;
        self.bump_space();
        let after = self.first();
        self.rest = before;
        after
    }

    fn class_item(&mut self) -> Parsed<Item> {
        let character = self.first().ok_or(ENDED)?;
        self.bump();
        if character == '\\' {
            self.escape()
        } else {
            Ok(Item::Character(character))
        }
    }

    /// `[:alpha:]` or `[:^alpha:]`.
    fn posix(&mut self) -> Option<Vec<Range>> {
        let inner = self.rest.strip_prefix("[:")?;
        let (name, rest) = inner.split_once(":]")?;
        let plain = name.strip_prefix('^');
        let ranges = named(plain.unwrap_or(name))?;
        self.rest = rest;
        Some(if plain.is_some() {
            complement(ranges)
        } else {
            joined(ranges)
        })
    }
}
