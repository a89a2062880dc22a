//! A sink into memory: transactional with positions as a lake, or at least once as a broker.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::{Call, Faults};
use crate::batch::Batch;
use crate::error::Result;
use crate::position::{Barrier, BarrierKind, Partition, Positions};
use crate::record::RecordRef;
use crate::sink::{BoxSink, Durable, Rejected, Room, Sink, SinkTraits};
use crate::source::SourceTraits;

/// What a table or a topic would hold. A handle: clones share it.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
    cut_interval: Option<Duration>,
    hot_log: bool,
    beside: bool,
    /// What goes wrong.
    pub faults: Faults,
}

#[derive(Debug, Default)]
struct State {
    records: Vec<Stored>,
    positions: Positions,
    /// What a crash leaves of records that wait for a cut.
    marked: Vec<Stored>,
    poison: Option<Vec<u8>>,
    room: Option<usize>,
    cuts: Vec<usize>,
}

/// A record as it was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Where it came from.
    pub partition: Arc<Partition>,
    /// Its place there.
    pub position: i64,
    /// 0 unless one record became several.
    pub index: i32,
    /// `None` is a tombstone.
    pub payload: Option<Vec<u8>>,
    /// `None` is no key.
    pub key: Option<Vec<u8>>,
    /// Names and values in order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

struct MemorySink {
    store: MemoryStore,
    taken: Vec<Stored>,
    rejected: Vec<Rejected>,
    durable: Option<u64>,
    /// What was stored when the partitions were assigned: records below are there already.
    from: Positions,
}

// === impl MemoryStore ===

impl MemoryStore {
    /// Stores at a `Cut`, together with positions: exactly once.
    pub fn transactional() -> MemoryStore {
        MemoryStore::new(Some(Duration::from_millis(20)))
    }

    /// Stores at each barrier, without positions: at least once.
    pub fn at_least_once() -> MemoryStore {
        MemoryStore::new(None)
    }

    /// Stores at a `Cut` as a lake does whose `commit_interval` is far away; a `Mark` makes records safe.
    pub fn with_hot_log() -> MemoryStore {
        MemoryStore { hot_log: true, ..MemoryStore::new(Some(Duration::from_secs(3600))) }
    }

    /// The same, but its sinks may be opened beside others.
    pub fn beside(self) -> MemoryStore {
        MemoryStore { beside: true, ..self }
    }

    fn new(cut_interval: Option<Duration>) -> MemoryStore {
        MemoryStore { state: Arc::default(), cut_interval, hot_log: false, beside: false, faults: Faults::default() }
    }

    /// What was safe at the last `Mark` and waits for a `Cut`.
    pub fn marked(&self) -> Vec<Stored> {
        self.state().marked.clone()
    }

    /// Records with this payload cannot be stored.
    pub fn refuse(&self, payload: &[u8]) {
        self.state().poison = Some(payload.to_vec());
    }

    /// Asks for a cut once so many records wait for one.
    pub fn set_room(&self, records: usize) {
        self.state().room = Some(records);
    }

    /// How many records each cut stored that stored any.
    pub fn cuts(&self) -> Vec<usize> {
        self.state().cuts.clone()
    }

    /// What is stored, in order.
    pub fn records(&self) -> Vec<Stored> {
        self.state().records.clone()
    }

    /// The positions stored with it.
    pub fn positions(&self) -> Positions {
        self.state().positions.clone()
    }

    /// A sink that fills it.
    pub fn sink(&self) -> BoxSink {
        let (taken, rejected) = (Vec::new(), Vec::new());
        Box::new(MemorySink { store: self.clone(), taken, rejected, durable: None, from: Positions::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Stored ===

impl From<RecordRef<'_>> for Stored {
    fn from(record: RecordRef<'_>) -> Stored {
        let header = |header: crate::record::Field<'_>| (header.name.to_owned(), header.value.map(<[u8]>::to_vec));
        Stored {
            partition: Arc::new(record.partition().clone()),
            position: record.position(),
            index: record.index(),
            payload: record.payload().map(<[u8]>::to_vec),
            key: record.key().map(<[u8]>::to_vec),
            headers: record.headers().map(header).collect(),
        }
    }
}

// === impl MemorySink ===

#[async_trait]
impl Sink for MemorySink {
    fn traits(&self) -> SinkTraits {
        let MemoryStore { cut_interval, hot_log, beside, .. } = self.store;
        SinkTraits { cut_interval, hot_log, beside }
    }

    async fn open(&mut self, _: &SourceTraits) -> Result<()> {
        self.store.faults.pass(Call::Open).await
    }

    async fn stored(&mut self, partitions: &[Arc<Partition>]) -> Result<Option<Positions>> {
        self.store.faults.pass(Call::Stored).await?;
        if self.store.cut_interval.is_none() {
            return Ok(None);
        }
        let stored = self.store.positions().of(partitions);
        self.from.advance_all(&stored);
        Ok(Some(stored))
    }

    async fn write(&mut self, batch: &Batch) -> Result<Room> {
        self.store.faults.pass(Call::Write).await?;
        let poison = self.store.state().poison.clone();
        for (i, record) in batch.iter().enumerate() {
            if self.from.get(record.partition()).is_some_and(|from| record.position() < from) {
                continue;
            }
            if poison.is_some() && record.payload() == poison.as_deref() {
                self.rejected.push(Rejected { records: batch.select(&[i]), reason: "it is poison".into() });
            } else {
                self.taken.push(record.into());
            }
        }
        let full = self.store.state().room.is_some_and(|room| self.taken.len() >= room);
        Ok(if full { Room::Full } else { Room::Left })
    }

    async fn barrier(&mut self, barrier: &Barrier) -> Result<Durable> {
        self.store.faults.pass(Call::Barrier).await?;
        if barrier.kind == BarrierKind::Cut || self.store.cut_interval.is_none() {
            let mut state = self.store.state();
            state.cuts.extend(Some(self.taken.len()).filter(|stored| *stored > 0));
            state.records.append(&mut self.taken);
            state.marked.clear();
            state.positions.advance_all(&barrier.positions);
            self.durable = Some(barrier.number);
            let rejected = std::mem::take(&mut self.rejected);
            return Ok(Durable { through: self.durable, rejected, events: Vec::new() });
        }
        if self.store.hot_log {
            self.store.state().marked.clone_from(&self.taken);
            self.durable = Some(barrier.number);
        }
        Ok(Durable { through: self.durable, ..Durable::default() })
    }

    async fn close(self: Box<Self>) -> Result<()> {
        self.store.faults.pass(Call::Close).await
    }
}
