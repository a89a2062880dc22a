//! Messages of a queue of RabbitMQ.
//!
//! The broker numbers deliveries by channel, and nothing of a queue can be read at a place again. So a position here is
//! nothing but a number that is never used twice; what is not acknowledged comes again under a new one.

mod config;
mod live;
mod window;

use std::sync::Arc;

use catchwater_sdk::source::{SourceTraits, simple};
use catchwater_sdk::{Batch, BatchBuilder, Context, Error, Limit, Partition, Positions, Registry, Result, async_trait};

pub(crate) use self::config::Config;
use self::config::Until;
use self::live::Live;
use self::window::Window;
use crate::rabbitmq::connection::Address;
use crate::rabbitmq::failure::{failure, is_unreadable, passing};
use crate::rabbitmq::message;

/// So often in a row a message that the client cannot read may break the connection.
const UNREADABLE_MAX: u32 = 2;

/// Makes the source known.
pub(crate) fn register(registry: &mut Registry) {
    registry.source("rabbitmq", |config: Config, context| Ok(simple::source(RabbitMq::new(config, context)?)));
}

struct RabbitMq {
    address: Address,
    config: Config,
    /// How the broker lists the connection.
    name: String,
    partition: Arc<Partition>,
    /// The number of the next message.
    next: i64,
    /// How many messages may be out.
    window: Window,
    live: Option<Live>,
    was_open: bool,
    /// How often in a row something unreadable broke the connection.
    unreadable: u32,
}

// === impl RabbitMq ===

impl RabbitMq {
    fn new(config: Config, context: &Context) -> Result<RabbitMq> {
        config.check()?;
        let address = config.connection.address()?;
        config.connection.note_files(context);
        let partition = Partition {
            // Two processes that consume one queue number its messages on their own.
            source: format!("rabbitmq:{}:{}", address.shown, context.instance).into(),
            stream: config.queue.as_str().into(),
            incarnation: "".into(),
            number: 0,
        };
        Ok(RabbitMq {
            name: format!("catchwater {}", context.pipeline),
            partition: Arc::new(partition),
            next: 0,
            window: Window::new(config.prefetch, context.memory_bytes / 2),
            live: None,
            was_open: false,
            unreadable: 0,
            address,
            config,
        })
    }

    fn unacknowledged_max(&self) -> u16 {
        self.live.as_ref().map_or(self.window.prefetch(), Live::unacknowledged_max)
    }

    async fn connect(&mut self) -> Result<()> {
        self.live = None; // what came by it is forgotten, and comes again
        match Live::open(&self.address, &self.config, &self.name, self.window.prefetch()).await {
            Ok(live) => {
                (self.live, self.was_open) = (Some(live), true);
                Ok(())
            }
            Err(error) if self.was_open => Err(passing(error)),
            Err(error) => Err(error),
        }
    }

    /// Nothing more comes by this connection.
    fn lost(&mut self, cause: Option<lapin::Error>) -> Error {
        self.live = None;
        let Some(cause) = cause else { return live::ended(&self.config.queue) };
        self.unreadable = if is_unreadable(&cause) { self.unreadable + 1 } else { self.unreadable };
        let doing = format!("consume queue `{}` at {}", self.config.queue, self.address.shown);
        if self.unreadable < UNREADABLE_MAX {
            return failure(doing, cause);
        }
        let text = "a message near the head of the queue cannot be read, a name in it is not UTF-8; take it out with another \
                    client, or let the queue's dead letters have it";
        Error::refused(format!("{doing}: {text}")).because(cause)
    }
}

#[async_trait]
impl simple::Source for RabbitMq {
    fn traits(&self) -> SourceTraits {
        SourceTraits {
            capture: None,
            rereadable: false,
            keeps_positions: false,
            shareable: false,
            unacknowledged_max: Some(self.unacknowledged_max().into()),
            commit_within: None,
            may_return: false,
        }
    }

    async fn open(&mut self) -> Result<Vec<(Arc<Partition>, i64)>> {
        if !self.live.as_ref().is_some_and(Live::is_connected) {
            self.connect().await?;
        }
        Ok(vec![(Arc::clone(&self.partition), 0)])
    }

    /// What was read and not committed is abandoned when this comes again: the broker gets it back with the connection, and
    /// delivers it anew. Numbers that were given out are not given out again.
    async fn start(&mut self, at: &Positions) -> Result<()> {
        self.next = at.get(&self.partition).unwrap_or(0).max(self.next);
        match self.live.as_ref().is_some_and(Live::owes) {
            true => self.connect().await,
            false => Ok(()),
        }
    }

    /// Cancel safe: what was waited for is in the batch at once.
    async fn poll(&mut self, limit: Limit) -> Result<Option<Batch>> {
        let Some(live) = self.live.as_mut().filter(|live| live.is_connected()) else {
            let lost = Error::unavailable(format!("the connection to RabbitMQ at {} is lost", self.address.shown));
            // The consumer knows why, once it has handed out what it holds.
            return Err(match self.live.as_mut().and_then(last_words) {
                Some(cause) => self.lost(Some(cause)),
                None => lost,
            });
        };
        let mut batch = BatchBuilder::new(limit);
        let origin = batch.origin(&self.partition);
        let (mut next, mut last) = (self.next, None);
        let mut arrived = match self.config.until {
            None => Some(live.next().await),
            Some(Until::Empty) => live.next_unless_empty(&self.config.queue).await.transpose(),
        };
        if arrived.is_none() {
            return Ok(None);
        }
        while let Some(delivery) = arrived {
            match delivery {
                Ok(Some(Ok(delivery))) => {
                    message::push(&mut batch, origin, next, &delivery);
                    self.window.saw(delivery.data.len());
                    (next, last) = (next + 1, Some(delivery.delivery_tag));
                }
                // What is in the batch came by a connection that is gone: it comes again.
                Ok(end) => return Err(self.lost(end.and_then(Result::err))),
                Err(error) => {
                    self.live = None;
                    return Err(error);
                }
            }
            arrived = if batch.is_full() { None } else { live.next_at_once() };
        }
        self.next = next;
        live.handed_on(next, last.expect("a batch has a message"));
        live.want(self.window.prefetch());
        Ok(Some(batch.finish()))
    }

    /// Invariant 1: the broker hears of it only now, and only of what came by this very channel.
    async fn commit(&mut self, positions: &Positions) -> Result<()> {
        let (Some(live), Some(durable)) = (&mut self.live, positions.get(&self.partition)) else { return Ok(()) };
        match live.acknowledge(durable).await {
            Ok(acknowledged) => {
                self.unreadable = if acknowledged { 0 } else { self.unreadable };
                Ok(())
            }
            // They come again, and the next poll says so.
            Err(error) => {
                self.live = None;
                Err(error)
            }
        }
    }

    async fn close(mut self: Box<Self>) -> Result<()> {
        if let Some(live) = self.live.take() {
            live.close().await;
        }
        Ok(())
    }

    fn lag(&self) -> Option<u64> {
        None
    }
}

/// The error behind all that a dead channel still holds.
fn last_words(live: &mut Live) -> Option<lapin::Error> {
    while let Some(Ok(Some(next))) = live.next_at_once() {
        if let Err(error) = next {
            return Some(error);
        }
    }
    None
}
