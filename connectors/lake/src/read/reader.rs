//! The bytes of a data file, as the Parquet library asks for them.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use catchwater_sdk::{Error, Result};
use catchwater_storage::Store;
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::path::Path;
use object_store::{Error as StoreError, ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::ParquetError;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};

use crate::writer::Checksums;

/// How much of a file's end is read at once: most footers are shorter.
const FOOTER_BYTES: usize = 64 << 10;

/// Reads parts of one file. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    objects: Arc<dyn ObjectStore>,
    path: Path,
    shown: Arc<str>,
    size: u64,
    bytes_read: Arc<AtomicU64>,
    checksums: Arc<Checksums>,
}

impl Reader {
    pub(super) fn new(store: &Store, path: &str, size: u64) -> Reader {
        Reader {
            objects: store.objects(),
            path: store.path(path),
            shown: format!("{}/{path}", store.url()).into(),
            size,
            bytes_read: Arc::default(),
            checksums: Arc::default(),
        }
    }

    /// Checks from now on what it reads.
    pub(super) fn expect(&mut self, checksums: Checksums) {
        self.checksums = checksums.into();
    }

    /// The file as a URL.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// How many bytes were read so far, by all clones.
    pub(super) fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Relaxed)
    }

    /// The footer.
    pub(super) async fn metadata(&mut self) -> Result<ParquetMetaData, ParquetError> {
        let size = self.size;
        let reader = ParquetMetaDataReader::new().with_prefetch_hint(Some(FOOTER_BYTES));
        reader.load_and_finish(self, size).await
    }

    /// The footer with the place of each page, so that pages can be left out.
    pub(super) async fn with_pages(&mut self, metadata: ParquetMetaData) -> Result<ParquetMetaData, ParquetError> {
        let reader = ParquetMetaDataReader::new_with_metadata(metadata);
        let mut reader = reader.with_offset_index_policy(PageIndexPolicy::Optional);
        reader.load_page_index(self).await?;
        reader.finish()
    }

    /// Says why the file could not be opened: a store's own words for a file that is cut off help nobody.
    pub(super) async fn not_opened(&self, error: ParquetError) -> Error {
        match self.objects.head(&self.path).await {
            Ok(found) if found.size != self.size => damaged(&format!("read {}", self.shown))
                .because(format!("it has {} of {} bytes", found.size, self.size)),
            _ => self.failed(error),
        }
    }

    /// Says what is wrong with the file, and what to do.
    pub(super) fn failed(&self, error: ParquetError) -> Error {
        let doing = format!("read {}", self.shown);
        let ParquetError::External(cause) = error else { return damaged(&doing).because(error) };
        match cause.downcast::<StoreError>() {
            Ok(missing) if matches!(*missing, StoreError::NotFound { .. }) => Error::refused(format!(
                "{doing}: the table's log lists the file, and it is not there; put it back from a copy of the lake"
            )),
            Ok(error) => Error::new(catchwater_storage::kind(&error), doing).because(error),
            Err(error) => damaged(&doing).because(error),
        }
    }

    fn check(&self, at: &Range<u64>, bytes: &Bytes) -> Result<(), ParquetError> {
        match self.checksums.contradict(at, bytes) {
            true => Err(ParquetError::General(format!(
                "bytes {} to {} are not those that were written there: their checksum is another",
                at.start, at.end
            ))),
            false => Ok(()),
        }
    }

    fn count(&self, bytes: u64) {
        self.bytes_read.fetch_add(bytes, Ordering::Relaxed);
    }
}

fn damaged(doing: &str) -> Error {
    Error::refused(format!("{doing}: the file is damaged; put it back from a copy of the lake"))
}

fn external(error: StoreError) -> ParquetError {
    ParquetError::External(Box::new(error))
}

impl AsyncFileReader for Reader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ParquetError>> {
        self.count(range.end - range.start);
        async move {
            let bytes = self.objects.get_range(&self.path, range.clone()).await.map_err(external)?;
            self.check(&range, &bytes)?;
            Ok(bytes)
        }
        .boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>, ParquetError>> {
        self.count(ranges.iter().map(|range| range.end - range.start).sum());
        async move {
            let read = self.objects.get_ranges(&self.path, &ranges).await.map_err(external)?;
            ranges.iter().zip(&read).try_for_each(|(at, bytes)| self.check(at, bytes))?;
            Ok(read)
        }
        .boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>, ParquetError>> {
        async move { self.metadata().await.map(Arc::new) }.boxed()
    }
}
