//! Puts a fixed text in place of fields of JSON payloads.

use catchwater_plugin::{Batch, Failure, Mistake, Opening, Output, Transform, count};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// What is masked.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Fields of the payload, such as `customer.email`. Lists are passed through.
    fields: Vec<String>,
    /// What stands there instead.
    #[serde(default = "stars")]
    text: String,
}

fn stars() -> String {
    "***".into()
}

/// The plugin.
pub struct Mask {
    paths: Vec<Vec<String>>,
    text: Value,
}

impl Transform for Mask {
    type Config = Config;

    fn check(config: &Config) -> Result<(), Mistake> {
        if config.fields.is_empty() {
            return Err(Mistake::new("fields", "names no field: nothing would be masked"));
        }
        match config.fields.iter().position(|field| field.split('.').any(str::is_empty)) {
            Some(i) => Err(Mistake::new(format!("fields[{i}]"), "has an empty part")),
            None => Ok(()),
        }
    }

    fn open(config: Config, _: &Opening) -> Result<Mask, Failure> {
        let paths = config.fields.iter().map(|field| field.split('.').map(str::to_owned).collect()).collect();
        Ok(Mask { paths, text: Value::String(config.text) })
    }

    fn process(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<(), Failure> {
        let mut masked = 0;
        for record in batch {
            let Some(payload) = record.payload() else {
                out.keep(record);
                continue;
            };
            match self.mask(payload) {
                Ok(Some(payload)) => {
                    masked += 1;
                    out.replace_payload(record, &payload);
                }
                Ok(None) => out.keep(record),
                Err(error) => out.reject(record, format!("the payload is not JSON: {error}")),
            }
        }
        count("masked", masked);
        Ok(())
    }
}

impl Mask {
    /// The payload with its fields masked; nothing where none is in it.
    fn mask(&self, payload: &[u8]) -> Result<Option<Vec<u8>>, serde_json::Error> {
        let mut value: Value = serde_json::from_slice(payload)?;
        let found = self.paths.iter().filter(|path| put(&mut value, path, &self.text)).count();
        if found == 0 {
            return Ok(None);
        }
        serde_json::to_vec(&value).map(Some)
    }
}

/// Whether the path leads to something, which the text then replaces.
fn put(value: &mut Value, path: &[String], text: &Value) -> bool {
    match (value, path) {
        (Value::Array(items), _) => {
            items.iter_mut().map(|item| put(item, path, text)).filter(|found| *found).count() > 0
        }
        (Value::Null, []) => false,
        (value, []) => {
            *value = text.clone();
            true
        }
        (Value::Object(fields), [first, rest @ ..]) => {
            fields.get_mut(first).is_some_and(|field| put(field, rest, text))
        }
        _ => false,
    }
}

catchwater_plugin::transform!(Mask);

#[cfg(test)]
mod tests {
    use super::*;

    fn check(fields: &[&str], payload: &str, expected: Option<&str>) {
        let config = Config { fields: fields.iter().map(ToString::to_string).collect(), text: stars() };
        let mask = Mask::open(config, &Opening::default()).expect("it opens");
        let masked = mask.mask(payload.as_bytes()).expect("it is JSON");
        assert_eq!(masked.map(|bytes| String::from_utf8(bytes).expect("text")).as_deref(), expected);
    }

    #[test]
    fn only_what_is_named_is_masked_and_the_order_stays() {
        check(&["b.c"], r#"{"b":{"c":"x","d":1.50},"a":2}"#, Some(r#"{"b":{"c":"***","d":1.50},"a":2}"#));
        check(
            &["items.card"],
            r#"{"items":[{"card":"1"},{"qty":2}]}"#,
            Some(r#"{"items":[{"card":"***"},{"qty":2}]}"#),
        );
        check(&["b"], r#"{"a":1}"#, None);
        check(&["b"], r#"{"b":null}"#, None);
    }
}
