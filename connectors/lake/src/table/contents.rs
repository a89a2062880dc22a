//! A table with its files, for those who read it.

use std::collections::BTreeMap;

use arrow::datatypes::SchemaRef;
use catchwater_sdk::{Error, Result};
use catchwater_storage::Store;

use super::about;
use super::entry::Entry;
use super::files::{Added, FileChange, Files, removals_first};
use super::log::Log;
use super::metadata::Metadata;
use super::protocol::Protocol;
use super::replay::{Sum, replay};
use super::state::State;

/// A table as of a version, files and all. What it takes grows with the number of its files.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    state: State,
    files: BTreeMap<String, Added>,
}

impl Contents {
    /// Reads the log of the table in a folder; none if there is no table. `Refused` when the log is damaged or of a kind
    /// that we do not read.
    pub(crate) async fn read(store: Store) -> Result<Option<Contents>> {
        let log = Log::new(store);
        let read = replay::<Contents>(&log).await.and_then(|(contents, _)| contents.without_deleted_rows());
        let contents = read.map_err(|error| about(&log, error))?;
        Ok(contents.state.version.is_some().then_some(contents))
    }

    pub(crate) fn version(&self) -> i64 {
        self.state.version.unwrap_or_default()
    }

    /// All columns, the envelope and `date` among them; none in a table that is not made to the end.
    pub(crate) fn schema(&self) -> Option<&SchemaRef> {
        self.state.metadata.as_ref().map(|(_, schema)| schema)
    }

    /// The ids of positions with the positions.
    pub(crate) fn positions(&self) -> impl Iterator<Item = (&str, i64)> {
        self.state.positions.iter().map(|(app_id, position)| (app_id.as_str(), *position))
    }

    /// The files in order of path.
    pub(crate) fn into_files(self) -> impl Iterator<Item = Added> {
        self.files.into_values()
    }

    fn without_deleted_rows(self) -> Result<Contents> {
        match self.files.values().find(|file| file.has_deleted_rows()) {
            Some(file) => Err(Error::refused(format!(
                "rows of {} were deleted by a deletion vector, which Catchwater does not read; have the tool that deleted them \
                 rewrite the file, as `REORG TABLE ... APPLY (PURGE)` does in Spark",
                file.path
            ))),
            None => Ok(self),
        }
    }
}

impl Sum for Contents {
    const FILES: Files = Files::Read;

    fn next_version(&self) -> i64 {
        self.state.next_version()
    }

    fn apply(&mut self, version: i64, mut entry: Entry) -> Result<()> {
        let refusal = entry.protocol.as_ref().and_then(Protocol::reading_refusal);
        if let Some(refusal) = refusal.or_else(|| entry.metadata.as_ref().and_then(Metadata::reading_refusal)) {
            return Err(Error::refused(format!(
                "{refusal}; read it with a newer Catchwater, or with the tool that made it"
            )));
        }
        let changes = std::mem::take(&mut entry.files);
        self.state.take(version, entry)?;
        for change in removals_first(changes, |change| matches!(change, FileChange::Added(_))) {
            match change {
                FileChange::Added(file) => drop(self.files.insert(file.path.clone(), *file)),
                FileChange::Removed(path) => drop(self.files.remove(&path)),
            }
        }
        Ok(())
    }
}
