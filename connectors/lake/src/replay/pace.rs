//! How fast a replay goes: what a user writes, and when each record is due.
//!
//! Everything is due at a time that counts from the first record, so that being late once does not add up, and nothing has to
//! be dropped to keep the pace.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use catchwater_sdk::config::{Problem, Size, float};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// So much by time, such as `500/s` or `10MiB/s`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    /// Records by second.
    Records(f64),
    /// Bytes of payloads and keys by second.
    Bytes(f64),
}

/// A multiple of the original cadence, such as `2x`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speed(f64);

/// How often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounds {
    /// So many times.
    Times(u32),
    /// Until it is stopped.
    Forever,
}

/// When records are due.
#[derive(Clone, Debug, Default)]
pub(super) enum Pace {
    /// As fast as they are taken.
    #[default]
    Unbounded,
    /// At a rate; with what went before.
    Rated { rate: Rate, before: f64 },
    /// As they came.
    Cadence { speed: Speed, gap_max_micros: Option<i64>, played: Option<Played> },
}

/// How far the original cadence is played.
#[derive(Clone, Copy, Debug)]
pub(super) struct Played {
    /// The time of the newest event so far.
    at_micros: i64,
    /// How long after the first that is, with long gaps cut short.
    after_micros: i64,
}

// === impl Pace ===

impl Pace {
    pub(super) fn new(rate: Option<Rate>, speed: Option<Speed>, gap_max: Option<Duration>) -> Pace {
        let gap_max_micros = gap_max.map(|gap| i64::try_from(gap.as_micros()).unwrap_or(i64::MAX));
        match (rate, speed) {
            (Some(rate), _) => Pace::Rated { rate, before: 0.0 },
            (None, Some(speed)) => Pace::Cadence { speed, gap_max_micros, played: None },
            (None, None) => Pace::Unbounded,
        }
    }

    /// How long after the first the next record is due: an event of this time and size.
    pub(super) fn due(&mut self, time_micros: i64, bytes: usize) -> Duration {
        match self {
            Pace::Unbounded => Duration::ZERO,
            Pace::Rated { rate, before } => {
                let (by_second, amount) = match rate {
                    Rate::Records(by_second) => (*by_second, 1.0),
                    Rate::Bytes(by_second) => (*by_second, bytes as f64),
                };
                let due = seconds(*before / by_second);
                *before += amount;
                due
            }
            Pace::Cadence { speed, gap_max_micros, played } => {
                let played = played.get_or_insert(Played { at_micros: time_micros, after_micros: 0 });
                // What is older than the newest so far is due already.
                let gap = time_micros.saturating_sub(played.at_micros).max(0);
                played.at_micros = played.at_micros.max(time_micros);
                played.after_micros = played.after_micros.saturating_add(gap.min(gap_max_micros.unwrap_or(i64::MAX)));
                seconds(played.after_micros as f64 / 1e6 / speed.0)
            }
        }
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

// === what is written ===

impl Rate {
    /// Reads the text of a configuration.
    pub fn read(text: &str) -> Result<Rate, Problem> {
        let help = "write it like `500/s` or `10MiB/s`; there are /s, /m and /h";
        let (amount, unit) =
            text.split_once('/').ok_or_else(|| Problem::new("must be an amount by time").help(help))?;
        let seconds = match unit.trim() {
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            unit => return Err(Problem::new(format!("`/{unit}` is no unit of a rate")).help(help)),
        };
        let amount = amount.trim();
        let above_zero = || Problem::new(format!("`{amount}` is no amount above zero")).help(help);
        if let Some(records) = float(amount) {
            return if records > 0.0 { Ok(Rate::Records(records / seconds)) } else { Err(above_zero()) };
        }
        if !amount.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(above_zero());
        }
        match Size::read(amount)?.bytes() {
            0 => Err(above_zero()),
            bytes => Ok(Rate::Bytes(bytes as f64 / seconds)),
        }
    }
}

/// For people: by second.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rate::Records(records) => write!(f, "{records} records/s"),
            Rate::Bytes(bytes) => write!(f, "{:.2} MiB/s", bytes / f64::from(1 << 20)),
        }
    }
}

impl Speed {
    /// Reads the text of a configuration.
    pub fn read(text: &str) -> Result<Speed, Problem> {
        let help = "write it like `1x`, `2x` or `0.5x`";
        let number = text.trim().strip_suffix('x').ok_or_else(|| Problem::new("must be a multiple").help(help))?;
        match float(number).filter(|number| *number > 0.0 && number.is_finite()) {
            Some(number) => Ok(Speed(number)),
            None => Err(Problem::new(format!("`{number}` is no number above zero")).help(help)),
        }
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x", self.0)
    }
}

impl Rounds {
    /// Reads the text of a configuration.
    pub fn read(text: &str) -> Result<Rounds, Problem> {
        match (text, text.parse()) {
            ("forever", _) => Ok(Rounds::Forever),
            (_, Ok(times)) if times > 0 => Ok(Rounds::Times(times)),
            _ => Err(Problem::new(format!("`{text}` is no number of rounds"))
                .help("write a number above zero, or `forever`")),
        }
    }

