//! One connection with its channel and consumer. Everything that a channel numbers, it numbers from one: whatever belongs to
//! an old one is dropped together with it.

use std::collections::VecDeque;
use std::time::Duration;

use catchwater_sdk::{Error, Result, ResultExt};
use futures::{FutureExt, StreamExt};
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicQosOptions, ExchangeDeclareOptions,
    QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Connection, Consumer, ExchangeKind};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::config::{self, Config, short, table};
use super::window::LEAST;
use crate::rabbitmq::connection::{Address, answered, close};
use crate::rabbitmq::failure::failure;

/// What comes next of a consumer; none where the broker ended it.
pub(super) type Next = Option<lapin::Result<Delivery>>;

/// With nothing arriving for so long, nothing is on its way, and the broker is asked whether the queue is empty.
const QUIET: Duration = Duration::from_millis(300);

/// A consumer at work.
pub(super) struct Live {
    connection: Connection,
    channel: Channel,
    source: Consumed,
    /// None while it has ended and its successor is not there yet.
    consumer: Option<Consumer>,
    /// One with another prefetch, on its way. It goes with this, and then holds no connection.
    successor: JoinSet<Result<Consumer>>,
    /// How many messages the consumer is handed out, and how many it should be.
    prefetch: u16,
    wanted: u16,
    /// The delivery tag of the last message that arrived, and when.
    arrived: u64,
    arrived_at: Instant,
    /// The tag up to which all are acknowledged.
    acknowledged: u64,
    /// The tag up to which all are durable.
    durable: u64,
    /// Batches that were handed on and are not durable: the position behind each, and its last delivery tag.
    handed_on: VecDeque<(i64, u64)>,
    /// When the broker is asked whether the queue is empty.
    quiet_until: Option<Instant>,
}

/// What is consumed, and how.
#[derive(Clone)]
struct Consumed {
    doing: String,
    queue: ShortString,
    arguments: FieldTable,
}

// === impl Consumed ===

impl Consumed {
    async fn begin(&self, channel: &Channel, prefetch: u16) -> Result<Consumer> {
        // Counted for each consumer by itself, and only for those that begin after it: a quorum queue knows no other way.
        answered(&self.doing, channel.basic_qos(prefetch, BasicQosOptions::default())).await?;
        let options = BasicConsumeOptions::default();
        let consuming = channel.basic_consume(self.queue.clone(), "".into(), options, self.arguments.clone());
        answered(&self.doing, consuming).await
    }

    /// The other begins before the first ends, as a queue may go with its last consumer.
    async fn begin_anew(&self, channel: &Channel, before: ShortString, prefetch: u16) -> Result<Consumer> {
        let consumer = self.begin(channel, prefetch).await?;
        answered(&self.doing, channel.basic_cancel(before, BasicCancelOptions::default())).await?;
        Ok(consumer)
    }
}

// === impl Live ===

impl Live {
    /// Connects, makes sure that everything is there, and begins to consume.
    pub(super) async fn open(address: &Address, config: &Config, name: &str, prefetch: u16) -> Result<Live> {
        let connection = address.connect(name).await?;
        let doing = format!("consume queue `{}` at {}", config.queue, address.shown);
        let channel = answered(&doing, connection.create_channel()).await?;
        declare(&channel, config).await?;
        let (queue, arguments) = (short(&config.queue, "queue")?, table(&config.arguments, "arguments")?);
        let source = Consumed { doing, queue, arguments };
        let consumer = Some(source.begin(&channel, prefetch).await?);
        Ok(Live {
            connection,
            channel,
            source,
            consumer,
            successor: JoinSet::new(),
            prefetch,
            wanted: prefetch,
            arrived: 0,
            arrived_at: Instant::now(),
            acknowledged: 0,
            durable: 0,
            handed_on: VecDeque::new(),
            quiet_until: None,
        })
    }

    /// Whether what it yields can still be acknowledged.
    pub(super) fn is_connected(&self) -> bool {
        self.channel.status().connected()
    }

    /// How much may wait for an acknowledgement. Before another consumer takes over that is as good as nothing: all has to be
    /// durable first.
    pub(super) fn unacknowledged_max(&self) -> u16 {
        match self.is_held() && self.is_at_its_limit() {
            true => LEAST,
            false => self.prefetch.min(self.wanted),
        }
    }

