//! What the lake's tests have in common: sinks as the engine holds them, and a table as an outsider reads it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, Int64Type};
use arrow::util::display::array_value_to_string;
use catchwater_sdk::clock::Clock;
use catchwater_sdk::format::Format;
use catchwater_sdk::sink::{BoxSink, Durable};
use catchwater_sdk::source::SourceTraits;
use catchwater_sdk::{
    Barrier, BarrierKind, Batch, BatchBuilder, Context, Limit, Partition, Positions, Record, Registry, Result,
    Timestamp, TimestampKind, config,
};
use deltalake::DeltaTable;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::reader::{FileReader, SerializedFileReader};
use tempfile::TempDir;

/// Noon of 2026-11-22.
pub(super) const NOON: i64 = 1_795_348_800_000_000;
pub(super) const DAY: i64 = 86_400_000_000;

/// A clock that stands still until it is set.
#[derive(Debug)]
pub(super) struct StoppedClock(AtomicI64);

/// A lake in a folder of its own.
pub(super) struct Lake {
    folder: TempDir,
    process: Registry,
    clock: Arc<StoppedClock>,
}

/// A row as an outsider reads it.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) file: String,
    pub(super) partition: i32,
    pub(super) position: i64,
    pub(super) payload: Option<Vec<u8>>,
    /// All columns that are not null, as text.
    pub(super) columns: BTreeMap<String, String>,
}

impl Clock for StoppedClock {
    fn now_micros(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

// === impl Lake ===

impl Lake {
    pub(super) fn new() -> Lake {
        let folder = tempfile::tempdir().expect("a folder");
        Lake { folder, process: registry(), clock: Arc::new(StoppedClock(AtomicI64::new(NOON))) }
    }

    /// The sink of one more task of the process.
    pub(super) async fn sink(&self, options: &str) -> BoxSink {
        self.open(&self.process, options, "archive", "lake").await
    }

    /// The sink of another process.
    pub(super) async fn other_process(&self, options: &str) -> BoxSink {
        self.open(&registry(), options, "archive", "lake").await
    }

    /// The sink of a pipeline with another consumer group.
    pub(super) async fn other_capture(&self, options: &str) -> BoxSink {
        self.open(&self.process, options, "other", "lake").await
    }

    /// Another sink of the same pipeline.
    pub(super) async fn second_sink(&self, options: &str) -> BoxSink {
        self.open(&self.process, options, "archive", "lake-2").await
    }

    /// A sink behind a source that cannot be read again, in a process of its own.
    pub(super) async fn hot_sink(&self, options: &str) -> BoxSink {
        let source = SourceTraits { rereadable: false, unacknowledged_max: Some(1000), ..traits("archive") };
        let mut sink = self.build(&registry(), options, "lake");
        sink.open(&source).await.expect("opens");
        sink
    }

    async fn open(&self, registry: &Registry, options: &str, capture: &str, name: &str) -> BoxSink {
        let mut sink = self.build(registry, options, name);
        sink.open(&traits(capture)).await.expect("opens");
        sink
    }

    fn build(&self, registry: &Registry, options: &str, name: &str) -> BoxSink {
        let text = format!("path: {}\n{options}", self.folder.path().display());
        let node = config::parse(&text).documents.remove(0).root;
        let mut context = Context::unattached("test", self.folder.path().join("data"));
        (context.clock, context.component) = (Arc::clone(&self.clock) as Arc<dyn Clock>, name.into());
        context.format = Some(json_format());
        registry.build_sink("lake", &node, &context).expect("a sink")
    }

    /// The clock that is set by [`Lake::set_clock`].
    pub(super) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock) as Arc<dyn Clock>
    }

    /// The folder of the lake itself.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    pub(super) fn set_clock(&self, micros: i64) {
        self.clock.0.store(micros, Ordering::SeqCst);
    }

    /// The folder of the lake.
    pub(super) fn root(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// The lake as this crate reads it.
    pub(super) fn reader(&self) -> crate::read::Lake {
        crate::read::Lake::open(&self.root().display().to_string(), json_format()).expect("a path")
    }

    /// The collection `orders` as it is now.
    pub(super) async fn snapshot(&self) -> Result<crate::read::Snapshot> {
        self.reader().collection("orders").await?.snapshot().await
    }

    pub(super) fn folder(&self) -> PathBuf {
        self.folder.path().join("orders")
    }

    /// The rows of the collection `orders`, in the order of its files.
    pub(super) async fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        for file in self.files().await {
            let open = std::fs::File::open(self.folder().join(&file)).expect("a file of the log");
            let reader =
                ParquetRecordBatchReaderBuilder::try_new(open).expect("a parquet file").build().expect("a reader");
            reader.for_each(|batch| rows.extend(rows_of(&file, &batch.expect("rows"))));
        }
        rows
    }

    /// `partition:position` of all rows, sorted: nothing is lost or doubled if that is as expected.
    pub(super) async fn places(&self) -> String {
        let mut places: Vec<_> = self.rows().await.iter().map(|row| (row.partition, row.position)).collect();
        places.sort();
        places.into_iter().map(|(partition, position)| format!("{partition}:{position}")).collect::<Vec<_>>().join(" ")
    }

    /// The files that the log lists, relative to the table; none if there is no table.
    pub(super) async fn files(&self) -> Vec<String> {
        let Some(table) = self.table().await else { return Vec::new() };
        let root = format!("{}/", self.folder().display());
        let mut files: Vec<String> = table
            .get_file_uris()
            .expect("files")
            .map(|uri| uri.split_once(&root).map_or(uri.clone(), |(_, path)| path.into()))
            .collect();
        files.sort();
        files
    }

    /// The table as the `deltalake` crate sees it.
    pub(super) async fn table(&self) -> Option<DeltaTable> {
        let url = url::Url::from_directory_path(self.folder()).expect("an absolute path");
        deltalake::open_table(url).await.ok()
    }

    /// How many commits the table has.
    pub(super) fn commits(&self) -> usize {
        let Ok(log) = std::fs::read_dir(self.folder().join("_delta_log")) else { return 0 };
        log.filter(|entry| entry.as_ref().is_ok_and(|entry| entry.path().extension().is_some_and(|end| end == "json")))
            .count()
    }

    /// What a data file's footer says of its commit.
    pub(super) fn footer(&self, file: &str) -> serde_json::Value {
        let open = std::fs::File::open(self.folder().join(file)).expect("a file");
        let reader = SerializedFileReader::new(open).expect("a parquet file");
        let pairs = reader.metadata().file_metadata().key_value_metadata().expect("key values").clone();
        let ours =
            pairs.into_iter().find(|pair| pair.key == "catchwater").and_then(|pair| pair.value).expect("our key");
        serde_json::from_str(&ours).expect("json")
    }
}

