//! One Delta table: its log, and the commits that we add to it.
//!
//! The log is a sequence of entries. An entry gets its version by being the first file of that name, so a commit is one
//! file, and all or nothing. Beside the data files an entry holds positions: for each partition of a source how far its
//! records are in the table. Both get there together, which is what makes the lake exactly once.
//!
//! **Fencing.** A commit says for each position from where to where it moves. The entry is written as the very version
//! after the ones that were compared; whoever comes too late for that version reads the winner's entry, and compares again.
//! A writer that was overtaken can so never commit, however freshly it has opened the table. There are no leases.
//!
//! **Lost answers.** After a failed write nobody knows whether the entry is there. The same bytes are then written again, as
//! the same version, until the answer is definite: it is there (the entry has our id), or another has its place. Until then
//! `commit` does not return, because whoever was told of a failure might delete the files of a commit that is there.
//!
//! **Other writers.** Appends, compactions and erasures by others do not disturb: the commit is put after them. When the
//! schema changed, the caller plans again. A protocol that we do not know is refused.

pub(crate) mod app_id;
mod checkpoint;
mod commit;
mod contents;
mod entry;
mod files;
mod inspect;
mod log;
mod metadata;
mod protocol;
mod publish;
mod replay;
mod schema;
mod state;

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use catchwater_sdk::clock::Clock;
use catchwater_sdk::{Error, Result};
use catchwater_storage::Store;

use self::checkpoint::Checkpoints;
pub(crate) use self::commit::{AddFile, Commit, CommitOutcome, Move};
pub(crate) use self::contents::Contents;
use self::entry::Entry;
pub(crate) use self::files::Added;
pub(crate) use self::inspect::{Step, inspect};
use self::log::Log;
use self::publish::{Published, Waits, publish};
use self::state::{SchemaChange, State};

/// A Delta table as of a version. It holds positions and schema, but no list of files.
#[derive(Debug)]
pub(crate) struct Table {
    log: Log,
    state: State,
    checkpoints: Checkpoints,
    clock: Arc<dyn Clock>,
}

impl Table {
    /// Opens the table in a folder. If there is none the first commit creates it. `Refused` when the log is damaged or of a
    /// kind that we do not write.
    pub(crate) async fn open(store: Store, clock: Arc<dyn Clock>) -> Result<Table> {
        let log = Log::new(store);
        let (state, checkpoint) = replay::replay::<State>(&log).await.map_err(|error| about(&log, error))?;
        log.settle().await?;
        Ok(Table { checkpoints: Checkpoints::new(log.clone(), checkpoint, Arc::clone(&clock)), log, state, clock })
    }

    /// Catches up with what others committed.
    pub(crate) async fn refresh(&mut self) -> Result<()> {
        let before = self.state.version;
        while let Some(entry) = self.log.read(self.state.next_version()).await? {
            self.apply(entry)?;
        }
        if self.state.version != before {
            self.log.settle().await?;
        }
        Ok(())
    }

    /// Adds files and positions to the table. When it returns an error nothing was added.
    pub(crate) async fn commit(&mut self, commit: Commit) -> Result<CommitOutcome> {
        let mut waits = Waits::for_others();
        loop {
            let fenced = self.state.fenced(&commit.moves);
            if !fenced.is_empty() {
                return Ok(CommitOutcome::Fenced(fenced));
            }
            match self.try_commit(&commit).await? {
                Published::Ours(version) => return Ok(CommitOutcome::Committed(version)),
                Published::Other(winner) => {
                    if self.apply(*winner)? == SchemaChange::Changed {
                        return Ok(CommitOutcome::SchemaChanged);
                    }
                }
            }
            waits.wait().await;
        }
    }

    /// Writes the entry as the next version.
    async fn try_commit(&mut self, commit: &Commit) -> Result<Published> {
        let now_millis = self.clock.now_micros() / 1000;
        let entry = self.state.plan(commit, now_millis)?;
        let bytes = entry.encode(commit, now_millis);
        let version = self.state.next_version();
        let published = publish(&self.log, version, commit.id, bytes).await?;
        if let Published::Ours(_) = published {
            fail::fail_point!("lake::in_schema_commit", entry.metadata.is_some(), |_| std::process::abort());
            self.apply(entry)?;
            self.checkpoints.committed(version);
        }
        Ok(published)
    }

    fn apply(&mut self, entry: Entry) -> Result<SchemaChange> {
        let version = self.state.next_version();
        self.state.apply(version, entry).map_err(|error| about(&self.log, error))
    }
}

impl Table {
    /// The folder that the table is in.
    pub(crate) fn store(&self) -> &Store {
        self.log.store()
    }

    /// Whether anybody has created it.
    pub(crate) fn exists(&self) -> bool {
        self.state.version.is_some()
    }

    /// All columns, the envelope and `date` among them.
    pub(crate) fn schema(&self) -> Option<&SchemaRef> {
        self.state.metadata.as_ref().map(|(_, schema)| schema)
    }

    /// A position, as of the newest version seen.
    pub(crate) fn position(&self, app_id: &str) -> Option<i64> {
        self.state.positions.get(app_id).copied()
    }

    /// All positions, those of other captures among them.
    pub(crate) fn positions(&self) -> impl Iterator<Item = (&str, i64)> {
        self.state.positions.iter().map(|(app_id, position)| (app_id.as_str(), *position))
    }
}

/// Says which table an error is about.
fn about(log: &Log, error: Error) -> Error {
    Error::new(error.kind(), format!("use table {}", log.store().url())).because(error)
}

#[cfg(test)]
mod tests;
