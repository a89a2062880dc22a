//! Taps what is led to a queue of RabbitMQ: by a queue of its own, bound beside the real one.
//!
//! The queue is exclusive and goes with the connection, so nothing is left behind, also after a crash. It is bounded: when the
//! terminal is slower than the broker, the oldest messages are dropped, and the broker's memory is not ours to fill. AMQP does
//! not tell what a queue is bound to; who knows only the queue can take messages from it, and they are given back.

use std::sync::Arc;
use std::time::Duration;

use catchwater_sdk::config::Node;
use catchwater_sdk::{Batch, BatchBuilder, Error, ErrorKind, Limit, Partition, Result, async_trait};
use futures::{FutureExt, StreamExt};
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicQosOptions, ExchangeDeclareOptions, QueueBindOptions,
    QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, Consumer, ExchangeKind};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::time::sleep;
use tracing::warn;

use super::{Address, Tap, Way, configuration, read};
use crate::address;
use crate::begin::Begin;
use crate::rabbitmq::Bound;
use crate::rabbitmq::connection::{self, Connection, answered};
use crate::rabbitmq::message;
use crate::sources::rabbitmq;

/// What a URL says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(rename = "..")]
    connection: Connection,
    queue: Option<String>,
    exchange: Option<String>,
    #[serde(default)]
    routing_key: Option<String>,
}

/// So many messages wait in the tap's own queue, and so long it outlives a connection that nobody misses.
const WAITING_MAX: i64 = 1000;
const EXPIRES_MS: i64 = 60_000;

/// So many are handed over before some are acknowledged.
const PREFETCH: u16 = 500;

/// So many are taken from the real queue, where that is wanted: they are held until the end.
const HELD_MAX: u16 = 1000;

const RECONNECT_AFTER: Duration = Duration::from_secs(1);

/// Where messages come from.
#[derive(Debug)]
enum What {
    /// Bound beside whoever else is.
    Beside(Vec<Bound>),
    /// Taken from the queue, and given back.
    Taken(String),
}

struct RabbitTap {
    address: connection::Address,
    what: What,
    partition: Arc<Partition>,
    /// The number of the next message.
    next: i64,
    open: Option<Open>,
    /// What was handed on and is to be acknowledged, once it is asked for more.
    seen: Option<u64>,
}

struct Open {
    /// Messages go back, and the queue of a tap goes, when it is dropped.
    _connection: lapin::Connection,
    channel: Channel,
    deliveries: Consumer,
}

/// A tap for `amqp://user:password@host/vhost/queue`, or with `?exchange=NAME&routing_key=KEY` in place of a queue.
pub(super) fn build(address: &Address<'_>, way: Way) -> Result<Box<dyn Tap>> {
    let (url, queue) = address::amqp(address.scheme, address.rest).map_err(Error::config)?;
    let mut keys = Map::from_iter([("url".to_owned(), Value::from(url))]);
    keys.extend((!queue.is_empty()).then(|| ("queue".to_owned(), Value::from(queue))));
    let Config { connection, queue, exchange, routing_key } = configuration(keys, address.options)?;
    let bound = match (&queue, exchange, routing_key) {
        (Some(_), Some(_), _) => return Err(Error::config("tap either a queue or an exchange, not both")),
        (None, None, None) => {
            let text = "which queue? write amqp://host/vhost/queue, or amqp://host/vhost?exchange=NAME&routing_key=KEY";
            return Err(Error::config(text));
        }
        (_, None, Some(_)) => return Err(Error::config("which exchange? write ?exchange=NAME&routing_key=KEY")),
        (_, Some(exchange), key) => {
            vec![Bound { exchange, routing_key: key.unwrap_or_default(), arguments: FieldTable::default() }]
        }
        (Some(_), None, None) => Vec::new(),
    };
    tap(&connection, queue, bound, way)
}

/// A tap for what a source of a pipeline reads.
pub(super) fn beside(source: &Node, way: Way) -> Result<Box<dyn Tap>> {
    let (connection, queue, bound) = read::<rabbitmq::Config>(source)?.tapped()?;
    tap(&connection, Some(queue), bound, way)
}

fn tap(connection: &Connection, queue: Option<String>, bound: Vec<Bound>, way: Way) -> Result<Box<dyn Tap>> {
    if way.begin != Begin::Latest {
        return Err(Error::config("a queue keeps no past to begin at: leave --from out"));
    }
    let address = connection.address()?;
    let (what, stream) = match queue {
        Some(queue) if way.consume => (What::Taken(queue.clone()), queue),
        None if way.consume => return Err(Error::config("an exchange is seen without consuming: leave --consume out")),
        queue if bound.is_empty() => return Err(unknown_bindings(&queue.unwrap_or_default())),
        _ => {
            let stream = bound[0].exchange.clone();
            (What::Beside(bound), stream)
        }
    };
    let source = format!("rabbitmq:{}", address.shown).into();
    let partition = Partition { source, stream: stream.into(), incarnation: "".into(), number: 0 };
    Ok(Box::new(RabbitTap { address, what, partition: Arc::new(partition), next: 0, open: None, seen: None }))
}

