//! Makes up events of a shop, the same ones for the same seed.

mod shop;

use std::sync::Arc;
use std::time::{Duration, Instant};

use catchwater_sdk::source::{SourceTraits, simple};
use catchwater_sdk::{
    Batch, BatchBuilder, Error, Field, Limit, Partition, Positions, Record, Registry, Result, ResultExt, Timestamp,
    TimestampKind, async_trait,
};
use schemars::JsonSchema;
use serde::Deserialize;

use self::shop::Shop;
use crate::rate::Rate;

/// Makes up events of a shop: orders with customers and items, payments, shipments, carts, accounts.
///
/// The same settings make the same events, byte for byte, so a restart goes on exactly where it stopped. Payloads are
/// JSON, keys are customers, and the header `event` names the kind, as does the field `event`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// How many events there are in all, over restarts; without it they never end.
    #[schemars(extend("examples" = [20000], "x-names" = ["iterations", "limit"]))]
    count: Option<u64>,
    /// How fast they come; without it as fast as they are taken.
    #[schemars(extend("x-names" = ["interval"]))]
    rate: Option<Rate>,
    /// Another seed makes other events.
    #[serde(default)]
    seed: u64,
    /// The stream that they belong to: what `${stream}` stands for.
    #[serde(default = "stream")]
    stream: String,
    /// How many partitions they are spread over, by customer.
    #[serde(default = "partitions")]
    #[schemars(range(min = 1, max = 1024))]
    partitions: u16,
    /// The time of the first event, in RFC 3339; each is a quarter of a second after the one before.
    #[serde(default = "start")]
    #[schemars(extend("examples" = ["2026-01-01T00:00:00Z"]))]
    start: String,
}

fn stream() -> String {
    "events".into()
}

fn partitions() -> u16 {
    1
}

fn start() -> String {
    "2026-01-01T00:00:00Z".into()
}

/// With a rate, events come in portions at least so far apart.
const PORTION: Duration = Duration::from_millis(10);

pub(crate) fn register(registry: &mut Registry) {
    registry.source("generate", |config: Config, _| Ok(simple::source(Generate::new(config)?)));
}

struct Generate {
    config: Config,
    shop: Shop,
    partitions: Vec<Arc<Partition>>,
    /// Where each partition goes on; below it are events that were read before.
    starts: Vec<u64>,
    /// The number of the next event.
    next: u64,
    /// With a rate: when reading began, and with which event.
    began: Option<(Instant, u64)>,
}

// === impl Generate ===

impl Generate {
    fn new(config: Config) -> Result<Generate> {
        if config.partitions == 0 {
            return Err(Error::config("there must be a partition").at_key("partitions"));
        }
        let start: jiff::Timestamp =
            config.start.parse().or_config(|| "read the time".into()).map_err(|e| e.at_key("start"))?;
        let shop = Shop { seed: config.seed, start_micros: start.as_microsecond() };
        let partition = |number: u16| {
            Arc::new(Partition {
                source: "generate".into(),
                stream: config.stream.as_str().into(),
                // What decides which event stands at a position.
                incarnation: format!("{}-{}-{start}", config.seed, config.partitions).into(),
                number: i32::from(number),
            })
        };
        let partitions: Vec<_> = (0..config.partitions).map(partition).collect();
        let starts = vec![0; partitions.len()];
        Ok(Generate { config, shop, partitions, starts, next: 0, began: None })
    }

    /// The number behind the last event that may be made by now.
    fn until(&mut self) -> u64 {
        let count = self.config.count.unwrap_or(i64::MAX as u64);
        let Some(rate) = self.config.rate else { return count };
        let (began, first) = *self.began.get_or_insert((Instant::now(), self.next));
        count.min(first + rate.count(began.elapsed()))
    }

    /// When the next event is due.
    fn due(&self) -> Option<Instant> {
        let (rate, (began, first)) = (self.config.rate?, self.began?);
        let due = rate.due(self.next - first).max(began.elapsed() + PORTION);
        began.checked_add(due)
    }

    fn make(&mut self, limit: Limit, until: u64) -> Batch {
        let mut batch = BatchBuilder::new(limit);
        let origins: Vec<_> = self.partitions.iter().map(|partition| batch.origin(partition)).collect();
        let mut payload = Vec::with_capacity(1024);
        while self.next < until && !batch.is_full() {
            let session = self.shop.session(self.next);
            let number = session.customer() as usize % self.partitions.len();
            if self.next >= self.starts[number] {
                payload.clear();
                let event = session.event(self.next, &mut payload);
                let headers = [Field::text("event", event.kind), Field::text("content-type", "application/json")];
                let timestamp = Some(Timestamp { micros: event.micros, kind: TimestampKind::Create });
                let record = Record {
                    key: Some(event.key.as_bytes()),
                    headers: &headers,
                    timestamp,
                    ..Record::payload(&payload)
                };
                batch.push(origins[number], self.next as i64, self.next as i64 + 1, record);
            }
            self.next += 1;
        }
        for (origin, start) in origins.into_iter().zip(&self.starts) {
            batch.advance(origin, self.next.max(*start) as i64);
        }
        batch.finish()
    }
}

#[async_trait]
impl simple::Source for Generate {
    fn traits(&self) -> SourceTraits {
        SourceTraits {
            capture: None,
            rereadable: true,
            keeps_positions: false,
            shareable: false,
            unacknowledged_max: None,
            commit_within: None,
            may_return: false,
        }
    }

    async fn open(&mut self) -> Result<Vec<(Arc<Partition>, i64)>> {
        Ok(self.partitions.iter().map(|partition| (Arc::clone(partition), 0)).collect())
    }

    async fn start(&mut self, at: &Positions) -> Result<()> {
        for (start, partition) in self.starts.iter_mut().zip(&self.partitions) {
            *start = at.get(partition).map_or(*start, |at| at.max(0) as u64);
        }
        self.next = self.starts.iter().copied().min().unwrap_or(0);
        self.began = None;
        Ok(())
    }

    /// Cancel safe: it waits before it makes anything.
    async fn poll(&mut self, limit: Limit) -> Result<Option<Batch>> {
        if self.config.count.is_some_and(|count| self.next >= count) {
            return Ok(None);
        }
        let mut until = self.until();
        while until <= self.next {
            match self.due() {
                Some(due) => tokio::time::sleep_until(due.into()).await,
                None => std::future::pending().await,
            }
            until = self.until();
        }
        Ok(Some(self.make(limit, until)))
    }

    async fn commit(&mut self, _: &Positions) -> Result<()> {
        Ok(())
    }

    async fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }

    fn lag(&self) -> Option<u64> {
        Some(self.config.count?.saturating_sub(self.next))
    }
}

#[cfg(test)]
mod tests;
