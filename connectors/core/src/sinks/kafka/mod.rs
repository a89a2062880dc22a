//! Writes to Kafka with an idempotent producer.
//!
//! What was taken is held until the brokers have confirmed it. That makes three things one: a batch that they refuse goes
//! again record by record, a producer that failed is replaced by another which sends the rest, and brokers that are away
//! are waited for; each time what is not confirmed is sent again, in order.

mod config;
mod link;
mod origins;
mod route;
mod topics;
mod window;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use catchwater_sdk::sink::{Durable, Rejected, Room, Sink, SinkTraits};
use catchwater_sdk::source::SourceTraits;
use catchwater_sdk::{
    Barrier, BarrierKind, Batch, Context, Error, Partition, Positions, Registry, Result, async_trait,
};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseRecord, Producer};
use rdkafka::types::RDKafkaErrorCode as Code;
use tracing::warn;

use self::config::{Config, Plan};
use self::link::Link;
use self::origins::Origins;
use self::route::Route;
use self::topics::Topics;
use self::window::{State, Waiting, Window};
use crate::kafka::failure::{blames_a_batch, blames_a_record, failure};
use crate::kafka::{ANSWER_WITHIN, ask, ffi, unknown_topics};

/// Brokers that confirm nothing for this long count as away.
const STALLED_AFTER: Duration = Duration::from_secs(10);

/// Makes the sink known.
pub(crate) fn register(registry: &mut Registry) {
    registry.sink("kafka", |config: Config, context: &Context| Ok(Box::new(Kafka::new(Plan::new(config, context)?))));
}

struct Kafka {
    plan: Plan,
    link: Option<Link>,
    window: Window,
    topics: Topics,
    origins: Origins,
    route: Route,
    /// Barriers that are not durable yet, with the number of the record behind each.
    barriers: VecDeque<(u64, u64)>,
    durable: Option<u64>,
    rejected: Vec<Rejected>,
    /// When the brokers last confirmed something, or nothing was under way.
    progress_at: Instant,
}

/// What became of an attempt to send.
enum Sending {
    Sent,
    /// This record will never be sent.
    Reject(String),
    /// Not now.
    Wait,
}

impl Kafka {
    fn new(plan: Plan) -> Kafka {
        Kafka {
            plan,
            link: None,
            window: Window::default(),
            topics: Topics::default(),
            origins: Origins::default(),
            route: Route::default(),
            barriers: VecDeque::new(),
            durable: None,
            rejected: Vec::new(),
            progress_at: Instant::now(),
        }
    }

    fn link(&self) -> Result<&Link> {
        self.link.as_ref().ok_or_else(|| Error::bug("write to a Kafka sink that is not open"))
    }
}

// === impl Sink ===

#[async_trait]
impl Sink for Kafka {
    fn traits(&self) -> SinkTraits {
        SinkTraits { beside: true, ..SinkTraits::default() }
    }

    async fn open(&mut self, source: &SourceTraits) -> Result<()> {
        let link = match self.link.take() {
            Some(link) => link,
            None => Link::new(&self.plan.client)?,
        };
        let link = self.link.insert(link);
        let cluster = contact(link, &self.plan.brokers).await?;
        self.origins.open(cluster, source.may_return);
        match self.plan.topic.constant() {
            Some(topic) if !self.topics.look(link, topic).await? => Err(self.unknown_topic(topic)),
            _ => Ok(()),
        }
    }

    async fn stored(&mut self, partitions: &[Arc<Partition>]) -> Result<Option<Positions>> {
        self.origins.assigned(partitions, &self.plan.topic)?;
        Ok(None)
    }

    async fn write(&mut self, batch: &Batch) -> Result<Room> {
        self.settle()?;
        while !self.window.is_empty() && self.window.bytes() + window::size_bytes(batch) > self.plan.buffer_bytes {
            self.go_on().await?;
        }
        if self.window.is_empty() {
            self.progress_at = Instant::now();
        }
        self.window.take(batch);
        // The batch is taken. What keeps it from being sent is said at the next barrier.
        let _ = self.send().await;
        Ok(Room::Left)
    }