    /// Whether there is another round after so many.
    pub(super) fn has_more_than(self, rounds: u32) -> bool {
        match self {
            Rounds::Times(times) => rounds < times,
            Rounds::Forever => true,
        }
    }
}

impl fmt::Display for Rounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rounds::Times(times) => write!(f, "{times}"),
            Rounds::Forever => f.write_str("forever"),
        }
    }
}

macro_rules! written {
    ($name:ident, $schema:expr) => {
        impl std::str::FromStr for $name {
            type Err = Problem;

            fn from_str(text: &str) -> Result<$name, Problem> {
                $name::read(text)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                let text = String::deserialize(deserializer)?;
                $name::read(&text).map_err(D::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

written!(
    Rate,
    json_schema!({ "type": "string", "pattern": r"^[0-9.]+ *([KMGT]?i?B)? */ *[smh]$", "examples": ["500/s", "10MiB/s"] })
);
written!(Speed, json_schema!({ "type": "string", "pattern": r"^[0-9.]+x$", "examples": ["1x", "2x"] }));
written!(Rounds, json_schema!({ "type": "string", "examples": ["3", "forever"] }));

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let shown = match Rate::read(text) {
            Ok(rate) => rate.to_string(),
            Err(problem) => problem.message,
        };
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn a_rate_is_of_records_or_of_bytes() {
        check("500/s", "500 records/s");
        check("30 / m", "0.5 records/s");
        check("10MiB/s", "10.00 MiB/s");
        check("60 MiB/m", "1.00 MiB/s");
        check("500", "must be an amount by time");
        check("500/d", "`/d` is no unit of a rate");
        check("0/s", "`0` is no amount above zero");
        check("0B/s", "`0B` is no amount above zero");
        check("fast/s", "`fast` is no amount above zero");
        check("10 apples/s", "`apples` is no unit");
    }

    #[test]
    fn a_speed_is_a_multiple_and_rounds_are_a_number() {
        assert_eq!([Speed::read("2x"), Speed::read("0.5x")], [Ok(Speed(2.0)), Ok(Speed(0.5))]);
        assert!(Speed::read("2").is_err() && Speed::read("0x").is_err() && Speed::read("-1x").is_err());
        assert_eq!([Rounds::read("3"), Rounds::read("forever")], [Ok(Rounds::Times(3)), Ok(Rounds::Forever)]);
        assert!(Rounds::read("0").is_err() && Rounds::read("ever").is_err());
    }

    /// When events of these times (in milliseconds) and of 100 bytes are due, in milliseconds.
    fn check_due(mut pace: Pace, times: &[i64], expected: &[u64]) {
        let due = |time: &i64| pace.due(time * 1000, 100).as_millis() as u64;
        assert_eq!(times.iter().map(due).collect::<Vec<_>>(), expected);
    }

    fn cadence(speed: &str, gap_max: Option<u64>) -> Pace {
        Pace::new(None, Speed::read(speed).ok(), gap_max.map(Duration::from_millis))
    }

    #[test]
    fn a_rate_counts_from_the_first() {
        check_due(Pace::new(Rate::read("100/s").ok(), None, None), &[7, 7, 7, 7], &[0, 10, 20, 30]);
        check_due(Pace::new(Some(Rate::Bytes(1000.0)), None, None), &[7, 7, 7], &[0, 100, 200]);
        let mut pace = Pace::new(Rate::read("333/s").ok(), None, None);
        let last = (0..=333_000).map(|_| pace.due(0, 1)).last();
        assert_eq!(last, Some(Duration::from_secs(1000)), "a thousand seconds later it is not a microsecond off");
    }

    #[test]
    fn the_original_cadence_is_scaled() {
        check_due(cadence("1x", None), &[5000, 5100, 6000], &[0, 100, 1000]);
        check_due(cadence("2x", None), &[5000, 5100, 6000], &[0, 50, 500]);
        check_due(cadence("0.5x", None), &[5000, 5100, 6000], &[0, 200, 2000]);
    }

    #[test]
    fn what_comes_out_of_order_makes_it_no_longer() {
        check_due(cadence("1x", None), &[0, 100, 50, 110, 60, 120], &[0, 100, 100, 110, 110, 120]);
    }

    #[test]
    fn long_gaps_are_cut_short_before_they_are_sped_up() {
        check_due(cadence("2x", Some(1000)), &[0, 100, 60_000, 60_100], &[0, 50, 550, 600]);
    }

    #[test]
    fn times_at_the_end_of_all_numbers_do_no_harm() {
        check_due(cadence("1x", Some(10)), &[i64::MIN / 1000, i64::MAX / 1000], &[0, 10]);
    }

    #[test]
    fn without_a_pace_everything_is_due() {
        check_due(Pace::default(), &[0, 5000], &[0, 0]);
    }
}
