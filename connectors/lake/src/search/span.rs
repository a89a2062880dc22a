//! Between which values a column's lie, as far as statistics say.

use catchwater_query::time;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::statistics::Statistics;
use serde_json::Value;

use super::locate::{Holds, Place, Step};
use crate::read::Stats;

/// A bound of a column's values.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Point {
    Boolean(bool),
    Integer(i64),
    Double(f64),
    /// Microseconds since 1970.
    Time(i64),
    /// Text or bytes.
    Bytes(Vec<u8>),
}

/// What is known of a column's values. A bound that is missing is not known.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Span {
    pub(super) min: Option<Point>,
    pub(super) max: Option<Point>,
    /// How many rows have no value, where each row has at most one.
    pub(super) nulls: Option<u64>,
}

/// Who knows spans.
pub(super) trait Spans {
    fn rows(&self) -> u64;
    fn span(&self, place: &Place) -> Span;
}

// === the log's ===

impl Spans for Stats {
    fn rows(&self) -> u64 {
        self.rows
    }

    fn span(&self, place: &Place) -> Span {
        let Some(names) = place.names() else { return Span::default() };
        let known = self.column(&names);
        let least = known.min.and_then(|value| least(value, place.holds));
        let greatest = known.max.and_then(|value| greatest(value, place.holds));
        Span { min: least, max: greatest, nulls: known.nulls }
    }
}

/// Reading a float out of JSON may be off by its last digit.
fn least(value: &Value, holds: Holds) -> Option<Point> {
    match point(value, holds)? {
        Point::Double(double) => Some(Point::Double(double.next_down())),
        point => Some(point),
    }
}

/// Some writers cut times to milliseconds, downwards.
fn greatest(value: &Value, holds: Holds) -> Option<Point> {
    match point(value, holds)? {
        Point::Double(double) => Some(Point::Double(double.next_up())),
        Point::Time(micros) if holds != Holds::DateText => Some(Point::Time(micros.saturating_add(999))),
        point => Some(point),
    }
}

fn point(value: &Value, holds: Holds) -> Option<Point> {
    match holds {
        Holds::Boolean => value.as_bool().map(Point::Boolean),
        Holds::Integer => value.as_i64().map(Point::Integer),
        Holds::Double => value.as_f64().map(Point::Double),
        Holds::Time | Holds::TimeText => value.as_str().and_then(time::timestamp).map(Point::Time),
        Holds::DateText => value.as_str().and_then(time::date).map(day),
        Holds::Text | Holds::PlainText => value.as_str().map(|text| Point::Bytes(text.into())),
        Holds::Decimal | Holds::Bytes | Holds::Composite | Holds::Anything => None,
    }
}

fn day(days: i32) -> Point {
    Point::Time(i64::from(days) * time::DAY_MICROS)
}

// === a row group's ===

impl Spans for RowGroupMetaData {
    fn rows(&self) -> u64 {
        self.num_rows().unsigned_abs()
    }

    fn span(&self, place: &Place) -> Span {
        let mut leaves = self.columns().iter().filter(|column| place.includes(column.column_path().parts()));
        let repeats = place.steps.contains(&Step::Elements);
        match (leaves.next(), leaves.next()) {
            // A column that the file does not have is null.
            (None, _) => Span { nulls: Some(self.rows()), ..Span::default() },
            (Some(leaf), None) if leaf.column_descr().max_rep_level() == 0 || repeats => {
                let Some(statistics) = leaf.statistics() else { return Span::default() };
                let nulls = if repeats { None } else { statistics.null_count_opt() };
                let (min, max) = bounds(statistics, place.holds).unzip();
                Span { min, max, nulls }
            }
            _ => Span::default(),
        }
    }
}

fn bounds(statistics: &Statistics, holds: Holds) -> Option<(Point, Point)> {
    let pair = |point: fn(i64) -> Point| match statistics {
        Statistics::Int64(values) => Some((point(*values.min_opt()?), point(*values.max_opt()?))),
        Statistics::Int32(values) => Some((point((*values.min_opt()?).into()), point((*values.max_opt()?).into()))),
        _ => None,
    };
    match (holds, statistics) {
        (Holds::Boolean, Statistics::Boolean(values)) => {
            Some((Point::Boolean(*values.min_opt()?), Point::Boolean(*values.max_opt()?)))
        }
        (Holds::Integer, _) => pair(Point::Integer),
        (Holds::Time | Holds::TimeText, Statistics::Int64(_)) => pair(Point::Time),
        (Holds::DateText, Statistics::Int32(_)) => pair(|days| Point::Time(days * time::DAY_MICROS)),
        (Holds::Double, Statistics::Double(values)) => {
            Some((Point::Double(*values.min_opt()?), Point::Double(*values.max_opt()?)))
        }
        // The older kind was ordered as each writer liked.
        (Holds::Text | Holds::PlainText | Holds::Bytes, Statistics::ByteArray(values))
            if !statistics.is_min_max_deprecated() =>
        {
            let bytes = |value: &parquet::data_type::ByteArray| Point::Bytes(value.data().to_vec());
            Some((bytes(values.min_opt()?), bytes(values.max_opt()?)))
        }
        _ => None,
    }
}