fn unknown_bindings(queue: &str) -> Error {
    Error::config(format!(
        "AMQP does not tell what queue `{queue}` is bound to, so nothing can be bound beside it; name the exchange: \
         amqp://host/vhost?exchange=NAME&routing_key=KEY (`#` on a topic exchange is all). Or take messages out of the queue \
         with --consume: they are given back at the end, marked as redelivered"
    ))
}

// === impl RabbitTap ===

#[async_trait]
impl Tap for RabbitTap {
    async fn open(&mut self) -> Result<()> {
        self.open = Some(Open::of(&self.address, &self.what).await?);
        Ok(())
    }

    async fn next(&mut self, limit: Limit) -> Result<Batch> {
        self.acknowledge().await;
        loop {
            let Some(open) = &mut self.open else {
                self.reconnect().await?;
                continue;
            };
            let mut batch = BatchBuilder::new(limit);
            let origin = batch.origin(&self.partition);
            let mut last = None;
            let mut arrived = Some(open.deliveries.next().await);
            while let Some(Some(Ok(delivery))) = &arrived {
                message::push(&mut batch, origin, self.next, delivery);
                (self.next, last) = (self.next + 1, Some(delivery.delivery_tag));
                arrived = if batch.is_full() { None } else { open.deliveries.next().now_or_never() };
            }
            self.seen = last;
            if let Some(end) = arrived {
                self.lost(end.and_then(lapin::Result::err));
            }
            if last.is_some() {
                return Ok(batch.finish());
            }
        }
    }
}

impl RabbitTap {
    /// Of its own queue they may go. Those of another's are held.
    async fn acknowledge(&mut self) {
        let Some(last) = self.seen.take() else { return };
        match (&self.what, &self.open) {
            (What::Beside(_), Some(open)) => {
                // Should it be lost, the next look finds the connection gone.
                let _ = open.channel.basic_ack(last, BasicAckOptions { multiple: true }).await;
            }
            (What::Taken(queue), Some(_)) if self.next >= HELD_MAX.into() => {
                warn!("holds {HELD_MAX} messages of queue `{queue}`, and takes no more: they go back when this ends");
            }
            _ => {}
        }
    }

    fn lost(&mut self, cause: Option<lapin::Error>) {
        let cause = cause.map_or_else(|| "the broker ended the consumer".to_owned(), |cause| cause.to_string());
        warn!(broker = %self.address.shown, cause, "the connection is lost, the tap connects again");
        (self.open, self.seen) = (None, None);
    }

    async fn reconnect(&mut self) -> Result<()> {
        sleep(RECONNECT_AFTER).await;
        match Open::of(&self.address, &self.what).await {
            Ok(open) => self.open = Some(open),
            Err(error) if error.kind() == ErrorKind::Unavailable => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

// === impl Open ===

impl Open {
    async fn of(address: &connection::Address, what: &What) -> Result<Open> {
        let connection = address.connect("catchwater tap").await?;
        let channel = answered("tap RabbitMQ", connection.create_channel()).await?;
        let (queue, prefetch) = match what {
            What::Beside(bound) => (bound_queue(&channel, bound).await?, PREFETCH),
            What::Taken(queue) => (short(queue)?, HELD_MAX),
        };
        let doing = format!("consume queue `{queue}` at {}", address.shown);
        answered(&doing, channel.basic_qos(prefetch, BasicQosOptions::default())).await?;
        let consuming = channel.basic_consume(queue, "".into(), BasicConsumeOptions::default(), FieldTable::default());
        let deliveries = answered(&doing, consuming).await?;
        Ok(Open { _connection: connection, channel, deliveries })
    }
}

/// A queue that goes with the connection, led to as told.
async fn bound_queue(channel: &Channel, bound: &[Bound]) -> Result<ShortString> {
    for Bound { exchange, .. } in bound {
        let options = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
        let there = channel.exchange_declare(short(exchange)?, ExchangeKind::Direct, options, FieldTable::default());
        answered(format!("use exchange `{exchange}`"), there).await?;
    }
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongLongInt(WAITING_MAX));
    arguments.insert("x-overflow".into(), AMQPValue::LongString("drop-head".into()));
    arguments.insert("x-expires".into(), AMQPValue::LongLongInt(EXPIRES_MS));
    let options = QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
    let declaring = channel.queue_declare("".into(), options, arguments);
    let queue = answered("make a queue for the tap", declaring).await?.name().clone();
    for Bound { exchange, routing_key, arguments } in bound {
        let (from, key) = (short(exchange)?, short(routing_key)?);
        let bind = channel.queue_bind(queue.clone(), from, key, QueueBindOptions::default(), arguments.clone());
        answered(format!("bind to exchange `{exchange}`"), bind).await?;
    }
    Ok(queue)
}

fn short(name: &str) -> Result<ShortString> {
    ShortString::try_new(name).map_err(|_| Error::config(format!("`{name}`: a name in AMQP has at most 255 bytes")))
}
