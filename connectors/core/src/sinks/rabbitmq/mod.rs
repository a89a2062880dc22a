//! Publishes to RabbitMQ, with confirmations.
//!
//! What was taken is held until the broker has confirmed it. That makes three things one: a message that the broker took
//! back, a connection that broke, and a broker that is away; each time what is not confirmed is published again, in order.

mod config;
mod link;
mod message;
mod origins;

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use catchwater_sdk::sink::{Durable, Rejected, Room, Sink, SinkTraits};
use catchwater_sdk::source::SourceTraits;
use catchwater_sdk::{Barrier, Batch, Context, Error, Partition, Positions, Registry, Result, async_trait};
use tracing::warn;

use self::config::{Config, Plan, Way};
use self::link::{Link, Row, Settlement};
use self::message::{Message, Settled};
use self::origins::Origins;
use crate::rabbitmq::connection::answered;
use crate::rabbitmq::failure::{blames_a_message, failure, is_not_found, passing};

/// Makes the sink known.
pub(crate) fn register(registry: &mut Registry) {
    registry
        .sink("rabbitmq", |config: Config, context: &Context| Ok(Box::new(RabbitMq::new(Plan::new(config, context)?))));
}

struct RabbitMq {
    plan: Plan,
    link: Option<Link>,
    was_open: bool,
    /// Where `to` leads.
    settled: Option<Settled>,
    /// Taken and not on their way, in order.
    waiting: VecDeque<Row>,
    /// Exchanges that are known to be there.
    exchanges: HashSet<String>,
    origins: Origins,
    rejected: Vec<Rejected>,
    durable: Option<u64>,
    /// The broker refused what one of several messages is: they go one by one, so that it is known which.
    careful: bool,
}

// === impl Sink ===

#[async_trait]
impl Sink for RabbitMq {
    fn traits(&self) -> SinkTraits {
        SinkTraits { beside: true, ..SinkTraits::default() }
    }

    async fn open(&mut self, source: &SourceTraits) -> Result<()> {
        self.origins.open(&self.plan.address.shown, source.may_return);
        self.connect().await
    }

    async fn stored(&mut self, partitions: &[Arc<Partition>]) -> Result<Option<Positions>> {
        self.origins.assigned(partitions);
        Ok(None)
    }

    async fn write(&mut self, batch: &Batch) -> Result<Room> {
        if !self.waiting.is_empty() {
            self.send().await?;
        }
        self.waiting.extend((0..batch.len()).map(|row| Row { batch: batch.clone(), row }));
        // The batch is taken. What keeps it from being published is said at the next barrier.
        let _ = self.send().await;
        Ok(Room::Left)
    }

    async fn barrier(&mut self, barrier: &Barrier) -> Result<Durable> {
        loop {
            self.send().await?;
            self.settle().await?;
            if self.waiting.is_empty() {
                break;
            }
        }
        self.careful = false;
        self.durable = Some(barrier.number);
        Ok(Durable { through: self.durable, rejected: std::mem::take(&mut self.rejected), events: Vec::new() })
    }

    async fn close(mut self: Box<Self>) -> Result<()> {
        if let Some(link) = self.link.take() {
            link.close().await;
        }
        Ok(())
    }
}

// === impl RabbitMq ===

impl RabbitMq {
    fn new(plan: Plan) -> RabbitMq {
        RabbitMq {
            plan,
            link: None,
            was_open: false,
            settled: None,
            waiting: VecDeque::new(),
            exchanges: HashSet::new(),
            origins: Origins::default(),
            rejected: Vec::new(),
            durable: None,
            careful: false,
        }
    }

    /// Connects unless that was done, and looks whether what all records need is there.
    async fn connect(&mut self) -> Result<()> {
        if self.link.as_ref().is_some_and(Link::is_connected) {
            return Ok(());
        }
        self.recover_rows();
        match self.reach().await {
            Ok(link) => {
                (self.link, self.was_open) = (Some(link), true);
                Ok(())
            }
            Err(error) if self.was_open => Err(passing(error)),
            Err(error) => Err(error),
        }
    }

    async fn reach(&mut self) -> Result<Link> {
        let link = Link::open(&self.plan.address, &self.plan.name).await?;
        let constant = match &self.plan.way {
            Way::To(name) => {
                self.settled = Some(settle(&link, name, &self.plan.address.shown).await?);
                None
            }
            Way::Exchange(template) => template.as_ref().and_then(|template| template.constant()).map(str::to_owned),
        };
        self.exchanges.clear();
        if let Some(exchange) = constant
            && !self.knows(&link, &exchange).await?
        {
            let text = format!(
                "exchange `{exchange}` is not there at {}: create it, or mend the name",
                self.plan.address.shown
            );
            return Err(Error::refused(text).at_key("exchange"));
        }
        Ok(link)
    }

