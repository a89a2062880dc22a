//! Drops what came before.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use catchwater_sdk::clock::Clock;
use catchwater_sdk::config::{Duration, Template};
use catchwater_sdk::transform::{Output, Transform};
use catchwater_sdk::{Batch, Error, RecordRef, Registry, Result};
use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::sort_out;

/// Drops a record if one with the same key came a short while before.
///
/// It remembers in memory, within the bounds below, and each copy of the pipeline on its own (`tasks`): best effort. After
/// a restart, or once records were abandoned and are read again, it begins anew; a duplicate may pass then, and nothing is
/// ever dropped that did not come before. A record that lacks what the key asks for is rejected.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// What must be the same.
    #[schemars(extend("examples" = ["${field:id}"], "x-names" = ["by", "fields"]))]
    key: Template,
    /// For how long a key is remembered, from when it first came.
    #[serde(default = "window")]
    #[schemars(extend("x-names" = ["ttl"]))]
    window: Duration,
    /// How many keys are remembered; past that the oldest is forgotten. Each takes about 100 bytes.
    #[serde(default = "keys_max")]
    #[schemars(range(min = 1, max = 100000000), extend("x-names" = ["num_events", "size"]))]
    keys_max: usize,
}

fn window() -> Duration {
    Duration::seconds(600)
}

fn keys_max() -> usize {
    100_000
}

pub(crate) fn register(registry: &mut Registry) {
    registry
        .transform("dedupe", |config: Config, context| Ok(Box::new(Dedupe::new(config, Arc::clone(&context.clock))?)));
}

/// Half of a key's SHA-256: long enough that two keys never share it, short enough to keep many.
type Code = [u8; 16];

struct Dedupe {
    config: Config,
    clock: Arc<dyn Clock>,
    seen: HashMap<Code, ()>,
    /// With the time when each came, in microseconds.
    order: VecDeque<(Code, i64)>,
    key: Vec<u8>,
}

// === impl Dedupe ===

impl Dedupe {
    fn new(config: Config, clock: Arc<dyn Clock>) -> Result<Dedupe> {
        if config.key.constant().is_some() {
            return Err(Error::config("is the same for each record: all but the first would be dropped").at_key("key"));
        }
        if config.keys_max == 0 {
            return Err(Error::config("must be 1 or more").at_key("keys_max"));
        }
        Ok(Dedupe { config, clock, seen: HashMap::new(), order: VecDeque::new(), key: Vec::new() })
    }

    fn forget_before(&mut self, micros: i64) {
        let is_due = |order: &VecDeque<(Code, i64)>, keys_max| {
            order.len() >= keys_max || order.front().is_some_and(|(_, came)| *came <= micros)
        };
        while is_due(&self.order, self.config.keys_max)
            && let Some((code, _)) = self.order.pop_front()
        {
            self.seen.remove(&code);
        }
    }

    /// Whether the record is the first of its key; it is remembered.
    fn is_first(&mut self, record: RecordRef<'_>, now: i64) -> Result<bool, String> {
        self.key.clear();
        self.config.key.render(record, &mut self.key)?;
        let digest = Sha256::digest(&self.key);
        let code: Code = digest[..16].try_into().expect("a digest is longer");
        let window = i64::try_from(self.config.window.as_micros()).unwrap_or(i64::MAX);
        if self.order.front().is_some_and(|(_, came)| *came <= now.saturating_sub(window)) {
            self.forget_before(now.saturating_sub(window));
        }
        if self.seen.contains_key(&code) {
            return Ok(false);
        }
        self.forget_before(now.saturating_sub(window));
        self.seen.insert(code, ());
        self.order.push_back((code, now));
        Ok(true)
    }
}

impl Transform for Dedupe {
    fn apply(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<()> {
        let now = self.clock.now_micros();
        sort_out(batch, out, |record| self.is_first(record, now));
        Ok(())
    }

    fn state(&self) -> Option<Vec<u8>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

    use catchwater_sdk::transform::BoxTransform;

    use super::super::testing::{apply, keeps_the_contract};
    use super::*;
    use crate::testing::try_transform;

    #[derive(Debug, Default)]
    struct Hand(AtomicI64);

    impl Clock for Hand {
        fn now_micros(&self) -> i64 {
            self.0.load(Relaxed)
        }
    }

    fn dedupe(keys_max: usize) -> (BoxTransform, Arc<Hand>) {
        let key = Template::read("${field:id}").expect("a template");
        let (config, clock) = (Config { key, window: Duration::seconds(10), keys_max }, Arc::new(Hand::default()));
        (Box::new(Dedupe::new(config, Arc::clone(&clock) as Arc<dyn Clock>).expect("valid")), clock)
    }

    fn check(dedupe: &mut BoxTransform, ids: &[i64], kept: &[i64]) {
        let payload = |id: &i64| format!("{{\"id\":{id}}}");
        let payloads: Vec<_> = ids.iter().map(payload).collect();
        let payloads: Vec<_> = payloads.iter().map(|payload| Some(payload.as_str())).collect();
        let kept: Vec<_> = kept.iter().map(|id| format!("kept {}", payload(id))).collect();
        assert_eq!(apply(dedupe, &[], &payloads), kept);
    }

    #[test]
    fn the_first_of_a_key_passes() {
        let (mut dedupe, _) = dedupe(100);
        check(&mut dedupe, &[1, 2, 1, 1, 3], &[1, 2, 3]);
        check(&mut dedupe, &[3, 4], &[4]);
    }

    #[test]
    fn a_key_is_forgotten_after_the_window() {
        let (mut dedupe, clock) = dedupe(100);
        check(&mut dedupe, &[1], &[1]);
        clock.0.store(9_999_999, Relaxed);
        check(&mut dedupe, &[1], &[]);
        clock.0.store(10_000_000, Relaxed);
        check(&mut dedupe, &[1], &[1]);
    }

    #[test]
    fn the_oldest_key_is_forgotten_when_there_are_too_many() {
        let (mut dedupe, _) = dedupe(2);
        check(&mut dedupe, &[1, 2, 1, 3, 2, 1], &[1, 2, 3, 1]);
    }

    #[test]
    fn a_record_without_the_key_is_rejected_and_a_key_without_a_record_is_a_mistake() {
        let (mut dedupe, _) = dedupe(2);
        assert_eq!(apply(&mut dedupe, &[], &[Some("{}")]), ["rejected {} for the payload has no field `id`"]);
        let said = try_transform("dedupe", "key: id").map(drop).expect_err("it is refused").to_string();
        assert!(said.contains("the same for each record"), "{said}");
    }

    #[test]
    fn keeps_the_contract_of_a_transform() {
        keeps_the_contract("dedupe", "key: ${field:id}");
    }
}
