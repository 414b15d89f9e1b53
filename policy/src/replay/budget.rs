//! How many genuine requests a candidate may newly refuse.

use std::str::FromStr;

use super::Report;

/// The most requests that were allowed and may be refused or asked for more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Budget {
    /// A share of those that were allowed.
    Share(f64),
    /// So many.
    Requests(f64),
}

/// Not a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a share such as `0.1%` or a number of requests such as `20`")]
pub struct BudgetError;

/// Whether a budget is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Kept,
    /// It is not.
    Exceeded,
    /// It is, unless requests that the log does not decide, or lines that cannot be used, are refused.
    Unproven,
}

impl FromStr for Budget {
    type Err = BudgetError;

    fn from_str(text: &str) -> Result<Self, BudgetError> {
        if let Some(percent) = text.strip_suffix('%') {
            let percent: f64 = percent.trim_end().parse().map_err(|_| BudgetError)?;
            return (0.0..=100.0)
                .contains(&percent)
                .then_some(Self::Share(percent / 100.0))
                .ok_or(BudgetError);
        }
        let requests: u32 = text.parse().map_err(|_| BudgetError)?;
        Ok(Self::Requests(f64::from(requests)))
    }
}

impl Budget {
    /// Whether a candidate keeps it.
    #[must_use]
    pub fn verdict(self, report: &Report) -> Verdict {
        // Sums of fractions are never whole.
        const ROUNDING: f64 = 1e-6;
        let most = match self {
            Self::Share(share) => report.allowed * share,
            Self::Requests(requests) => requests,
        } + ROUNDING;
        let unreadable = f64::from(u32::try_from(report.bad).unwrap_or(u32::MAX));
        let newly = report.newly_denied + report.newly_stepped_up;
        if newly > most {
            Verdict::Exceeded
        } else if newly + report.undecided_of_allowed + unreadable > most {
            Verdict::Unproven
        } else {
            Verdict::Kept
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_a_share_or_a_number() {
        let check = |text: &str, expect: Option<Budget>| assert_eq!(text.parse().ok(), expect, "{text}");
        check("0.1%", Some(Budget::Share(0.001)));
        check("50 %", Some(Budget::Share(0.5)));
        check("0", Some(Budget::Requests(0.0)));
        check("20", Some(Budget::Requests(20.0)));
        for wrong in ["", "%", "-1", "-1%", "101%", "NaN%", "inf%", "0.1", "1e3"] {
            check(wrong, None);
        }
    }

    #[test]
    fn what_is_not_shown_is_not_kept() {
        let check = |newly_denied: f64, undecided: f64, budget: &str, expect: Verdict| {
            let mut report = Report::new(1, false);
            (report.allowed, report.newly_denied) = (1_000.0, newly_denied);
            report.undecided_of_allowed = undecided;
            let budget: Budget = budget.parse().unwrap();
            assert_eq!(budget.verdict(&report), expect, "{newly_denied} {undecided}");
            report.bad = 2_000;
            assert_ne!(budget.verdict(&report), Verdict::Kept, "lines that were lost");
        };
        check(0.0, 0.0, "0", Verdict::Kept);
        check(1.0, 0.0, "0.1%", Verdict::Kept);
        check(1.1, 0.0, "0.1%", Verdict::Exceeded);
        check(0.5, 0.6, "0.1%", Verdict::Unproven);
        check(2.0, 500.0, "1", Verdict::Exceeded);
    }
}
