//! What reads records from another system.

pub mod simple;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;

use crate::batch::{Batch, Limit};
use crate::error::Result;
use crate::position::{Partition, Positions};

/// What the engine must know about a source, before it is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceTraits {
    /// Who captures: a consumer group's name. `None` stands for the pipeline's name.
    /// A lake keeps positions by capture, so that two captures of one topic do not fence each other.
    pub capture: Option<Arc<str>>,
    /// Whether what was read and not committed comes again after a crash. Without it a position is only a number that
    /// must never be used again, and the records need a hot log, or someone who sends them again.
    pub rereadable: bool,
    /// Whether `commit` stores positions in the other system. If not, the engine keeps them in the data folder.
    pub keeps_positions: bool,
    /// Whether several copies can run side by side, each with partitions of its own.
    pub shareable: bool,
    /// How many records the other system hands out before it wants some of them committed. A barrier goes out at half. A source
    /// may change its number, not whether it has one: it is asked after each batch.
    pub unacknowledged_max: Option<usize>,
    /// How long what was read may wait for a barrier through which all sinks are durable, where somebody waits for the
    /// commit, as the client of a webhook does. `None`: as long as the sinks like.
    pub commit_within: Option<Duration>,
    /// Whether its records may go to the very stream that they came from. A sink that can tell refuses it otherwise: such a
    /// stream would feed itself for ever.
    pub may_return: bool,
}

impl SourceTraits {
    /// Whether its records are to be kept in a hot log until they are stored: they cannot be read again, and somebody waits
    /// to hear that they are safe. Where nobody does, as at the other end of a pipe, nobody would be helped.
    pub fn needs_hot_log(&self) -> bool {
        !self.rereadable && (self.commit_within.is_some() || self.unacknowledged_max.is_some())
    }
}

/// A partition that this copy now owns.
#[derive(Clone, Debug)]
pub struct Assignment {
    /// The partition.
    pub partition: Arc<Partition>,
    /// Where reading goes on as far as the source knows: the last commit, else what its `start` setting resolved to.
    pub at: i64,
    /// Whether `at` is a commit. If not, the engine commits it before the first record, so that `latest` or a time
    /// means the same after a crash.
    pub committed: bool,
    /// What people know it by, where stream and number do not say that: the path of a file that a pattern found, the key
    /// of an object.
    pub name: Option<Arc<str>>,
}

/// What a source has to say.
#[derive(Debug)]
pub enum Polled {
    /// The next records; at least the positions moved.
    Records(Batch),
    /// These partitions are ours now. Nothing of them comes before `start` was called for them. May be empty.
    Assigned(Vec<Assignment>),
    /// These will be taken away. No record of them follows; `release` is awaited until the deadline.
    Revoking(Vec<Arc<Partition>>, Instant),
    /// These were taken away: abandon what is not durable, commit nothing.
    Lost(Vec<Arc<Partition>>),
    /// There is nothing more to come, ever.
    End,
}

/// Reads records from another system. Owned by one task: `&mut self`, no locks.
///
/// The engine calls `open`, then `poll` again and again; it answers `Assigned` with `start` and `Revoking` with
/// `release`, calls `confirm` before what was read is stored and `commit` once it is, and `close` last, also after a failed
/// `open`.
#[async_trait]
pub trait Source: Send {
    /// What the engine must know, before anything was opened.
    fn traits(&self) -> SourceTraits;

    /// Connects. Called again after `Unavailable`; reading then goes on where it was, not at the last commit.
    async fn open(&mut self) -> Result<()>;

    /// Waits for what comes next. Cancel safe: a record counts as read only once a returned batch holds it.
    async fn poll(&mut self, limit: Limit) -> Result<Polled>;

    /// Where to start each of these partitions. For one that is being read already: go on from there instead.
    async fn start(&mut self, at: &Positions) -> Result<()>;

    /// Answers `Revoking`, after the drain or at its deadline.
    async fn release(&mut self, partitions: &[Arc<Partition>]) -> Result<()>;

    /// Asked before each `Cut`, which stores what was read under its positions: does it all belong to the partitions that
    /// `poll` named? `Stale` if not: nothing of it is stored, and `poll` says which partitions are lost. `Unavailable` puts
    /// the `Cut` off. Cancel safe. Most sources have nothing to ask.
    async fn confirm(&mut self) -> Result<()>;

    /// Everything before these positions is durable everywhere (Invariant 1): advance the group's offsets, acknowledge.
    /// `Unavailable` is not the end of it: the next checkpoint commits again.
    async fn commit(&mut self, positions: &Positions) -> Result<()>;

    /// Lets go. `leave` says that no copy comes back soon, so that others may take over at once.
    async fn close(self: Box<Self>, leave: bool) -> Result<()>;

    /// How far the read position is behind the end, in records or bytes, where that is known without asking anyone.
    fn lag(&self) -> Option<u64>;
}

/// A source as a pipeline holds it.
pub type BoxSource = Box<dyn Source>;
