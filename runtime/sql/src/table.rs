//! A collection at one version, as DataFusion scans it.

use std::sync::Arc;

use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use async_trait::async_trait;
use catchwater_lake::read::{LiveFile, Snapshot};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::ScalarValue;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::datasource::physical_plan::ParquetSource;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::object_store::ObjectStore;
use datafusion::physical_plan::ExecutionPlan;

/// The column whose values stand in the table's log, not in its files.
const DATE: &str = "date";

/// What a batch of the scan is to take.
const BATCH_BYTES: u64 = 16 << 20;

/// How much larger rows are in memory than in a file, at a guess.
const EXPANSION: u64 = 8;

/// The files that a snapshot has. Files that merely lie in the folder are not among them.
#[derive(Debug)]
pub(crate) struct Table {
    schema: TableSchema,
    store: Arc<dyn ObjectStore>,
    url: ObjectStoreUrl,
    files: Vec<PartitionedFile>,
    batch_rows_max: usize,
    snapshot: Snapshot,
}

// === impl Table ===

impl Table {
    pub(crate) fn new(name: &str, snapshot: Snapshot) -> Table {
        let (dates, columns): (Vec<FieldRef>, Vec<FieldRef>) =
            snapshot.schema().fields().iter().cloned().partition(|field| field.name() == DATE);
        let is_partitioned = !dates.is_empty();
        let schema = TableSchema::builder(Arc::new(Schema::new(columns))).with_table_partition_cols(dates).build();
        let file = |file: &LiveFile| {
            let mut part = PartitionedFile::new(String::new(), file.size);
            part.object_meta.location = snapshot.store().path(&file.path);
            part.partition_values.extend(is_partitioned.then(|| ScalarValue::Date32(file.date.map(days))));
            part
        };
        Table {
            files: snapshot.files().iter().map(file).collect(),
            store: snapshot.store().objects(),
            url: store_url(name),
            batch_rows_max: batch_rows_max(snapshot.files()),
            schema,
            snapshot,
        }
    }

    /// What the table was made of.
    pub(crate) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }
}

/// DataFusion's batches have so many rows whatever their size: with long rows fewer have to be enough.
fn batch_rows_max(files: &[LiveFile]) -> usize {
    let row_bytes = |file: &LiveFile| file.size * EXPANSION / file.rows().unwrap_or(1).max(1);
    let longest = files.iter().map(row_bytes).max().unwrap_or(0).max(1);
    usize::try_from(BATCH_BYTES / longest).unwrap_or(usize::MAX).max(1)
}

/// Under what the session finds the store again: collections may be in several.
fn store_url(collection: &str) -> ObjectStoreUrl {
    let name: String = collection.bytes().map(|byte| format!("{byte:02x}")).collect();
    ObjectStoreUrl::parse(format!("catchwater://{name}")).expect("hex digits make a host")
}

fn days(date: jiff::civil::Date) -> i32 {
    let epoch = jiff::civil::Date::constant(1970, 1, 1);
    date.since(epoch).map_or(0, |span| span.get_days())
}

#[async_trait]
impl TableProvider for Table {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.schema.table_schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// Filters come later, from the physical plan: the scan rules out files by date, and row groups and pages by what
    /// their statistics say; every row that is left is judged by a filter above.
    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        state.runtime_env().register_object_store(self.url.as_ref(), Arc::clone(&self.store));
        let parquet = state.default_table_options().parquet;
        let source = ParquetSource::new(self.schema.clone()).with_table_parquet_options(parquet);
        let groups = FileGroup::new(self.files.clone()).split_files(state.config().target_partitions());
        let scan = FileScanConfigBuilder::new(self.url.clone(), Arc::new(source))
            .with_file_groups(groups)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .with_batch_size(Some(self.batch_rows_max.min(state.config().batch_size())))
            .build();
        Ok(DataSourceExec::from_data_source(scan))
    }
}
