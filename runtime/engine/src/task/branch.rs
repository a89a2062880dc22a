//! One sink with its own transforms, driven on its own: a slow sink holds back the source by its full channel, and an
//! absent one is tried again here without anyone else noticing before that.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use catchwater_sdk::sink::{BoxSink, Durable, Rejected, Room, SinkTraits};
use catchwater_sdk::source::SourceTraits;
use catchwater_sdk::{Barrier, BarrierKind, Batch, Error, ErrorKind, Partition, Positions, Result};
use futures::FutureExt;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{info, warn};

use super::flow::{self, Flow};
use super::load::{Laden, Load, is_large};
use super::stages::{Stages, StepRejected, failure, halves};
use super::waiting::Waiting;
use crate::backoff::Backoff;
use crate::spec::OnError;
use crate::status::Status;

/// Batches that wait for a sink, unless they are large: see [`Load`]. (Invariant 9)
const WAITING_MAX: usize = 2;

/// What a task tells a sink's branch; order is kept.
pub(super) enum Item {
    /// Records to store.
    Batch(Batch),
    /// A barrier behind them.
    Barrier(Barrier),
    /// What is stored of these partitions?
    Stored(Vec<Arc<Partition>>, oneshot::Sender<Option<Positions>>),
    /// Try again like this from now on.
    Retry(Backoff),
}

/// What a branch tells its task.
pub(crate) struct Report {
    /// Which branch.
    pub(super) branch: usize,
    /// What.
    pub(super) said: Said,
}

/// See [`Report`].
pub(crate) enum Said {
    /// An answer to a barrier, with all records rejected since the last one.
    Answered { barrier: u64, through: Option<u64> },
    /// Records for the dead letters.
    Rejected(Vec<StepRejected>),
    /// The sink wants a cut.
    Full,
    /// The branch has ended; nothing more comes from it.
    Failed(Error),
}

/// The task's end of a branch.
pub(super) struct Branch {
    /// Another for each that a task ever starts: what a closed one still says is not taken for another's.
    pub(super) number: usize,
    pub(super) step: Arc<str>,
    pub(super) traits: SinkTraits,
    pub(super) items: mpsc::Sender<Laden>,
    /// What is in there or being written.
    pub(super) load: Load,
    /// What waits in front of them.
    pub(super) waiting: Waiting,
    /// Dropped with it.
    driver: JoinSet<()>,
}

/// What it takes to run a branch.
pub(crate) struct Driver {
    pub(crate) number: usize,
    pub(crate) task: u16,
    pub(crate) step: Arc<str>,
    pub(crate) sink: BoxSink,
    pub(crate) is_open: bool,
    pub(crate) stages: Stages,
    pub(crate) on_error: OnError,
    pub(crate) source: SourceTraits,
    pub(crate) backoff: Backoff,
    pub(crate) status: Arc<Status>,
    pub(crate) reports: mpsc::Sender<Report>,
    pub(crate) give_back: fn(),
}

// === impl Branch ===

impl Branch {
    /// A branch, and what is to run before it does anything.
    pub(super) fn new(driver: Driver) -> (Branch, Running) {
        let (items, receiver) = mpsc::channel(WAITING_MAX);
        let flow = Flow::new(&driver.stages);
        let (number, step, traits) = (driver.number, Arc::clone(&driver.step), driver.sink.traits());
        let running = Running {
            driver,
            items: receiver,
            taken: 0,
            written: 0,
            rejected: 0,
            full: false,
            large: false,
            attempts: 1,
            flow,
        };
        let (load, waiting) = (Load::default(), Waiting::default());
        (Branch { number, step, traits, items, load, waiting, driver: JoinSet::new() }, running)
    }

    /// Whether nothing more is to be read until some of what is under way is written. What comes while it is held waits elsewhere.
    pub(super) fn is_laden(&self) -> bool {
        !self.waiting.is_held() && !self.load.has_room()
    }

    /// Starts it.
    pub(super) fn run(&mut self, running: Running) {
        self.driver.spawn(running.run());
    }

    /// Lets the branch close its sink and end.
    pub(super) async fn close(mut self) {
        drop(self.items);
        if let Some(Err(error)) = self.driver.join_next().await {
            warn!(%error, "sink ended badly");
        }
    }

