//! Holds records back.

use std::time::{Duration, Instant};

use catchwater_sdk::transform::{Output, Transform};
use catchwater_sdk::{Batch, Context, Error, Registry, Result};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::rate::{ByteRate, Rate};

/// Lets records through no faster than a rate; drops none.
///
/// Records wait where they are: the source is not read meanwhile. As a step of one sink it holds up that sink, and by that
/// the source too, once the little that may be under way fills up. The tasks of a process share the rate evenly;
/// several processes have it each. A burst is a fifth of a second's worth of records, at least one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The most records by time, from `1/m` on.
    #[schemars(extend("examples" = ["1000/s", "30/m"], "x-names" = ["limit", "records", "rps", "rate_limit"]))]
    rate: Option<Rate>,
    /// The most bytes by time: of payload, key, headers and properties.
    #[schemars(extend("examples" = ["5MiB/s"], "x-names" = ["bandwidth", "throughput"]))]
    bytes: Option<ByteRate>,
}

pub(crate) fn register(registry: &mut Registry) {
    registry.transform("throttle", |config: Config, context: &Context| Ok(Box::new(Throttle::new(config, context)?)));
}

/// A longer pause would look like a source that has died: to a group of consumers, and to the operator.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// Time that was slept too long is made up for by so much.
const CREDIT: Duration = Duration::from_millis(20);

struct Throttle {
    rate: Option<Rate>,
    bytes: Option<ByteRate>,
    tasks: u32,
    start: Instant,
    /// When the next record may come, counted from `start`.
    due: Duration,
}

// === impl Throttle ===

impl Throttle {
    fn new(config: Config, context: &Context) -> Result<Throttle> {
        if config.rate.is_none() && config.bytes.is_none() {
            return Err(Error::config("how fast? give `rate` or `bytes`"));
        }
        if config.rate.is_some_and(|rate| rate.time_of(1) > PAUSE_MAX) {
            return Err(Error::config("must be 1/m or more").at_key("rate"));
        }
        if config.bytes.is_some_and(|bytes| bytes.time_of(1024) > PAUSE_MAX) {
            return Err(Error::config("must be 1KiB/m or more").at_key("bytes"));
        }
        let tasks = u32::from(context.tasks.max(1));
        Ok(Throttle { rate: config.rate, bytes: config.bytes, tasks, start: Instant::now(), due: Duration::ZERO })
    }

    /// How long the records of a batch take, at the rate of this task.
    fn time_of(&self, batch: &Batch) -> Duration {
        let records = self.rate.map(|rate| rate.time_of(batch.len() as u64));
        let size = || batch.iter().map(|record| record.size_bytes() as u64).sum();
        let bytes = self.bytes.map(|bytes| bytes.time_of(size()));
        records.max(bytes).unwrap_or_default().saturating_mul(self.tasks)
    }

    /// The pause behind what takes so long and came at `now`.
    fn pause(&mut self, now: Duration, time: Duration) -> Duration {
        self.due = self.due.max(now.saturating_sub(CREDIT)).saturating_add(time);
        self.due.saturating_sub(now)
    }
}

impl Transform for Throttle {
    fn apply(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<()> {
        (0..batch.len()).for_each(|i| out.keep(i));
        let time = self.time_of(batch);
        let pause = self.pause(self.start.elapsed(), time);
        out.pause(pause);
        Ok(())
    }

    fn state(&self) -> Option<Vec<u8>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::testing::{apply, keeps_the_contract};
    use super::*;
    use crate::testing::{transform, try_transform};

    fn refused(config: &str, expected: &str) {
        let said = try_transform("throttle", config).map(drop).expect_err("it is refused").to_string();
        assert!(said.contains(expected), "{config}: {said}");
    }

    fn throttle(config: &str, tasks: u16) -> Throttle {
        let config = serde_json::from_str(config).expect("a configuration");
        let context = Context { tasks, ..Context::unattached("p", PathBuf::new()) };
        Throttle::new(config, &context).expect("a good configuration")
    }

    /// The pauses, in milliseconds, behind batches of ten records that come at these times.
    fn check(config: &str, tasks: u16, came_ms: &[u64], expected_ms: &[u64]) {
        let mut throttle = throttle(config, tasks);
        let payloads = vec![Some("0123456789"); 10];
        let batch = super::super::testing::batch(&[], &payloads);
        let pause = |came: &u64| {
            let time = throttle.time_of(&batch);
            throttle.pause(Duration::from_millis(*came), time).as_millis() as u64
        };
        assert_eq!(came_ms.iter().map(pause).collect::<Vec<_>>(), expected_ms);
    }

    #[test]
    fn a_batch_is_followed_by_the_time_that_its_records_take() {
        check(r#"{"rate": "100/s"}"#, 1, &[0, 100, 200], &[100, 100, 100]);
        check(r#"{"rate": "100/s"}"#, 4, &[0, 400], &[400, 400]);
        check(r#"{"rate": "100/s", "bytes": "1KiB/s"}"#, 1, &[0], &[100]);
        check(r#"{"rate": "1000/s", "bytes": "1KiB/s"}"#, 1, &[0], &[97]);
    }

    #[test]
    fn a_little_oversleeping_is_made_up_for_and_a_quiet_time_is_not() {
        check(r#"{"rate": "100/s"}"#, 1, &[0, 105, 200], &[100, 95, 100]);
        check(r#"{"rate": "100/s"}"#, 1, &[0, 9000], &[100, 80]);
    }

    #[test]
    fn all_records_pass() {
        let passed = apply(&mut transform("throttle", "rate: 1/m"), &[], &[Some("a"), None]);
        assert_eq!(passed, ["kept a", "kept -"]);
    }

    #[test]
    fn a_rate_that_is_none_or_next_to_nothing_is_a_mistake() {
        refused("{}", "give `rate` or `bytes`");
        refused("rate: 59/h", "1/m or more");
        refused("bytes: 1KiB/h", "1KiB/m or more");
        refused("rate: fast", "must be a number by time");
    }

    #[test]
    fn keeps_the_contract_of_a_transform() {
        keeps_the_contract("throttle", "rate: 100000/s");
    }
}
