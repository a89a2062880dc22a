//! The table against itself: several writers, stores that fail, logs that are damaged.

mod checkpoints;
mod damage;
mod flaky;
mod outcomes;
mod races;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use catchwater_sdk::Result;
use catchwater_sdk::clock::{Clock, SystemClock};
use catchwater_storage::Store;
use tempfile::TempDir;
use uuid::Uuid;

use super::{AddFile, Commit, CommitOutcome, Move, Table};
use crate::rows::envelope::DATE;

/// A folder for a table.
struct Place {
    folder: TempDir,
    store: Store,
}

impl Place {
    fn new() -> Place {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path().to_str().expect("text")).expect("a store");
        Place { folder, store: store.at("orders") }
    }

    async fn open(&self) -> Result<Table> {
        Table::open(self.store.clone(), Arc::new(SystemClock)).await
    }

    async fn table(&self) -> Table {
        self.open().await.expect("a table")
    }

    fn path(&self, path: &str) -> std::path::PathBuf {
        self.folder.path().join("orders").join(path)
    }

    fn entry(&self, version: i64) -> std::path::PathBuf {
        self.path(&super::log::entry_path(version))
    }

    /// How often each file was added, in all entries.
    fn added(&self) -> BTreeMap<String, usize> {
        let mut added = BTreeMap::new();
        for version in 0.. {
            let Ok(text) = std::fs::read_to_string(self.entry(version)) else { break };
            for line in text.lines() {
                let line: serde_json::Value = serde_json::from_str(line).expect("json");
                if let Some(path) = line["add"]["path"].as_str() {
                    *added.entry(path.to_owned()).or_default() += 1;
                }
            }
        }
        added
    }

    /// What another tool would write as the next entry.
    async fn foreign(&self, lines: &str) {
        let version = self.table().await.state.next_version();
        std::fs::write(self.entry(version), lines).expect("written");
    }
}

fn schema(columns: &[(&str, DataType)]) -> SchemaRef {
    let mut fields = vec![Field::new("_payload", DataType::Binary, true), Field::new(DATE, DataType::Date32, true)];
    fields.extend(columns.iter().map(|(name, kind)| Field::new(*name, kind.clone(), true)));
    Arc::new(Schema::new(fields))
}

/// A commit of one file and one move.
fn step(app_id: &str, from: Option<i64>, to: i64) -> Commit {
    let add = AddFile {
        path: format!("date=2026-11-22/{}.parquet", Uuid::now_v7()),
        date: Some("2026-11-22".to_owned()),
        size: 1,
        stats: r#"{"numRecords":1}"#.to_owned(),
        tags: HashMap::from([("catchwater.commit".to_owned(), "x".to_owned())]),
    };
    let moves = vec![Move { app_id: app_id.to_owned(), from, to }];
    Commit { id: Uuid::now_v7(), adds: vec![add], moves, schema: None }
}

/// The commit that creates the table.
fn first(app_id: &str, to: i64) -> Commit {
    Commit { schema: Some(schema(&[])), ..step(app_id, None, to) }
}

/// A commit's outcome in a few words.
async fn try_commit(table: &mut Table, commit: Commit) -> String {
    match table.commit(commit).await {
        Ok(CommitOutcome::Committed(version)) => format!("version {version}"),
        Ok(CommitOutcome::Fenced(app_ids)) => format!("fenced {}", app_ids.join(" ")),
        Ok(CommitOutcome::SchemaChanged) => "schema changed".to_owned(),
        Err(error) => error.chain(),
    }
}

async fn check(table: &mut Table, commit: Commit, expected: &str) {
    let outcome = try_commit(table, commit).await;
    assert!(outcome.contains(expected), "{outcome}");
}
