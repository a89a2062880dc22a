//! What the benchmark measures: JSON filtered, redacted and added to, or nothing at all.

use catchwater_plugin::json::{Malformed, Paths};
use catchwater_plugin::{Batch, Failure, Opening, Output, Transform};
use schemars::JsonSchema;
use serde::Deserialize;

/// What is done to records.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Nothing: what is measured then is the way to the plugin and back.
    #[serde(default)]
    through: bool,
}

/// The plugin.
pub struct Refine {
    config: Config,
    paths: Paths,
    /// The payload as it becomes; kept for its memory.
    refined: Vec<u8>,
}

const PATHS: [&str; 4] = ["event", "customer.email", "total", "valuable"];
const EVENT: usize = 0;
const EMAIL: usize = 1;
const TOTAL: usize = 2;
const VALUABLE: usize = 3;

impl Transform for Refine {
    type Config = Config;

    fn open(config: Config, _: &Opening) -> Result<Refine, Failure> {
        Ok(Refine { config, paths: Paths::new(PATHS)?, refined: Vec::new() })
    }

    fn process(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<(), Failure> {
        for record in batch {
            match record.payload() {
                Some(payload) if !self.config.through => match self.refine(payload) {
                    Ok(true) => out.replace_payload(record, &self.refined),
                    Ok(false) => out.drop_record(record),
                    Err(error) => out.reject(record, format!("the payload is not JSON: {error}")),
                },
                _ => out.keep(record),
            }
        }
        Ok(())
    }
}

impl Refine {
    /// Orders that came back are dropped, the address of mails is redacted, and valuable ones are marked. Whether an order
    /// goes on; `refined` is then what it becomes.
    fn refine(&mut self, payload: &[u8]) -> Result<bool, Malformed> {
        let order = self.paths.find(payload)?;
        if order.get(EVENT).and_then(|event| event.as_str()).is_some_and(|event| event == "order_returned") {
            return Ok(false);
        }
        let mut edit = order.edit();
        order.all(EMAIL).for_each(|email| edit.set(email, "***"));
        let is_valuable = order.get(TOTAL).and_then(|total| total.as_f64()).is_some_and(|total| total > 500.0);
        match order.get(VALUABLE) {
            Some(_) => order.all(VALUABLE).for_each(|valuable| edit.set(valuable, is_valuable)),
            None => edit.insert(order.root(), "valuable", is_valuable),
        }
        edit.write(&mut self.refined);
        Ok(true)
    }
}

catchwater_plugin::transform!(Refine);

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of an order; nothing, if it is dropped.
    fn refine(payload: &str) -> Result<Option<String>, Malformed> {
        let config = Config { through: false };
        let mut plugin = Refine::open(config, &Opening::default()).expect("it opens");
        let goes_on = plugin.refine(payload.as_bytes())?;
        Ok(goes_on.then(|| String::from_utf8(plugin.refined).expect("text")))
    }

    fn check(payload: &str, expected: Option<&str>) {
        assert_eq!(refine(payload).expect("JSON").as_deref(), expected, "{payload}");
    }

    #[test]
    fn an_order_is_dropped_or_redacted_and_marked() {
        check(r#"{"event":"order_returned"}"#, None);
        check(
            r#"{"total":501, "customer":{"email":"ada@example.com"},"event":"order_paid"}"#,
            Some(r#"{"total":501, "customer":{"email":"***"},"event":"order_paid","valuable":true}"#),
        );
        check(r#"{"valuable":true,"total":500}"#, Some(r#"{"valuable":false,"total":500}"#));
        check("[]", Some("[]"));
        assert!(refine("{").is_err());
    }
}
