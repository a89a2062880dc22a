//! Lets through what a query asks for.

use catchwater_query::Query;
use catchwater_sdk::transform::{Output, Transform};
use catchwater_sdk::{Batch, Error, Registry, Result};
use schemars::JsonSchema;
use serde::Deserialize;

/// Lets through the records that match a query; drops the others on purpose, and counts them.
///
/// The query language is the one of search and replay: see `sdk/query/LANGUAGE.md`. In YAML a query is best quoted, since
/// `#`, `*`, `>` and `: ` mean something there.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// What goes on, such as `NOT status:test amount:>100`.
    #[schemars(extend(
        "examples" = ["NOT status:test", "event:(order_created OR order_paid) amount:>100"],
        "x-names" = ["if", "condition", "predicate", "query", "expression"],
    ))]
    r#where: Query,
}

pub(crate) fn register(registry: &mut Registry) {
    registry.transform("filter", |config: Config, _| Ok(Box::new(Filter::new(config)?)));
}

struct Filter {
    query: Query,
}

// === impl Filter ===

impl Filter {
    fn new(config: Config) -> Result<Filter> {
        let query = config.r#where;
        query.check_for_records().map_err(|problem| Error::config(problem.message).at_key("where"))?;
        Ok(Filter { query })
    }
}

impl Transform for Filter {
    fn apply(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<()> {
        for (i, record) in batch.iter().enumerate() {
            match self.query.matches(&record) {
                true => out.keep(i),
                false => out.drop_record(i),
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
    use crate::testing::{mistake, transform};

    fn check(query: &str, payloads: &[Option<&str>], expected: &[&str]) {
        let config = format!("where: '{}'", query.replace('\'', "''"));
        assert_eq!(apply(&mut transform("filter", &config), &[Field::text("env", "test")], payloads), expected);
    }

    #[test]
    fn lets_through_what_matches() {
        let payloads = [Some(r#"{"a":1}"#), Some(r#"{"a":2}"#), Some("no JSON"), None];
        check("a:>1", &payloads, &[r#"kept {"a":2} [env=test]"#]);
        check("NOT a:*", &payloads, &["kept no JSON [env=test]", "kept - [env=test]"]);
        check("JSON", &payloads, &["kept no JSON [env=test]"]);
        check("-_headers.env:test", &payloads, &[]);
        check("_headers.env:test _position:<1", &payloads, &[r#"kept {"a":1} [env=test]"#]);
    }

    #[test]
    fn refuses_what_is_not_known_on_the_way() {
        let text = mistake("filter", "where: '_error:* OR a:1'");
        assert_eq!(text, "where: `_error` is known of records in a lake only, not of those on their way there");
    }

    #[test]
    fn keeps_the_contract_of_a_transform() {
        keeps_the_contract("filter", "where: 'NOT status:test'");
        keeps_the_contract("filter", "where: '-*'");
    }
}
