//! Times: what a payload's text stands for, what a query's literal covers, and what `--since` and `--until` take.
//!
//! A timestamp is RFC 3339 with a zone, as JSON's encoders write it, or with a space for the `T`; a date is `2026-11-22`. All
//! are microseconds since 1970, UTC; what is finer is cut off, as in the lake's columns. Years are 1 to 9999.

use catchwater_sdk::config::{Duration, Problem};

/// A day in microseconds.
pub const DAY_MICROS: i64 = 86_400_000_000;

/// What a literal covers, in microseconds since 1970: from `start` to before `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The first microsecond.
    pub start: i64,
    /// The first one that it does not cover: the next for a timestamp, the next day's for a date.
    pub end: i64,
}

impl Moment {
    /// Reads a timestamp, or a date, which covers its UTC day.
    pub fn parse(text: &str) -> Option<Moment> {
        match date(text) {
            Some(day) => Some(Moment { start: i64::from(day) * DAY_MICROS, end: (i64::from(day) + 1) * DAY_MICROS }),
            None => timestamp(text).map(|start| Moment { start, end: start + 1 }),
        }
    }

    /// Reads what `--since` and `--until` take: a timestamp, a date, a date and time without a zone (UTC), an age such as
    /// `1h` or `7d`, or `now`. The time meant is `start`, for either: `--since` is inclusive, `--until` exclusive.
    pub fn parse_relative(text: &str, now_micros: i64) -> Result<Moment, Problem> {
        let at = |start: i64| Moment { start, end: start.saturating_add(1) };
        let text = text.trim();
        if text.eq_ignore_ascii_case("now") {
            return Ok(at(now_micros));
        }
        if let Some(moment) = Moment::parse(text).or_else(|| without_zone(text)) {
            return Ok(moment);
        }
        match Duration::read(text) {
            Ok(age) => Ok(at(back(now_micros, age))),
            // `10 minutes` is closer to an age than to a date, and so is its mistake.
            Err(problem) if text.starts_with(|c: char| c.is_ascii_digit()) && !looks_like_date(text) => {
                Err(Problem::new(format!("`{text}` is no time: {}", problem.message))
                    .help(problem.help.unwrap_or_else(how)))
            }
            Err(_) => Err(Problem::new(format!("`{text}` is no time")).help(how())),
        }
    }
}

fn how() -> String {
    "give a date (2026-11-22), a time (2026-11-22T10:30:00Z; without a zone it is UTC), an age (1h, 7d) or `now`".into()
}

fn back(now_micros: i64, age: Duration) -> i64 {
    now_micros.saturating_sub(i64::try_from(age.as_micros()).unwrap_or(i64::MAX))
}

fn looks_like_date(text: &str) -> bool {
    let mut parts = text.splitn(3, ['-', '/', '.', ':']);
    let number = |part: Option<&str>| part.is_some_and(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    number(parts.next()) && number(parts.next())
}

/// A person's `2026-11-22 10:30` is UTC here, as everything else is.
fn without_zone(text: &str) -> Option<Moment> {
    let seconds = if text.len() == "2026-11-22T10:30".len() { ":00" } else { "" };
    Moment::parse(&format!("{text}{seconds}Z"))
}

/// Microseconds since 1970, UTC, of a timestamp with a zone.
pub fn timestamp(text: &str) -> Option<i64> {
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

/// Days since 1970 of a date.
pub fn date(text: &str) -> Option<i32> {
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
    use super::*;

    /// 2026-11-25T12:00:00Z.
    const NOW: i64 = 1_795_608_000_000_000;

    fn check(text: &str, expected: Option<i64>) {
        let read = Moment::parse_relative(text, NOW);
        assert_eq!(read.as_ref().ok().map(|moment| moment.start), expected, "{text}: {read:?}");
    }

    #[test]
    fn reads_what_since_takes() {
        let hour = 3_600_000_000;
        check("now", Some(NOW));
        check("1h", Some(NOW - hour));
        check("90m", Some(NOW - hour * 3 / 2));
        check("7d", Some(NOW - 7 * DAY_MICROS));
        check("2026-11-25", Some(NOW - 12 * hour));
        check("2026-11-25T11:00:00Z", Some(NOW - hour));
        check("2026-11-25T11:00:00+01:00", Some(NOW - 2 * hour));
        check("2026-11-25 11:00:00", Some(NOW - hour));
        check("2026-11-25T11:00", Some(NOW - hour));
        check(" 2026-11-25T11:00:00.5 ", Some(NOW - hour + 500_000));
    }

    #[test]
    fn says_what_it_takes_instead() {
        let problem = |text: &str| Moment::parse_relative(text, NOW).expect_err("no time").to_string();
        assert_eq!(problem("10 minutes"), "`10 minutes` is no time: `minutes` is no unit (did you mean `10m`?)");
        assert!(problem("yesterday").starts_with("`yesterday` is no time (give a date (2026-11-22)"));
        assert!(problem("2026-13-01").starts_with("`2026-13-01` is no time (give a date"));
        assert!(problem("22.11.2026").contains("give a date"));
        assert!(problem("").contains("give a date"));
        assert!(problem("7").contains("needs a unit"), "{}", problem("7"));
    }

    #[test]
    fn a_date_covers_its_day_and_a_timestamp_itself() {
        let day = Moment::parse("1970-01-02").expect("a date");
        assert_eq!((day.start, day.end), (DAY_MICROS, 2 * DAY_MICROS));
        let moment = Moment::parse("1970-01-02T00:00:00.0000019Z").expect("a timestamp");
        assert_eq!((moment.start, moment.end), (DAY_MICROS + 1, DAY_MICROS + 2));
        assert_eq!(Moment::parse("2026-11-22T10:30:00"), None);
        assert_eq!(Moment::parse("2026-02-29"), None);
    }
}
