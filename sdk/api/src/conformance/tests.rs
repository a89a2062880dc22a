//! The suites pass what keeps its promises, and were made to find what does not.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use async_trait::async_trait;
use futures::executor::block_on;

use super::doubles::{MemoryLog, MemoryStore};
use super::*;
use crate::batch::{Batch, Limit};
use crate::error::{ErrorKind, Result};
use crate::position::{Barrier, Partition, Positions};
use crate::sink::{BoxSink, Durable, Room, Sink, SinkTraits};
use crate::source::{BoxSource, Polled, Source, SourceTraits};
use crate::transform::{Output, Transform};

/// The log, read by a source that breaks one promise if told to.
struct LogWorld {
    log: MemoryLog,
    flaw: Option<Flaw>,
}

#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    /// Skips a record when it resumes.
    Gap,
    /// Holds a batch while it waits, and loses it with the future.
    LosesWhenCancelled,
    /// Begins anew at each `open`.
    ForgetsPlace,
}

struct Flawed {
    inner: BoxSource,
    flaw: Option<Flaw>,
}

fn log_world(flaw: Option<Flaw>) -> LogWorld {
    let log = MemoryLog::of(3, 20);
    log.keep_positions();
    LogWorld { log, flaw }
}

#[async_trait]
impl SourceWorld for LogWorld {
    async fn build(&mut self) -> BoxSource {
        Box::new(Flawed { inner: self.log.source(), flaw: self.flaw })
    }

    fn build_broken(&mut self) -> Option<BoxSource> {
        self.log.faults.fail(doubles::Call::Open, ErrorKind::Unavailable);
        Some(self.log.source())
    }

    fn records(&self) -> BTreeMap<(String, i32), Vec<Option<Vec<u8>>>> {
        let payload = |number, i| Some(format!("{{\"p\":{number},\"i\":{i}}}").into_bytes());
        (0..3).map(|number| (("log".to_owned(), number), (0..20).map(|i| payload(number, i)).collect())).collect()
    }

    fn ends(&self) -> bool {
        true
    }
}

async fn wait_once() {
    let mut waited = false;
    poll_fn(|context| {
        context.waker().wake_by_ref();
        if std::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

#[async_trait]
impl Source for Flawed {
    fn traits(&self) -> SourceTraits {
        self.inner.traits()
    }

    async fn open(&mut self) -> Result<()> {
        if self.flaw == Some(Flaw::ForgetsPlace) {
            let start: Positions = (0..3).map(|number| (MemoryLog::partition(number), 0)).collect();
            self.inner.start(&start).await?;
        }
        self.inner.open().await
    }

    async fn poll(&mut self, limit: Limit) -> Result<Polled> {
        let polled = self.inner.poll(limit).await;
        if self.flaw == Some(Flaw::LosesWhenCancelled) && matches!(polled, Ok(Polled::Records(_))) {
            wait_once().await;
        }
        polled
    }

    async fn start(&mut self, at: &Positions) -> Result<()> {
        let skip = |at: i64| if self.flaw == Some(Flaw::Gap) && at > 0 { at + 1 } else { at };
        let at = at.iter().map(|(partition, at)| (Arc::clone(partition), skip(at))).collect();
        self.inner.start(&at).await
    }

    async fn release(&mut self, partitions: &[Arc<Partition>]) -> Result<()> {
        self.inner.release(partitions).await
    }

    async fn confirm(&mut self) -> Result<()> {
        self.inner.confirm().await
    }

    async fn commit(&mut self, positions: &Positions) -> Result<()> {
        self.inner.commit(positions).await
    }

    async fn close(self: Box<Self>, leave: bool) -> Result<()> {
        self.inner.close(leave).await
    }

    fn lag(&self) -> Option<u64> {
        self.inner.lag()
    }
}

#[test]
fn a_source_that_keeps_its_promises_passes() {
    block_on(source(&mut log_world(None)));
}

#[test]
#[should_panic(expected = "goes back to where it is told")]
fn a_source_that_skips_is_found() {
    block_on(source(&mut log_world(Some(Flaw::Gap))));
}

#[test]
#[should_panic(expected = "a cancelled poll loses nothing")]
fn a_source_that_loses_with_a_cancelled_poll_is_found() {
    block_on(source(&mut log_world(Some(Flaw::LosesWhenCancelled))));
}

#[test]
#[should_panic(expected = "goes on at 20 and yields 0")]
fn a_source_that_forgets_its_place_at_a_new_open_is_found() {
    block_on(source(&mut log_world(Some(Flaw::ForgetsPlace))));
}

struct StoreWorld {
    store: MemoryStore,
    doubles: bool,
}

/// Writes each batch that comes after the fourth twice.
struct Doubling {
    inner: BoxSink,
    writes: usize,
}

#[async_trait]
impl SinkWorld for StoreWorld {
    fn build(&mut self) -> BoxSink {
        match self.doubles {
            true => Box::new(Doubling { inner: self.store.sink(), writes: 0 }),
            false => self.store.sink(),
        }
    }

    fn build_broken(&mut self) -> Option<BoxSink> {
        self.store.faults.fail(doubles::Call::Open, ErrorKind::Refused);
        Some(self.store.sink())
    }

    async fn read_back(&mut self) -> Vec<Option<Vec<u8>>> {
        self.store.records().into_iter().map(|record| record.payload).collect()
    }
}

#[async_trait]
impl Sink for Doubling {
    fn traits(&self) -> SinkTraits {
        self.inner.traits()
    }

    async fn open(&mut self, source: &SourceTraits) -> Result<()> {
        self.inner.open(source).await
    }

    async fn stored(&mut self, partitions: &[Arc<Partition>]) -> Result<Option<Positions>> {
        self.inner.stored(partitions).await
    }

    async fn write(&mut self, batch: &Batch) -> Result<Room> {
        self.writes += 1;
        if self.writes > 4 {
            let _ = self.inner.write(batch).await?;
        }
        self.inner.write(batch).await
    }

    async fn barrier(&mut self, barrier: &Barrier) -> Result<Durable> {
        self.inner.barrier(barrier).await
    }

    async fn close(self: Box<Self>) -> Result<()> {
        self.inner.close().await
    }
}

#[test]
fn a_sink_that_keeps_its_promises_passes() {
    for store in [MemoryStore::transactional(), MemoryStore::at_least_once()] {
        store.refuse(b"two\nlines");
        block_on(sink(&mut StoreWorld { store, doubles: false }));
    }
}

#[test]
#[should_panic(expected = "written less stored and rejected")]
fn a_sink_that_doubles_is_found() {
    block_on(sink(&mut StoreWorld { store: MemoryStore::transactional(), doubles: true }));
}

struct Forgetful;

impl Transform for Forgetful {
    fn apply(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<()> {
        (0..batch.len()).filter(|i| i % 5 < 4).for_each(|i| out.keep(i));
        Ok(())
    }

    fn state(&self) -> Option<Vec<u8>> {
        None
    }
}

#[test]
#[should_panic(expected = "each record is kept, replaced, rejected or dropped")]
fn a_transform_that_forgets_a_record_is_found() {
    transform(|| Box::new(Forgetful), None);
}
