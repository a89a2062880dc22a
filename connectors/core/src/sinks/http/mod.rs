//! Posts records to a server.
//!
//! What was taken is held until the server has answered it. A request that has to go again keeps its place, so that order
//! is kept; what a server refuses for what it is goes again in halves.

mod answer;
mod config;
mod request;
#[cfg(test)]
mod tests;
mod tls;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use catchwater_sdk::clock::Clock;
use catchwater_sdk::sink::{Durable, Rejected, Room, Sink, SinkTraits};
use catchwater_sdk::source::SourceTraits;
use catchwater_sdk::{Barrier, Batch, Context, Error, Partition, Positions, Registry, Result, ResultExt, async_trait};
use futures::future::join_all;
use reqwest::header::{CONTENT_ENCODING, HeaderMap, HeaderValue};
use reqwest::{Client, redirect};
use tokio::time::sleep_until;

use self::answer::{Verdict, judge};
use self::config::{Compression, Config, Plan};
use self::request::Outgoing;

/// How long connecting may take; a request has a limit of its own.
const CONNECT: Duration = Duration::from_secs(10);

pub(crate) fn register(registry: &mut Registry) {
    registry.sink("http", |config: Config, context: &Context| {
        Ok(Box::new(Http::new(Plan::new(config, context)?, Arc::clone(&context.clock))))
    });
}

struct Http {
    plan: Plan,
    clock: Arc<dyn Clock>,
    client: Option<Client>,
    /// In the order in which they are sent.
    waiting: VecDeque<Outgoing>,
    rejected: Vec<Rejected>,
    /// The server does not want to hear from us before.
    not_before: Option<Instant>,
}

// === impl Http ===

impl Http {
    fn new(plan: Plan, clock: Arc<dyn Clock>) -> Http {
        Http { plan, clock, client: None, waiting: VecDeque::new(), rejected: Vec::new(), not_before: None }
    }

    fn take(&mut self, batch: &Batch) {
        let mut rejected = BTreeMap::<String, Vec<usize>>::new();
        for (i, record) in batch.iter().enumerate() {
            let target = self.plan.check(record).and_then(|()| self.plan.target(record));
            match target {
                Ok(target) => self.plan.add(&mut self.waiting, target, batch.select(&[i])),
                Err(reason) => rejected.entry(reason).or_default().push(i),
            }
        }
        let rejected = rejected.into_iter();
        self.rejected.extend(rejected.map(|(reason, rows)| Rejected { records: batch.select(&rows), reason }));
    }

    fn waiting_bytes(&self) -> usize {
        self.waiting.iter().map(|outgoing| outgoing.bytes).sum()
    }

    /// Sends in order as long as `goes` says so of the next.
    async fn send(&mut self, goes: fn(&Outgoing) -> bool) -> Result<()> {
        while self.waiting.front().is_some_and(goes) {
            if let Some(at) = self.not_before {
                sleep_until(at.into()).await;
                self.not_before = None;
            }
            let group: Vec<_> = self.waiting.iter().take(self.plan.concurrency).take_while(|next| goes(next)).collect();
            let verdicts = join_all(group.into_iter().map(|outgoing| self.post(outgoing))).await;
            self.settle(verdicts)?;
        }
        Ok(())
    }

    async fn post(&self, outgoing: &Outgoing) -> Verdict {
        let Some(client) = &self.client else {
            return Verdict::Stop(Error::bug("post with an HTTP sink that is not open"));
        };
        let url = &outgoing.target.url;
        let mut request = client.request(self.plan.method.clone(), url.clone());
        for (name, value) in self.plan.fixed.iter().chain(&outgoing.target.headers) {
            request = request.header(name, value);
        }
        let answer = request.body(self.plan.body(&outgoing.records)).send().await;
        judge(url, answer, self.clock.now_micros()).await
    }

    /// Takes out what is done; what is not keeps its place in front.
    fn settle(&mut self, verdicts: Vec<Verdict>) -> Result<()> {
        let sent: Vec<_> = self.waiting.drain(..verdicts.len()).collect();
        let mut first_error = Ok(());
        for (outgoing, verdict) in sent.into_iter().zip(verdicts).rev() {
            match verdict {
                Verdict::Done => {}
                Verdict::Reject(_) if outgoing.records.len() > 1 => {
                    let (first, second) = outgoing.halve();
                    self.waiting.push_front(second);
                    self.waiting.push_front(first);
                }
                Verdict::Reject(reason) => {
                    let rejected = outgoing.records.into_iter();
                    self.rejected.extend(rejected.map(|records| Rejected { records, reason: reason.clone() }));
                }
                Verdict::Again(error, wait) => {
                    if let Some(wait) = wait {
                        let at = Instant::now() + wait.min(self.plan.retry_after_max);
                        self.not_before = Some(self.not_before.map_or(at, |before| before.max(at)));
                    }
                    self.waiting.push_front(outgoing);
                    first_error = Err(error);
                }
                Verdict::Stop(error) => {
                    self.waiting.push_front(outgoing);
                    first_error = Err(error);
                }
            }
        }
        first_error
    }
}

#[async_trait]
impl Sink for Http {
    fn traits(&self) -> SinkTraits {
        SinkTraits { beside: true, ..SinkTraits::default() }
    }

    /// Contacts nobody: whether the server takes anything shows with the first request.
    async fn open(&mut self, _: &SourceTraits) -> Result<()> {
        if self.client.is_none() {
            let mut fixed = HeaderMap::new();
            if self.plan.compression == Compression::Gzip {
                fixed.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
            let client = Client::builder()
                .user_agent(concat!("catchwater/", env!("CARGO_PKG_VERSION")))
                .default_headers(fixed)
                .redirect(redirect::Policy::none())
                .no_proxy()
                .connect_timeout(CONNECT.min(self.plan.timeout))
                .timeout(self.plan.timeout);
            let client = self.plan.tls.trust(client)?;
            self.client = Some(client.build().or_refused(|| "set up an HTTP client".into())?);
        }
        Ok(())
    }

    async fn stored(&mut self, _: &[Arc<Partition>]) -> Result<Option<Positions>> {
        Ok(None)
    }

    async fn write(&mut self, batch: &Batch) -> Result<Room> {
        // Room is made before the batch is taken: if that fails, nothing of the batch was taken.
        while self.waiting_bytes() > self.plan.buffer_bytes {
            self.send(|_| true).await?;
        }
        self.take(batch);
        if self.not_before.is_none() {
            // The batch is taken. What keeps it from being sent is said at the next barrier.
            let _ = self.send(|next| next.closed).await;
        }
        Ok(Room::Left)
    }

    /// All before it was answered with success, or is rejected.
    async fn barrier(&mut self, barrier: &Barrier) -> Result<Durable> {
        self.send(|_| true).await?;
        let rejected = std::mem::take(&mut self.rejected);
        Ok(Durable { through: Some(barrier.number), rejected, events: Vec::new() })
    }

    async fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}
