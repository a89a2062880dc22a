//! What stores records in another system.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::batch::Batch;
use crate::error::Result;
use crate::position::{Barrier, Partition, Positions};
use crate::source::SourceTraits;

/// What the engine must know about a sink, before it is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SinkTraits {
    /// How long records may wait here for a `Cut`. The engine sends one at least that often while records flow, and one
    /// when the flow stops for a while. `None`: a `Mark` makes records durable, a `Cut` does no more.
    pub cut_interval: Option<Duration>,
    /// Whether a `Mark` makes records safe that wait for a `Cut` here, where their source needs it
    /// ([`SourceTraits::needs_hot_log`]): they survive a crash, and get into their place after it.
    pub hot_log: bool,
    /// Whether it may be opened while the one that it replaces still stores: nothing that it opens bears one user only. Then a
    /// change of a running pipeline begins with that, and ends with it where it does not go well.
    pub beside: bool,
}

// === impl SinkTraits ===

impl SinkTraits {
    /// Whether it may be opened beside the one that it replaces, behind such a source. A hot log bears one user.
    pub fn may_be_beside(&self, source: &SourceTraits) -> bool {
        self.beside && !(self.hot_log && source.needs_hot_log())
    }
}

/// Whether a sink can take more before the next `Cut`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a sink that is full wants a cut"]
pub enum Room {
    /// It can.
    Left,
    /// Its buffers are full: the engine forces a `Cut`.
    Full,
}

/// Records that turned out to be unstorable.
#[derive(Debug)]
pub struct Rejected {
    /// The records, as they were written to the sink.
    pub records: Batch,
    /// Why: lowercase, for the person who reads the dead letters.
    pub reason: String,
}

/// Answers a barrier.
#[derive(Debug, Default)]
#[must_use = "the barrier counts only once the rejected records are durable elsewhere"]
pub struct Durable {
    /// The newest barrier that is durable here, if any is: this one or an earlier one.
    pub through: Option<u64>,
    /// Records from before that barrier that this sink cannot store. Each is answered once.
    pub rejected: Vec<Rejected>,
    /// What the operator may want to know, such as a schema change; shown once, in order.
    pub events: Vec<String>,
}

/// Stores records in another system. Owned by one task.
///
/// The engine calls `open`, then `stored` at each assignment, then `write` and `barrier` in the order of the stream, and
/// `close` last. To abandon what is not durable the engine drops a sink without `close` and builds another.
#[async_trait]
pub trait Sink: Send {
    /// What the engine must know, before anything was opened.
    fn traits(&self) -> SinkTraits;

    /// Connects. Called again after `Unavailable`; what was taken stays taken.
    async fn open(&mut self, source: &SourceTraits) -> Result<()>;

    /// The positions stored with the data, read afresh: another process may have written since. A partition that is not
    /// in the answer is new here. `None`: this sink stores no positions.
    async fn stored(&mut self, partitions: &[Arc<Partition>]) -> Result<Option<Positions>>;

    /// Takes the whole batch, or on `Err` none of it.
    async fn write(&mut self, batch: &Batch) -> Result<Room>;

    /// Everything before the barrier was written. Answers what is durable; see [`Barrier`].
    /// After `Unavailable` the same barrier comes again.
    async fn barrier(&mut self, barrier: &Barrier) -> Result<Durable>;

    /// Lets go. What is not durable is not to be made so.
    async fn close(self: Box<Self>) -> Result<()>;
}

/// A sink as a pipeline holds it.
pub type BoxSink = Box<dyn Sink>;