    async fn barrier(&mut self, barrier: &Barrier) -> Result<Durable> {
        let comes_again = self.barriers.back().is_some_and(|(number, _)| *number == barrier.number);
        if !comes_again {
            self.barriers.push_back((barrier.number, self.window.end()));
        }
        self.settle()?;
        self.send().await?;
        // A mark does not wait: the next one finds it durable. Waiting would leave the brokers idle at each.
        while !self.window.is_empty() && (barrier.kind == BarrierKind::Cut || self.is_stalled()) {
            self.go_on().await?;
        }
        while let Some((number, _)) = self.barriers.pop_front_if(|(_, end)| *end <= self.window.done_before()) {
            self.durable = Some(number);
        }
        Ok(Durable { through: self.durable, rejected: std::mem::take(&mut self.rejected), events: Vec::new() })
    }

    async fn close(mut self: Box<Self>) -> Result<()> {
        self.link = None;
        Ok(())
    }
}

// === sending ===

impl Kafka {
    /// Waits for the brokers to answer something, and does what follows from it.
    async fn go_on(&mut self) -> Result<()> {
        if self.is_stalled() {
            // The next call waits as long again before it says so.
            self.progress_at = Instant::now();
            let doing = format!(
                "write to the brokers at {}: {} records are not confirmed",
                self.plan.brokers,
                self.window.open()
            );
            return Err(self.link()?.trouble().explain(&doing, Code::OperationTimedOut));
        }
        self.link()?.reported().await;
        self.settle()?;
        self.send().await
    }

    fn is_stalled(&self) -> bool {
        self.progress_at.elapsed() >= STALLED_AFTER
    }

    /// Sends what waits, in order, as far as it goes now.
    async fn send(&mut self) -> Result<()> {
        while let Some(waiting) = self.window.waiting() {
            let link = self.link()?;
            // What is under suspicion goes when nothing else is under way, and nothing goes until it is judged.
            let busy = link.is_broken() || ((waiting.alone || link.sent_alone()) && !link.is_idle());
            if busy || !self.send_from(waiting).await? {
                break;
            }
        }
        Ok(())
    }

    /// Sends the records of a batch from this one on; answers whether all were.
    async fn send_from(&mut self, waiting: Waiting) -> Result<bool> {
        let Waiting { batch, row, number, alone } = waiting;
        self.link()?.sends_alone(alone);
        if alone {
            self.send_one(&batch, row, number, alone).await?;
            self.link()?.sent();
            return Ok(false);
        }
        for (number, row) in (number..).zip(row..batch.len()) {
            if self.window.state(number) != State::Waiting {
                break;
            }
            if !self.send_one(&batch, row, number, alone).await? {
                return Ok(false);
            }
        }
        self.link()?.sent();
        Ok(true)
    }

    /// Sends a record, or rejects it; answers whether the next may follow.
    async fn send_one(&mut self, batch: &Batch, row: usize, number: u64, alone: bool) -> Result<bool> {
        let record = batch.get(row);
        let sending = match self.route.find(&self.plan, record) {
            Err(reason) => Sending::Reject(reason),
            Ok(()) if self.origins.has(&self.route.topic) => return Err(self.origins.refusal(&self.route.topic)),
            Ok(()) if self.topics.has(&self.route.topic) => self.hand_over(batch, row, number)?,
            Ok(()) => self.hand_over_to_new_topic(batch, row, number).await?,
        };
        match sending {
            Sending::Sent => self.window.sent(number, alone),
            Sending::Reject(reason) => self.reject(number, reason),
            Sending::Wait => return Ok(false),
        }
        Ok(true)
    }

    async fn hand_over_to_new_topic(&mut self, batch: &Batch, row: usize, number: u64) -> Result<Sending> {
        let link = self.link.as_ref().expect("a sink that sends is open");
        if self.topics.look(link, &self.route.topic).await? {
            return self.hand_over(batch, row, number);
        }
        match self.plan.topic.constant() {
            Some(topic) => Err(self.unknown_topic(topic)),
            None => Ok(Sending::Reject(format!("topic `{}` is not known to the brokers", self.route.topic))),
        }
    }