    /// The same for one that has nothing left to store, and is dropped where it does not end in time.
    pub(super) async fn close_within(mut self, time: Duration) {
        drop(self.items);
        if timeout(time, self.driver.join_next()).await.is_err() {
            warn!(sink = %self.step, "sink did not close in time, it is dropped");
            self.driver.shutdown().await;
        }
    }

    /// Drops the sink where it stands: what is not durable is abandoned.
    pub(super) async fn abandon(mut self) {
        self.driver.shutdown().await;
    }
}

/// What drives a branch.
pub(super) struct Running {
    driver: Driver,
    items: mpsc::Receiver<Laden>,
    taken: u64,
    written: u64,
    rejected: u64,
    /// Whether the sink is full, and no cut has come since it said so: batches before the cut need not say it again.
    full: bool,
    /// Whether there was a large batch since the last cut.
    large: bool,
    /// How often the last call was tried until it was answered.
    attempts: u32,
    flow: Flow,
}

/// The same call of the sink again as long as the other system is away, `open` before each.
macro_rules! persist {
    ($running:ident, $doing:literal, $call:ident($argument:expr)) => {
        loop {
            match $running.driver.sink.$call($argument).await {
                Err(error) if error.kind() == ErrorKind::Unavailable => $running.reopen($doing, error).await?,
                answer => {
                    $running.worked();
                    break answer;
                }
            }
        }
    };
}

// === impl Running ===

impl Running {
    /// That the sink panics is an end like any other: else its task would wait for answers for ever.
    async fn run(mut self) {
        let driven = AssertUnwindSafe(self.drive()).catch_unwind().await;
        let panicked = driven.is_err();
        let ended = driven.unwrap_or_else(|_| Err(Error::bug(format!("sink {} panicked", self.driver.step))));
        if let Err(error) = ended {
            self.report(Said::Failed(error)).await;
        }
        if panicked {
            return;
        }
        let (step, sink) = (self.driver.step, self.driver.sink);
        if let Err(error) = sink.close().await {
            warn!(sink = %step, error = %error.chain(), "sink did not close cleanly");
        }
    }

    async fn drive(&mut self) -> Result<()> {
        self.open().await?;
        // The load is there until the item is done with: a sink that is full has said so by then.
        while let Some((item, _load)) = self.items.recv().await {
            self.large |= is_large(&item);
            let is_cut = matches!(&item, Item::Barrier(barrier) if barrier.kind == BarrierKind::Cut);
            match item {
                Item::Batch(batch) => self.take(batch).await?,
                Item::Barrier(barrier) => self.answer(&barrier).await?,
                Item::Stored(partitions, reply) => {
                    let stored = persist!(self, "ask what is stored", stored(&partitions))?;
                    let _ = reply.send(stored); // a task that no longer waits has abandoned this branch
                }
                Item::Retry(backoff) => self.driver.backoff = backoff,
            }
            if self.large {
                (self.driver.give_back)();
                self.large = !is_cut;
            }
        }
        Ok(())
    }

    async fn open(&mut self) -> Result<()> {
        if !self.driver.is_open {
            let source = self.driver.source.clone();
            match self.driver.sink.open(&source).await {
                Err(error) if error.kind() == ErrorKind::Unavailable => self.reopen("connect", error).await?,
                opened => opened?,
            }
        }
        self.worked();
        self.driver.status.opened(self.driver.task, &self.driver.step);
        Ok(())
    }

    /// A step of this sink alone that asks for a pause makes this branch wait, and by that the source.
    async fn take(&mut self, batch: Batch) -> Result<()> {
        let mut rest = Some(batch);
        while let Some(batch) = rest.take() {
            let (part, left) = self.flow.part(batch);
            rest = left;
            let records = part.len();
            self.take_part(part).await?;
            self.flow.note(records, self.driver.stages.take_pause(), Instant::now());
            flow::pause(self.flow.next_at(Instant::now())).await;
        }
        Ok(())
    }

