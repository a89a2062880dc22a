//! A data file: its footer, and its rows as events.

use std::sync::Arc;

use arrow::array::RecordBatch;
use catchwater_sdk::format::Format;
use catchwater_sdk::{Error, Result};
use catchwater_storage::Store;
use futures::TryStreamExt;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, RowSelection};
use parquet::arrow::async_reader::{ParquetRecordBatchStream, ParquetRecordBatchStreamBuilder};
use parquet::bloom_filter::Sbbf;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};

use super::events::EventBatch;
use super::reader::Reader;
use super::snapshot::LiveFile;
use crate::rows::envelope::envelope_fields;
use crate::writer::{Checksums, FileFooter};

/// How many rows a batch has at most.
const BATCH_ROWS_MAX: usize = 8192;

/// How many bytes of rows a batch is to have: fewer rows, if they are long.
const BATCH_BYTES: usize = 8 << 20;

/// An open Parquet file.
#[derive(Clone, Debug)]
pub struct DataFile {
    reader: Reader,
    metadata: ArrowReaderMetadata,
    format: Arc<dyn Format>,
    has_pages: bool,
}

/// Which rows of a file.
#[derive(Clone, Debug)]
pub enum Rows {
    /// All.
    All,
    /// Those of some row groups.
    Groups(Vec<usize>),
    /// Some of those of some row groups.
    Selected(Vec<usize>, RowSelection),
}

/// Rows of a file, batch by batch.
pub(crate) struct RowStream {
    rows: ParquetRecordBatchStream<Reader>,
    reader: Reader,
}

/// Events of a file, batch by batch.
pub struct EventStream {
    rows: ParquetRecordBatchStream<Reader>,
    reader: Reader,
    format: Arc<dyn Format>,
}

// === impl DataFile ===

impl DataFile {
    /// `Refused` when it is gone or damaged.
    pub(crate) async fn open(store: &Store, file: &LiveFile, format: &Arc<dyn Format>) -> Result<DataFile> {
        let mut reader = Reader::new(store, &file.path, file.size);
        let metadata = match reader.metadata().await.and_then(|metadata| arrow_metadata(metadata.into())) {
            Ok(metadata) => metadata,
            Err(error) => return Err(reader.not_opened(error).await),
        };
        reader.expect(Checksums::of(metadata.metadata()));
        Ok(DataFile { reader, metadata, format: Arc::clone(format), has_pages: false })
    }

    /// The file as a URL.
    pub fn url(&self) -> &str {
        self.reader.shown()
    }

    /// The Parquet footer.
    pub fn metadata(&self) -> &Arc<ParquetMetaData> {
        self.metadata.metadata()
    }

    /// What the file says of its place in the table; none if another tool wrote it.
    pub fn footer(&self) -> Option<FileFooter> {
        FileFooter::of(self.metadata().file_metadata())
    }

    /// Says what is wrong with the file.
    pub(crate) fn failed(&self, error: ParquetError) -> Error {
        self.reader.failed(error)
    }

    /// How many rows it has.
    pub fn rows(&self) -> u64 {
        self.row_groups().iter().map(|group| group.num_rows().unsigned_abs()).sum()
    }

    /// Its row groups.
    pub fn row_groups(&self) -> &[RowGroupMetaData] {
        self.metadata().row_groups()
    }

    /// How many bytes of it were read so far.
    pub fn bytes_read(&self) -> u64 {
        self.reader.bytes_read()
    }

    /// Its rows as events, in the order of the file: by stream, partition and position in files that Catchwater wrote.
    pub async fn events(&mut self, rows: Rows) -> Result<EventStream> {
        self.events_in_batches_of(rows, BATCH_BYTES).await
    }

    /// The same, in batches of about so many bytes.
    pub(crate) async fn events_in_batches_of(&mut self, rows: Rows, bytes: usize) -> Result<EventStream> {
        let names: Vec<_> = envelope_fields().iter().map(|field| field.name().clone()).collect();
        let mask = self.columns(|path| names.contains(&path[0]));
        let rows = self.read_in_batches_of(rows, mask, bytes).await?;
        Ok(EventStream { rows, reader: self.reader.clone(), format: Arc::clone(&self.format) })
    }

    /// Some columns of some rows as they stand in the file.
    pub(crate) async fn rows_of(&mut self, rows: Rows, wanted: impl Fn(&[String]) -> bool) -> Result<RowStream> {
        let mask = self.columns(wanted);
        let rows = self.read(rows, mask).await?;
        Ok(RowStream { rows, reader: self.reader.clone() })
    }

