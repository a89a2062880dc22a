//! One connection with its channel and consumer. Everything that a channel numbers, it numbers from one: whatever belongs to
//! an old one is dropped together with it.

use std::collections::VecDeque;
use std::time::Duration;

use catchwater_sdk::{Error, Result};
use futures::{FutureExt, StreamExt};
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicQosOptions, ExchangeDeclareOptions, QueueBindOptions,
    QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, Consumer, ExchangeKind};
use tokio::time::Instant;

use super::config::{self, Config, short, table};
use crate::rabbitmq::connection::{Address, answered, close};

/// What comes next of a consumer; none where the broker ended it.
pub(super) type Next = Option<lapin::Result<Delivery>>;

/// With nothing arriving for so long, the broker is asked whether the queue is empty.
const QUIET: Duration = Duration::from_millis(300);

/// A consumer at work.
pub(super) struct Live {
    connection: Connection,
    channel: Channel,
    deliveries: Consumer,
    /// Batches that were handed on and are not acknowledged: the position behind each, and its last delivery tag.
    unacknowledged: VecDeque<(i64, u64)>,
    /// When the broker is asked whether the queue is empty.
    quiet_until: Option<Instant>,
}

impl Live {
    /// Connects, makes sure that everything is there, and begins to consume.
    pub(super) async fn open(address: &Address, config: &Config, name: &str) -> Result<Live> {
        let connection = address.connect(name).await?;
        let doing = format!("consume queue `{}` at {}", config.queue, address.shown);
        let channel = answered(&doing, connection.create_channel()).await?;
        declare(&channel, config).await?;
        answered(&doing, channel.basic_qos(config.prefetch, BasicQosOptions::default())).await?;
        let (queue, arguments) = (short(&config.queue, "queue")?, table(&config.arguments, "arguments")?);
        let consuming = channel.basic_consume(queue, "".into(), BasicConsumeOptions::default(), arguments);
        let deliveries = answered(&doing, consuming).await?;
        Ok(Live { connection, channel, deliveries, unacknowledged: VecDeque::new(), quiet_until: None })
    }

    /// Whether what it yields can still be acknowledged.
    pub(super) fn is_connected(&self) -> bool {
        self.channel.status().connected()
    }

    /// Waits for the next message. Cancel safe.
    pub(super) async fn next(&mut self) -> Next {
        self.deliveries.next().await
    }

    /// The same, but answers none once the broker says that the queue has nothing to hand out.
    pub(super) async fn next_unless_empty(&mut self, queue: &str) -> Result<Option<Next>> {
        loop {
            // The wait goes on over calls: each may be cancelled long before it is over.
            let until = *self.quiet_until.get_or_insert_with(|| Instant::now() + QUIET);
            if let Ok(next) = tokio::time::timeout_at(until, self.deliveries.next()).await {
                self.quiet_until = None;
                return Ok(Some(next));
            }
            let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
            let looking = self.channel.queue_declare(short(queue, "queue")?, options, FieldTable::default());
            let state = answered(format!("look whether queue `{queue}` is empty"), looking).await?;
            if state.message_count() == 0 {
                // What was handed out before the answer is here by now.
                return Ok(self.next_at_once());
            }
            self.quiet_until = None;
        }
    }

    /// The next message if it is here already.
    pub(super) fn next_at_once(&mut self) -> Option<Next> {
        self.deliveries.next().now_or_never()
    }

    /// A batch whose last message has this tag was handed on.
    pub(super) fn handed_on(&mut self, after: i64, tag: u64) {
        self.unacknowledged.push_back((after, tag));
    }

    /// Whether something was handed on that is not acknowledged.
    pub(super) fn owes(&self) -> bool {
        !self.unacknowledged.is_empty()
    }

    /// Acknowledges all before a position. Whether there was something to acknowledge.
    pub(super) async fn acknowledge(&mut self, durable: i64) -> lapin::Result<bool> {
        let mut tag = None;
        while let Some((_, last)) = self.unacknowledged.pop_front_if(|(after, _)| *after <= durable) {
            tag = Some(last);
        }
        // Never tag 0, which would stand for all that there are.
        let Some(tag) = tag else { return Ok(false) };
        self.channel.basic_ack(tag, BasicAckOptions { multiple: true }).await?;
        Ok(true)
    }

    /// Says goodbye, so that the broker has read all acknowledgements before it hands the rest to others.
    pub(super) async fn close(self) {
        close(self.connection).await;
    }
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
