//! Sorts out records whose payload is not what it should be.

use catchwater_sdk::transform::{Output, Transform};
use catchwater_sdk::value::{Decoded, Value};
use catchwater_sdk::{Batch, Error, Registry, Result};
use schemars::JsonSchema;
use serde::Deserialize;

/// Rejects records whose payload the source's format cannot decode, or that lack a field.
///
/// A rejected record goes where `on_error` says: to the dead letters with the reason, if the pipeline has them.
/// Tombstones pass: they have no payload that could be wrong.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Fields that each payload must have, and not as null; `customer.id` is `id` within `customer`. Without any, it is
    /// enough that the payload decodes.
    #[serde(default)]
    #[schemars(extend("examples" = [["id", "customer.id"]], "x-names" = ["required", "required_fields"]))]
    fields: Vec<String>,
}

pub(crate) fn register(registry: &mut Registry) {
    registry.transform("require", |config: Config, _| Ok(Box::new(Require::new(config)?)));
}

struct Require {
    /// Each with its name for the reason.
    fields: Vec<(String, Vec<String>)>,
}

// === impl Require ===

impl Require {
    fn new(config: Config) -> Result<Require> {
        let path = |(i, name): (usize, String)| {
            let path: Vec<_> = name.split('.').map(str::to_owned).collect();
            match path.iter().any(String::is_empty) {
                true => Err(Error::config("a field needs a name").at_key(format!("fields[{i}]"))),
                false => Ok((name, path)),
            }
        };
        Ok(Require { fields: config.fields.into_iter().enumerate().map(path).collect::<Result<_>>()? })
    }

    fn complaint(&self, value: Value<'_>) -> Option<String> {
        let lacks = |path: &[String]| matches!(value.at(path), None | Some(Value::Null));
        let (name, _) = self.fields.iter().find(|(_, path)| lacks(path))?;
        Some(format!("the payload has no field `{name}`"))
    }
}

impl Transform for Require {
    fn apply(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<()> {
        for (i, record) in batch.iter().enumerate() {
            let complaint = match record.value() {
                Decoded::Absent => None,
                Decoded::Value(value) => self.complaint(value),
                Decoded::Undecodable(reason) => Some(reason.to_owned()),
            };
            match complaint {
                None => out.keep(i),
                Some(reason) => out.reject(i, reason),
            }
        }
        Ok(())
    }

    fn state(&self) -> Option<Vec<u8>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{apply, keeps_the_contract};
    use crate::testing::transform;

    fn check(config: &str, payloads: &[Option<&str>], expected: &[&str]) {
        assert_eq!(apply(&mut transform("require", config), &[], payloads), expected);
    }

    #[test]
    fn rejects_what_does_not_decode_and_lets_tombstones_pass() {
        check(
            "{}",
            &[Some("{}"), Some("{"), None],
            &["kept {}", "rejected { for not JSON: EOF while parsing an object at byte 1", "kept -"],
        );
    }

    #[test]
    fn rejects_what_lacks_a_field() {
        let config = "fields: [id, customer.id]";
        check(config, &[Some(r#"{"id":1,"customer":{"id":2}}"#)], &[r#"kept {"id":1,"customer":{"id":2}}"#]);
        check(config, &[Some(r#"{"id":1,"customer.id":2}"#)], &[r#"kept {"id":1,"customer.id":2}"#]);
        check(config, &[Some(r#"{"id":null}"#)], &[r#"rejected {"id":null} for the payload has no field `id`"#]);
        check(config, &[Some(r#"{"id":0}"#)], &[r#"rejected {"id":0} for the payload has no field `customer.id`"#]);
        check(config, &[Some("[]")], &["rejected [] for the payload has no field `id`"]);
    }

    #[test]
    fn keeps_the_contract_of_a_transform() {
        keeps_the_contract("require", "fields: [id]");
    }
}
