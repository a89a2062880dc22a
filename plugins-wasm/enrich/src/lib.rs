//! Adds to each event what an earlier event of the same key said: a plugin with a state.

use std::collections::VecDeque;

use catchwater_plugin::{Batch, Failure, Mistake, Opening, Output, Transform, count};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What is remembered, and where it is put.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The field by which events belong together, such as `customer.id`.
    by: String,
    /// The field whose last value is remembered.
    remember: String,
    /// The field, at the top of the payload, that gets it where the event does not have the remembered one.
    into: String,
    /// For how many keys something is remembered. The one that was heard of first is forgotten first.
    #[serde(default = "keys_max")]
    keys_max: usize,
}

fn keys_max() -> usize {
    1000
}

/// The plugin.
pub struct Enrich {
    config: Config,
    table: Table,
}

/// What is remembered by key, and the keys in the order in which they were first heard of.
#[derive(Default, Serialize, Deserialize)]
struct Table {
    values: Map<String, Value>,
    keys: VecDeque<String>,
}

impl Transform for Enrich {
    type Config = Config;
    const STATE_VERSION: u32 = 1;

    fn check(config: &Config) -> Result<(), Mistake> {
        if config.into.contains('.') {
            return Err(Mistake::new("into", "is a path, and must be a field at the top of the payload"));
        }
        Ok(())
    }

    fn open(config: Config, opening: &Opening) -> Result<Enrich, Failure> {
        let table = match &opening.state {
            None => Table::default(),
            Some(state) => serde_json::from_slice(state).map_err(|error| {
                Failure::Refused(format!("read the state of version {}: {error}", opening.state_version))
            })?,
        };
        Ok(Enrich { config, table })
    }

    fn process(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<(), Failure> {
        let mut added = 0;
        for record in batch {
            let payload = record.payload().map(serde_json::from_slice::<Value>);
            let enriched = match payload {
                Some(Ok(mut payload)) => self.enrich(&mut payload).then(|| payload.to_string()),
                Some(Err(error)) => {
                    out.reject(record, format!("the payload is not JSON: {error}"));
                    continue;
                }
                None => None,
            };
            match enriched {
                Some(payload) => {
                    added += 1;
                    out.replace_payload(record, payload.as_bytes());
                }
                None => out.keep(record),
            }
        }
        count("added", added);
        Ok(())
    }

    fn snapshot(&self) -> Vec<u8> {
        serde_json::to_vec(&self.table).expect("it is JSON")
    }
}

impl Enrich {
    /// Learns from an event, or adds to it what it learned before; whether it did the latter.
    fn enrich(&mut self, payload: &mut Value) -> bool {
        let Some(key) = at(payload, &self.config.by).map(text) else { return false };
        if let Some(value) = at(payload, &self.config.remember) {
            self.table.remember(key, value.clone(), self.config.keys_max);
            return false;
        }
        match (self.table.values.get(&key), payload.as_object_mut()) {
            (Some(value), Some(fields)) => {
                fields.insert(self.config.into.clone(), value.clone());
                true
            }
            _ => false,
        }
    }
}

impl Table {
    fn remember(&mut self, key: String, value: Value, keys_max: usize) {
        if self.values.insert(key.clone(), value).is_none() {
            self.keys.push_back(key);
        }
        while self.keys.len() > keys_max {
            let oldest = self.keys.pop_front();
            oldest.map(|key| self.values.shift_remove(&key));
        }
    }
}

fn at<'a>(payload: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(payload, |value, part| value.get(part)).filter(|value| !value.is_null())
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

catchwater_plugin::transform!(Enrich);

#[cfg(test)]
mod tests {
    use super::*;

    fn plugin(state: Option<Vec<u8>>) -> Enrich {
        let [by, remember, into] = ["id", "name", "name"].map(str::to_owned);
        let config = Config { by, remember, into, keys_max: 2 };
        Enrich::open(config, &Opening { state, ..Opening::default() }).expect("it opens")
    }

    fn check(plugin: &mut Enrich, payload: &str, expected: &str) {
        let mut value: Value = serde_json::from_str(payload).expect("JSON");
        plugin.enrich(&mut value);
        assert_eq!(value.to_string(), expected);
    }

    #[test]
    fn what_was_heard_is_added_also_by_the_one_that_comes_after() {
        let mut first = plugin(None);
        check(&mut first, r#"{"id":1,"name":"Ann"}"#, r#"{"id":1,"name":"Ann"}"#);
        check(&mut first, r#"{"id":1}"#, r#"{"id":1,"name":"Ann"}"#);
        check(&mut plugin(Some(first.snapshot())), r#"{"id":1}"#, r#"{"id":1,"name":"Ann"}"#);
    }

    #[test]
    fn the_key_that_was_heard_of_first_is_forgotten_first() {
        let mut plugin = plugin(None);
        for payload in [r#"{"id":1,"name":"Ann"}"#, r#"{"id":2,"name":"Ben"}"#, r#"{"id":3,"name":"Cat"}"#] {
            check(&mut plugin, payload, payload);
        }
        check(&mut plugin, r#"{"id":1}"#, r#"{"id":1}"#);
        check(&mut plugin, r#"{"id":2}"#, r#"{"id":2,"name":"Ben"}"#);
    }
}
