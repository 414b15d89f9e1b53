//! What can be wrong with a policy: a field path, a stable code and the facts of the case. Words are made by `Display`.

use std::fmt;

use super::{ENGINE_VERSION, MAX_TEXT_BYTES, PathPatternError, matcher};
use crate::facts::FactRefError;

/// One problem of a policy and where it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {fault}")]
pub struct PolicyError {
    /// The field, such as `rules[2].when.all[0].value`.
    pub path: String,
    /// What is wrong there.
    pub fault: Fault,
}

impl PolicyError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.fault.code()
    }
}

/// What is wrong at a place of a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The fact is unknown or asked in a way it does not offer.
    #[error(transparent)]
    Fact(#[from] FactRefError),
    /// The fact is not known where this condition is evaluated.
    #[error("`{fact}` is not known {side}")]
    FactOrigin {
        /// The fact.
        fact: &'static str,
        /// `on the phone` or `at the gateway`.
        side: &'static str,
    },
    /// The fact does not exist on the platform.
    #[error("`{fact}` does not exist on {platform}")]
    FactPlatform {
        /// The fact.
        fact: &'static str,
        /// The detector's platform.
        platform: &'static str,
    },
    /// No such operator.
    #[error("unknown operator `{op}`")]
    OperatorUnknown {
        /// The operator as written.
        op: String,
    },
    /// The operator does not apply to the fact's type.
    #[error("operator `{op}` does not apply to {kind} facts")]
    OperatorKind {
        /// The operator as written.
        op: String,
        /// The fact's type.
        kind: &'static str,
    },
    /// A list fact is compared without saying which of its items.
    #[error("a list fact needs `any_`, `all_`, `none_` or `count_` before `{op}`")]
    QuantifierMissing {
        /// The operator as written.
        op: String,
    },
    /// A quantifier on something that is not a list.
    #[error("`{op}` is for lists, this fact is {kind}")]
    QuantifierUnexpected {
        /// The operator as written.
        op: String,
        /// The fact's type.
        kind: &'static str,
    },
    /// The operator needs a value.
    #[error("operator `{op}` needs a value: {expected}")]
    ValueMissing {
        /// The operator as written.
        op: String,
        /// What the value must be.
        expected: &'static str,
    },
    /// The operator takes no value.
    #[error("operator `{op}` takes no value")]
    ValueUnexpected {
        /// The operator as written.
        op: String,
    },
    /// The value has the wrong type.
    #[error("expected {expected}")]
    ValueKind {
        /// What the value must be.
        expected: &'static str,
    },
    /// `except` needs something that it can leave out.
    #[error("`except` is for lists and rows: with `any_`, `all_`, `none_`, `count_`, or `differs` of lists")]
    ExceptUnexpected,
    /// `differs` without the other fact.
    #[error("`{op}` compares two facts: name the other fact or view in `from`")]
    FromMissing {
        /// The operator as written.
        op: String,
    },
    /// `from` beside another operator.
    #[error("`from` is for `differs`")]
    FromUnexpected,
    /// Two facts of different types.
    #[error("only facts of one type can differ: this one is {from}, the other is {kind}")]
    FromKind {
        /// The type of `from`.
        from: &'static str,
        /// The type of `fact`.
        kind: &'static str,
    },
    /// A fact compared with itself.
    #[error("this is the same question twice: name another view or another fact")]
    FromSame,
    /// A fact with rows is asked as if it were a list.
    #[error(
        "`{op}` does not apply to rows: use `any_row`, `all_row`, `none_row`, or `count_gt` and its kin, with `where`"
    )]
    RowOperator {
        /// The operator as written.
        op: String,
    },
    /// `any_row` and its kin without `where`.
    #[error("`{op}` needs `where`: [{{column, op, value}}, …]")]
    WhereMissing {
        /// The operator as written.
        op: String,
    },
    /// `where` on a fact without rows.
    #[error("`where` is for facts with rows, this one is {kind}")]
    WhereUnexpected {
        /// The fact's type.
        kind: &'static str,
    },
    /// The fact has no such column.
    #[error("unknown column `{column}`, expected {}", known.join(", "))]
    ColumnUnknown {
        /// The column as written.
        column: String,
        /// The fact's columns.
        known: &'static [&'static str],
    },
    /// `except` of a fact with rows without a column.
    #[error("say which column leaves a row out: {}", known.join(", "))]
    ColumnMissing {
        /// The fact's columns.
        known: &'static [&'static str],
    },
    /// A column of a fact without rows.
    #[error("`column` is for facts with rows, this one is {kind}")]
    ColumnUnexpected {
        /// The fact's type.
        kind: &'static str,
    },
    /// The regular expression does not compile.
    #[error("not a regular expression of this dialect: {message}")]
    Regex {
        /// What the compiler says.
        message: String,
    },
    /// No such list.
    #[error("unknown list `{name}`")]
    ListUnknown {
        /// The name.
        name: String,
    },
    /// No such variable.
    #[error("unknown variable `${{{name}}}`")]
    VariableUnknown {
        /// The name.
        name: String,
    },
    /// A variable of phones in a rule.
    #[error("the variables of a phone have no value at the gateway: ask for the detector's finding")]
    VariableOrigin,
    /// Conditions are nested too deep.
    #[error("conditions are nested deeper than {}", matcher::MAX_DEPTH)]
    TooDeep,
    /// A condition has too many clauses.
    #[error("a condition has more than {} clauses", matcher::MAX_NODES)]
    TooManyClauses,
    /// More items than allowed.
    #[error("more than {max} {what}")]
    TooMany {
        /// What is counted.
        what: &'static str,
        /// The bound.
        max: usize,
    },
    /// A text is too long.
    #[error("longer than {MAX_TEXT_BYTES} bytes")]
    TextTooLong,
    /// Something that must not be empty is.
    #[error("must not be empty")]
    Empty,
    /// A number outside its bounds.
    #[error("must be between {min} and {max}")]
    OutOfRange {
        /// The smallest.
        min: u64,
        /// The largest.
        max: u64,
    },
    /// An id or name with other characters than allowed.
    #[error("`{text}` is not a name: use a-z, 0-9, `.`, `_` and `-`, at most 64 characters")]
    Name {
        /// The text.
        text: String,
    },
    /// The same id twice.
    #[error("`{id}` is already used at {first}")]
    Duplicate {
        /// The id.
        id: String,
        /// The path of its first use.
        first: String,
    },
    /// A reference to something that does not exist.
    #[error("unknown {what} `{name}`")]
    Unknown {
        /// What is referred to: app, route, rule, issuer.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A rule that the brake must never relax.
    #[error(
        "rule `{rule}` asks for `{fact}`: the brake never relaxes what the platform, a binding or a single device decides"
    )]
    BeyondBrake {
        /// The rule.
        rule: String,
        /// The fact.
        fact: &'static str,
    },
    /// Not a path pattern.
    #[error(transparent)]
    Pattern(#[from] PathPatternError),
    /// Not an HTTP method.
    #[error("`{text}` is not an HTTP method in capitals")]
    Method {
        /// The text.
        text: String,
    },
    /// Not a public origin.
    #[error("`{text}` is not an origin such as https://api.bank.example")]
    Origin {
        /// The text.
        text: String,
    },
    /// A field that contradicts another one.
    #[error("{message}")]
    Contradiction {
        /// A stable code of the rule that is broken.
        code: &'static str,
        /// What contradicts what.
        message: &'static str,
    },
    /// A field that has no meaning here or is needed here.
    #[error("{message}")]
    Shape {
        /// What is expected.
        message: &'static str,
    },
    /// The policy asks for a newer engine.
    #[error("needs engine {needed}, this is engine {ENGINE_VERSION}")]
    EngineUnsupported {
        /// The version the policy asks for.
        needed: u32,
    },
}

