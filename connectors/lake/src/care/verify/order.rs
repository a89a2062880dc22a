//! Whether the rows of a file stand in order, and are what their place says.
//!
//! Rows are sorted by stream, partition, incarnation, source, position and index, each of them once. So all rows of a
//! partition stand together, and two rows of one identity side by side.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, AsArray, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type, Int64Type};
use arrow::error::ArrowError;
use catchwater_sdk::Partition;

use crate::table::app_id::{escape, unescape};

/// A position and the index within it.
pub(super) type Place = (i64, i32);

/// The columns that are read for it.
pub(super) const COLUMNS: [&str; 6] = ["_source", "_stream", "_partition", "_position", "_index", "_id"];

/// The rows of one partition in one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) partition: Arc<Partition>,
    pub(super) first: Place,
    pub(super) last: Place,
    pub(super) rows: u64,
    /// Whether each place is greater than the one before. Else the same one may be there twice.
    pub(super) ascends: bool,
}

/// Follows the rows of a file.
#[derive(Debug, Default)]
pub(super) struct Order {
    pub(super) spans: Vec<Span>,
    /// Rows whose `_id` is not what the other columns say.
    pub(super) strange_ids: u64,
    /// Rows that lack a part of their identity.
    pub(super) without_identity: u64,
    /// The first row that is not behind the one before it.
    pub(super) first_out_of_order: Option<u64>,
    rows: u64,
    /// Where the partition of the row before is in the list, and what its ids begin with.
    current: Option<usize>,
    id_prefix: String,
    numbers: BTreeMap<Arc<Partition>, usize>,
}

/// The identity columns of a batch.
pub(super) struct Identities {
    source: StringArray,
    stream: StringArray,
    partition: Int32Array,
    position: Int64Array,
    index: Int32Array,
    id: StringArray,
}

impl Identities {
    pub(super) fn of(batch: &RecordBatch) -> Result<Identities, ArrowError> {
        let column = |name: &str, kind: &DataType| {
            let column = batch.column_by_name(name);
            let column = column.ok_or_else(|| ArrowError::SchemaError(format!("there is no column {name}")))?;
            cast(column, kind)
        };
        let text = |name| Ok::<_, ArrowError>(column(name, &DataType::Utf8)?.as_string::<i32>().clone());
        let int = |name| Ok::<_, ArrowError>(column(name, &DataType::Int32)?.as_primitive::<Int32Type>().clone());
        Ok(Identities {
            source: text("_source")?,
            stream: text("_stream")?,
            partition: int("_partition")?,
            position: column("_position", &DataType::Int64)?.as_primitive::<Int64Type>().clone(),
            index: int("_index")?,
            id: text("_id")?,
        })
    }

    pub(super) fn rows(&self) -> usize {
        self.position.len()
    }

    pub(super) fn place(&self, row: usize) -> Place {
        (self.position.value(row), self.index.value(row))
    }

    /// Whether a row comes from that partition.
    pub(super) fn is_of(&self, row: usize, partition: &Partition) -> bool {
        self.partition.value(row) == partition.number
            && self.stream.value(row) == &*partition.stream
            && self.source.value(row) == &*partition.source
            && self.has_incarnation(row, &partition.incarnation)
    }

    pub(super) fn is_whole(&self, row: usize) -> bool {
        let columns: [&dyn Array; 6] =
            [&self.source, &self.stream, &self.partition, &self.position, &self.index, &self.id];
        columns.iter().all(|column| column.is_valid(row))
    }

    fn has_incarnation(&self, row: usize, incarnation: &str) -> bool {
        match self.id.value(row).split('/').nth(1) {
            Some(escaped) if escaped.contains('%') => unescape(escaped).is_some_and(|plain| plain == incarnation),
            plain => plain == Some(incarnation),
        }
    }

    fn incarnation(&self, row: usize) -> Option<String> {
        unescape(self.id.value(row).split('/').nth(1)?)
    }

    fn partition(&self, row: usize) -> Partition {
        Partition {
            source: self.source.value(row).into(),
            stream: self.stream.value(row).into(),
            incarnation: self.incarnation(row).unwrap_or_default().into(),
            number: self.partition.value(row),
        }
    }
}

impl Order {
    /// Takes the next batch in.
    pub(super) fn push(&mut self, identities: &Identities) {
        for row in 0..identities.rows() {
            match identities.is_whole(row) {
                true => self.push_row(identities, row),
                false => self.without_identity += 1,
            }
            self.rows += 1;
        }
    }

    fn push_row(&mut self, identities: &Identities, row: usize) {
        let place = identities.place(row);
        let goes_on = |span: &usize| identities.is_of(row, &self.spans[*span].partition);
        let number = self.current.filter(goes_on).unwrap_or_else(|| self.begin(identities.partition(row), place));
        let span = &mut self.spans[number];
        if span.rows > 0 && place <= span.last {
            span.ascends = false;
            self.first_out_of_order.get_or_insert(self.rows);
        }
        span.rows += 1;
        (span.first, span.last) = (span.first.min(place), span.last.max(place));
        if !is_id(identities.id.value(row), &self.id_prefix, place) {
            self.strange_ids += 1;
        }
    }

    /// Goes over to a partition: in a file that is in order a new one, with a greater key than the one before.
    fn begin(&mut self, partition: Partition, place: Place) -> usize {
        let Partition { source, stream, incarnation, number } = &partition;
        self.id_prefix = format!("{}/{}/{}/{number}/", escape(source), escape(incarnation), escape(stream));
        if self.current.is_some_and(|before| key(&self.spans[before].partition) >= key(&partition)) {
            self.first_out_of_order.get_or_insert(self.rows);
        }
        let partition = Arc::new(partition);
        let number = *self.numbers.entry(Arc::clone(&partition)).or_insert(self.spans.len());
        if number == self.spans.len() {
            self.spans.push(Span { partition, first: place, last: place, rows: 0, ascends: true });
        }
        self.current = Some(number);
        number
    }
}

/// What partitions are sorted by within a file.
fn key(partition: &Partition) -> (&str, i32, &str, &str) {
    (&partition.stream, partition.number, &partition.incarnation, &partition.source)
}

/// Whether an `_id` is made of that prefix and that place.
fn is_id(id: &str, prefix: &str, (position, index): Place) -> bool {
    let Some(rest) = id.strip_prefix(prefix) else { return false };
    let (at, within) = rest.split_once('/').map_or((rest, None), |(at, within)| (at, Some(within)));
    at.parse() == Ok(position) && within.map_or(index == 0, |within| within.parse() == Ok(index) && index != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_id(id: &str, place: Place, expected: bool) {
        assert_eq!(is_id(id, "s/1/orders/0/", place), expected, "{id} {place:?}");
    }

    #[test]
    fn an_id_says_what_the_columns_say() {
        check_id("s/1/orders/0/7", (7, 0), true);
        check_id("s/1/orders/0/7/2", (7, 2), true);
        check_id("s/1/orders/0/-9223372036854775808", (i64::MIN, 0), true);
        check_id("s/1/orders/0/8", (7, 0), false);
        check_id("s/1/orders/0/7", (7, 1), false);
        check_id("s/1/orders/0/7/0", (7, 0), false);
        check_id("s/1/orders/1/7", (7, 0), false);
        check_id("", (7, 0), false);
    }
}
