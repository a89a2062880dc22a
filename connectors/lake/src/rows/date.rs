//! Which date folder a row belongs to.
//!
//! Rows are partitioned by the day (UTC) of the event. A producer's clock can say anything, and each date costs a file, so
//! only days from ten years back to one day ahead of now get a folder of their own. All others go to the null date, which
//! no time range may skip. An event without a timestamp counts as of the time it came in.

use jiff::Span;
use jiff::civil::{Date, date};

/// A day in microseconds.
pub(crate) const DAY_MICROS: i64 = 86_400_000_000;
const DAYS_BACK: i64 = 3653;
const DAYS_AHEAD: i64 = 1;

/// The folder of rows whose date is null, as Hive names it.
const NULL_FOLDER: &str = "date=__HIVE_DEFAULT_PARTITION__";

/// The times that get a date of their own, as seen from now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    now_micros: i64,
}

impl Window {
    pub(crate) fn around(now_micros: i64) -> Window {
        Window { now_micros }
    }

    /// The day of an event in days since the epoch; none for the null date.
    pub(crate) fn day(&self, timestamp_micros: Option<i64>) -> Option<i32> {
        let micros = timestamp_micros.unwrap_or(self.now_micros);
        let age_micros = self.now_micros.checked_sub(micros)?;
        let dated = (-DAYS_AHEAD * DAY_MICROS..=DAYS_BACK * DAY_MICROS).contains(&age_micros);
        dated.then(|| micros.div_euclid(DAY_MICROS) as i32)
    }
}

/// A day as Delta and Hive write it.
pub(crate) fn text(day: i32) -> String {
    let shown = date(1970, 1, 1).checked_add(Span::new().days(day)).unwrap_or(Date::MAX);
    shown.to_string()
}

/// The folder for a day, relative to the table.
pub(crate) fn folder(day: Option<i32>) -> String {
    day.map_or_else(|| NULL_FOLDER.to_owned(), |day| format!("date={}", text(day)))
}

/// Whether every engine and language can show this time: the years 1 to 9999.
pub(crate) fn is_common(micros: i64) -> bool {
    (-62_135_596_800_000_000..=253_402_300_799_999_999).contains(&micros)
}

/// A time in ISO 8601, microseconds, UTC; none outside the years 1 to 9999.
pub(crate) fn iso(micros: i64) -> Option<String> {
    let day = text(micros.div_euclid(DAY_MICROS) as i32);
    let (seconds, micros_left) = (micros.rem_euclid(DAY_MICROS) / 1_000_000, micros.rem_euclid(1_000_000));
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    is_common(micros).then(|| format!("{day}T{hours:02}:{minutes:02}:{seconds:02}.{micros_left:06}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 20_779 * DAY_MICROS + DAY_MICROS / 2;

    fn check(timestamp: Option<i64>, expected: &str) {
        assert_eq!(folder(Window::around(NOON).day(timestamp)), expected, "{timestamp:?}");
    }

    #[test]
    fn an_event_goes_to_its_own_day() {
        check(Some(NOON), "date=2026-11-22");
        check(Some(NOON - DAY_MICROS), "date=2026-11-21");
        check(Some(NOON + DAY_MICROS), "date=2026-11-23");
        check(Some(NOON - DAYS_BACK * DAY_MICROS), "date=2016-11-21");
    }

    #[test]
    fn an_event_without_time_goes_to_the_day_it_came_in() {
        check(None, "date=2026-11-22");
    }

    #[test]
    fn what_cannot_be_right_goes_to_the_null_date() {
        check(Some(NOON + DAY_MICROS + 1), NULL_FOLDER);
        check(Some(NOON - DAYS_BACK * DAY_MICROS - 1), NULL_FOLDER);
        check(Some(i64::MAX), NULL_FOLDER);
        check(Some(i64::MIN), NULL_FOLDER);
        check(Some(-1), NULL_FOLDER);
    }

    #[test]
    fn knows_the_years_that_everyone_can_show() {
        assert_eq!(iso(253_402_300_799_999_999).as_deref(), Some("9999-12-31T23:59:59.999999Z"));
        assert_eq!(iso(-62_135_596_800_000_000).as_deref(), Some("0001-01-01T00:00:00.000000Z"));
        assert_eq!(iso(-1).as_deref(), Some("1969-12-31T23:59:59.999999Z"));
        assert!(is_common(0) && !is_common(253_402_300_800_000_000) && !is_common(-62_135_596_800_000_001));
    }
}
