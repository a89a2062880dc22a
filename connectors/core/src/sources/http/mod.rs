//! Events that others post over HTTP.
//!
//! A request waits until the engine has committed the positions of its events: only then is it answered. What is posted
//! cannot be asked for again, so a position here is nothing but a number that is never used twice.

mod answer;
mod body;
mod config;
mod events;
mod intake;
mod server;
mod signature;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use catchwater_sdk::claim::{Claim, Within};
use catchwater_sdk::clock::Clock;
use catchwater_sdk::source::{SourceTraits, simple};
use catchwater_sdk::{
    Batch, BatchBuilder, Context, Error, Field, Limit, Partition, Positions, Record, Registry, Result, Timestamp,
    TimestampKind, async_trait,
};
use tokio::sync::mpsc;

use self::config::Config;
use self::intake::{Delivery, Intake, Ticket};
use self::server::Server;

pub(crate) fn register(registry: &mut Registry) {
    registry.source("http", |config: Config, context| {
        let http = Http::new(config, context)?;
        if http.address.port() != 0 {
            let what = format!("the address {}", http.address);
            context.claim(Claim { what, within: Within::Process, key: "listen" });
        }
        Ok(simple::source(http))
    });
}

struct Http {
    address: SocketAddr,
    connections_max: usize,
    commit_within: Duration,
    /// Until the source is opened.
    unopened: Option<Config>,
    clock: Arc<dyn Clock>,
    streams: Vec<Stream>,
    server: Option<(Server, mpsc::Receiver<Delivery>)>,
    current: Option<Current>,
}

/// What a path takes.
struct Stream {
    partition: Arc<Partition>,
    /// The number of the next event.
    next: i64,
    /// Requests that the engine has read, in order, with the position behind each.
    waiting: VecDeque<(i64, Ticket)>,
}

/// A request of which a part was read.
struct Current {
    delivery: Delivery,
    read: usize,
}

// === impl Http ===

impl Http {
    fn new(config: Config, context: &Context) -> Result<Http> {
        let address = config.check()?;
        let stream = |name: &str| Stream {
            partition: Arc::new(Partition {
                // Two processes that take the same webhook number their events on their own.
                source: format!("http:{}", context.instance).into(),
                stream: name.into(),
                incarnation: "".into(),
                number: 0,
            }),
            next: 0,
            waiting: VecDeque::new(),
        };
        Ok(Http {
            address,
            connections_max: config.connections_max,
            commit_within: config.commit_within.get(),
            streams: config.streams().map(stream).collect(),
            unopened: Some(config),
            clock: Arc::clone(&context.clock),
            server: None,
            current: None,
        })
    }

    /// Adds events of the request at hand; whether all of them are in now.
    fn push(&mut self, batch: &mut BatchBuilder) -> bool {
        let Some(Current { delivery, read }) = &mut self.current else { return false };
        let stream = &mut self.streams[delivery.stream];
        let headers: Vec<_> = delivery.headers.iter().map(|(name, value)| header(name, value)).collect();
        let properties: Vec<_> = delivery.properties.iter().map(|(name, value)| Field::text(name, value)).collect();
        let timestamp = Some(Timestamp { micros: delivery.arrived_micros, kind: TimestampKind::Append });
        let origin = batch.origin(&stream.partition);
        while *read < delivery.events.len() && !batch.is_full() {
            let payload = &delivery.body[delivery.events[*read].clone()];
            let record = Record { headers: &headers, properties: &properties, timestamp, ..Record::payload(payload) };
            batch.push(origin, stream.next, stream.next + 1, record);
            stream.next += 1;
            *read += 1;
        }
        *read == delivery.events.len()
    }

    /// The request at hand is read: its client waits for the commit.
    fn wait(&mut self) {
        if let Some(Current { delivery, .. }) = self.current.take() {
            let stream = &mut self.streams[delivery.stream];
            stream.waiting.push_back((stream.next, delivery.ticket));
        }
    }
}

/// Text where it is text.
fn header<'a>(name: &'a str, value: &'a [u8]) -> Field<'a> {
    match std::str::from_utf8(value) {
        Ok(text) => Field::text(name, text),
        Err(_) => Field::bytes(name, Some(value)),
    }
}

#[async_trait]
impl simple::Source for Http {
    fn traits(&self) -> SourceTraits {
        SourceTraits {
            capture: None,
            rereadable: false,
            keeps_positions: false,
            shareable: false,
            unacknowledged_max: None,
            commit_within: Some(self.commit_within),
            may_return: false,
        }
    }

    async fn open(&mut self) -> Result<Vec<(Arc<Partition>, i64)>> {
        if self.unopened.is_some() {
            let listener = server::listen(self.address).await?;
            let config = self.unopened.take().expect("it is still there");
            let (intake, deliveries) = Intake::new(config, Arc::clone(&self.clock));
            self.server = Some((Server::start(listener, intake, self.connections_max), deliveries));
        }
        Ok(self.streams.iter().map(|stream| (Arc::clone(&stream.partition), 0)).collect())
    }

    /// What was read and not committed is abandoned when this comes again: its clients are told, and send again. Numbers
    /// that were given out are not given out anew, for a commit of those may still be on its way.
    async fn start(&mut self, at: &Positions) -> Result<()> {
        for stream in &mut self.streams {
            stream.next = at.get(&stream.partition).unwrap_or(0).max(stream.next);
            stream.waiting.clear();
        }
        self.current.take_if(|current| current.read > 0);
        Ok(())
    }

    /// Cancel safe: a request that was received is kept, and everything after that happens at once.
    async fn poll(&mut self, limit: Limit) -> Result<Option<Batch>> {
        let mut batch = BatchBuilder::new(limit);
        loop {
            let closed = || Error::bug("poll an HTTP source that is not open");
            let (_, deliveries) = self.server.as_mut().ok_or_else(closed)?;
            if self.current.is_none() {
                let next = match batch.is_empty() {
                    true => deliveries.recv().await,
                    false => deliveries.try_recv().ok(),
                };
                if next.is_none() && batch.is_empty() {
                    return Err(Error::bug("the HTTP server has ended"));
                }
                self.current = next.map(|delivery| Current { delivery, read: 0 });
            }
            if self.push(&mut batch) {
                self.wait();
            }
            if self.current.is_some() || batch.is_full() || !self.has_more() {
                return Ok(Some(batch.finish()));
            }
        }
    }

    /// Invariant 1: a client hears of success only now.
    async fn commit(&mut self, positions: &Positions) -> Result<()> {
        for stream in &mut self.streams {
            let Some(durable) = positions.get(&stream.partition) else { continue };
            while let Some((_, ticket)) = stream.waiting.pop_front_if(|(after, _)| *after <= durable) {
                ticket.stored();
            }
        }
        Ok(())
    }

    async fn close(mut self: Box<Self>) -> Result<()> {
        if let Some((server, deliveries)) = self.server.take() {
            // Whoever still waits is told that the events are not taken.
            drop(deliveries);
            drop(self);
            server.stop().await;
        }
        Ok(())
    }

    fn lag(&self) -> Option<u64> {
        None
    }
}

impl Http {
    fn has_more(&self) -> bool {
        self.server.as_ref().is_some_and(|(_, deliveries)| !deliveries.is_empty())
    }
}
