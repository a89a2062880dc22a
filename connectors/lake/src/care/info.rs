//! What `lake info` shows.

use std::collections::{BTreeMap, BTreeSet};

use catchwater_sdk::{Result, ResultExt};
use serde::{Deserialize, Serialize};

use super::overview::Overview;
use crate::read::{Collection, Snapshot};
use crate::shred::{Described, LakeSchema};

/// A file below this costs a reader more to open than to read.
pub const SMALL_FILE_BYTES: u64 = 16 << 20;

/// Where the schema history is, below the table.
const HISTORY: &str = "_catchwater/schemas";

/// What one collection is made of.
#[derive(Clone, Debug, Serialize)]
pub struct Info {
    /// Its numbers.
    #[serde(flatten)]
    pub overview: Overview,
    /// Where it is.
    pub url: String,
    /// How many of its files are below [`SMALL_FILE_BYTES`].
    pub small_files: usize,
    /// The columns that come from payloads, in the table's order.
    pub columns: Vec<Described>,
    /// Who stores here: consumer groups and pipelines.
    pub captures: BTreeSet<String>,
    /// How far each partition is stored.
    pub positions: Vec<PartitionPosition>,
    /// Its files by the date of their events; the null date comes first.
    pub dates: Vec<Day>,
    /// When the schema changed, and how.
    pub schema_history: Vec<Change>,
}

/// How far a partition is stored.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct PartitionPosition {
    /// The consumer group, or else the pipeline.
    pub capture: String,
    /// The system that it was read from.
    pub source: String,
    /// Topic, queue or file.
    pub stream: String,
    /// Which life of the stream.
    pub incarnation: String,
    /// Its number.
    pub partition: i32,
    /// Where reading goes on.
    pub position: i64,
}

/// The files of one date.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Day {
    /// None for events whose time is none that can be believed.
    pub date: Option<String>,
    /// How many files.
    pub files: usize,
    /// How many rows, as far as the files say.
    pub rows: u64,
    /// Their size.
    pub bytes: u64,
}

/// A change of the schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The version of the table that has it first.
    pub version: i64,
    /// When it was committed, in ISO 8601.
    pub at: Option<String>,
    /// What changed, in words.
    pub changes: Vec<String>,
}

impl Info {
    /// Reads the collection's log and its schema history.
    pub async fn read(collection: &Collection) -> Result<Info> {
        let snapshot = collection.snapshot().await?;
        let positions = positions(&snapshot);
        Ok(Info {
            overview: Overview::of(collection.name(), &snapshot),
            url: snapshot.store().url(),
            small_files: snapshot.files().iter().filter(|file| file.size < SMALL_FILE_BYTES).count(),
            columns: LakeSchema::from_fields(snapshot.schema().fields()).described(),
            captures: positions.iter().map(|position| position.capture.clone()).collect(),
            dates: dates(&snapshot),
            schema_history: history(&snapshot).await?,
            positions,
        })
    }
}

fn positions(snapshot: &Snapshot) -> Vec<PartitionPosition> {
    let position = |stored: &crate::read::StoredPosition| PartitionPosition {
        capture: stored.capture.clone(),
        source: stored.partition.source.to_string(),
        stream: stored.partition.stream.to_string(),
        incarnation: stored.partition.incarnation.to_string(),
        partition: stored.partition.number,
        position: stored.position,
    };
    let mut positions: Vec<_> = snapshot.positions().iter().map(position).collect();
    positions.sort();
    positions
}

fn dates(snapshot: &Snapshot) -> Vec<Day> {
    let mut days: BTreeMap<Option<String>, Day> = BTreeMap::new();
    for file in snapshot.files() {
        let date = file.date.map(|date| date.to_string());
        let day = days.entry(date.clone()).or_insert_with(|| Day { date, ..Day::default() });
        day.files += 1;
        day.rows += file.rows().unwrap_or(0);
        day.bytes += file.size;
    }
    days.into_values().collect()
}

/// A history that cannot be read is an error: it is the only place that says why a column is there.
async fn history(snapshot: &Snapshot) -> Result<Vec<Change>> {
    let store = snapshot.store();
    let mut changes = Vec::new();
    for listed in store.list(HISTORY, HISTORY).await? {
        let Some(bytes) = store.get(&listed.path).await? else { continue };
        let doing =
            || format!("read {}/{}: put the file back from a copy of the lake, or delete it", store.url(), listed.path);
        changes.push(serde_json::from_slice(&bytes).or_refused(doing)?);
    }
    Ok(changes)
}