fn traits(capture: &str) -> SourceTraits {
    SourceTraits {
        capture: Some(capture.into()),
        rereadable: true,
        keeps_positions: true,
        shareable: true,
        unacknowledged_max: None,
        commit_within: None,
        may_return: false,
    }
}

fn registry() -> Registry {
    let mut registry = Registry::new();
    crate::register(&mut registry);
    registry
}

fn rows_of(file: &str, batch: &RecordBatch) -> Vec<Row> {
    let column = |name: &str| batch.column_by_name(name).expect("an envelope column");
    let (partitions, positions) =
        (column("_partition").as_primitive::<Int32Type>(), column("_position").as_primitive::<Int64Type>());
    let payloads = column("_payload").as_binary::<i32>();
    let row = |row: usize| Row {
        file: file.to_owned(),
        partition: partitions.value(row),
        position: positions.value(row),
        payload: payloads.is_valid(row).then(|| payloads.value(row).to_vec()),
        columns: columns_of(batch, row),
    };
    (0..batch.num_rows()).map(row).collect()
}

fn columns_of(batch: &RecordBatch, row: usize) -> BTreeMap<String, String> {
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns()).filter(|(_, column)| column.is_valid(row));
    columns.map(|(field, column)| (field.name().clone(), array_value_to_string(column, row).expect("text"))).collect()
}

// === what goes in ===

pub(super) fn partition(number: i32) -> Arc<Partition> {
    Arc::new(Partition { source: "kraft".into(), stream: "orders".into(), incarnation: "1".into(), number })
}

/// Records with these payloads, from position `first` on, of noon.
pub(super) fn batch(number: i32, first: i64, payloads: &[&str]) -> Batch {
    timed(number, first, &payloads.iter().map(|payload| (NOON, payload.as_bytes())).collect::<Vec<_>>())
}

/// Records with these times and payloads.
pub(super) fn timed(number: i32, first: i64, records: &[(i64, &[u8])]) -> Batch {
    let mut builder = BatchBuilder::new(Limit::default());
    let origin = builder.origin(&partition(number));
    for (position, (micros, payload)) in (first..).zip(records) {
        let timestamp = Some(Timestamp { micros: *micros, kind: TimestampKind::Create });
        builder.push(origin, position, position + 1, Record { payload: Some(payload), timestamp, ..Record::default() });
    }
    json(builder.finish())
}

/// As the engine hands it over: with the source's format.
pub(super) fn json(batch: Batch) -> Batch {
    batch.set_format(&json_format());
    batch
}

pub(super) fn json_format() -> Arc<dyn Format> {
    let mut registry = Registry::new();
    catchwater_connectors::register(&mut registry);
    Arc::clone(registry.find_format("json").expect("JSON is built in"))
}

pub(super) fn positions(at: &[(i32, i64)]) -> Positions {
    at.iter().map(|(number, position)| (partition(*number), *position)).collect()
}

/// Sends a `Cut` that covers these positions.
pub(super) async fn cut(sink: &mut BoxSink, number: u64, at: &[(i32, i64)]) -> Result<Durable> {
    let positions = Arc::new(positions(at));
    sink.barrier(&Barrier { number, kind: BarrierKind::Cut, positions, last: false }).await
}

/// Asks where to start, as the engine does when partitions are assigned.
pub(super) async fn assign(sink: &mut BoxSink, numbers: &[i32]) -> Vec<Option<i64>> {
    let partitions: Vec<_> = numbers.iter().map(|number| partition(*number)).collect();
    let stored = sink.stored(&partitions).await.expect("an answer").expect("the lake stores positions");
    partitions.iter().map(|partition| stored.get(partition)).collect()
}