    /// The columns whose path is wanted.
    pub(crate) fn columns(&self, wanted: impl Fn(&[String]) -> bool) -> ProjectionMask {
        let schema = self.metadata.parquet_schema();
        let wanted = schema.columns().iter().enumerate().filter(|(_, column)| wanted(column.path().parts()));
        ProjectionMask::leaves(schema, wanted.map(|(number, _)| number))
    }

    /// Some columns of some rows, in batches of bounded size.
    pub(crate) async fn read(
        &mut self,
        rows: Rows,
        columns: ProjectionMask,
    ) -> Result<ParquetRecordBatchStream<Reader>> {
        self.read_in_batches_of(rows, columns, BATCH_BYTES).await
    }

    async fn read_in_batches_of(
        &mut self,
        rows: Rows,
        columns: ProjectionMask,
        bytes: usize,
    ) -> Result<ParquetRecordBatchStream<Reader>> {
        if matches!(rows, Rows::Selected(..)) {
            self.load_pages().await?;
        }
        let builder = ParquetRecordBatchStreamBuilder::new_with_metadata(self.reader.clone(), self.metadata.clone());
        let builder = builder.with_batch_size(self.batch_rows(&rows, &columns, bytes)).with_projection(columns);
        let builder = match rows {
            Rows::All => builder,
            Rows::Groups(groups) => builder.with_row_groups(groups),
            Rows::Selected(groups, selection) => builder.with_row_groups(groups).with_row_selection(selection),
        };
        builder.build().map_err(|error| self.reader.failed(error))
    }

    /// Where each page is: with it a selection reads the pages that hold its rows, and no others.
    async fn load_pages(&mut self) -> Result<()> {
        if self.has_pages {
            return Ok(());
        }
        let metadata = ParquetMetaData::clone(self.metadata());
        let metadata = self.reader.with_pages(metadata).await;
        let metadata = metadata.and_then(|metadata| arrow_metadata(metadata.into()));
        self.metadata = metadata.map_err(|error| self.reader.failed(error))?;
        self.has_pages = true;
        Ok(())
    }

    /// The bloom filter of a column in a row group, if it has one.
    pub(crate) async fn bloom(&mut self, group: usize, column: usize) -> Result<Option<Sbbf>> {
        let mut builder =
            ParquetRecordBatchStreamBuilder::new_with_metadata(self.reader.clone(), self.metadata.clone());
        let bloom = builder.get_row_group_column_bloom_filter(group, column).await;
        bloom.map_err(|error| self.reader.failed(error))
    }

    /// How its payloads are understood.
    pub(crate) fn format(&self) -> &Arc<dyn Format> {
        &self.format
    }

    fn batch_rows(&self, rows: &Rows, columns: &ProjectionMask, bytes: usize) -> usize {
        let groups: Vec<&RowGroupMetaData> = match rows {
            Rows::All => self.row_groups().iter().collect(),
            Rows::Groups(groups) | Rows::Selected(groups, _) => groups.iter().map(|i| &self.row_groups()[*i]).collect(),
        };
        let row_bytes = groups.into_iter().map(|group| row_bytes(group, columns)).max();
        (bytes / row_bytes.unwrap_or(1).max(1)).clamp(1, BATCH_ROWS_MAX)
    }
}

/// How many bytes these columns of a row take on average.
fn row_bytes(group: &RowGroupMetaData, columns: &ProjectionMask) -> usize {
    let chunks = group.columns().iter().enumerate().filter(|(column, _)| columns.leaf_included(*column));
    let bytes: i64 = chunks.map(|(_, chunk)| chunk.uncompressed_size()).sum();
    usize::try_from(bytes / group.num_rows().max(1)).unwrap_or(usize::MAX)
}

/// With the types that Parquet names: whichever Arrow types a writer had, they are the same for every file.
fn arrow_metadata(metadata: Arc<ParquetMetaData>) -> Result<ArrowReaderMetadata, ParquetError> {
    ArrowReaderMetadata::try_new(metadata, ArrowReaderOptions::new().with_skip_arrow_metadata(true))
}

// === impl RowStream, EventStream ===

impl RowStream {
    /// The next batch; none after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<RecordBatch>> {
        self.rows.try_next().await.map_err(|error| self.reader.failed(error))
    }
}

impl EventStream {
    /// The next batch; none after the last.
    pub async fn next(&mut self) -> Result<Option<EventBatch>> {
        let rows: Option<RecordBatch> = self.rows.try_next().await.map_err(|error| self.reader.failed(error))?;
        let events = rows.map(|rows| EventBatch::new(&rows, &self.format)).transpose();
        events.map_err(|error| self.reader.failed(error.into()))
    }
}

impl std::fmt::Debug for EventStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventStream").field("file", &self.reader.shown()).finish_non_exhaustive()
    }
}
