//! Spans of time.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::time;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::quantity::{self, Unit};
use super::{Problem, de};

/// A span of time, written with its unit: `300ms`, `5s`, `10m`, `1h`, `1d`. Dereferences to [`std::time::Duration`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(time::Duration);

const UNITS: &[Unit] = &[
    Unit { name: "ms", factor: 1, slips: &["msec", "millis", "milliseconds"] },
    Unit { name: "s", factor: 1000, slips: &["sec", "secs", "second", "seconds"] },
    Unit { name: "m", factor: 60_000, slips: &["min", "mins", "minute", "minutes"] },
    Unit { name: "h", factor: 3_600_000, slips: &["hr", "hour", "hours"] },
    Unit { name: "d", factor: 86_400_000, slips: &["day", "days"] },
];

impl Duration {
    /// That many milliseconds.
    pub const fn millis(count: u64) -> Duration {
        Duration(time::Duration::from_millis(count))
    }

    /// That many seconds.
    pub const fn seconds(count: u64) -> Duration {
        Duration(time::Duration::from_secs(count))
    }

    /// As the standard library's.
    pub const fn get(self) -> time::Duration {
        self.0
    }

    /// Reads the text of a configuration.
    pub fn read(text: &str) -> Result<Duration, Problem> {
        quantity::read(text, UNITS, "5s").map(Duration::millis)
    }
}

impl Deref for Duration {
    type Target = time::Duration;

    fn deref(&self) -> &time::Duration {
        &self.0
    }
}

impl From<Duration> for time::Duration {
    fn from(duration: Duration) -> time::Duration {
        duration.0
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        f.write_str(&quantity::show(millis, UNITS))
    }
}

/// For options of commands.
impl FromStr for Duration {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Duration, Problem> {
        Duration::read(text)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        de::read_text(deserializer, Duration::read)
    }
}

/// So that a schema can name the default.
impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "duration",
            "pattern": r"^[0-9.]+ *(ms|s|m|h|d)$",
            "examples": ["300ms", "5s", "10m"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let shown = match Duration::read(text) {
            Ok(duration) => format!("{}ms = {duration}", duration.as_millis()),
            Err(problem) => problem.to_string(),
        };
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn reads_a_number_with_its_unit() {
        check("300ms", "300ms = 300ms");
        check("1.5s", "1500ms = 1500ms");
        check("120 s", "120000ms = 2m");
        check("1d", "86400000ms = 1d");
    }

    #[test]
    fn names_the_unit_that_was_meant() {
        check("5", "needs a unit, such as `5s` (units: ms, s, m, h, d)");
        check("10 minutes", "`minutes` is no unit (did you mean `10m`?)");
        check("5 S", "`S` is no unit (did you mean `5s`?)");
        check("soon", "must be a number with a unit (write it like `5s`)");
    }
}