    /// What was on its way by a connection that is gone is published again.
    fn recover_rows(&mut self) {
        if let Some(link) = self.link.take() {
            link.into_rows().into_iter().rev().for_each(|row| self.waiting.push_front(row));
        }
    }

    async fn knows(&mut self, link: &Link, exchange: &str) -> Result<bool> {
        if exchange.is_empty() || self.exchanges.contains(exchange) {
            return Ok(true);
        }
        let known = answered(format!("look for exchange `{exchange}`"), link.has_exchange(exchange)).await?;
        // Names come out of records: there may be any number.
        if self.exchanges.len() > 1000 {
            self.exchanges.clear();
        }
        if known {
            self.exchanges.insert(exchange.to_owned());
        }
        Ok(known)
    }

    /// Publishes what waits.
    async fn send(&mut self) -> Result<()> {
        while let Some(row) = self.waiting.front().cloned() {
            self.connect().await?;
            let template = match &self.plan.way {
                Way::Exchange(template) => template.as_ref(),
                Way::To(_) => None,
            };
            let record = row.batch.get(row.row);
            let built = match record.payload() {
                Some(_) => Message::of(record, &self.plan, self.settled.as_ref(), template),
                None => Err("a tombstone has no body, and a message has one".to_owned()),
            };
            match built {
                Ok(message) => self.publish(row, message).await?,
                Err(reason) => self.reject_first(reason),
            }
        }
        Ok(())
    }

    fn reject_first(&mut self, reason: String) {
        if let Some(row) = self.waiting.pop_front() {
            self.reject(row, reason);
        }
    }

    fn reject(&mut self, row: Row, reason: String) {
        self.rejected.push(Rejected { records: row.batch.select(&[row.row]), reason });
    }

    /// Publishes the first that waits.
    async fn publish(&mut self, row: Row, message: Message) -> Result<()> {
        self.origins.check(&message)?;
        let link = self.link.take().expect("a sink that publishes is connected");
        let known = self.knows(&link, message.exchange.as_str()).await;
        let link = self.link.insert(link);
        if !known? {
            let reason = format!("exchange `{}` is not there", message.exchange);
            self.reject_first(reason);
            return Ok(());
        }
        if let Err(error) = link.publish(row, message, self.plan.mandatory).await {
            return self.failed(error).await;
        }
        self.waiting.pop_front();
        let (records, bytes) = link.under_way();
        let is_full = records >= self.plan.in_flight || bytes >= self.plan.in_flight_bytes;
        if is_full || self.careful { self.settle().await } else { Ok(()) }
    }

    /// The channel is gone while a record was to be published: what is on its way is answered or lost.
    async fn failed(&mut self, error: lapin::Error) -> Result<()> {
        let before = self.waiting.len();
        self.settle().await?;
        match self.waiting.len() > before {
            // What was on its way told why.
            true => Ok(()),
            false => {
                self.recover_rows();
                Err(self.failure(error))
            }
        }
    }

    /// An exchange was there before anything was published to it.
    fn failure(&self, cause: lapin::Error) -> Error {
        let is_gone = is_not_found(&cause);
        let error = failure(format!("publish to RabbitMQ at {}", self.plan.address.shown), cause);
        if is_gone { passing(error) } else { error }
    }

    /// Waits for the answers to what is on its way, and does what follows from them.
    async fn settle(&mut self) -> Result<()> {
        let Some(link) = &mut self.link else { return Ok(()) };
        let Settlement { returned, again, cause, unclear } = link.settle().await?;
        returned.into_iter().for_each(|(row, reason)| self.reject(row, reason));
        let (count, last) = (again.len(), again.last().cloned());
        again.into_iter().rev().for_each(|row| self.waiting.push_front(row));
        if unclear {
            warn!("the broker returned a message that is not as it was sent: its group is published one by one");
            self.careful = true;
            return Ok(());
        }
        let Some(cause) = cause else {
            let text = format!("the broker took {count} messages back: is a queue full?");
            return if count == 0 { Ok(()) } else { Err(Error::unavailable(text)) };
        };
        self.link = None;
        if !blames_a_message(&cause) {
            return Err(self.failure(cause));
        }
        match last {
            Some(_) if self.careful && count == 1 => {
                self.reject_first(format!("the broker refuses the message: {cause}"))
            }
            _ => {
                warn!(error = %cause, "the broker refused a message: those that it did not confirm are published one by one")
            }
        }
        self.careful = true;
        Ok(())
    }
}

/// The exchange of that name, or else the queue.
async fn settle(link: &Link, name: &str, address: &str) -> Result<Settled> {
    let doing = format!("look for `{name}` at {address}");
    if answered(&doing, link.has_exchange(name)).await? {
        return Ok(Settled::Exchange(name.to_owned()));
    }
    if answered(&doing, link.has_queue(name)).await? {
        return Ok(Settled::Queue(name.to_owned()));
    }
    let text = format!("there is neither an exchange nor a queue `{name}` at {address}: create one, or mend the name");
    Err(Error::refused(text).at_key("to"))
}
