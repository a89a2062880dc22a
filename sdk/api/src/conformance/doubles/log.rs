//! A source over records in memory: it can be read again, and keeps positions if told to.

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::{Call, Faults, upstream};
use crate::batch::{Batch, BatchBuilder, Limit};
use crate::error::Result;
use crate::position::{Partition, Positions};
use crate::record::Record;
use crate::source::{Assignment, BoxSource, Polled, Source, SourceTraits};

/// What a broker would hold: records by partition, and what was committed. A handle: clones share it.
#[derive(Clone, Debug, Default)]
pub struct MemoryLog {
    state: Arc<Mutex<State>>,
    /// What goes wrong.
    pub faults: Faults,
}

#[derive(Debug, Default)]
struct State {
    records: BTreeMap<Arc<Partition>, Vec<Option<Vec<u8>>>>,
    committed: Positions,
    keeps_positions: bool,
    traits: Option<SourceTraits>,
    ended: bool,
    released: Vec<Arc<Partition>>,
    orders: VecDeque<Order>,
    waiting: Vec<Waker>,
}

/// What a source says next, ahead of any record.
#[derive(Debug)]
enum Order {
    Assign(Vec<Arc<Partition>>),
    Revoke(Vec<Arc<Partition>>, Duration),
    Lose(Vec<Arc<Partition>>),
}

struct MemorySource {
    log: MemoryLog,
    reading: Positions,
    assigned: bool,
}

// === impl MemoryLog ===

impl MemoryLog {
    /// `partitions` partitions of `records` records each; the source ends behind them.
    pub fn of(partitions: i32, records: usize) -> MemoryLog {
        let log = MemoryLog::default();
        for number in 0..partitions {
            (0..records).for_each(|i| log.append(number, Some(format!("{{\"p\":{number},\"i\":{i}}}").as_bytes())));
        }
        log.end();
        log
    }

    /// The partition of that number.
    pub fn partition(number: i32) -> Arc<Partition> {
        Arc::new(Partition { source: "memory".into(), stream: "log".into(), incarnation: "1".into(), number })
    }

    /// Appends a record; `None` is a tombstone.
    pub fn append(&self, partition: i32, payload: Option<&[u8]>) {
        let payload = payload.map(<[u8]>::to_vec);
        self.state().records.entry(MemoryLog::partition(partition)).or_default().push(payload);
        self.wake();
    }

    /// Its sources end once all is read.
    pub fn end(&self) {
        self.state().ended = true;
        self.wake();
    }

    /// Commits are kept here, as a broker does for a group.
    pub fn keep_positions(&self) {
        self.state().keeps_positions = true;
    }

    /// Its sources have these traits.
    pub fn set_traits(&self, traits: SourceTraits) {
        self.state().traits = Some(traits);
    }

    /// What was committed.
    pub fn committed(&self) -> Positions {
        self.state().committed.clone()
    }

    /// The partitions that readers have given up, in order.
    pub fn released(&self) -> Vec<Arc<Partition>> {
        self.state().released.clone()
    }

    /// The source gives these partitions to its reader.
    pub fn assign(&self, partitions: &[i32]) {
        self.order(Order::Assign(named(partitions)));
    }

    /// The source will take these partitions away, after so long at the latest.
    pub fn revoke(&self, partitions: &[i32], within: Duration) {
        self.order(Order::Revoke(named(partitions), within));
    }

    /// The source has lost these partitions.
    pub fn lose(&self, partitions: &[i32]) {
        self.order(Order::Lose(named(partitions)));
    }

    /// A source that reads it. Several may, one after the other.
    pub fn source(&self) -> BoxSource {
        Box::new(MemorySource { log: self.clone(), reading: Positions::new(), assigned: false })
    }

    fn order(&self, order: Order) {
        self.state().orders.push_back(order);
        self.wake();
    }

