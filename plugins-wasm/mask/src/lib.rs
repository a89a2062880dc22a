//! Puts a fixed text in place of fields of JSON payloads.

use catchwater_plugin::json::{Edit, Malformed, Paths, Value};
use catchwater_plugin::{Batch, Failure, Mistake, Opening, Output, Transform, count};
use schemars::JsonSchema;
use serde::Deserialize;

/// What is masked.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Fields of the payload, such as `customer.email`. Lists are passed through; `*` is any one key, `**` any number of keys.
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
    paths: Paths,
    fields: usize,
    text: String,
    /// The payload as it becomes; kept for its memory.
    masked: Vec<u8>,
}

impl Transform for Mask {
    type Config = Config;

    fn check(config: &Config) -> Result<(), Mistake> {
        if config.fields.is_empty() {
            return Err(Mistake::new("fields", "names no field: nothing would be masked"));
        }
        paths(config).map(drop)
    }

    fn open(config: Config, _: &Opening) -> Result<Mask, Failure> {
        Ok(Mask { paths: paths(&config)?, fields: config.fields.len(), text: config.text, masked: Vec::new() })
    }

    fn process(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<(), Failure> {
        let mut masked = 0;
        for record in batch {
            let Some(payload) = record.payload() else {
                out.keep(record);
                continue;
            };
            match self.mask(payload) {
                Ok(true) => {
                    masked += 1;
                    out.replace_payload(record, &self.masked);
                }
                Ok(false) => out.keep(record),
                Err(error) => out.reject(record, format!("the payload is not JSON: {error}")),
            }
        }
        count("masked", masked);
        Ok(())
    }
}

fn paths(config: &Config) -> Result<Paths, Mistake> {
    Paths::new(&config.fields).map_err(|mistake| mistake.within("fields"))
}

impl Mask {
    /// Whether a field was found; `masked` is then the payload with its fields masked.
    fn mask(&mut self, payload: &[u8]) -> Result<bool, Malformed> {
        let document = self.paths.find(payload)?;
        let mut edit = document.edit();
        for field in 0..self.fields {
            document.all(field).for_each(|value| put(&mut edit, value, &self.text));
        }
        if edit.is_empty() {
            return Ok(false);
        }
        edit.write(&mut self.masked);
        Ok(true)
    }
}

/// Puts the text in place of a value, or of those in a list.
fn put(edit: &mut Edit<'_>, value: Value<'_>, text: &str) {
    match value.items() {
        Some(items) => items.for_each(|item| put(edit, item, text)),
        None if value.is_null() => {}
        None => edit.set(value, text),
    }
}

catchwater_plugin::transform!(Mask);

#[cfg(test)]
mod tests {
    use super::*;

    fn check(fields: &[&str], payload: &str, expected: Option<&str>) {
        let config = Config { fields: fields.iter().map(ToString::to_string).collect(), text: stars() };
        let mut mask = Mask::open(config, &Opening::default()).expect("it opens");
        let found = mask.mask(payload.as_bytes()).expect("it is JSON");
        let masked = found.then(|| String::from_utf8(mask.masked).expect("text"));
        assert_eq!(masked.as_deref(), expected, "{payload}");
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
        check(&["b"], r#"{"b":["x",null,[ {"c":1}]]}"#, Some(r#"{"b":["***",null,[ "***"]]}"#));
        check(
            &["b", "**.c"],
            r#"{"b":"x","b":{"c":1}, "a":[{"c":2}]}"#,
            Some(r#"{"b":"***","b":"***", "a":[{"c":"***"}]}"#),
        );
    }
}
