//! How the columns of a file are written.
//!
//! Zstandard at level 1: payloads are most of a file, and higher levels cost more than they save. Dictionaries where values
//! repeat often; elsewhere one is built in vain, so the rows are sampled first. A column of ids gets a bloom filter instead,
//! which is what finds a needle. Neither dictionary nor statistics where values are huge: both keep whole ones until the row
//! group ends, and tell little of them. Statistics by page only where rows are sorted by, as elsewhere every page would span
//! everything.

use std::collections::HashSet;
use std::hash::Hash;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray};
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, TimestampMicrosecondType};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;

/// The largest row group: small enough to skip, large enough to compress. Tests have several of them in a small file.
const ROW_GROUP_ROWS_MAX: usize = if cfg!(test) { 2048 } else { 128 << 10 };
const ROW_GROUP_BYTES_MAX: usize = 64 << 20;

/// Statistics keep so much of a text.
const STATISTICS_TEXT_MAX: usize = 32;

/// A column with a value of so many bytes has neither a dictionary nor statistics.
const HUGE_VALUE_BYTES: i32 = 1 << 20;

/// How many rows are looked at to find columns that never repeat.
const SAMPLE_ROWS: usize = 4096;

/// With fewer rows than this a bloom filter saves nothing.
const BLOOM_ROWS_MIN: usize = 1024;

/// How many columns of one file may have a bloom filter: each takes memory while the row group is open.
const BLOOM_COLUMNS_MAX: usize = 16;

/// The columns of some rows that are written in a way of their own.
#[derive(Debug, Default)]
pub(crate) struct Profile {
    /// Texts that never repeat.
    ids: Vec<ColumnPath>,
    /// Texts and floats that repeat too seldom for a dictionary.
    plain: Vec<ColumnPath>,
    integers: Vec<ColumnPath>,
    /// Texts and bytes with a value that is better not kept.
    huge: Vec<ColumnPath>,
}

/// How often the values of a column come again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repeats {
    Often,
    Seldom,
    Never,
}

// === impl Profile ===

impl Profile {
    /// Samples columns.
    pub(crate) fn of<'a>(columns: impl Iterator<Item = (&'a Field, &'a ArrayRef)>) -> Profile {
        let mut profile = Profile::default();
        columns.for_each(|(field, column)| profile.add(Vec::new(), field, column));
        profile
    }

    fn add(&mut self, mut path: Vec<String>, field: &Field, column: &ArrayRef) {
        path.push(field.name().clone());
        match field.data_type() {
            DataType::Struct(fields) => {
                let columns = fields.iter().zip(column.as_struct().columns());
                columns.for_each(|(field, column)| self.add(path.clone(), field, column));
            }
            DataType::Utf8 => {
                let texts = column.as_string::<i32>();
                match has_huge_value(texts.value_offsets()) {
                    true => self.huge.push(ColumnPath::new(path)),
                    false => self.add_texts(path, repeats(column, |row| texts.value(row))),
                }
            }
            DataType::Binary => {
                let bytes = column.as_binary::<i32>();
                match has_huge_value(bytes.value_offsets()) {
                    true => self.huge.push(ColumnPath::new(path)),
                    false => self.add_texts(path, repeats(column, |row| bytes.value(row))),
                }
            }
            DataType::Int64 => {
                push_unless_often(&mut self.integers, path, repeats_of_numbers::<Int64Type>(column, |value| value))
            }
            DataType::Timestamp(..) => {
                let repeats = repeats_of_numbers::<TimestampMicrosecondType>(column, |value| value);
                push_unless_often(&mut self.integers, path, repeats);
            }
            DataType::Float64 => {
                let repeats = repeats_of_numbers::<Float64Type>(column, |value| value.to_bits() as i64);
                push_unless_often(&mut self.plain, path, repeats);
            }
            _ => {}
        }
    }

    fn add_texts(&mut self, path: Vec<String>, repeats: Repeats) {
        let columns = if repeats == Repeats::Never { &mut self.ids } else { &mut self.plain };
        push_unless_often(columns, path, repeats);
    }
}

fn push_unless_often(paths: &mut Vec<ColumnPath>, path: Vec<String>, repeats: Repeats) {
    if repeats != Repeats::Often {
        paths.push(ColumnPath::new(path));
    }
}

fn has_huge_value(ends: &[i32]) -> bool {
    let all = ends.last().zip(ends.first()).map_or(0, |(last, first)| last - first);
    all >= HUGE_VALUE_BYTES && ends.windows(2).any(|ends| ends[1] - ends[0] >= HUGE_VALUE_BYTES)
}

fn repeats_of_numbers<T: ArrowPrimitiveType>(column: &ArrayRef, bits: fn(T::Native) -> i64) -> Repeats {
    let numbers = column.as_primitive::<T>();
    repeats(column, |row| bits(numbers.value(row)))
}

