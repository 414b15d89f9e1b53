//! The one form of time in TUF metadata: `2031-04-01T00:00:00Z`.

/// Unix seconds of a time; `None` for any other form, and for times before 1970.
pub(super) fn unix_seconds(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let (year, month, day) = three(date, '-', [4, 2, 2])?;
    let (hour, minute, second) = three(time, ':', [2, 2, 2])?;
    if year < 1970 || !(1..=12).contains(&month) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    if !(1..=days_of(year, month)).contains(&day) {
        return None;
    }
    // Days since 1970 by the civil calendar, in years that begin in March.
    let (years, months) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = years * 365 + years / 4 - years / 100 + years / 400 + (months * 153 + 2) / 5 + day - 1;
    let since_1970 = days.checked_sub(719_468)?;
    Some(since_1970 * 86_400 + hour * 3600 + minute * 60 + second)
}

/// The time of Unix seconds, as metadata has it; `None` beyond the year 9999.
#[must_use]
pub fn expiry_text(unix_s: u64) -> Option<String> {
    let days = unix_s / 86_400 + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let months = (5 * of_year + 2) / 153;
    let day = of_year - (153 * months + 2) / 5 + 1;
    let month = if months < 10 { months + 3 } else { months - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let rest = unix_s % 86_400;
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    (year <= 9999).then(|| format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"))
}

const fn days_of(year: u64, month: u64) -> u64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400) => 29,
        2 => 28,
        _ => 31,
    }
}

fn three(text: &str, separator: char, lengths: [usize; 3]) -> Option<(u64, u64, u64)> {
    let mut parts = text.split(separator).zip(lengths).map(|(part, length)| {
        let plain = part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| part.parse::<u64>().ok()).flatten()
    });
    let three = (parts.next()??, parts.next()??, parts.next()??);
    (text.split(separator).count() == 3).then_some(three)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_form_only() {
        let check = |input: &str, expect: Option<u64>| assert_eq!(unix_seconds(input), expect, "{input}");
        check("1970-01-01T00:00:00Z", Some(0));
        check("2000-02-29T23:59:59Z", Some(951_868_799));
        check("2030-01-01T00:00:00Z", Some(1_893_456_000));
        check("2100-02-29T00:00:00Z", None);
        check("2023-02-29T00:00:00Z", None);
        check("2023-13-01T00:00:00Z", None);
        check("2023-01-01T24:00:00Z", None);
        check("2023-01-01T00:00:00+00:00", None);
        check("2023-01-01T00:00:00.5Z", None);
        check("2023-1-01T00:00:00Z", None);
        check("2023-01-01 00:00:00Z", None);
        check("1969-12-31T23:59:59Z", None);
        check("", None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(unix_s in 0_u64..253_402_300_800) {
            prop_assert_eq!(expiry_text(unix_s).as_deref().and_then(unix_seconds), Some(unix_s));
        }
    }
}
