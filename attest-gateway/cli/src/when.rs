//! Unix seconds as RFC 3339 and in human words. It reads no clock: callers say what time it is.

use jiff::Timestamp;

/// A moment in UTC as RFC 3339, such as `2027-01-15T08:00:00Z`; for a number that is no moment of the calendar, that number.
pub(crate) fn rfc3339(unix_s: u64) -> String {
    let moment = i64::try_from(unix_s)
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok());
    moment.map_or_else(
        || format!("{unix_s} (no moment of the calendar)"),
        |moment| moment.to_string(),
    )
}

/// The Unix seconds of an RFC 3339 text; fractions are cut.
///
/// # Errors
/// A sentence for the command line.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let moment: Timestamp = text
        .parse()
        .map_err(|_| "expected RFC 3339 such as 2027-01-15T08:00:00Z".to_owned())?;
    u64::try_from(moment.as_second()).map_err(|_| "times before 1970 are not supported".to_owned())
}

/// How far `then_s` is from `now_s`, such as `in 4 minutes` or `3 days ago`.
pub(crate) fn distance(then_s: u64, now_s: u64) -> String {
    let seconds = then_s.abs_diff(now_s);
    let (count, unit) = match seconds {
        0 => return "now".to_owned(),
        1..120 => (seconds, "second"),
        120..7_200 => (seconds / 60, "minute"),
        7_200..172_800 => (seconds / 3_600, "hour"),
        172_800..63_072_000 => (seconds / 86_400, "day"),
        _ => (seconds / 31_536_000, "year"),
    };
    let plural = if count == 1 { "" } else { "s" };
    if then_s > now_s {
        format!("in {count} {unit}{plural}")
    } else {
        format!("{count} {unit}{plural} ago")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_distances() {
        assert_eq!(rfc3339(1_800_000_000), "2027-01-15T08:00:00Z");
        assert!(rfc3339(u64::MAX).starts_with("18446744073709551615 "));
        for (text, expect) in [
            ("2027-01-15T08:00:00Z", Some(1_800_000_000)),
            ("2027-01-15T10:00:00.9+02:00", Some(1_800_000_000)),
            ("1960-01-01T00:00:00Z", None),
            ("2027-01-15", None),
            ("1800000000", None),
            ("", None),
        ] {
            assert_eq!(parse(text).ok(), expect, "{text}");
        }
        for (then_s, expect) in [
            (10_000_000, "now"),
            (10_000_001, "in 1 second"),
            (9_999_881, "119 seconds ago"),
            (9_999_880, "2 minutes ago"),
            (10_007_199, "in 119 minutes"),
            (10_086_400, "in 24 hours"),
            (10_000_000 + 3 * 86_400, "in 3 days"),
            (10_000_000 + 800 * 86_400, "in 2 years"),
        ] {
            assert_eq!(distance(then_s, 10_000_000), expect);
        }
    }
}
