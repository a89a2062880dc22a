//! What a commit says, as the table's callers put it.

use std::collections::HashMap;

use arrow::datatypes::SchemaRef;
use uuid::Uuid;

/// A data file that is in its place, to be added to the table.
#[derive(Clone, Debug)]
pub(crate) struct AddFile {
    /// Below the table's folder; of letters, digits and `-_.=/` only, so that no reader has to unescape it.
    pub(crate) path: String,
    /// The partition: `2026-11-22`, or none for the null date.
    pub(crate) date: Option<String>,
    pub(crate) size: i64,
    /// Delta's statistics, as JSON.
    pub(crate) stats: String,
    pub(crate) tags: HashMap<String, String>,
}

/// A position that moves. The commit is fenced unless the table has it at `from`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Move {
    pub(crate) app_id: String,
    /// None: the table must not know the id.
    pub(crate) from: Option<i64>,
    pub(crate) to: i64,
}

/// Files and positions that get into the table together or not at all.
#[derive(Clone, Debug)]
pub(crate) struct Commit {
    /// By this a commit is recognised whose answer was lost. A new one for every commit.
    pub(crate) id: Uuid,
    pub(crate) adds: Vec<AddFile>,
    /// In order; several of one id form a chain.
    pub(crate) moves: Vec<Move>,
    /// The whole schema after the commit, if the commit changes it or creates the table. Columns may only be added.
    pub(crate) schema: Option<SchemaRef>,
}

/// What became of a commit. All are definite: but for `Committed`, nothing of it is in the table.
#[derive(Debug)]
pub(crate) enum CommitOutcome {
    /// It is in the table, durably, as this version.
    Committed(i64),
    /// Somebody else moved these ids.
    Fenced(Vec<String>),
    /// Somebody else changed the schema meanwhile: plan the commit again, under a new id.
    SchemaChanged,
}