    async fn take_part(&mut self, batch: Batch) -> Result<()> {
        self.taken += batch.len() as u64;
        let mut rejected = Vec::new();
        let batches = self.driver.stages.apply(batch, &mut rejected)?;
        self.driver.status.dropped.fetch_add(self.driver.stages.take_dropped(), Relaxed);
        self.reject(rejected).await;
        for batch in batches {
            self.write(batch).await?;
        }
        Ok(())
    }

    /// Writes a batch; one that the sink cannot store as a whole is halved until the records to blame stand alone.
    async fn write(&mut self, batch: Batch) -> Result<()> {
        let mut todo = vec![batch];
        while let Some(batch) = todo.pop() {
            self.written += batch.len() as u64;
            match persist!(self, "write", write(&batch)) {
                Ok(Room::Left) => {}
                Ok(Room::Full) if self.full => {}
                Ok(Room::Full) => {
                    self.full = true;
                    self.report(Said::Full).await;
                }
                Err(error) if error.kind() != ErrorKind::Data => return Err(error),
                Err(_) if batch.len() > 1 => {
                    self.written -= batch.len() as u64;
                    let (first, second) = halves(&batch);
                    todo.extend([second, first]);
                }
                Err(error) => self.reject_here(Rejected { records: batch, reason: error.chain() }).await?,
            }
        }
        Ok(())
    }

    async fn answer(&mut self, barrier: &Barrier) -> Result<()> {
        self.driver.stages.check_balance(self.taken, self.written)?;
        let durable: Durable = persist!(self, "make records durable", barrier(barrier))?;
        self.full &= barrier.kind != BarrierKind::Cut;
        for event in &durable.events {
            info!(sink = %self.driver.step, "{event}");
        }
        for rejected in durable.rejected {
            self.reject_here(rejected).await?;
        }
        // Invariant 3: a sink may reject each record that it took once, and no other.
        if self.rejected > self.written {
            let text = format!("{} rejected {} records of {}", self.driver.step, self.rejected, self.written);
            return Err(Error::bug(text));
        }
        self.report(Said::Answered { barrier: barrier.number, through: durable.through }).await;
        Ok(())
    }

    async fn reject_here(&mut self, rejected: Rejected) -> Result<()> {
        self.rejected += rejected.records.len() as u64;
        match self.driver.on_error {
            OnError::Fail => Err(failure(&self.driver.step, &rejected)),
            OnError::Drop => {
                self.driver.status.dropped.fetch_add(rejected.records.len() as u64, Relaxed);
                Ok(())
            }
            OnError::DeadLetter => {
                let step = Arc::clone(&self.driver.step);
                self.reject(vec![StepRejected { step, attempts: self.attempts, rejected }]).await;
                Ok(())
            }
        }
    }

    async fn reject(&mut self, rejected: Vec<StepRejected>) {
        if !rejected.is_empty() {
            self.report(Said::Rejected(rejected)).await;
        }
    }

    async fn report(&mut self, said: Said) {
        let report = Report { branch: self.driver.number, said };
        let _ = self.driver.reports.send(report).await; // a task that is gone needs no report
    }

    /// The other system is away: waits and opens again until that works.
    async fn reopen(&mut self, doing: &str, mut error: Error) -> Result<()> {
        loop {
            self.wait(doing, error).await?;
            let source = self.driver.source.clone();
            match self.driver.sink.open(&source).await {
                Err(again) if again.kind() == ErrorKind::Unavailable => error = again,
                opened => return opened,
            }
        }
    }

    fn worked(&mut self) {
        self.attempts = self.driver.backoff.attempts() + 1;
        if self.attempts > 1 {
            self.driver.backoff.worked();
            self.driver.status.set_trouble(&self.driver.step, None);
        }
    }

    async fn wait(&mut self, doing: &str, error: Error) -> Result<()> {
        let attempt = self.driver.backoff.attempts() + 1;
        let Some(delay) = self.driver.backoff.failed() else {
            return Err(Error::refused(format!("{}: gave up after {attempt} attempts to {doing}", self.driver.step))
                .because(error));
        };
        let delay_ms = delay.as_millis() as u64;
        warn!(sink = %self.driver.step, attempt, delay_ms, error = %error.chain(), "sink unavailable, will retry");
        self.driver.status.set_trouble(&self.driver.step, Some(error.chain()));
        tokio::time::sleep(delay).await;
        Ok(())
    }
}
