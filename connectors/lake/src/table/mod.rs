//! A Delta table.

mod action;
pub(crate) mod app_id;

use std::collections::HashMap;

use arrow::datatypes::SchemaRef;
use catchwater_sdk::{Error, Result};
use catchwater_storage::Store;

pub(crate) use self::action::{AddFile, Commit, CommitOutcome, Move};

/// A Delta table.
#[derive(Debug)]
pub(crate) struct Table {
    store: Store,
    version: Option<i64>,
    schema: Option<SchemaRef>,
    positions: HashMap<String, i64>,
}

impl Table {
    /// Opens the table in a folder, which need not be there; creates nothing.
    pub(crate) async fn open(store: Store) -> Result<Table> {
        Ok(Table { store, version: None, schema: None, positions: HashMap::new() })
    }
    /// Catches up with the log.
    pub(crate) async fn refresh(&mut self) -> Result<()> {
        Err(Error::bug("not there yet"))
    }
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }
    pub(crate) fn exists(&self) -> bool {
        self.version.is_some()
    }
    /// The newest version seen.
    pub(crate) fn version(&self) -> Option<i64> {
        self.version
    }
    /// All columns, the envelope and `date` among them.
    pub(crate) fn schema(&self) -> Option<&SchemaRef> {
        self.schema.as_ref()
    }
    pub(crate) fn position(&self, app_id: &str) -> Option<i64> {
        self.positions.get(app_id).copied()
    }
    pub(crate) fn positions(&self) -> impl Iterator<Item = (&str, i64)> {
        self.positions.iter().map(|(app_id, position)| (app_id.as_str(), *position))
    }
    /// Commits.
    pub(crate) async fn commit(&mut self, _commit: Commit) -> Result<CommitOutcome> {
        Err(Error::bug("not there yet"))
    }
}
