//! What the columns of a file really hold, beside what the log says of them.
//!
//! The log's bounds decide which files a search skips, so a bound that does not hold hides rows.

use std::cmp::Ordering;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::{max, max_string, min, min_string};
use arrow::datatypes::{DataType, Date32Type, Float64Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType};
use jiff::civil::Date;
use serde_json::Value;

use crate::read::Stats;

/// A value that bounds are compared by.
#[derive(Clone, Debug, PartialEq)]
enum Bound {
    Number(i64),
    Double(f64),
    Text(String),
}

/// One column of a file.
#[derive(Debug)]
struct Column {
    path: Vec<String>,
    least: Option<Bound>,
    greatest: Option<Bound>,
    nulls: u64,
    kind: DataType,
}

/// Columns as they are read.
#[derive(Debug, Default)]
pub(super) struct Measure {
    columns: Vec<Column>,
}

impl Measure {
    /// Takes the next batch in; all batches of a file have the same columns.
    pub(super) fn push(&mut self, batch: &RecordBatch) {
        let mut leaves = Vec::new();
        for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
            collect(vec![field.name().clone()], column, &mut leaves);
        }
        if self.columns.is_empty() {
            let column = |(path, array): &(Vec<String>, ArrayRef)| Column {
                path: path.clone(),
                least: None,
                greatest: None,
                nulls: 0,
                kind: array.data_type().clone(),
            };
            self.columns = leaves.iter().map(column).collect();
        }
        for (column, (_, array)) in self.columns.iter_mut().zip(&leaves) {
            column.push(array);
        }
    }

    /// The times of the first and the last event in days since 1970.
    pub(super) fn days(&self) -> Option<(i64, i64)> {
        let times = self.columns.iter().find(|column| column.path == ["_timestamp"])?;
        let day = |bound: &Option<Bound>| match bound {
            Some(Bound::Number(micros)) => Some(micros.div_euclid(86_400_000_000)),
            _ => None,
        };
        Some((day(&times.least)?, day(&times.greatest)?))
    }

    /// Columns of which the log says what does not hold, with both.
    pub(super) fn contradictions(&self, stats: &Stats) -> Vec<String> {
        self.columns.iter().filter_map(|column| column.contradiction(stats)).collect()
    }
}

impl Column {
    fn push(&mut self, array: &ArrayRef) {
        self.nulls += array.null_count() as u64;
        let (least, greatest) = bounds(array);
        widen(&mut self.least, least, Ordering::Less);
        widen(&mut self.greatest, greatest, Ordering::Greater);
    }

    fn contradiction(&self, stats: &Stats) -> Option<String> {
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        let said = stats.column(&path);
        let name = self.path.join(".");
        if said.nulls.is_some_and(|nulls| nulls != self.nulls) {
            return Some(format!("{name} has {} nulls, the log says {}", self.nulls, said.nulls.unwrap_or_default()));
        }
        let outside = |value: &Option<Bound>, said: Option<&Value>, wrong: Ordering| {
            let (value, bound) = (value.as_ref()?, Bound::read(said?, &self.kind)?);
            (value.compare(&bound) == Some(wrong))
                .then(|| format!("{name} has {}, the log says {}", value.show(), bound.show()))
        };
        outside(&self.least, said.min, Ordering::Less).map(|text| format!("{text} is the least")).or_else(|| {
            outside(&self.greatest, said.max, Ordering::Greater).map(|text| format!("{text} is the greatest"))
        })
    }
}

/// The columns that the log may have bounds of: none within lists and maps.
fn collect(path: Vec<String>, array: &ArrayRef, leaves: &mut Vec<(Vec<String>, ArrayRef)>) {
    match array.data_type() {
        DataType::Struct(fields) => {
            for (field, column) in fields.iter().zip(array.as_struct().columns()) {
                let mut path = path.clone();
                path.push(field.name().clone());
                collect(path, column, leaves);
            }
        }
        DataType::List(_) | DataType::Map(..) => {}
        _ => leaves.push((path, ArrayRef::clone(array))),
    }
}

fn bounds(array: &ArrayRef) -> (Option<Bound>, Option<Bound>) {
    macro_rules! numbers {
        ($kind:ty) => {{
            let array = array.as_primitive::<$kind>();
            (min(array).map(|value| Bound::Number(value.into())), max(array).map(|value| Bound::Number(value.into())))
        }};
    }
    match array.data_type() {
        DataType::Int32 => numbers!(Int32Type),
        DataType::Int64 => numbers!(Int64Type),
        DataType::Date32 => numbers!(Date32Type),
        DataType::Timestamp(TimeUnit::Microsecond, _) => numbers!(TimestampMicrosecondType),
        DataType::Float64 => {
            let array = array.as_primitive::<Float64Type>();
            (min(array).map(Bound::Double), max(array).map(Bound::Double))
        }
        DataType::Utf8 => {
            let array = array.as_string::<i32>();
            let text = |text: &str| Bound::Text(text.to_owned());
            (min_string(array).map(text), max_string(array).map(text))
        }
        _ => (None, None),
    }
}

fn widen(known: &mut Option<Bound>, found: Option<Bound>, wider: Ordering) {
    let Some(found) = found else { return };
    if known.as_ref().is_none_or(|known| found.compare(known) == Some(wider)) {
        *known = Some(found);
    }
}

impl Bound {
    /// What the log says, if it can be compared with a column of that type.
    fn read(value: &Value, kind: &DataType) -> Option<Bound> {
        match kind {
            DataType::Int32 | DataType::Int64 => value.as_i64().map(Bound::Number),
            DataType::Float64 => value.as_f64().map(Bound::Double),
            DataType::Utf8 => value.as_str().map(|text| Bound::Text(text.to_owned())),
            DataType::Timestamp(..) => {
                let time: jiff::Timestamp = value.as_str()?.parse().ok()?;
                Some(Bound::Number(time.as_microsecond()))
            }
            DataType::Date32 => {
                let date: Date = value.as_str()?.parse().ok()?;
                let days = date.since(Date::constant(1970, 1, 1)).ok()?.get_days();
                Some(Bound::Number(days.into()))
            }
            _ => None,
        }
    }

    fn compare(&self, other: &Bound) -> Option<Ordering> {
        match (self, other) {
            (Bound::Number(a), Bound::Number(b)) => Some(a.cmp(b)),
            (Bound::Double(a), Bound::Double(b)) => a.partial_cmp(b),
            (Bound::Text(a), Bound::Text(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }

    fn show(&self) -> String {
        match self {
            Bound::Number(value) => value.to_string(),
            Bound::Double(value) => value.to_string(),
            Bound::Text(text) => format!("`{}`", text.chars().take(40).collect::<String>()),
        }
    }
}
