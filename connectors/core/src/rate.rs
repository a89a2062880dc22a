//! How many in which time.

use std::borrow::Cow;
use std::time::Duration;

use catchwater_sdk::config::{Problem, Size, float};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// Records by time, such as `1000/s`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rate {
    per_second: f64,
}

impl Rate {
    /// How long after the first the one of that number is due.
    pub(crate) fn due(self, number: u64) -> Duration {
        Duration::try_from_secs_f64(number as f64 / self.per_second).unwrap_or(Duration::MAX)
    }

    /// How many are due by then, the first at once.
    pub(crate) fn count(self, elapsed: Duration) -> u64 {
        (elapsed.as_secs_f64() * self.per_second) as u64 + 1
    }

    /// How long so many take.
    pub(crate) fn time_of(self, count: u64) -> Duration {
        self.due(count)
    }

    fn read(text: &str) -> Result<Rate, Problem> {
        let help = "write it like `1000/s`; there are /s, /m and /h";
        let (number, seconds) = split(text, "a number by time", help)?;
        match float(number).filter(|number| *number > 0.0) {
            Some(number) => Ok(Rate { per_second: number / seconds }),
            None => Err(Problem::new(format!("`{number}` is no number above zero")).help(help)),
        }
    }
}

/// Bytes by time, such as `10MiB/s`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ByteRate {
    per_second: f64,
}

impl ByteRate {
    /// How long so many bytes take.
    pub(crate) fn time_of(self, bytes: u64) -> Duration {
        Duration::try_from_secs_f64(bytes as f64 / self.per_second).unwrap_or(Duration::MAX)
    }

    fn read(text: &str) -> Result<ByteRate, Problem> {
        let help = "write it like `10MiB/s`; there are /s, /m and /h";
        let (size, seconds) = split(text, "a size by time", help)?;
        match Size::read(size)?.bytes() {
            0 => Err(Problem::new(format!("`{size}` is no size above zero")).help(help)),
            bytes => Ok(ByteRate { per_second: bytes as f64 / seconds }),
        }
    }
}

/// What stands before the stroke, and how many seconds stand behind it.
fn split<'a>(text: &'a str, what: &str, help: &str) -> Result<(&'a str, f64), Problem> {
    let (amount, unit) = text.split_once('/').ok_or_else(|| Problem::new(format!("must be {what}")).help(help))?;
    let seconds = match unit.trim() {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        unit => return Err(Problem::new(format!("`/{unit}` is no unit of a rate")).help(help)),
    };
    Ok((amount.trim(), seconds))
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Rate, D::Error> {
        let text = String::deserialize(deserializer)?;
        Rate::read(&text).map_err(D::Error::custom)
    }
}

impl JsonSchema for Rate {
    fn schema_name() -> Cow<'static, str> {
        "Rate".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": r"^[0-9.]+ */ *[smh]$", "examples": ["1000/s", "10/m"] })
    }
}

impl<'de> Deserialize<'de> for ByteRate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ByteRate, D::Error> {
        let text = String::deserialize(deserializer)?;
        ByteRate::read(&text).map_err(D::Error::custom)
    }
}

impl JsonSchema for ByteRate {
    fn schema_name() -> Cow<'static, str> {
        "ByteRate".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": r"^[0-9.]+ *[A-Za-z]+ */ *[smh]$", "examples": ["10MiB/s"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let shown = match Rate::read(text) {
            Ok(rate) => format!("{} by second", rate.per_second),
            Err(problem) => problem.message,
        };
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn reads_a_number_by_time() {
        check("1000/s", "1000 by second");
        check("30 / m", "0.5 by second");
        check("7200/h", "2 by second");
        check("1000", "must be a number by time");
        check("5/d", "`/d` is no unit of a rate");
        check("0/s", "`0` is no number above zero");
    }

    #[test]
    fn reads_a_size_by_time() {
        let check = |text: &str, expected: &str| {
            let read = ByteRate::read(text).map(|rate| rate.per_second.to_string());
            assert_eq!(read.unwrap_or_else(|problem| problem.message), expected, "{text}");
        };
        check("2KiB/s", "2048");
        check("6KiB / m", "102.4");
        check("10MiB", "must be a size by time");
        check("10/s", "needs a unit, such as `10MiB`");
        check("0KiB/s", "`0KiB` is no size above zero");
    }

    #[test]
    fn the_first_is_due_at_once() {
        let rate = Rate { per_second: 10.0 };
        assert_eq!((rate.due(0), rate.due(5)), (Duration::ZERO, Duration::from_millis(500)));
        assert_eq!((rate.count(Duration::ZERO), rate.count(Duration::from_millis(500))), (1, 6));
    }
}
