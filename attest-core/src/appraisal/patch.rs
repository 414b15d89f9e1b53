//! Security patch levels: the day they stand for. An age is computed where the time is known, at each decision.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The day of a security patch level. Text is `2024-01-05`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PatchLevel {
    year: u16,
    month: u8,
    day: u8,
}

impl PatchLevel {
    /// The level that an attestation states as `YYYYMM` or `YYYYMMDD`; `None` for numbers that are no day. A missing day is the
    /// first, the oldest that it can mean.
    #[must_use]
    pub fn from_attested(number: u32) -> Option<Self> {
        let (year, month, day) = match number {
            100_000..=999_999 => (number / 100, number % 100, 1),
            10_000_000..=99_999_999 => (number / 10_000, number / 100 % 100, number % 100),
            _ => return None,
        };
        Self::new(
            u16::try_from(year).ok()?,
            u8::try_from(month).ok()?,
            u8::try_from(day.max(1)).ok()?,
        )
    }

    /// The level of `2024-01-05`, or of `2024-01` for the first of the month; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let mut digits = |count: usize| {
            let part = parts.next()?;
            (part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit())).then_some(part)
        };
        let (year, month) = (digits(4)?.parse().ok()?, digits(2)?.parse().ok()?);
        let day = if text.len() == 7 {
            1
        } else {
            digits(2)?.parse().ok()?
        };
        parts.next().is_none().then(|| Self::new(year, month, day))?
    }

    fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match month {
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            1..=12 => 31,
            _ => return None,
        };
        ((1970..=9999).contains(&year) && (1..=days).contains(&day)).then_some(Self { year, month, day })
    }

    /// `YYYYMMDD` as a number.
    #[must_use]
    pub fn to_number(self) -> u32 {
        u32::from(self.year) * 10_000 + u32::from(self.month) * 100 + u32::from(self.day)
    }

    /// Whole days from this level's day to the Unix time `now_s`; zero for a level of the future.
    #[must_use]
    pub fn age_days(self, now_s: u64) -> u64 {
        (now_s / 86_400).saturating_sub(self.days())
    }

    /// Days since 1970-01-01. Years are counted from March, so that a leap day is the last of its year.
    fn days(self) -> u64 {
        let (month, day) = (u64::from(self.month), u64::from(self.day));
        let year = u64::from(self.year) - u64::from(month <= 2);
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - DAYS_TO_1970
    }
}

/// From the first of March of year zero to 1970-01-01.
const DAYS_TO_1970: u64 = 719_468;

impl fmt::Display for PatchLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl Serialize for PatchLevel {
    fn serialize<S: Serializer>(&self, writer: S) -> Result<S::Ok, S::Error> {
        writer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PatchLevel {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        let text = String::deserialize(reader)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("a patch level is a date such as 2024-01-05"))
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for PatchLevel {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PatchLevel".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "The date of a security patch level, such as 2024-01-05.",
            "type": "string",
            "pattern": "^[0-9]{4}-[0-9]{2}(-[0-9]{2})?$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_phones_and_admins_write() {
        let attested = |number: u32, expect: Option<&str>| {
            let level = PatchLevel::from_attested(number).map(|level| level.to_string());
            assert_eq!(level.as_deref(), expect, "{number}");
        };
        attested(202_401, Some("2024-01-01"));
        attested(20_240_105, Some("2024-01-05"));
        // Some phones state a month with day zero.
        attested(20_180_800, Some("2018-08-01"));
        for none in [
            0,
            2024,
            202_400,
            202_413,
            20_241_301,
            20_230_229,
            4_294_967_295,
            190_001,
        ] {
            attested(none, None);
        }
        let written = |text: &str, expect: Option<u32>| {
            assert_eq!(
                PatchLevel::parse(text).map(PatchLevel::to_number),
                expect,
                "{text}"
            );
        };
        written("2024-02-29", Some(20_240_229));
        written("2024-03", Some(20_240_301));
        for none in [
            "",
            "2024",
            "2024-2-9",
            "2023-02-29",
            "2024-03-",
            "2024-03-01-",
            "+024-03",
            "2024-00",
        ] {
            written(none, None);
        }
    }

    #[test]
    fn ages_are_whole_days() {
        let check = |text: &str, now_s: u64, expect: u64| {
            assert_eq!(
                PatchLevel::parse(text).unwrap().age_days(now_s),
                expect,
                "{text} {now_s}"
            );
        };
        check("1970-01-01", 0, 0);
        check("1970-01-01", 86_400, 1);
        check("2000-03-01", 951_868_800, 0);
        check("2024-02-29", 1_709_251_200, 1);
        // 2027-01-15
        check("2026-01-15", 1_800_000_000, 365);
        check("2027-02-01", 1_800_000_000, 0);
        check("9999-12-31", u64::MAX, u64::MAX / 86_400 - 2_932_896);
    }

    proptest! {
        #[test]
        fn any_number_and_text_is_read_or_refused(number: u32, text in "\\PC{0,12}") {
            if let Some(level) = PatchLevel::from_attested(number) {
                prop_assert_eq!(PatchLevel::parse(&level.to_string()), Some(level));
                prop_assert_eq!(PatchLevel::from_attested(level.to_number()), Some(level));
            }
            prop_assert!(PatchLevel::parse(&text).is_none_or(|level| level.age_days(0) == 0));
        }

        #[test]
        fn later_levels_are_younger(left in 19_700_101u32..30_000_000, right in 19_700_101u32..30_000_000) {
            if let (Some(left), Some(right)) = (PatchLevel::from_attested(left), PatchLevel::from_attested(right)) {
                let now_s = 64_000_000_000;
                prop_assert_eq!(left.cmp(&right), right.age_days(now_s).cmp(&left.age_days(now_s)));
            }
        }
    }
}
