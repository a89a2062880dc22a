//! Drops events that were seen before: a plugin that keeps values by key.

use catchwater_plugin::json::Paths;
use catchwater_plugin::{Batch, Failure, Mistake, Opening, Output, Transform, Want, count, state};
use schemars::JsonSchema;
use serde::Deserialize;

/// By what events are told apart.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The field that tells an event from all others, such as `id` or `meta.event_id`. An event without it goes on.
    by: String,
    /// How many events are remembered. The one that was seen first is forgotten first.
    #[serde(default = "events_max")]
    #[schemars(range(min = 1))]
    events_max: u64,
}

fn events_max() -> u64 {
    10_000
}

/// The plugin.
pub struct Distinct {
    id: Paths,
    events_max: u64,
}

/// The events that are remembered, numbered in the order in which they were seen: from the first up to the next one.
struct Seen {
    first: u64,
    next: u64,
}

impl Transform for Distinct {
    type Config = Config;
    const WANTS: &'static [Want] = &[Want::State];

    fn check(config: &Config) -> Result<(), Mistake> {
        Paths::new([&config.by]).map(drop).map_err(|mistake| Mistake::new("by", mistake.message))
    }

    fn open(config: Config, _: &Opening) -> Result<Distinct, Failure> {
        Ok(Distinct { id: Paths::new([&config.by])?, events_max: config.events_max })
    }

    fn process(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<(), Failure> {
        let (mut seen, mut again) = (Seen::read(), 0);
        for record in batch {
            let event = match record.payload().map(|payload| self.id.find(payload)).transpose() {
                Ok(event) => event,
                Err(error) => {
                    out.reject(record, format!("the payload is not JSON: {error}"));
                    continue;
                }
            };
            match event.and_then(|event| event.get(0)) {
                Some(id) if !id.is_null() && !seen.is_new(id.raw(), self.events_max)? => {
                    again += 1;
                    out.drop_record(record);
                }
                _ => out.keep(record),
            }
        }
        seen.write()?;
        count("seen_before", again);
        Ok(())
    }
}

impl Seen {
    const ENDS: &'static [u8] = b"ends";

    fn read() -> Seen {
        let ends = state::get(Seen::ENDS).and_then(|ends| <[u8; 16]>::try_from(ends).ok()).unwrap_or_default();
        let [first, next] =
            [&ends[..8], &ends[8..]].map(|end| end.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)));
        Seen { first, next }
    }

    fn write(&self) -> Result<(), Failure> {
        set(Seen::ENDS, &[self.first.to_be_bytes(), self.next.to_be_bytes()].concat())
    }

    /// Whether it was not seen before; from now on it was.
    fn is_new(&mut self, id: &str, events_max: u64) -> Result<bool, Failure> {
        let key = [b"id ", id.as_bytes()].concat();
        if state::get(&key).is_some() {
            return Ok(false);
        }
        while self.next - self.first >= events_max {
            self.forget_first();
        }
        set(&key, b"")?;
        set(&number(self.next), &key)?;
        self.next += 1;
        Ok(true)
    }

    fn forget_first(&mut self) {
        let number = number(self.first);
        state::get(&number).into_iter().for_each(|key| state::remove(&key));
        state::remove(&number);
        self.first += 1;
    }
}

fn number(number: u64) -> Vec<u8> {
    [&b"number "[..], &number.to_be_bytes()].concat()
}

fn set(key: &[u8], value: &[u8]) -> Result<(), Failure> {
    match state::set(key, value) {
        true => Ok(()),
        false => Err(Failure::Refused(
            "there is no room for so many events: lower `events_max`, or raise `state_max`".into(),
        )),
    }
}

catchwater_plugin::transform!(Distinct);

#[cfg(test)]
mod tests {
    use super::*;

    fn news(ids: &[&str], events_max: u64) -> Vec<bool> {
        let mut seen = Seen::read();
        let news =
            ids.iter().map(|id| seen.is_new(id, events_max).unwrap_or_else(|failure| panic!("{failure:?}"))).collect();
        seen.write().unwrap_or_else(|failure| panic!("{failure:?}"));
        news
    }

    #[test]
    fn the_event_that_was_seen_first_is_forgotten_first() {
        assert_eq!(news(&["1", "2", "1"], 2), [true, true, false]);
        assert_eq!(news(&["3", "2", "1"], 2), [true, false, true], "1 was forgotten for 3");
        assert_eq!(news(&["2"], 2), [true], "2 was forgotten for 1");
    }
}