    /// Asks for another prefetch, which the broker gives only to another consumer. That one takes over when all that the first
    /// was handed out is durable and nothing is on its way: a quorum queue would take back what is, and hand it out out of order.
    /// Where there should be fewer nothing is acknowledged until then, so that no more come.
    pub(super) fn want(&mut self, prefetch: u16) {
        self.wanted = prefetch;
    }

    /// Whether the broker hands out no more before something is acknowledged.
    fn is_at_its_limit(&self) -> bool {
        self.arrived - self.acknowledged >= self.prefetch.into()
    }

    /// Whether acknowledgements wait for another consumer.
    fn is_held(&self) -> bool {
        self.wanted < self.prefetch || (self.wanted > self.prefetch && self.is_at_its_limit())
    }

    /// Whether another consumer may take over, if nothing is on its way.
    fn may_change(&self) -> bool {
        self.is_held() && self.successor.is_empty() && self.handed_on.is_empty() && self.durable > self.acknowledged
    }

    /// Beside the reading, which may be given up at any place.
    fn change(&mut self) {
        let Some(before) = self.consumer.as_ref().map(Consumer::tag) else { return };
        let (channel, source) = (self.channel.clone(), self.source.clone());
        let (prefetch, tag) = (self.wanted, self.durable);
        (self.prefetch, self.acknowledged) = (prefetch, tag);
        self.successor.spawn(async move {
            let consumer = source.begin_anew(&channel, before, prefetch).await?;
            answered(&source.doing, acknowledge(&channel, tag)).await?;
            Ok(consumer)
        });
    }

    /// Waits until the other consumer is there, if one is on its way.
    async fn changed(&mut self) -> Result<()> {
        let Some(made) = self.successor.join_next().await else { return Ok(()) };
        let made = made.or_bug(|| self.source.doing.clone())?;
        // As with a connection: what was there is on its way back.
        self.consumer = Some(made.map_err(|error| Error::unavailable(error.to_string()).because(error))?);
        Ok(())
    }

    /// Waits for the next message. Cancel safe.
    pub(super) async fn next(&mut self) -> Result<Next> {
        loop {
            let quiet_at = self.arrived_at + QUIET;
            let may_change = self.may_change();
            let Some(consumer) = &mut self.consumer else {
                match self.successor.is_empty() {
                    true => return Ok(None),
                    false => self.changed().await?,
                }
                continue;
            };
            tokio::select! {
                biased;
                next = consumer.next() => match next {
                    // Asked once more it would be silent for ever.
                    None if !self.successor.is_empty() => self.consumer = None,
                    next => return self.in_turn(next),
                },
                () = sleep_until(quiet_at), if may_change => self.change(),
            }
        }
    }

    /// An acknowledgement is one of all messages before it: none may have passed by.
    fn in_turn(&mut self, next: Next) -> Result<Next> {
        let Some(Ok(delivery)) = &next else { return Ok(next) };
        if delivery.delivery_tag != self.arrived + 1 {
            let text = format!("message {} arrived behind {}", delivery.delivery_tag, self.arrived);
            return Err(Error::unavailable(format!("{}: {text}", self.source.doing)));
        }
        (self.arrived, self.arrived_at) = (delivery.delivery_tag, Instant::now());
        Ok(next)
    }

    /// The same, but answers none once the broker says that the queue has nothing to hand out.
    pub(super) async fn next_unless_empty(&mut self, queue: &str) -> Result<Option<Next>> {
        loop {
            // The wait goes on over calls: each may be cancelled long before it is over.
            let until = *self.quiet_until.get_or_insert_with(|| Instant::now() + QUIET);
            if let Ok(next) = tokio::time::timeout_at(until, self.next()).await {
                self.quiet_until = None;
                return next.map(Some);
            }
            let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
            let looking = self.channel.queue_declare(short(queue, "queue")?, options, FieldTable::default());
            let state = answered(format!("look whether queue `{queue}` is empty"), looking).await?;
            if state.message_count() == 0 && self.successor.is_empty() {
                // What was handed out before the answer is here by now.
                return self.next_at_once().transpose();
            }
            self.quiet_until = None;
        }
    }

    /// The next message if it is here already.
    pub(super) fn next_at_once(&mut self) -> Option<Result<Next>> {
        self.next().now_or_never()
    }

    /// A batch whose last message has this tag was handed on.
    pub(super) fn handed_on(&mut self, after: i64, tag: u64) {
        self.handed_on.push_back((after, tag));
    }

