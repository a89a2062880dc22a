//! What Delta's log says about a file, so that readers can rule it out: number of rows, and for each column least value,
//! greatest value and number of nulls, nested as the columns are.
//!
//! All of it is read off the Parquet footer. Values inside lists and maps have no statistics in Delta. Texts are cut by
//! the Parquet writer, which rounds a cut greatest value up. The number of columns is bounded, or else the log of a wide
//! table would grow faster than the table.

use parquet::basic::{LogicalType, TimeUnit};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::statistics::Statistics;
use serde_json::{Map, Value, json};

use crate::rows::date;

/// How many columns of the payload get statistics in the log: the first ones in the table.
const PAYLOAD_COLUMNS_MAX: usize = 64;

/// The statistics in Delta's JSON.
pub(crate) fn delta_stats(file: &ParquetMetaData) -> String {
    let (mut least, mut greatest, mut nulls) = (Map::new(), Map::new(), Map::new());
    for column in indexed_columns(file) {
        let chunks: Vec<&ColumnChunkMetaData> = file.row_groups().iter().map(|group| group.column(column)).collect();
        let Some(range) = Range::of(&chunks) else { continue };
        let path = chunks[0].column_path().parts();
        insert(&mut nulls, path, range.nulls.into());
        range.least.into_iter().for_each(|value| insert(&mut least, path, value));
        range.greatest.into_iter().for_each(|value| insert(&mut greatest, path, value));
    }
    let rows = file.file_metadata().num_rows();
    json!({ "numRecords": rows, "minValues": least, "maxValues": greatest, "nullCount": nulls }).to_string()
}

/// The numbers of the columns that the log describes.
fn indexed_columns(file: &ParquetMetaData) -> Vec<usize> {
    let schema = file.file_metadata().schema_descr();
    let mut payload = 0;
    let indexed = |column: &usize| {
        let column = schema.column(*column);
        payload += usize::from(!column.path().parts()[0].starts_with('_'));
        column.max_rep_level() == 0 && payload <= PAYLOAD_COLUMNS_MAX
    };
    (0..schema.num_columns()).filter(indexed).collect()
}

/// What is known of one column in all row groups.
struct Range {
    least: Option<Value>,
    greatest: Option<Value>,
    nulls: u64,
}

impl Range {
    /// None when any row group says nothing: half a range would rule out what is there.
    fn of(chunks: &[&ColumnChunkMetaData]) -> Option<Range> {
        let mut nulls = 0;
        let mut with_values = Vec::new();
        for chunk in chunks {
            let statistics = chunk.statistics()?;
            let chunk_nulls = statistics.null_count_opt()?;
            nulls += chunk_nulls;
            if chunk_nulls < chunk.num_values() as u64 {
                with_values.push(statistics);
            }
        }
        let logical = chunks.first()?.column_descr().logical_type_ref();
        let (least, greatest) = bounds(&with_values, logical).unzip();
        Some(Range { least, greatest, nulls })
    }
}

/// Least and greatest value; none for types that Delta does not compare, and when there is no value at all.
fn bounds(all: &[&Statistics], logical: Option<&LogicalType>) -> Option<(Value, Value)> {
    let date = |day: i32| Some(json!(date::text(day)));
    let time = |micros: i64| Some(json!(date::iso(micros)?));
    match (all.first()?, logical) {
        (Statistics::Int32(_), Some(LogicalType::Date)) => over(all, ints, date),
        (Statistics::Int32(_), _) => over(all, ints, |value| Some(json!(value))),
        (Statistics::Int64(_), Some(LogicalType::Timestamp(kind))) if kind.unit == TimeUnit::MICROS => {
            over(all, longs, time)
        }
        (Statistics::Int64(_), None | Some(LogicalType::Integer(_))) => over(all, longs, |value| Some(json!(value))),
        (Statistics::Double(_), _) => over(all, doubles, |value| Some(json!(value))),
        (Statistics::ByteArray(_), Some(LogicalType::String)) => over(all, texts, |value| Some(json!(value))),
        _ => None,
    }
}

fn over<T: PartialOrd>(
    all: &[&Statistics],
    read: fn(&Statistics) -> Option<(T, T)>,
    show: impl Fn(T) -> Option<Value>,
) -> Option<(Value, Value)> {
    let all: Option<Vec<(T, T)>> = all.iter().map(|statistics| read(statistics)).collect();
    let widen = |a: (T, T), b: (T, T)| (if b.0 < a.0 { b.0 } else { a.0 }, if b.1 > a.1 { b.1 } else { a.1 });
    let (least, greatest) = all?.into_iter().reduce(widen)?;
    Some((show(least)?, show(greatest)?))
}

fn ints(statistics: &Statistics) -> Option<(i32, i32)> {
    let Statistics::Int32(values) = statistics else { return None };
    Some((*values.min_opt()?, *values.max_opt()?))
}

fn longs(statistics: &Statistics) -> Option<(i64, i64)> {
    let Statistics::Int64(values) = statistics else { return None };
    Some((*values.min_opt()?, *values.max_opt()?))
}

fn doubles(statistics: &Statistics) -> Option<(f64, f64)> {
    let Statistics::Double(values) = statistics else { return None };
    Some((*values.min_opt()?, *values.max_opt()?))
}

fn texts(statistics: &Statistics) -> Option<(String, String)> {
    let Statistics::ByteArray(values) = statistics else { return None };
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
    Some((text(values.min_opt()?.data())?, text(values.max_opt()?.data())?))
}

/// Puts a value where its column's path leads.
fn insert(object: &mut Map<String, Value>, path: &[String], value: Value) {
    let [name, rest @ ..] = path else { return };
    if rest.is_empty() {
        object.insert(name.clone(), value);
        return;
    }
    let inner = object.entry(name.clone()).or_insert_with(|| json!({}));
    if let Value::Object(inner) = inner {
        insert(inner, rest, value);
    }
}
