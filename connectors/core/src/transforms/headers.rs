//! Sets and removes headers.

use std::collections::BTreeMap;
use std::ops::Range;

use catchwater_sdk::config::Template;
use catchwater_sdk::transform::{Output, Transform};
use catchwater_sdk::{Batch, Error, Field, RecordRef, Registry, Result};
use schemars::JsonSchema;
use serde::Deserialize;

/// Sets and removes headers; payload and key stay as they are.
///
/// A record that lacks what a template asks for is rejected with the name of what it lacks.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Headers to remove, all of each name.
    #[serde(default)]
    #[schemars(extend("examples" = [["authorization"]]))]
    remove: Vec<String>,
    /// Headers to set by name, behind those that the record has. One of the same name is replaced.
    #[serde(default)]
    #[schemars(extend("examples" = [{"origin": "${stream}", "customer": "${field:customer.id}"}]))]
    set: BTreeMap<String, Template>,
}

pub(crate) fn register(registry: &mut Registry) {
    registry.transform("headers", |config: Config, _| Ok(Box::new(Headers::new(config)?)));
}

struct Headers {
    config: Config,
    /// The rendered values of one record, back to back.
    buffer: Vec<u8>,
}

// === impl Headers ===

impl Headers {
    fn new(config: Config) -> Result<Headers> {
        if config.remove.is_empty() && config.set.is_empty() {
            return Err(Error::config("nothing to do: give `set` or `remove`"));
        }
        Ok(Headers { config, buffer: Vec::new() })
    }

    fn goes(&self, name: &str) -> bool {
        self.config.set.contains_key(name) || self.config.remove.iter().any(|removed| removed == name)
    }

    /// Fills the buffer; answers the place of each value.
    fn render(&mut self, record: RecordRef<'_>) -> Result<Vec<Range<usize>>, String> {
        self.buffer.clear();
        let mut places = Vec::with_capacity(self.config.set.len());
        for template in self.config.set.values() {
            let start = self.buffer.len();
            template.render(record, &mut self.buffer)?;
            places.push(start..self.buffer.len());
        }
        Ok(places)
    }

    fn replace(&self, i: usize, record: RecordRef<'_>, places: Vec<Range<usize>>, out: &mut Output<'_>) {
        let mut headers: Vec<_> = record.headers().filter(|header| !self.goes(header.name)).collect();
        for (name, place) in self.config.set.keys().zip(places) {
            headers.push(Field::bytes(name, Some(&self.buffer[place])));
        }
        let properties: Vec<_> = record.properties().collect();
        out.replace(i, record.with_fields(&headers, &properties));
    }
}

impl Transform for Headers {
    fn apply(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<()> {
        for (i, record) in batch.iter().enumerate() {
            match self.render(record) {
                Ok(places) => self.replace(i, record, places, out),
                Err(reason) => out.reject(i, reason),
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
    use catchwater_sdk::Field;

    use super::super::testing::{apply, keeps_the_contract};
    use crate::testing::transform;

    fn check(config: &str, payload: &str, expected: &str) {
        let headers = [Field::text("a", "1"), Field::text("a", "2"), Field::text("b", "3")];
        assert_eq!(apply(&mut transform("headers", config), &headers, &[Some(payload)]), [expected]);
    }

    #[test]
    fn sets_replaces_and_removes() {
        check("set: {who: '${field:id}'}", r#"{"id":7}"#, r#"kept {"id":7} [a=1 a=2 b=3 who=7]"#);
        check("{set: {b: '${stream}'}, remove: [a]}", "{}", "kept {} [b=orders]");
        check("remove: [a, b]", "not JSON", "kept not JSON");
    }

    #[test]
    fn rejects_what_lacks_a_part_of_a_template() {
        check("set: {who: '${field:id}'}", "{}", "rejected {} [a=1 a=2 b=3] for the payload has no field `id`");
    }

    #[test]
    fn keeps_the_contract_of_a_transform() {
        keeps_the_contract("headers", "set: {who: '${field:id}'}");
    }
}