impl Fault {
    /// The stable code of this fault.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Fact(error) => error.code(),
            Self::FactOrigin { .. } => "fact-origin",
            Self::FactPlatform { .. } => "fact-platform",
            Self::OperatorUnknown { .. } => "operator-unknown",
            Self::OperatorKind { .. } => "operator-kind",
            Self::QuantifierMissing { .. } => "quantifier-missing",
            Self::QuantifierUnexpected { .. } => "quantifier-unexpected",
            Self::ValueMissing { .. } => "value-missing",
            Self::ValueUnexpected { .. } => "value-unexpected",
            Self::ValueKind { .. } => "value-kind",
            Self::ExceptUnexpected => "except-unexpected",
            Self::FromMissing { .. } => "from-missing",
            Self::FromUnexpected => "from-unexpected",
            Self::FromKind { .. } => "from-kind",
            Self::FromSame => "from-same",
            Self::RowOperator { .. } => "row-operator",
            Self::WhereMissing { .. } => "where-missing",
            Self::WhereUnexpected { .. } => "where-unexpected",
            Self::ColumnUnknown { .. } => "column-unknown",
            Self::ColumnMissing { .. } => "column-missing",
            Self::ColumnUnexpected { .. } => "column-unexpected",
            Self::Regex { .. } => "regex",
            Self::ListUnknown { .. } => "list-unknown",
            Self::VariableUnknown { .. } => "variable-unknown",
            Self::VariableOrigin => "variable-origin",
            Self::TooDeep => "too-deep",
            Self::TooManyClauses => "too-many-clauses",
            Self::TooMany { .. } => "too-many",
            Self::TextTooLong => "text-too-long",
            Self::Empty => "empty",
            Self::OutOfRange { .. } => "out-of-range",
            Self::Name { .. } => "name",
            Self::Duplicate { .. } => "duplicate-id",
            Self::Unknown { .. } => "unknown-reference",
            Self::BeyondBrake { .. } => "beyond-brake",
            Self::Pattern(error) => error.code(),
            Self::Method { .. } => "method",
            Self::Origin { .. } => "origin",
            Self::Contradiction { code, .. } => code,
            Self::Shape { .. } => "shape",
            Self::EngineUnsupported { .. } => "engine-unsupported",
        }
    }

    /// True if a newer engine might know what this one does not: such a detector is `unsupported`, not broken.
    pub(super) const fn is_newer(&self) -> bool {
        matches!(
            self,
            Self::Fact(FactRefError::Unknown { .. } | FactRefError::ViewUnfit { .. })
                | Self::OperatorUnknown { .. }
                | Self::ColumnUnknown { .. }
                | Self::VariableUnknown { .. }
                | Self::EngineUnsupported { .. }
        )
    }
}