    fn wake(&self) {
        self.state().waiting.drain(..).for_each(Waker::wake);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn named(partitions: &[i32]) -> Vec<Arc<Partition>> {
    partitions.iter().map(|number| MemoryLog::partition(*number)).collect()
}

// === impl MemorySource ===

#[async_trait]
impl Source for MemorySource {
    fn traits(&self) -> SourceTraits {
        let state = self.log.state();
        let keeps_positions = state.keeps_positions;
        let traits = || SourceTraits { capture: None, keeps_positions, ..upstream() };
        state.traits.clone().unwrap_or_else(traits)
    }

    async fn open(&mut self) -> Result<()> {
        self.log.faults.pass(Call::Open).await
    }

    async fn poll(&mut self, limit: Limit) -> Result<Polled> {
        self.log.faults.pass(Call::Poll).await?;
        Ok(poll_fn(|context| self.next(limit, context)).await)
    }

    async fn start(&mut self, at: &Positions) -> Result<()> {
        self.log.faults.pass(Call::Start).await?;
        at.iter().for_each(|(partition, position)| self.reading.set(Arc::clone(partition), position));
        Ok(())
    }

    async fn release(&mut self, partitions: &[Arc<Partition>]) -> Result<()> {
        self.forget(partitions);
        self.log.state().released.extend_from_slice(partitions);
        Ok(())
    }

    async fn confirm(&mut self) -> Result<()> {
        self.log.faults.pass(Call::Confirm).await
    }

    async fn commit(&mut self, positions: &Positions) -> Result<()> {
        self.log.faults.pass(Call::Commit).await?;
        self.log.state().committed.advance_all(positions);
        Ok(())
    }

    async fn close(self: Box<Self>, _leave: bool) -> Result<()> {
        self.log.faults.pass(Call::Close).await
    }

    fn lag(&self) -> Option<u64> {
        let state = self.log.state();
        let behind = |(partition, at): (&Arc<Partition>, i64)| {
            state.records.get(partition).map_or(0, Vec::len) as u64 - at as u64
        };
        Some(self.reading.iter().map(behind).sum())
    }
}

impl MemorySource {
    fn forget(&mut self, partitions: &[Arc<Partition>]) {
        for partition in partitions {
            self.reading.remove(partition);
        }
    }

    fn next(&mut self, limit: Limit, context: &Context<'_>) -> Poll<Polled> {
        let log = self.log.clone();
        let mut state = log.state();
        if let Some(order) = state.orders.pop_front() {
            return Poll::Ready(self.obey(order, &state));
        }
        if !std::mem::replace(&mut self.assigned, true) {
            return Poll::Ready(assigned(&state.records.keys().cloned().collect::<Vec<_>>(), &state));
        }
        let batch = self.read(limit, &state);
        if !batch.is_empty() {
            return Poll::Ready(Polled::Records(batch));
        }
        if state.ended {
            return Poll::Ready(Polled::End);
        }
        state.waiting.push(context.waker().clone());
        Poll::Pending
    }

    fn obey(&mut self, order: Order, state: &State) -> Polled {
        match order {
            Order::Assign(partitions) => {
                self.assigned = true;
                assigned(&partitions, state)
            }
            Order::Revoke(partitions, within) => Polled::Revoking(partitions, Instant::now() + within),
            Order::Lose(partitions) => {
                self.forget(&partitions);
                Polled::Lost(partitions)
            }
        }
    }

    /// As much as the limit allows, one partition after the other.
    fn read(&mut self, limit: Limit, state: &State) -> Batch {
        let mut batch = BatchBuilder::new(limit);
        let mut read = Positions::new();
        for (partition, from) in self.reading.iter() {
            let records = state.records.get(partition).map_or(&[][..], Vec::as_slice);
            let origin = batch.origin(partition);
            let mut at = from;
            while at < records.len() as i64 && !batch.is_full() {
                let payload = records[at as usize].as_deref();
                batch.push(origin, at, at + 1, Record { payload, ..Record::default() });
                at += 1;
            }
            batch.advance(origin, at);
            read.set(Arc::clone(partition), at);
        }
        self.reading.advance_all(&read);
        batch.finish()
    }
}

fn assigned(partitions: &[Arc<Partition>], state: &State) -> Polled {
    let assignment = |partition: &Arc<Partition>| {
        let committed = state.committed.get(partition).filter(|_| state.keeps_positions);
        Assignment {
            partition: Arc::clone(partition),
            at: committed.unwrap_or(0),
            committed: committed.is_some(),
            name: None,
        }
    };
    Polled::Assigned(partitions.iter().map(assignment).collect())
}
