//! The rows of a column: filled up, taken back, and made an array.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array};
use arrow::array::{TimestampMicrosecondArray, new_null_array};
use arrow::buffer::NullBuffer;

use super::data::Data;
use super::kind::Kind;
use super::report::Report;
use super::texts::Texts;

impl Data {
    /// Fills up to `len` rows.
    pub(super) fn pad(&mut self, len: usize) {
        match self {
            Data::Boolean(booleans) => booleans.append_n(len - booleans.len(), false),
            Data::Long(longs, _) => longs.resize(len, 0),
            Data::Double(doubles) => doubles.resize(len, 0.0),
            Data::Decimal(decimals) => decimals.resize(len, 0),
            Data::Timestamp(micros, texts) => {
                micros.resize(len, 0);
                texts.iter_mut().for_each(|texts| texts.pad(len));
            }
            Data::Date(days, texts) => {
                days.resize(len, 0);
                texts.iter_mut().for_each(|texts| texts.pad(len));
            }
            Data::String(texts) | Data::Json(texts) => texts.pad(len),
            Data::List(list) => list.pad(len),
            Data::Map(map) => map.pad(len),
            Data::Unknown | Data::Struct(_) | Data::Foreign(_) => {}
        }
    }

    /// Forgets the rows from `len` on.
    pub(super) fn truncate(&mut self, len: usize) {
        match self {
            Data::Boolean(booleans) => booleans.truncate(len),
            Data::Long(longs, _) => longs.truncate(len),
            Data::Double(doubles) => doubles.truncate(len),
            Data::Decimal(decimals) => decimals.truncate(len),
            Data::Timestamp(micros, texts) => {
                micros.truncate(len);
                texts.iter_mut().for_each(|texts| texts.truncate(len));
            }
            Data::Date(days, texts) => {
                days.truncate(len);
                texts.iter_mut().for_each(|texts| texts.truncate(len));
            }
            Data::String(texts) | Data::Json(texts) => texts.truncate(len),
            Data::Struct(object) => object.truncate(len),
            Data::List(list) => list.truncate(len),
            Data::Map(map) => map.truncate(len),
            Data::Unknown | Data::Foreign(_) => {}
        }
    }

    pub(super) fn size_bytes(&self, rows: usize) -> usize {
        let moments = |texts: &Option<Texts>| 8 * rows + texts.as_ref().map_or(0, Texts::size_bytes);
        match self {
            Data::Unknown | Data::Foreign(_) => 0,
            Data::Boolean(_) => rows / 8,
            Data::Long(..) | Data::Double(_) => 8 * rows,
            Data::Decimal(_) => 16 * rows,
            Data::Timestamp(_, texts) | Data::Date(_, texts) => moments(texts),
            Data::String(texts) | Data::Json(texts) => texts.size_bytes(),
            Data::Struct(object) => object.size_bytes(rows),
            Data::List(list) => 4 * rows + list.size_bytes(),
            Data::Map(map) => 4 * rows + map.size_bytes(),
        }
    }

    /// The array, and its type as far as it is known; the data begins anew with that type.
    pub(super) fn finish(
        &mut self,
        rows: usize,
        nulls: Option<NullBuffer>,
        report: &mut Report,
    ) -> Option<(Kind, ArrayRef)> {
        let (kind, array): (Kind, ArrayRef) = match self {
            Data::Unknown => return None,
            Data::Struct(object) => return object.finish(rows, nulls, report),
            Data::List(list) => return list.finish(nulls, report),
            Data::Map(map) => return map.finish(nulls, report),
            Data::Boolean(booleans) => (Kind::Boolean, Arc::new(BooleanArray::new(booleans.finish(), nulls))),
            Data::Long(longs, epoch) => {
                report.unit(epoch.watch(longs));
                (Kind::Long, Arc::new(Int64Array::new(take(longs), nulls)))
            }
            Data::Double(doubles) => (Kind::Double, Arc::new(Float64Array::new(take(doubles), nulls))),
            Data::Decimal(decimals) => {
                let array = Decimal128Array::new(take(decimals), nulls);
                (Kind::Decimal, Arc::new(array.with_data_type(Kind::Decimal.data_type())))
            }
            Data::Timestamp(micros, texts) => {
                *texts = None;
                let array = TimestampMicrosecondArray::new(take(micros), nulls);
                (Kind::Timestamp, Arc::new(array.with_timezone("UTC")))
            }
            Data::Date(days, texts) => {
                *texts = None;
                (Kind::Date, Arc::new(Date32Array::new(take(days), nulls)))
            }
            Data::String(texts) => (Kind::String, Arc::new(texts.finish(nulls))),
            Data::Json(texts) => (Kind::Json, Arc::new(texts.finish(nulls))),
            Data::Foreign(data_type) => (Kind::Foreign(data_type.clone()), new_null_array(data_type, rows)),
        };
        Some((kind, array))
    }
}

fn take<T, B: From<Vec<T>>>(values: &mut Vec<T>) -> B {
    std::mem::take(values).into()
}
