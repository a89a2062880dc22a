//! A condition put to every value of a column.
//!
//! The condition itself decides, as it does on the record; only that a column does not always tell what a value was: a text
//! may be a number that a pin wanted as text, a float may have been an integer, a time may have been written in many ways. Then
//! all that it may have been is asked: any makes the row one that may match, all one that must.

use std::ops::Bound;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanBufferBuilder, RecordBatch};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType,
};
use catchwater_query::condition::Range;
use catchwater_query::number::{Decimal, Number};
use catchwater_query::{Bounds, Condition, Scalar};

use super::judge::judge;
use super::locate::{Holds, Place, Step};
use super::span::{Point, Span};
use crate::rows::date;

/// Which rows may fulfil a condition by a value in this place, and which must.
pub(super) fn in_place(rows: &RecordBatch, place: &Place, condition: &Condition) -> Bounds<BooleanBuffer> {
    let column = rows.column_by_name(place.root());
    column.map_or_else(|| nowhere(rows.num_rows()), |column| below(column, &place.steps[1..], place.holds, condition))
}

/// Which rows have a value in this place.
pub(super) fn is_set(rows: &RecordBatch, place: &Place) -> BooleanBuffer {
    in_place(rows, place, &Condition::Exists).may
}

fn nowhere(len: usize) -> Bounds<BooleanBuffer> {
    Bounds::exactly(BooleanBuffer::new_unset(len))
}

fn everywhere(len: usize) -> BooleanBuffer {
    BooleanBuffer::new_set(len)
}

fn below(column: &ArrayRef, steps: &[Step], holds: Holds, condition: &Condition) -> Bounds<BooleanBuffer> {
    let Some((step, steps)) = steps.split_first() else { return here(column, holds, condition) };
    match (step, column.data_type()) {
        (Step::Column(name), DataType::Struct(_)) => {
            let object = column.as_struct();
            let inner = object.column_by_name(name).map(|inner| below(inner, steps, holds, condition));
            only_valid(inner.unwrap_or_else(|| nowhere(column.len())), object.nulls())
        }
        (Step::Elements, DataType::List(_)) => {
            let lists = column.as_list::<i32>();
            let inner = below(lists.values(), steps, holds, condition);
            let any = |set: &BooleanBuffer| any_element(set, lists.value_offsets());
            only_valid(Bounds { may: any(&inner.may), must: any(&inner.must) }, lists.nulls())
        }
        // Another tool wrote it otherwise: nothing is known.
        _ => unknown(column),
    }
}

fn unknown(column: &ArrayRef) -> Bounds<BooleanBuffer> {
    only_valid(Bounds { may: everywhere(column.len()), must: BooleanBuffer::new_unset(column.len()) }, column.nulls())
}

fn only_valid(bounds: Bounds<BooleanBuffer>, nulls: Option<&NullBuffer>) -> Bounds<BooleanBuffer> {
    match nulls {
        None => bounds,
        Some(nulls) => Bounds { may: &bounds.may & nulls.inner(), must: &bounds.must & nulls.inner() },
    }
}

/// For each list whether any of its elements is in the set.
fn any_element(set: &BooleanBuffer, offsets: &[i32]) -> BooleanBuffer {
    let mut lists = BooleanBufferBuilder::new(offsets.len() - 1);
    for ends in offsets.windows(2) {
        lists.append((ends[0]..ends[1]).any(|element| set.value(element as usize)));
    }
    lists.finish()
}

fn here(column: &ArrayRef, holds: Holds, condition: &Condition) -> Bounds<BooleanBuffer> {
    let len = column.len();
    let all = || Bounds::exactly(everywhere(len));
    let found = match (holds, column.data_type()) {
        // Whether what is asked for is in there only the payload tells.
        (Holds::Anything, _) => return unknown(column),
        (_, _) if *condition == Condition::Exists => all(),
        (Holds::Composite, _) => nowhere(len),
        (Holds::Boolean, DataType::Boolean) => {
            let flags = column.as_boolean();
            exactly(len, |row| condition.matches(Scalar::Bool(flags.value(row))))
        }
        (Holds::Integer, DataType::Int64) => integers::<Int64Type>(column, condition),
        (Holds::Integer, DataType::Int32) => integers::<Int32Type>(column, condition),
        (Holds::Double, DataType::Float64) => floats(column.as_primitive::<Float64Type>().values(), condition),
        (Holds::Decimal, DataType::Decimal128(_, 0)) => {
            let values = column.as_primitive::<Decimal128Type>().values();
            exactly(len, |row| condition.matches(Scalar::Number(Number::Digits(&values[row].to_string()))))
        }
        (Holds::Time, DataType::Timestamp(TimeUnit::Microsecond, _)) => {
            let values = column.as_primitive::<TimestampMicrosecondType>().values();
            exactly(len, |row| condition.matches(Scalar::Moment(values[row])))
        }
        (Holds::TimeText, DataType::Timestamp(TimeUnit::Microsecond, _)) => {
            let values = column.as_primitive::<TimestampMicrosecondType>().values();
            between(len, |row| of_time_text(condition, values[row]))
        }
        (Holds::DateText, DataType::Date32) => {
            let values = column.as_primitive::<Date32Type>().values();
            exactly(len, |row| condition.matches(Scalar::Text(&date::text(values[row]))))
        }
        (Holds::Text, DataType::Utf8) => {
            let texts = column.as_string::<i32>();
            between(len, |row| of_text(condition, texts.value(row)))
        }
        (Holds::PlainText, DataType::Utf8) => {
            let texts = column.as_string::<i32>();
            exactly(len, |row| condition.matches(Scalar::Text(texts.value(row))))
        }
        (Holds::Bytes, DataType::Binary) => {
            let bytes = column.as_binary::<i32>();
            exactly(len, |row| condition.matches(Scalar::of_bytes(bytes.value(row))))
        }
        _ => return unknown(column),
    };
    only_valid(found, column.nulls())
}