/// How often values come again in an even sample.
fn repeats<V: Hash + Eq>(column: &ArrayRef, value: impl Fn(usize) -> V) -> Repeats {
    let step = column.len().div_ceil(SAMPLE_ROWS).max(1);
    let rows = (0..column.len()).step_by(step).filter(|row| column.is_valid(*row));
    let (mut seen, mut values) = (HashSet::new(), 0);
    for row in rows {
        values += 1;
        seen.insert(value(row));
        // A column that repeats shows it soon.
        if values == 64 && seen.len() < 48 {
            return Repeats::Often;
        }
    }
    match seen.len() {
        _ if values < 16 => Repeats::Often,
        new if new * 50 >= values * 49 => Repeats::Never,
        new if new * 10 >= values * 9 => Repeats::Seldom,
        _ => Repeats::Often,
    }
}

// === the properties ===

/// The properties of a file of `rows` rows.
pub(crate) fn properties(profile: &Profile, rows: usize, footer: KeyValue) -> WriterProperties {
    let level = ZstdLevel::try_new(1).expect("level 1 exists");
    let builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_created_by(concat!("catchwater ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS_MAX))
        .set_max_row_group_bytes(Some(ROW_GROUP_BYTES_MAX))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_statistics_truncate_length(Some(STATISTICS_TEXT_MAX))
        .set_column_index_truncate_length(Some(STATISTICS_TEXT_MAX))
        .set_key_value_metadata(Some(vec![footer]));
    profiled(envelope(builder), profile, rows).build()
}

fn envelope(builder: WriterPropertiesBuilder) -> WriterPropertiesBuilder {
    let sorted_by = ["_stream", "_partition", "_position", "_timestamp", "_ingested_at"];
    let builder = sorted_by
        .into_iter()
        .fold(builder, |builder, name| builder.set_column_statistics_enabled(name.into(), EnabledStatistics::Page));
    let builder = ["_position", "_timestamp", "_ingested_at"].into_iter().fold(builder, |builder, name| {
        builder
            .set_column_dictionary_enabled(name.into(), false)
            .set_column_encoding(name.into(), Encoding::DELTA_BINARY_PACKED)
    });
    // Identities share all but their last digits with the row before.
    builder
        .set_column_dictionary_enabled("_id".into(), false)
        .set_column_encoding("_id".into(), Encoding::DELTA_BYTE_ARRAY)
        .set_column_statistics_enabled("_id".into(), EnabledStatistics::None)
        .set_column_dictionary_enabled("_payload".into(), false)
        .set_column_statistics_enabled("_payload".into(), EnabledStatistics::None)
}

fn profiled(mut builder: WriterPropertiesBuilder, profile: &Profile, rows: usize) -> WriterPropertiesBuilder {
    let Profile { ids, plain, integers, huge } = profile;
    for path in ids.iter().chain(plain) {
        builder = builder.set_column_dictionary_enabled(path.clone(), false);
    }
    for path in integers {
        builder = builder
            .set_column_dictionary_enabled(path.clone(), false)
            .set_column_encoding(path.clone(), Encoding::DELTA_BINARY_PACKED);
    }
    for path in huge {
        builder = builder
            .set_column_dictionary_enabled(path.clone(), false)
            .set_column_statistics_enabled(path.clone(), EnabledStatistics::None);
    }
    let blooms = if rows < BLOOM_ROWS_MIN { 0 } else { BLOOM_COLUMNS_MAX };
    for path in ids.iter().take(blooms) {
        builder = builder
            .set_column_bloom_filter_enabled(path.clone(), true)
            .set_column_bloom_filter_max_ndv(path.clone(), rows.min(ROW_GROUP_ROWS_MAX) as u64);
    }
    builder
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{RecordBatch, StringArray};
    use arrow::datatypes::Schema;
    use parquet::arrow::ArrowWriter;

    use super::*;

    /// Whether a column of these texts is written with a dictionary, and whether with statistics.
    fn written(texts: &[&str]) -> (bool, bool) {
        let column: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
        let field = Field::new("text", DataType::Utf8, true);
        let profile = Profile::of([(&field, &column)].into_iter());
        let properties = properties(&profile, texts.len(), KeyValue::new("key".to_owned(), None));
        let batch = RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![column]).expect("a batch");
        let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).expect("a writer");
        writer.write(&batch).expect("written");
        let metadata = writer.close().expect("closed");
        let chunk = metadata.row_group(0).column(0);
        (chunk.dictionary_page_offset().is_some(), chunk.statistics().is_some())
    }

    #[test]
    fn a_huge_value_is_kept_by_no_dictionary_and_no_statistics() {
        let huge = "x".repeat(HUGE_VALUE_BYTES as usize);
        assert_eq!(written(&["a", &huge]), (false, false));
        assert_eq!(written(&["a", &huge[1..]]), (true, true));
    }
}
