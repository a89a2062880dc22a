//! A table at one version of its log.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use catchwater_sdk::format::Format;
use catchwater_sdk::{Error, Partition, Result, ResultExt};
use catchwater_storage::Store;
use jiff::civil::Date;

use super::file::DataFile;
use super::stats::Stats;
use crate::rows::envelope::{DATE, envelope_fields};
use crate::table::{Added, Contents, app_id};

/// What a table was at one version: it does not change, and neither do the files it names.
#[derive(Debug)]
pub struct Snapshot {
    store: Store,
    format: Arc<dyn Format>,
    version: i64,
    schema: SchemaRef,
    positions: Vec<StoredPosition>,
    files: Vec<LiveFile>,
    has_log: bool,
}

/// How far a capture had read a partition when the snapshot was committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPosition {
    /// The consumer group, or else the pipeline.
    pub capture: String,
    /// What was read.
    pub partition: Partition,
    /// Where reading goes on.
    pub position: i64,
}

/// A data file that the snapshot holds.
#[derive(Clone, Debug)]
pub struct LiveFile {
    /// Below the table's folder.
    pub path: String,
    /// The day (UTC) of its events; none for events whose time is none that can be believed.
    pub date: Option<Date>,
    /// In bytes.
    pub size: u64,
    /// What the writer noted in the log.
    pub tags: HashMap<String, String>,
    stats: Option<Box<str>>,
}

// === impl Snapshot ===

impl Snapshot {
    pub(super) async fn read(store: Store, format: Arc<dyn Format>) -> Result<Snapshot> {
        let doing = || format!("read the table {}", store.url());
        let none = || Error::refused(format!("{}: its log is empty; put it back from a copy of the lake", doing()));
        let contents = Contents::read(store.clone()).await?.ok_or_else(none)?;
        let schema = Arc::clone(contents.schema().ok_or_else(none)?);
        if schema.index_of("_payload").is_err() {
            return Err(Error::refused(format!(
                "{}: it is none of Catchwater's, as there is no column `_payload`; read it with the tool that \
                 made it",
                doing()
            )));
        }
        let (version, positions) = (contents.version(), stored_positions(&contents));
        let files = contents.into_files().map(LiveFile::new).collect::<Result<_>>();
        let files = files.or_refused(doing)?;
        Ok(Snapshot { version, schema, positions, files, store, format, has_log: true })
    }

    /// Of files alone. What payloads are made of is then known of each file, and not of the table.
    pub(crate) fn of_files(store: Store, format: Arc<dyn Format>, files: Vec<LiveFile>) -> Snapshot {
        let schema = Arc::new(Schema::new(envelope_fields()));
        Snapshot { version: 0, schema, positions: Vec::new(), files, store, format, has_log: false }
    }

    /// Whether there is a log, by which columns and positions are known.
    pub(crate) fn has_log(&self) -> bool {
        self.has_log
    }

    /// The version of the log.
    pub fn version(&self) -> i64 {
        self.version
    }

    /// The columns: the envelope, `date`, and what the payloads have. What a column is called in the payload, where that is
    /// something else, stands in its field's metadata under `catchwater.name`.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// How far each capture had read, in no order.
    pub fn positions(&self) -> &[StoredPosition] {
        &self.positions
    }

    /// The files, in order of path.
    pub fn files(&self) -> &[LiveFile] {
        &self.files
    }

    /// The folder of the table.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// How the payloads are understood.
    pub fn format(&self) -> &Arc<dyn Format> {
        &self.format
    }

    /// Opens one of its files. `Refused` when it is gone or damaged.
    pub async fn open(&self, file: &LiveFile) -> Result<DataFile> {
        DataFile::open(&self.store, file, &self.format).await
    }
}

fn stored_positions(contents: &Contents) -> Vec<StoredPosition> {
    let ours = contents.positions().filter_map(|(id, position)| Some((app_id::parse(id)?, position)));
    ours.map(|((capture, partition), position)| StoredPosition { capture, partition, position }).collect()
}

// === impl LiveFile ===

impl LiveFile {
    fn new(mut added: Added) -> Result<LiveFile> {
        let tags = added.tags();
        let Added { path, partition_values, size, stats, .. } = added;
        if path.contains("://") || path.starts_with('/') {
            return Err(Error::refused(format!(
                "the file {path} is in another place, as in a shallow clone, which is not read"
            )));
        }
        let date = partition_values.get(DATE).and_then(Option::as_deref).filter(|date| !date.is_empty());
        let date = date.map(str::parse::<Date>).transpose().or_refused(|| format!("read the date of {path}"))?;
        Ok(LiveFile { path, date, size, tags, stats })
    }

    /// One that was found, and no log tells of. Its date is that of its folder, where there is one.
    pub(crate) fn found(path: &str, size: u64) -> LiveFile {
        let date = path.split('/').find_map(|part| part.strip_prefix("date=")?.parse().ok());
        LiveFile { path: path.to_owned(), date, size, tags: HashMap::new(), stats: None }
    }

    /// With what its footer says of its columns.
    pub(crate) fn with_stats(self, stats: String) -> LiveFile {
        LiveFile { stats: Some(stats.into()), ..self }
    }

    /// What the log says of its columns: read anew at each call, since of many files it would take much memory.
    /// None if the log says nothing that can be understood.
    pub fn stats(&self) -> Option<Stats> {
        self.stats.as_deref().and_then(Stats::parse)
    }

    /// How many rows it has, if the log says so.
    pub fn rows(&self) -> Option<u64> {
        self.stats.as_deref().and_then(Stats::parse_rows)
    }
}