fn exactly(len: usize, matches: impl FnMut(usize) -> bool) -> Bounds<BooleanBuffer> {
    Bounds::exactly(BooleanBuffer::collect_bool(len, matches))
}

fn between(len: usize, bounds: impl Fn(usize) -> Bounds<bool>) -> Bounds<BooleanBuffer> {
    let mut must = BooleanBufferBuilder::new(len);
    let may = BooleanBuffer::collect_bool(len, |row| {
        let bounds = bounds(row);
        must.append(bounds.must);
        bounds.may
    });
    Bounds { may, must: must.finish() }
}

fn integers<T: ArrowPrimitiveType<Native: Into<i64>>>(
    column: &ArrayRef,
    condition: &Condition,
) -> Bounds<BooleanBuffer> {
    let values = column.as_primitive::<T>().values();
    let matches = |row: usize| condition.matches(Scalar::Number(Number::Int(values[row].into())));
    match ends(condition) {
        Some(ends) => ends.hold(values.len(), |row| values[row].into() as f64, matches),
        None => exactly(values.len(), matches),
    }
}

fn floats(values: &[f64], condition: &Condition) -> Bounds<BooleanBuffer> {
    let matches = |row: usize| condition.matches(Scalar::Number(Number::Float(values[row])));
    match ends(condition) {
        Some(ends) => ends.hold(values.len(), |row| values[row], matches),
        None => between(values.len(), |row| of_float(condition, values[row])),
    }
}

/// The ends of a range of numbers, each rounded to a float. Rounding keeps order: only at an end itself digits decide.
#[derive(Clone, Copy)]
struct Ends(f64, f64);

fn ends(condition: &Condition) -> Option<Ends> {
    let Condition::Within(Range::Number(interval)) = condition else { return None };
    let end = |bound: &Bound<Decimal>, open| match bound {
        Bound::Included(number) | Bound::Excluded(number) => number.nearest(),
        Bound::Unbounded => open,
    };
    Some(Ends(end(&interval.lower, f64::NEG_INFINITY), end(&interval.upper, f64::INFINITY)))
}

impl Ends {
    /// Looks at all values without a branch, and then at the few that stand at an end.
    fn hold(
        self,
        len: usize,
        value: impl Fn(usize) -> f64,
        at_an_end: impl Fn(usize) -> bool,
    ) -> Bounds<BooleanBuffer> {
        let Ends(lower, upper) = self;
        let within = BooleanBuffer::collect_bool(len, |row| (lower < value(row)) & (value(row) < upper));
        let ends = BooleanBuffer::collect_bool(len, |row| (value(row) == lower) | (value(row) == upper));
        if ends.count_set_bits() == 0 {
            return Bounds::exactly(within);
        }
        let ends = BooleanBuffer::collect_bool(len, |row| ends.value(row) && at_an_end(row));
        Bounds::exactly(&within | &ends)
    }
}

/// It may have been an integer, which is shown without a point.
fn of_float(condition: &Condition, value: f64) -> Bounds<bool> {
    let as_float = condition.matches(Scalar::Number(Number::Float(value)));
    if !matches!(condition, Condition::Like(_)) || value.fract() != 0.0 {
        return Bounds::exactly(as_float);
    }
    let as_integer = condition.matches(Scalar::Number(Number::Int(value as i64)));
    Bounds { may: as_float || as_integer, must: as_float && as_integer }
}

/// How the time was written is not known; where that matters, all depends on the payload.
fn of_time_text(condition: &Condition, micros: i64) -> Bounds<bool> {
    let point = Some(Point::Time(micros));
    judge(condition, Holds::TimeText, &Span { min: point.clone(), max: point, nulls: Some(0) })
}

/// It may have been a number or a boolean that a pin wanted as text, or an integer that no other type holds.
#[inline]
fn of_text(condition: &Condition, text: &str) -> Bounds<bool> {
    let as_text = condition.matches(Scalar::Text(text));
    match other_form(text) {
        None => Bounds::exactly(as_text),
        Some(other) => {
            let as_other = condition.matches(other);
            Bounds { may: as_text || as_other, must: as_text && as_other }
        }
    }
}

#[inline]
fn other_form(text: &str) -> Option<Scalar<'_>> {
    match text.as_bytes() {
        [b'0'..=b'9' | b'-', ..] => number(text),
        b"true" => Some(Scalar::Bool(true)),
        b"false" => Some(Scalar::Bool(false)),
        _ => None,
    }
}

fn number(text: &str) -> Option<Scalar<'_>> {
    Decimal::parse(text)?;
    let number = match text.contains(['.', 'e', 'E']) {
        true => Number::Float(text.parse().ok()?),
        false => Number::Digits(text),
    };
    Some(Scalar::Number(number))
}
