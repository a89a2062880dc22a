//! What the benchmark measures: JSON filtered, redacted and added to, or nothing at all.

use catchwater_plugin::{Batch, Failure, Opening, Output, Transform};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

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
}

impl Transform for Refine {
    type Config = Config;

    fn open(config: Config, _: &Opening) -> Result<Refine, Failure> {
        Ok(Refine { config })
    }

    fn process(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<(), Failure> {
        for record in batch {
            match record.payload() {
                Some(payload) if !self.config.through => match refine(payload) {
                    Ok(Some(payload)) => out.replace_payload(record, &payload),
                    Ok(None) => out.drop_record(record),
                    Err(error) => out.reject(record, format!("the payload is not JSON: {error}")),
                },
                _ => out.keep(record),
            }
        }
        Ok(())
    }
}

/// Orders that came back are dropped, the address of mails is redacted, and valuable ones are marked.
fn refine(payload: &[u8]) -> Result<Option<Vec<u8>>, serde_json::Error> {
    let mut order: Value = serde_json::from_slice(payload)?;
    if order["event"] == "order_returned" {
        return Ok(None);
    }
    if let Some(email) = order.pointer_mut("/customer/email") {
        *email = "***".into();
    }
    let is_valuable = order["total"].as_f64().is_some_and(|total| total > 500.0);
    if let Some(fields) = order.as_object_mut() {
        fields.insert("valuable".into(), is_valuable.into());
    }
    serde_json::to_vec(&order).map(Some)
}

catchwater_plugin::transform!(Refine);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_dropped_or_redacted_and_marked() {
        assert_eq!(refine(br#"{"event":"order_returned"}"#).expect("JSON"), None);
        let refined = refine(br#"{"customer":{"email":"ada@example.com"},"event":"order_paid","total":501}"#);
        let expected = br#"{"customer":{"email":"***"},"event":"order_paid","total":501,"valuable":true}"#;
        assert_eq!(refined.expect("JSON").as_deref(), Some(&expected[..]));
        assert!(refine(b"{").is_err());
    }
}
