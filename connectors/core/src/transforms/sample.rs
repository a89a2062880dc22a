//! Keeps a part of the records.

use catchwater_sdk::config::Template;
use catchwater_sdk::transform::{Output, Transform};
use catchwater_sdk::{Batch, Error, RecordRef, Registry, Result};
use schemars::JsonSchema;
use serde::Deserialize;
use twox_hash::XxHash3_64;

use super::sort_out;

/// Keeps a part of the records and drops the others.
///
/// With `by`, whether a record stays depends on that alone: all records of a customer stay or none, in every run and every
/// copy of the pipeline. Without it records are chosen one by one, as if by chance.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The part to keep, from 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0), extend("examples" = [0.01], "x-names" = ["ratio", "percentage", "probability"]))]
    rate: Option<f64>,
    /// Keeps the first of so many, instead of `rate`: the first, then each one after so many. A restart counts anew.
    #[schemars(range(min = 1))]
    every: Option<u64>,
    /// What decides, with `rate`. A record that lacks it is rejected.
    #[schemars(extend("examples" = ["${key}", "${field:customer.id}"], "x-names" = ["key"]))]
    by: Option<Template>,
    /// Another seed chooses others.
    #[serde(default)]
    seed: u64,
}

pub(crate) fn register(registry: &mut Registry) {
    registry.transform("sample", |config: Config, _| Ok(Box::new(Sample::new(config)?)));
}

enum Sample {
    Every { every: u64, passed: u64 },
    Chance { rate: f64, random: fastrand::Rng },
    By { by: Template, seed: u64, below: u64, all: bool, value: Vec<u8> },
}

// === impl Sample ===

impl Sample {
    fn new(config: Config) -> Result<Sample> {
        match (config.rate, config.every, config.by) {
            (None, Some(0), _) => Err(Error::config("must be 1 or more").at_key("every")),
            (None, Some(every), None) => Ok(Sample::Every { every, passed: 0 }),
            (None, Some(_), Some(_)) => Err(Error::config("does nothing here: it belongs to `rate`").at_key("by")),
            (Some(rate), None, _) if !(0.0..=1.0).contains(&rate) => {
                Err(Error::config("must be from 0 to 1; 0.01 keeps one of a hundred").at_key("rate"))
            }
            (Some(rate), None, None) => Ok(Sample::Chance { rate, random: fastrand::Rng::with_seed(config.seed) }),
            (Some(rate), None, Some(by)) => {
                let (below, value) = ((rate * u64::MAX as f64) as u64, Vec::new());
                Ok(Sample::By { by, seed: config.seed, below, all: rate == 1.0, value })
            }
            (None, None, _) => Err(Error::config("how many? give `rate` or `every`")),
            (Some(_), Some(_), _) => Err(Error::config("give `rate` or `every`, not both").at_key("every")),
        }
    }

    fn stays(&mut self, record: RecordRef<'_>) -> Result<bool, String> {
        match self {
            Sample::Every { every, passed } => {
                let stays = *passed == 0;
                *passed = (*passed + 1) % *every;
                Ok(stays)
            }
            Sample::Chance { rate, random } => Ok(random.f64() < *rate),
            Sample::By { by, seed, below, all, value } => {
                value.clear();
                by.render(record, value)?;
                Ok(*all || XxHash3_64::oneshot_with_seed(*seed, value) < *below)
            }
        }
    }
}

impl Transform for Sample {
    fn apply(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<()> {
        sort_out(batch, out, |record| self.stays(record));
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

    fn numbers(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("{{\"id\":{},\"n\":{number}}}", number % 100)).collect()
    }

    fn kept(config: &str, payloads: &[String]) -> Vec<String> {
        let payloads: Vec<_> = payloads.iter().map(|payload| Some(payload.as_str())).collect();
        apply(&mut transform("sample", config), &[], &payloads)
    }

    fn refused(config: &str, expected: &str) {
        let said = try_transform("sample", config).map(drop).expect_err("it is refused").to_string();
        assert!(said.contains(expected), "{config}: {said}");
    }

    #[test]
    fn keeps_the_first_of_so_many() {
        let payloads: Vec<_> = (0..7).map(|number| number.to_string()).collect();
        assert_eq!(kept("every: 3", &payloads), ["kept 0", "kept 3", "kept 6"]);
        assert_eq!(kept("every: 1", &payloads).len(), 7);
    }

    #[test]
    fn keeps_about_the_part_that_is_asked_for() {
        let payloads = numbers(10_000);
        let count = kept("rate: 0.1", &payloads).len();
        assert!((850..1150).contains(&count), "{count}");
        assert_eq!(kept("rate: 0", &payloads).len(), 0);
        assert_eq!(kept("rate: 1", &payloads).len(), 10_000);
        assert_ne!(kept("{rate: 0.1, seed: 1}", &payloads), kept("{rate: 0.1, seed: 2}", &payloads));
    }

    #[test]
    fn what_decides_alike_stays_or_goes_together() {
        let kept = kept("{rate: 0.3, by: '${field:id}'}", &numbers(1000));
        let ids: std::collections::BTreeSet<_> =
            kept.iter().map(|text| text.split(',').next().expect("an id")).collect();
        assert_eq!(kept.len(), ids.len() * 10, "each id has ten records");
        assert!((15..45).contains(&ids.len()), "{}", ids.len());
    }

    #[test]
    fn a_record_that_lacks_what_decides_is_rejected() {
        let kept = kept("{rate: 0.3, by: '${field:id}'}", &["{}".into()]);
        assert_eq!(kept, ["rejected {} for the payload has no field `id`"]);
    }

    #[test]
    fn says_which_settings_go_together() {
        refused("{}", "give `rate` or `every`");
        refused("{rate: 0.1, every: 2}", "not both");
        refused("{rate: 1.5}", "from 0 to 1");
        refused("{every: 0}", "1 or more");
        refused("{every: 2, by: '${key}'}", "belongs to `rate`");
    }

    #[test]
    fn keeps_the_contract_of_a_transform() {
        keeps_the_contract("sample", "rate: 0.5");
        keeps_the_contract("sample", "{rate: 0.5, by: '${key}'}");
    }
}
