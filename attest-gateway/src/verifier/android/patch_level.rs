//! Patch levels, as phones report them and as people compare them.
//!
//! What is no date (0, a thirteenth month) is no patch level: such phones exist, and know nothing better.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::calendar::days_from_civil;

/// The month, and with newer parts the day, up to which security fixes are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PatchLevel {
    year: u16,
    month: u8,
    day: Option<u8>,
}

impl PatchLevel {
    /// Reads `YYYYMM` or `YYYYMMDD`, where day 0 means that only the month is known.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        let (months, day) = if number > 999_999 {
            (number / 100, number % 100)
        } else {
            (number, 0)
        };
        Self::new(months / 100, months % 100, day)
    }

    fn new(year: u32, month: u32, day: u32) -> Option<Self> {
        if !(2000..=9999).contains(&year) || !(1..=12).contains(&month) || day > 31 {
            return None;
        }
        let day = u8::try_from(day).ok()?;
        Some(Self {
            year: u16::try_from(year).ok()?,
            month: u8::try_from(month).ok()?,
            day: (day > 0).then_some(day),
        })
    }

    /// Whether it is not older than the floor. Days count only where both have them: a phone that tells its month alone is
    /// not refused for a day that it never said.
    #[must_use]
    pub fn reaches(self, floor: Self) -> bool {
        let months = |level: Self| (level.year, level.month);
        if months(self) != months(floor) {
            return months(self) > months(floor);
        }
        match (self.day, floor.day) {
            (Some(day), Some(floor)) => day >= floor,
            _ => true,
        }
    }

    /// The day since 1970; the first of the month where only that is known.
    #[must_use]
    pub fn day(self) -> i64 {
        days_from_civil(i64::from(self.year), self.month, self.day.unwrap_or(1))
    }

    /// How many days old it is; 0 for one from the future.
    #[must_use]
    pub fn age_days(self, now_s: u64) -> u32 {
        let today = i64::try_from(now_s / 86_400).unwrap_or(i64::MAX);
        u32::try_from(today.saturating_sub(self.day()).max(0)).unwrap_or(u32::MAX)
    }
}

impl fmt::Display for PatchLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)?;
        self.day.map_or(Ok(()), |day| write!(f, "-{day:02}"))
    }
}

impl Serialize for PatchLevel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A text is no `YYYY-MM` or `YYYY-MM-DD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not YYYY-MM or YYYY-MM-DD")]
pub struct PatchLevelError;

impl FromStr for PatchLevel {
    type Err = PatchLevelError;

    fn from_str(text: &str) -> Result<Self, PatchLevelError> {
        let digits = |part: &str, length: usize| {
            let plain = part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
            plain
                .then(|| part.parse::<u32>().ok())
                .flatten()
                .ok_or(PatchLevelError)
        };
        let mut parts = text.split('-');
        let year = digits(parts.next().unwrap_or_default(), 4)?;
        let month = digits(parts.next().unwrap_or_default(), 2)?;
        let day = parts.next().map(|day| digits(day, 2)).transpose()?;
        if parts.next().is_some() || day == Some(0) {
            return Err(PatchLevelError);
        }
        Self::new(year, month, day.unwrap_or(0)).ok_or(PatchLevelError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(number: u32, expect: Option<&str>) {
        let read = PatchLevel::from_number(number);
        assert_eq!(read.map(|level| level.to_string()).as_deref(), expect, "{number}");
        assert_eq!(expect.map(|text| text.parse().unwrap()), read);
    }

    #[test]
    fn numbers_are_dates_or_nothing() {
        check(201_907, Some("2019-07"));
        check(20_190_705, Some("2019-07-05"));
        check(20_190_700, Some("2019-07"));
        for nothing in [
            0,
            1,
            201_913,
            201_900,
            20_191_301,
            20_190_732,
            190_001,
            2_019_070_501,
            u32::MAX,
        ] {
            check(nothing, None);
        }
        for bad in [
            "",
            "2019",
            "2019-7",
            "2019-07-",
            "2019-07-00",
            "2019-13",
            "2019-07-05-1",
            "+201-07",
            "2019-07-5",
        ] {
            assert_eq!(bad.parse::<PatchLevel>(), Err(PatchLevelError), "{bad}");
        }
    }

    #[test]
    fn days_count_where_both_have_them() {
        let reaches = |level: &str, floor: &str| {
            level
                .parse::<PatchLevel>()
                .unwrap()
                .reaches(floor.parse().unwrap())
        };
        assert!(reaches("2026-01", "2025-12-31"));
        assert!(reaches("2026-01-05", "2026-01-05"));
        assert!(reaches("2026-01", "2026-01-05"));
        assert!(reaches("2026-01-01", "2026-01"));
        assert!(!reaches("2026-01-01", "2026-01-05"));
        assert!(!reaches("2025-12-31", "2026-01"));
    }

    #[test]
    fn age_is_in_days() {
        let age = |level: &str, now_s| level.parse::<PatchLevel>().unwrap().age_days(now_s);
        assert_eq!(age("2026-11", 1_795_305_600), 21);
        assert_eq!(age("2026-11-05", 1_795_305_600), 17);
        assert_eq!(age("2027-01", 1_795_305_600), 0);
        assert_eq!(age("2000-01", u64::MAX), u32::MAX);
    }
}
