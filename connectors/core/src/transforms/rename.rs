//! Gives fields of payloads other names.

use std::collections::BTreeMap;

use catchwater_sdk::transform::{Output, Transform};
use catchwater_sdk::{Batch, Error, Registry, Result};
use schemars::JsonSchema;
use serde::Deserialize;

use super::fields::{Action, Paths, rewrite_batch};

/// Gives fields of JSON payloads other names; everything else of a payload stays byte for byte.
///
/// A field stays where it is, only its key changes. A record that has a field of the new name beside it is rejected, and
/// so is a payload that is not JSON; tombstones pass.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The new name of each field, by its path. `*` is any one key, `**` any number of keys; lists are passed through.
    #[schemars(extend("examples" = [{"customer.mail": "email", "items.qty": "quantity"}], "x-names" = ["renames", "map"]))]
    fields: BTreeMap<String, String>,
}

pub(crate) fn register(registry: &mut Registry) {
    registry.transform("rename", |config: Config, _| Ok(Box::new(Rename::new(config)?)));
}

struct Rename {
    paths: Paths,
    /// The new name, by number of path.
    names: Vec<String>,
    /// The payload as it becomes; kept for its memory.
    payload: Vec<u8>,
}

// === impl Rename ===

impl Rename {
    fn new(config: Config) -> Result<Rename> {
        if config.fields.is_empty() {
            return Err(Error::config("nothing to rename: write `old.path: new`").at_key("fields"));
        }
        if let Some((path, name)) = config.fields.iter().find(|(path, name)| path.rsplit('.').next() == Some(name)) {
            return Err(Error::config(format!("`{path}` is called `{name}` already")).at_key("fields"));
        }
        let paths = Paths::new(config.fields.keys().map(String::as_str), "fields")?;
        Ok(Rename { paths, names: config.fields.into_values().collect(), payload: Vec::new() })
    }
}

impl Transform for Rename {
    fn apply(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<()> {
        let names = &self.names;
        rewrite_batch(&self.paths, batch, out, &mut self.payload, &mut |path, _, _| Action::Rename(&names[path]));
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
        assert_eq!(apply(&mut transform("rename", &config), &[], &[payload]), [expected]);
    }

    #[test]
    fn changes_keys_and_leaves_the_rest_byte_for_byte() {
        let fields = "{customer.mail: email, items.qty: 'the \"count\"'}";
        let payload = r#"{ "customer" : {"mail" : "a" }, "items":[{"qty":1.0},{"qty":2}] }"#;
        let renamed = r#"{ "customer" : {"email" : "a" }, "items":[{"the \"count\"":1.0},{"the \"count\"":2}] }"#;
        check(fields, Some(payload), &format!("kept {renamed}"));
        check(fields, None, "kept -");
    }

    #[test]
    fn a_name_that_is_taken_is_a_reason_to_reject() {
        let reason = "there is a field `b` already, beside the one to be renamed";
        check("{a: b}", Some(r#"{"a":1,"b":2}"#), &format!(r#"rejected {{"a":1,"b":2}} for {reason}"#));
    }

    #[test]
    fn a_new_name_that_is_none_is_a_mistake() {
        let refused = |config: &str, expected: &str| {
            let said = try_transform("rename", config).map(drop).expect_err("it is refused").to_string();
            assert!(said.contains(expected), "{config}: {said}");
        };
        refused("fields: {}", "nothing to rename");
        refused("fields: {a.b: b}", "`a.b` is called `b` already");
        refused("fields: {a..b: c}", "a key without a name");
    }

    #[test]
    fn keeps_the_contract_of_a_transform() {
        keeps_the_contract("rename", "fields: {customer.email: mail, id: number}");
    }
}