    fn hand_over(&self, batch: &Batch, row: usize, number: u64) -> Result<Sending> {
        let record = batch.get(row);
        let message = BaseRecord {
            topic: &self.route.topic,
            partition: self.route.partition,
            payload: record.payload(),
            key: self.route.key(record),
            timestamp: route::timestamp(record),
            headers: route::headers(record),
            delivery_opaque: number as usize,
        };
        let Err((error, _)) = self.link()?.producer().send(message) else { return Ok(Sending::Sent) };
        match error {
            KafkaError::MessageProduction(Code::QueueFull) => Ok(Sending::Wait),
            KafkaError::MessageProduction(Code::Fatal) => {
                self.link()?.break_off();
                Ok(Sending::Wait)
            }
            KafkaError::MessageProduction(code) if blames_a_record(code) || blames_a_batch(code) => {
                Ok(Sending::Reject(refusal(code)))
            }
            error => Err(Error::unavailable(format!("write to topic `{}`", self.route.topic)).because(error)),
        }
    }

    fn reject(&mut self, number: u64, reason: String) {
        self.rejected.extend(self.window.rejected(number, reason));
        self.progress_at = Instant::now();
    }

    fn unknown_topic(&self, topic: &str) -> Error {
        unknown_topics(&[topic.to_owned()], &self.plan.brokers).at_key("topic")
    }
}

// === what the brokers answered ===

impl Kafka {
    /// Notes what was confirmed and what was refused. Replaces a producer that can do no more.
    fn settle(&mut self) -> Result<()> {
        let link = self.link()?;
        // In this order: what is reported in between is found the next time.
        let over = link.is_broken() && link.is_idle();
        let outcomes = link.outcomes();
        let mut settled = Ok(());
        for (number, outcome) in outcomes {
            self.progress_at = Instant::now();
            match outcome {
                Ok(()) => self.window.confirmed(number),
                Err(code) => settled = settled.and(self.failed(number, code)),
            }
        }
        if over {
            warn!("the brokers refused records or failed the producer: what they did not confirm is sent again");
            self.window.send_unanswered_again();
            self.link = Some(Link::new(&self.plan.client)?);
        }
        settled
    }

    fn failed(&mut self, number: u64, code: Code) -> Result<()> {
        match code {
            code if blames_a_record(code) => self.reject(number, refusal(code)),
            code if blames_a_batch(code) && self.window.state(number) == State::SentAlone => {
                self.reject(number, refusal(code))
            }
            code if blames_a_batch(code) => self.window.send_again(number, State::Suspect),
            // Taken back, or refused for what another record of its batch is.
            Code::PurgeQueue | Code::PurgeInflight | Code::InvalidDifferentRecord | Code::Fatal => {
                self.window.send_again(number, State::Waiting);
            }
            Code::UnknownTopicOrPartition | Code::UnknownTopic => {
                self.topics.forget();
                self.window.send_again(number, State::Waiting);
            }
            code => {
                self.window.send_again(number, State::Waiting);
                return Err(failure(format!("write to the brokers at {}", self.plan.brokers), code));
            }
        }
        Ok(())
    }
}

/// Whether the brokers answer, and the id of their cluster.
async fn contact(link: &Link, brokers: &str) -> Result<Arc<str>> {
    let (producer, doing) = (Arc::clone(link.producer()), format!("reach the brokers at {brokers}"));
    ask(move || {
        let trouble = producer.context().trouble();
        let explain = |code| trouble.explain(&doing, code);
        ffi::check_contact(producer.client()).map_err(explain)?;
        let cluster = producer.client().fetch_cluster_id(ANSWER_WITHIN);
        let cluster = cluster.ok_or_else(|| explain(Code::OperationTimedOut))?;
        trouble.clear();
        Ok(cluster.into())
    })
    .await
}

fn refusal(code: Code) -> String {
    format!("the brokers refuse the record: {code}")
}
