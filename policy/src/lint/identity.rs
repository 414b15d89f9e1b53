//! What a condition says, whatever the order and form it is written in: equal conditions have one identity.
//!
//! Order and repetition of what stands in `all` and `any`, nesting of one `all` in another, double negation, and the
//! several ways to write a negated operator make no difference. Two identities are equal only for conditions that mean
//! the same; not every pair that means the same is found.

use attest_core::{encoding::sha256, policy::Condition};

use super::literals::Literal;

pub(super) type Identity = [u8; 32];

/// The identity of a condition, or of its opposite, and how many clauses were visited for it.
pub(super) fn identity(condition: &Condition, negated: bool) -> (Identity, usize) {
    let mut visited = 0;
    (of(condition, negated, &mut visited), visited)
}

fn of(condition: &Condition, negated: bool, visited: &mut usize) -> Identity {
    *visited += 1;
    match condition {
        Condition::Fact(test) => {
            let literal = Literal::of(test, negated);
            let sign: &[u8] = if literal.negated { b"!" } else { b"" };
            sha256(&[b"fact", sign, literal.key().as_bytes()])
        }
        Condition::Not(child) => of(child, !negated, visited),
        Condition::All(_) | Condition::Any(_) => {
            let all = matches!(condition, Condition::All(_)) != negated;
            let mut parts = Vec::new();
            flat(condition, negated, all, &mut parts, visited);
            joined(if all { b"all" } else { b"any" }, parts)
        }
        Condition::AtLeast(at_least) => {
            let of_each = at_least
                .of
                .iter()
                .map(|child| of(child, false, visited))
                .collect();
            let sign = if negated { "not at_least" } else { "at_least" };
            repeated(format!("{sign} {}", at_least.n).as_bytes(), of_each)
        }
    }
}

/// The identities of what stands in a nest of `all`, or of `any`.
fn flat(condition: &Condition, negated: bool, all: bool, parts: &mut Vec<Identity>, visited: &mut usize) {
    match condition {
        Condition::All(children) if negated != all => {
            for child in children {
                flat(child, negated, all, parts, visited);
            }
        }
        Condition::Any(children) if negated == all => {
            for child in children {
                flat(child, negated, all, parts, visited);
            }
        }
        Condition::Not(child) => flat(child, !negated, all, parts, visited),
        Condition::Fact(_) | Condition::All(_) | Condition::Any(_) | Condition::AtLeast(_) => {
            parts.push(of(condition, negated, visited));
        }
    }
}

fn joined(word: &[u8], mut parts: Vec<Identity>) -> Identity {
    parts.sort_unstable();
    parts.dedup();
    match parts.as_slice() {
        [only] => *only,
        _ => digest(word, &parts),
    }
}

fn repeated(word: &[u8], mut parts: Vec<Identity>) -> Identity {
    parts.sort_unstable();
    digest(word, &parts)
}

fn digest(word: &[u8], parts: &[Identity]) -> Identity {
    let mut bytes = vec![word];
    bytes.extend(parts.iter().map(Identity::as_slice));
    sha256(&bytes)
}
