//! Rows become a Parquet file, in memory: a file is at most what the buffers held, compressed, and it must be whole before
//! it can be put where nothing was before.

mod checksums;
mod footer;
mod properties;
mod stats;

use std::sync::Arc;

use bytes::Bytes;
use catchwater_sdk::{Result, ResultExt};
use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;

pub(crate) use self::checksums::Checksums;
pub(crate) use self::footer::Footer;
pub use self::footer::{Covered, FileFooter};
use self::properties::{Profile, properties};
pub(crate) use self::stats::delta_stats;
use crate::rows::{Bucket, Cut, FileShape};

/// Rows are large that have so many bytes of payload each.
const LARGE_ROW_BYTES: usize = 1 << 20;

/// A file that is not stored yet.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) bytes: Bytes,
    /// Delta's statistics.
    pub(crate) stats: String,
}

/// Writes the files of one `Cut`.
pub(crate) struct Encoder<'a> {
    cut: &'a Cut,
    shape: FileShape,
    profile: Profile,
}

impl<'a> Encoder<'a> {
    pub(crate) fn new(cut: &'a Cut) -> Encoder<'a> {
        let sampled = cut.sampled_columns();
        let profile = Profile::of(sampled.iter().map(|(field, column)| (field.as_ref(), column)));
        Encoder { cut, shape: cut.file_shape(), profile }
    }

    /// Writes the rows of one bucket. It costs a core for up to a second, so the caller says so to the runtime.
    pub(crate) fn encode(&self, bucket: &Bucket, footer: &Footer<'_>) -> Result<Encoded> {
        let (bytes, metadata) = self.write(bucket, footer).or_bug(|| "write rows as parquet".to_owned())?;
        Ok(Encoded { bytes: bytes.into(), stats: delta_stats(&metadata) })
    }

    fn write(&self, bucket: &Bucket, footer: &Footer<'_>) -> Result<(Vec<u8>, ParquetMetaData), ParquetError> {
        let properties = properties(&self.profile, bucket.rows(), footer.to_key_value());
        let mut bytes = Vec::with_capacity(self.room(bucket));
        let mut writer = ArrowWriter::try_new(&mut bytes, Arc::clone(&self.shape.schema), Some(properties))?;
        for rows in bucket.selections(|rows| self.cut.payload_bytes(rows)) {
            writer.write(&self.cut.batch(&self.shape, &rows)?)?;
        }
        // All of it but the footer is then in the bytes.
        writer.flush()?;
        writer.sync()?;
        let checksums = checksums::to_key_value(writer.flushed_row_groups(), writer.inner());
        writer.append_key_value_metadata(checksums);
        let metadata = writer.close()?;
        Ok((bytes, metadata))
    }

    /// Room for a file of few large rows, with each payload once more as columns: it would be there twice whenever it grows, and
    /// what is not written to takes no memory.
    fn room(&self, bucket: &Bucket) -> usize {
        let bytes = bucket.bytes(|rows| self.cut.payload_bytes(rows));
        if bytes / bucket.rows().max(1) < LARGE_ROW_BYTES { 0 } else { 2 * bytes }
    }
}