/// Collects the errors of one compilation, bounded so that a hostile policy cannot grow the report without end.
#[derive(Debug, Default)]
pub(super) struct Errors(Vec<PolicyError>);

/// The most errors one compilation reports.
const MAX_ERRORS: usize = 200;

impl Errors {
    pub(super) fn push(&mut self, path: impl fmt::Display, fault: impl Into<Fault>) {
        self.add(&path, fault.into());
    }

    fn add(&mut self, path: &dyn fmt::Display, fault: Fault) {
        if self.0.len() < MAX_ERRORS {
            let path = path.to_string();
            self.0.push(PolicyError { path, fault });
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn all(&self, test: impl Fn(&Fault) -> bool) -> bool {
        self.0.iter().all(|error| test(&error.fault))
    }

    pub(super) fn append(&mut self, other: Self) {
        let room = MAX_ERRORS.saturating_sub(self.0.len());
        self.0.extend(other.0.into_iter().take(room));
    }

    /// Appends those that are not there yet.
    pub(super) fn append_new(&mut self, other: Self) {
        for error in other.0 {
            if !self.0.contains(&error) {
                self.push(error.path, error.fault);
            }
        }
    }

    pub(super) fn into_result<T>(self, value: Option<T>) -> Result<T, Vec<PolicyError>> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(self.0),
        }
    }
}
