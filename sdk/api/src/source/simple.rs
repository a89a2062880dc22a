//! For sources whose partitions are known and stay: files, standard input, a generator, a webhook.
//!
//! Such a source says which partitions it has, is told where to start, and yields batches. The adapter does the rest of
//! [`Source`](super::Source): it answers `Assigned` once and never revokes.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Assignment, BoxSource, Polled, SourceTraits};
use crate::batch::{Batch, Limit};
use crate::error::{Error, Result};
use crate::position::{Partition, Positions};

/// A source without moves. The engine keeps its positions.
#[async_trait]
pub trait Source: Send {
    /// What the engine must know. `keeps_positions` is false where positions mean something to the next run.
    fn traits(&self) -> SourceTraits;

    /// Looks what is there. Called again after `Unavailable`; it then goes on where it was.
    /// Answers each partition with where it would start if nothing was stored.
    async fn open(&mut self) -> Result<Vec<(Arc<Partition>, i64)>>;

    /// Where to start each partition.
    async fn start(&mut self, at: &Positions) -> Result<()>;

    /// The next records, or `None` at the end of all. Cancel safe.
    async fn poll(&mut self, limit: Limit) -> Result<Option<Batch>>;

    /// Everything before is durable everywhere. Most have nothing to do.
    async fn commit(&mut self, positions: &Positions) -> Result<()>;

    /// Lets go.
    async fn close(self: Box<Self>) -> Result<()>;

    /// How far it is behind the end, where known.
    fn lag(&self) -> Option<u64>;
}

/// Makes a source out of a simple one.
pub fn source(inner: impl Source + 'static) -> BoxSource {
    Box::new(Adapter { inner: Box::new(inner), state: State::Closed })
}

struct Adapter {
    inner: Box<dyn Source>,
    state: State,
}

enum State {
    Closed,
    Opened(Vec<Assignment>),
    Assigned,
}

// === impl Adapter ===

#[async_trait]
impl super::Source for Adapter {
    fn traits(&self) -> SourceTraits {
        self.inner.traits()
    }

    async fn open(&mut self) -> Result<()> {
        let partitions = self.inner.open().await?;
        if let State::Assigned = self.state {
            return Ok(());
        }
        let assign = |(partition, at)| Assignment { partition, at, committed: false, name: None };
        self.state = State::Opened(partitions.into_iter().map(assign).collect());
        Ok(())
    }

    async fn poll(&mut self, limit: Limit) -> Result<Polled> {
        match std::mem::replace(&mut self.state, State::Assigned) {
            State::Closed => Err(Error::bug("poll a source that is not open")),
            State::Opened(assignments) => Ok(Polled::Assigned(assignments)),
            State::Assigned => Ok(self.inner.poll(limit).await?.map_or(Polled::End, Polled::Records)),
        }
    }

    async fn start(&mut self, at: &Positions) -> Result<()> {
        self.inner.start(at).await
    }

    async fn release(&mut self, _: &[Arc<Partition>]) -> Result<()> {
        Err(Error::bug("release a partition of a source that never revokes one"))
    }

    async fn confirm(&mut self) -> Result<()> {
        Ok(())
    }

    async fn commit(&mut self, positions: &Positions) -> Result<()> {
        self.inner.commit(positions).await
    }

    async fn close(self: Box<Self>, _leave: bool) -> Result<()> {
        self.inner.close().await
    }

    fn lag(&self) -> Option<u64> {
        self.inner.lag()
    }
}
