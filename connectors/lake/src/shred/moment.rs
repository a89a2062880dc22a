//! Dates and times as text.
//!
//! A timestamp is RFC 3339 with a zone, as JSON's encoders write it; a date is `2026-11-22`. Anything else stays text, since
//! guessing (is `01/02/2026` in January?) would make wrong columns. Years are 1 to 9999 in UTC: Python's readers fail past
//! them. What is finer than a microsecond is cut off.

// The same reading as that of the query language: what a query compares as a time is what became a time in a column.
pub(super) use catchwater_query::time::{date, timestamp};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 0001-01-01T00:00:00Z.
    const SECONDS_MIN: i64 = -62_135_596_800;
    /// 9999-12-31T23:59:59Z.
    const SECONDS_MAX: i64 = 253_402_300_799;

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
