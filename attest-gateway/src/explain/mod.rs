//! From the hashes of a cause back to words: those of the policy and of the product. It guesses nothing: two words of one hash
//! are both told, and what is not found is said to be unknown.

mod names;
mod reasons;
mod rule;

pub use names::Names;
pub use reasons::REASONS;
pub use rule::{ClauseWords, Deciding, RuleWords};
