//! The source of a task together with the place where its positions are committed: the other system, or a file here.

use std::path::Path;
use std::sync::Arc;

use catchwater_sdk::source::{BoxSource, Polled, SourceTraits};
use catchwater_sdk::{Limit, Partition, Positions, Result};

use crate::positions_file::PositionsFile;

/// A source and its committed positions.
pub(crate) struct Upstream {
    source: BoxSource,
    traits: SourceTraits,
    file: Option<PositionsFile>,
}

impl Upstream {
    pub(crate) fn new(source: BoxSource) -> Upstream {
        Upstream { traits: source.traits(), source, file: None }
    }

    pub(crate) fn traits(&self) -> &SourceTraits {
        &self.traits
    }

    /// See [`SourceTraits::unacknowledged_max`]: the one of the traits that may change.
    pub(super) fn unacknowledged_max(&self) -> Option<usize> {
        self.source.traits().unacknowledged_max
    }

    /// Connects; the first time also takes the positions file, where the source needs one.
    pub(crate) async fn open(&mut self, data_dir: &Path, pipeline: &str) -> Result<()> {
        if !self.traits.keeps_positions && self.file.is_none() {
            self.file = Some(PositionsFile::open(data_dir, pipeline)?);
        }
        self.source.open().await
    }

    /// As [`Source::poll`](catchwater_sdk::source::Source::poll); an assignment starts at what the file has.
    pub(crate) async fn poll(&mut self, limit: Limit) -> Result<Polled> {
        let mut polled = self.source.poll(limit).await?;
        let Some(file) = &mut self.file else { return Ok(polled) };
        if let Polled::Lost(partitions) = &polled {
            file.give_up(partitions);
        }
        if let Polled::Assigned(assignments) = &mut polled {
            file.take(assignments);
            for assignment in assignments {
                if let Some(at) = file.committed().get(&assignment.partition) {
                    (assignment.at, assignment.committed) = (at, true);
                }
            }
        }
        Ok(polled)
    }

    pub(super) async fn start(&mut self, at: &Positions) -> Result<()> {
        self.source.start(at).await
    }

    pub(super) async fn confirm(&mut self) -> Result<()> {
        self.source.confirm().await
    }

    /// The source hears of it too: it may have something to let go.
    pub(super) async fn commit(&mut self, positions: &Positions) -> Result<()> {
        if let Some(file) = &mut self.file {
            file.commit(positions)?;
        }
        self.source.commit(positions).await
    }

    /// Commits, and be it backward, and forgets what is committed here of others.
    pub(crate) async fn reset(&mut self, positions: &Positions, forgotten: &[Arc<Partition>]) -> Result<()> {
        match &mut self.file {
            Some(file) => file.reset(positions, forgotten),
            None => self.source.commit(positions).await,
        }
    }

    pub(super) async fn release(&mut self, partitions: &[Arc<Partition>]) -> Result<()> {
        if let Some(file) = &mut self.file {
            file.give_up(partitions);
        }
        self.source.release(partitions).await
    }

    pub(crate) async fn close(self, leave: bool) -> Result<()> {
        self.source.close(leave).await
    }

    pub(super) fn lag(&self) -> Option<u64> {
        self.source.lag()
    }
}
