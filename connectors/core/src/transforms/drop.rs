//! Takes fields out of payloads.

use catchwater_sdk::transform::{Output, Transform};
use catchwater_sdk::{Batch, Error, Registry, Result};
use schemars::JsonSchema;
use serde::Deserialize;

use super::fields::{Action, Paths, rewrite_batch};

/// Takes fields out of JSON payloads; everything else of a payload stays byte for byte.
///
/// A payload that is not JSON is rejected; tombstones pass. To drop whole records there is `filter`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The fields. `*` is any one key, `**` any number of keys; lists are passed through, so `items.note` is the `note` of
    /// each item.
    #[schemars(extend("examples" = [["debug", "customer.address", "**.internal"]], "x-names" = ["paths", "exclude", "blacklist"]))]
    fields: Vec<String>,
}

pub(crate) fn register(registry: &mut Registry) {
    registry.transform("drop", |config: Config, _| Ok(Box::new(DropFields::new(&config)?)));
}

struct DropFields {
    paths: Paths,
    /// The payload as it becomes; kept for its memory.
    payload: Vec<u8>,
}

// === impl DropFields ===

impl DropFields {
    fn new(config: &Config) -> Result<DropFields> {
        if config.fields.is_empty() {
            return Err(Error::config("nothing to drop: name a field").at_key("fields"));
        }
        let paths = Paths::new(config.fields.iter().map(String::as_str), "fields")?;
        Ok(DropFields { paths, payload: Vec::new() })
    }
}

impl Transform for DropFields {
    fn apply(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<()> {
        rewrite_batch(&self.paths, batch, out, &mut self.payload, &mut |_, _, _| Action::Drop);
        Ok(())
    }

    fn state(&self) -> Option<Vec<u8>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{apply, keeps_the_contract};
    use crate::testing::{transform, try_transform};

    fn check(fields: &str, payload: Option<&str>, expected: &str) {
        let config = format!("fields: {fields}");
        assert_eq!(apply(&mut transform("drop", &config), &[], &[payload]), [expected]);
    }

    #[test]
    fn takes_fields_out_and_leaves_the_rest_byte_for_byte() {
        check("[b, 'a.*']", Some(r#"{ "a":{"x":1,"y":2}, "b":3, "c":1.0 }"#), r#"kept { "a":{}, "c":1.0 }"#);
        check("[none]", Some(r#"{ "a" :1}"#), r#"kept { "a" :1}"#);
        check("[a]", None, "kept -");
    }

    #[test]
    fn what_is_not_json_is_rejected() {
        check("[a]", Some("<a>"), "rejected <a> for the payload is not JSON: expected value at line 1 column 1");
    }

    #[test]
    fn nothing_to_drop_is_a_mistake() {
        let said = try_transform("drop", "fields: []").map(drop).expect_err("it is refused").to_string();
        assert!(said.contains("name a field"), "{said}");
    }

    #[test]
    fn keeps_the_contract_of_a_transform() {
        keeps_the_contract("drop", "fields: [customer.email, tags]");
    }
}