    /// Whether something was handed on that is not acknowledged.
    pub(super) fn owes(&self) -> bool {
        !self.handed_on.is_empty()
    }

    /// All before a position is durable. Acknowledges it, unless that has to wait for another consumer, and answers whether
    /// there was something to acknowledge.
    pub(super) async fn acknowledge(&mut self, durable: i64) -> Result<bool> {
        self.changed().await?;
        while let Some((_, last)) = self.handed_on.pop_front_if(|(after, _)| *after <= durable) {
            self.durable = last;
        }
        if self.durable == self.acknowledged {
            return Ok(false);
        }
        if !self.is_held() {
            self.acknowledge_durable().await?;
        } else if self.is_at_its_limit() && self.may_change() {
            self.change();
            self.changed().await?;
        }
        Ok(true)
    }

    async fn acknowledge_durable(&mut self) -> Result<()> {
        self.acknowledged = self.durable;
        let acknowledging = acknowledge(&self.channel, self.durable).await;
        acknowledging.map_err(|error| failure(self.source.doing.clone(), error))
    }

    /// Says goodbye, so that the broker has read all acknowledgements before it hands the rest to others.
    pub(super) async fn close(mut self) {
        let _ = self.changed().await;
        if self.durable > self.acknowledged {
            let _ = self.acknowledge_durable().await;
        }
        close(self.connection).await;
    }
}

/// Never of tag 0, which would stand for all that there are.
async fn acknowledge(channel: &Channel, tag: u64) -> lapin::Result<()> {
    channel.basic_ack(tag, BasicAckOptions { multiple: true }).await
}

/// Makes sure that queue, exchanges and bindings are there: made where the user says how, else looked at.
async fn declare(channel: &Channel, config: &Config) -> Result<()> {
    for binding in &config.bindings {
        declare_exchange(channel, binding).await?;
    }
    declare_queue(channel, config).await?;
    for binding in &config.bindings {
        bind(channel, config, binding).await?;
    }
    Ok(())
}

async fn declare_exchange(channel: &Channel, binding: &config::Binding) -> Result<()> {
    let kind = match binding.declare {
        None | Some(config::ExchangeKind::Direct) => ExchangeKind::Direct,
        Some(config::ExchangeKind::Fanout) => ExchangeKind::Fanout,
        Some(config::ExchangeKind::Topic) => ExchangeKind::Topic,
        Some(config::ExchangeKind::Headers) => ExchangeKind::Headers,
    };
    let options = ExchangeDeclareOptions {
        passive: binding.declare.is_none(),
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    let name = short(&binding.exchange, "bindings")?;
    let declaring = channel.exchange_declare(name, kind, options, FieldTable::default());
    let declared = answered(format!("use exchange `{}`", binding.exchange), declaring).await;
    declared.map_err(|error| error.at_key("bindings"))
}

async fn declare_queue(channel: &Channel, config: &Config) -> Result<()> {
    let name = short(&config.queue, "queue")?;
    let (options, arguments) = match &config.declare {
        None => (QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() }, FieldTable::default()),
        Some(declare) => {
            let (durable, auto_delete) = (declare.durable(), declare.auto_delete());
            (QueueDeclareOptions { durable, auto_delete, ..QueueDeclareOptions::default() }, declare.arguments()?)
        }
    };
    let declaring = channel.queue_declare(name, options, arguments);
    let declared = answered(format!("use queue `{}`", config.queue), declaring).await;
    declared.map(drop).map_err(|error| error.at_key("queue"))
}

async fn bind(channel: &Channel, config: &Config, binding: &config::Binding) -> Result<()> {
    let (queue, exchange) = (short(&config.queue, "queue")?, short(&binding.exchange, "bindings")?);
    let key = short(&binding.routing_key, "bindings")?;
    let binds = channel.queue_bind(queue, exchange, key, QueueBindOptions::default(), binding.arguments()?);
    let doing = format!("bind queue `{}` to exchange `{}`", config.queue, binding.exchange);
    answered(doing, binds).await.map_err(|error| error.at_key("bindings"))
}

/// What the end of a consumer is, where the broker gave no error.
pub(super) fn ended(queue: &str) -> Error {
    Error::unavailable(format!("the broker ended the consumer of queue `{queue}`: was the queue deleted?"))
}
