//! Dates and times as text.
//!
//! A timestamp is RFC 3339 with a zone, as JSON's encoders write it; a date is `2026-11-22`. Anything else stays text, since
//! guessing (is `01/02/2026` in January?) would make wrong columns. Years are 1 to 9999 in UTC: Python's readers fail past
//! them. What is finer than a microsecond is cut off.

/// Microseconds since 1970, UTC.
pub(super) fn timestamp(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() < 20 || !matches!(bytes[10], b'T' | b't' | b' ') {
        return None;
    }
    let days = i64::from(date(text.get(..10)?)?);
    let [hour, minute, second] = time(&bytes[11..19])?;
    let (micros, zone) = fraction(&bytes[19..])?;
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second - offset_seconds(zone)?;
    let in_range = (SECONDS_MIN..=SECONDS_MAX).contains(&seconds);
    in_range.then_some(seconds * 1_000_000 + micros)
}

/// Days since 1970.
pub(super) fn date(text: &str) -> Option<i32> {
    let bytes: &[u8; 10] = text.as_bytes().try_into().ok()?;
    if bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let year = two_digits(bytes[0], bytes[1])? * 100 + two_digits(bytes[2], bytes[3])?;
    let (month, day) = (two_digits(bytes[5], bytes[6])?, two_digits(bytes[8], bytes[9])?);
    let valid = year >= 1 && (1..=12).contains(&month) && day >= 1 && day <= days_in_month(year, month);
    valid.then(|| days_since_1970(year, month, day) as i32)
}

/// 0001-01-01T00:00:00Z.
const SECONDS_MIN: i64 = -62_135_596_800;
/// 9999-12-31T23:59:59Z.
const SECONDS_MAX: i64 = 253_402_300_799;

/// `HH:MM:SS`. A leap second is no time that other systems could hold.
fn time(bytes: &[u8]) -> Option<[i64; 3]> {
    let &[h1, h2, b':', m1, m2, b':', s1, s2] = bytes else { return None };
    let time = [two_digits(h1, h2)?, two_digits(m1, m2)?, two_digits(s1, s2)?];
    (time[0] < 24 && time[1] < 60 && time[2] < 60).then_some(time)
}

/// The microseconds, and what stands behind them.
fn fraction(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let [b'.', rest @ ..] = bytes else { return Some((0, bytes)) };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let micros = (0..6).fold(0, |micros, i| micros * 10 + if i < digits { i64::from(rest[i] - b'0') } else { 0 });
    (digits > 0).then_some((micros, &rest[digits..]))
}

/// `Z`, `+01:00` or `-05:30`.
fn offset_seconds(zone: &[u8]) -> Option<i64> {
    match zone {
        [b'Z' | b'z'] => Some(0),
        &[sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (two_digits(h1, h2)?, two_digits(m1, m2)?);
            let seconds = hours * 3_600 + minutes * 60;
            (hours < 24 && minutes < 60).then_some(if sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

#[inline]
fn two_digits(tens: u8, ones: u8) -> Option<i64> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then(|| i64::from(tens) * 10 + i64::from(ones))
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Howard Hinnant's `days_from_civil`, with years that begin in March, for years from 1 on.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, micros: Option<i64>) {
        assert_eq!(timestamp(text), micros, "{text}");
    }

    #[test]
    fn reads_rfc_3339() {
        check("1970-01-01T00:00:00Z", Some(0));
        check("2026-11-22T10:30:00.5Z", Some(1_795_343_400_500_000));
        check("2026-11-22t10:30:00.500000999z", Some(1_795_343_400_500_000));
        check("2026-11-22 11:30:00+01:00", Some(1_795_343_400_000_000));
        check("1969-12-31T23:59:59.999999Z", Some(-1));
    }

    #[test]
    fn leaves_everything_else_text() {
        let texts = "2026-11-22|2026-11-22T10:30:00|2026-11-22T10:30Z|2026-11-22T10:30:00.Z|2026-02-29T00:00:00Z|\
            2026-11-22T24:00:00Z|2026-11-22T10:30:60Z|2026-11-22T10:30:00+0100|2026-11-22T10:30:00+24:00|\
            58000-01-01T00:00:00Z|+58000-01-01T00:00:00Z|0000-12-31T23:59:59Z|2026-11-22T10:30:00Zürich|ü026-11-22T10:30:00Z";
        texts.split('|').for_each(|text| check(text, None));
    }

    #[test]
    fn stays_within_the_years_that_readers_know() {
        check("0001-01-01T00:00:00Z", Some(SECONDS_MIN * 1_000_000));
        check("9999-12-31T23:59:59.999999Z", Some(SECONDS_MAX * 1_000_000 + 999_999));
        check("0001-01-01T00:00:00+00:01", None);
        check("9999-12-31T23:59:59-00:01", None);
    }

    #[test]
    fn reads_dates() {
        assert_eq!(date("1970-01-01"), Some(0));
        assert_eq!(date("2024-02-29"), Some(19_782));
        for text in ["2023-02-29", "1900-02-29", "2026-13-01", "2026-00-10", "2026-1-1", "20261122", "0000-01-01"] {
            assert_eq!(date(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_a_library(seconds in SECONDS_MIN..=SECONDS_MAX, micros in 0i64..1_000_000) {
            let moment = jiff::Timestamp::from_second(seconds).unwrap();
            let text = moment.strftime("%Y-%m-%dT%H:%M:%S").to_string();
            prop_assert_eq!(timestamp(&format!("{text}.{micros:06}Z")), Some(seconds * 1_000_000 + micros));
            prop_assert_eq!(date(&text[..10]).map(i64::from), Some(seconds.div_euclid(86_400)));
        }
    }
}
