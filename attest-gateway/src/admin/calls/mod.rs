//! The operations themselves, by what they are about. They are reached through the gate only.

pub(super) mod bans;
pub(super) mod decisions;
pub(super) mod devices;
pub(super) mod events;
pub(super) mod policy;
pub(super) mod state;

use super::problem::{AdminCode, AdminProblem};

/// Most entries of one answer.
pub(super) const LIMIT_MAX: usize = 1_000;
/// Entries of an answer that was not told how many.
const LIMIT: usize = 100;

/// How many entries are asked for.
fn limit(asked: Option<usize>) -> Result<usize, AdminProblem> {
    match asked.unwrap_or(LIMIT) {
        limit @ 1..=LIMIT_MAX => Ok(limit),
        _ => {
            let detail = format!("limit: expected 1 to {LIMIT_MAX}");
            Err(AdminProblem::new(AdminCode::Malformed, detail))
        }
    }
}
